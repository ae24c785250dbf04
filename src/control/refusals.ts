// Every refused order leaves a trail record; a flood of them leaves a bounded number, and a count of the rest.
import type { OrderRecord } from '../core/audit-record.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'

/** Records of their own in one second; the rest of that second is counted into one. */
const REFUSALS_MAX = 100
const WINDOW_MS = 1000
const PROBLEMS_MAX = 10

export interface Refusals {
  record(record: Omit<OrderRecord, 'kind' | 'time' | 'outcome'>): void
  /** Writes the count that is still held back. */
  flush(): void
}

export function createRefusals(trail: AuditTrail, clock: Clock, epoch: () => number): Refusals {
  let windowEndsMs = -Infinity
  let count = 0
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const more = count - REFUSALS_MAX
    count = 0
    if (more <= 0) return
    trail.append({
      time: clock.now(),
      kind: 'order',
      order: 'unknown',
      outcome: 'refused',
      channel: 'many',
      epoch: epoch(),
      problems: [`${more} more refused orders in this second`],
    })
  }
  return {
    record(record) {
      const nowMs = clock.monotonicMs()
      if (nowMs >= windowEndsMs) {
        flush()
        windowEndsMs = nowMs + WINDOW_MS
      }
      count++
      if (count <= REFUSALS_MAX) {
        const problems = recordableProblems(record.problems ?? [])
        trail.append({ ...record, time: clock.now(), kind: 'order', outcome: 'refused', problems })
        return
      }
      timer ??= setTimeout(flush, WINDOW_MS).unref()
    },
    flush,
  }
}

/**
 * Problems as trail and log may keep them: without the order's own words. They stand in quotes, or are keys; whatever looks
 * like a number of a person goes as well, and nothing is longer than a line.
 */
export function recordableProblems(problems: readonly string[]): readonly string[] {
  return problems.slice(0, PROBLEMS_MAX).map((problem) =>
    problem
      .replaceAll(/"[^"]*"/g, '"…"')
      .replaceAll(/[^\x20-\x7e…]/g, '…')
      .replaceAll(/\d{4,}/g, '…')
      .slice(0, 200),
  )
}
