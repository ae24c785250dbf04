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

/**
 * `isLow`: the disk has only the room that is kept for orders which count; then refused ones are counted alone, until it has more.
 * A responder whose signature holds has a hundred a second of their own: strangers cannot hide what was refused to them.
 */
export function createRefusals(
  trail: AuditTrail,
  clock: Clock,
  epoch: () => number,
  isLow: () => boolean = () => false,
): Refusals {
  const counts = new Map<string, number>()
  let windowEndsMs = -Infinity
  let more = 0
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    counts.clear()
    if (more === 0) return
    if (isLow()) {
      timer = setTimeout(flush, WINDOW_MS).unref()
      return
    }
    const problems = [`${more} more refused orders, counted alone`]
    const common = { time: clock.now(), kind: 'order', order: 'unknown', outcome: 'refused', channel: 'many' } as const
    if (trail.append({ ...common, epoch: epoch(), problems }) !== undefined) more = 0
  }
  return {
    record(record) {
      const nowMs = clock.monotonicMs()
      if (nowMs >= windowEndsMs) {
        flush()
        windowEndsMs = nowMs + WINDOW_MS
      }
      // Names are those of the config: there are no more keys than people.
      const signer = record.by ?? ''
      const count = (counts.get(signer) ?? 0) + 1
      counts.set(signer, count)
      if (count <= REFUSALS_MAX && !isLow()) {
        const problems = recordableProblems(record.problems ?? [])
        trail.append({ ...record, time: clock.now(), kind: 'order', outcome: 'refused', problems })
        return
      }
      more += 1
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
