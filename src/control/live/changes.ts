// Starts, stops and reloads of this gateway: told to whoever listens, and kept for who comes later in the same quarter of an hour.
import type { ChangeView } from '../../ports/live-views.ts'

/** A config that is written each second must not fill the memory. */
const KEPT_MAX = 200

export interface Changes {
  tell(change: ChangeView): void
  /** Oldest first. */
  readonly kept: readonly ChangeView[]
  /** When the config in force was taken, epoch milliseconds; undefined before the start has been told. */
  readonly configSince: number | undefined
  /** Returns how to stop listening. */
  listen(listener: (change: ChangeView) => void): () => void
}

export function createChanges(): Changes {
  const listeners = new Set<(change: ChangeView) => void>()
  const kept: ChangeView[] = []
  let configSince: number | undefined
  return {
    tell(change) {
      kept.push(change)
      if (change.kind === 'start' || change.outcome === 'taken') configSince = change.at
      if (kept.length > KEPT_MAX) kept.shift()
      for (const listener of listeners) listener(change)
    },
    kept,
    get configSince() {
      return configSince
    },
    listen(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}
