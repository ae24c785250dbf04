// Instants are epoch milliseconds, durations are milliseconds; nothing here reads a clock.

export type Instant = number

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/

/** `"15m"`, `"2s"`, `"180d"`, `"250ms"` to milliseconds; undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const found = DURATION.exec(text)
  if (found === null) return undefined
  return Math.round(Number(found[1]) * UNIT_MS[found[2] as keyof typeof UNIT_MS])
}

const RATE = /^(\d{1,12})\/(?:(\d{1,6}))?(s|m|h|d)$/

/** How many in how long: `"60/m"`, `"20/h"`, `"5/10s"`. */
export interface Limit {
  readonly count: number
  readonly periodMs: number
}

/** `"60/m"` to a Limit; undefined where the text is no rate. A count of zero is refused: that is a lock, not a limit. */
export function parseLimit(text: string): Limit | undefined {
  const found = RATE.exec(text)
  if (found === null) return undefined
  const count = Number(found[1])
  const periodMs = Number(found[2] ?? 1) * UNIT_MS[found[3] as keyof typeof UNIT_MS]
  return count > 0 && periodMs > 0 ? { count, periodMs } : undefined
}

const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** An RFC 3339 date-time to epoch milliseconds; undefined where it is none, or a leap second, which no clock here can name. */
export function parseInstant(text: string): Instant | undefined {
  const found = RFC3339.exec(text)
  if (found === null) return undefined
  const instant = Date.parse(text)
  return Number.isNaN(instant) || !isRealDay(found[1] ?? '') ? undefined : instant
}

// Date.parse takes 30 February for 2 March.
function isRealDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)
}
