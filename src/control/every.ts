// Repeats a look at something outside: one at a time, and never so that it stops.
import type { Logger } from '../ports/logger.ts'

/** How often files are looked at (contract, 2). */
export const LOOK_EVERY_MS = 250

/** Starts `look` each `periodMs` after the last one ended. Returns how to stop. The timer keeps no process alive. */
export function every(
  periodMs: number,
  look: () => Promise<void>,
  logger: Logger,
  firstAfterMs = periodMs,
): () => void {
  let timer: NodeJS.Timeout
  let isStopped = false
  const again = (afterMs: number): void => {
    timer = setTimeout(() => {
      void look()
        .catch((error: unknown) => {
          logger.error('a look at the files failed', { error: error instanceof Error ? error.message : String(error) })
        })
        .finally(() => {
          if (!isStopped) again(periodMs)
        })
    }, afterMs).unref()
  }
  again(firstAfterMs)
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}
