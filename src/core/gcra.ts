// The generic cell rate algorithm (ITU-T I.371), as pure arithmetic over a theoretical arrival time.
import type { Limit } from './time.ts'

export interface GcraVerdict {
  readonly allowed: boolean
  /** The theoretical arrival time to keep, in milliseconds; unchanged where the request was refused. */
  readonly arrivalMs: number
  /** Requests that would still pass now. */
  readonly remaining: number
  /** Until a request passes again; 0 where it passes now. */
  readonly retryAfterMs: number
  /** Until the allowance is whole again. */
  readonly resetMs: number
}

/** Sums of fractions drift: after a year of uptime by more than a nanosecond each. No more than a tenth of a millisecond early. */
const DRIFT_MAX_MS = 0.1

/** One request at `nowMs` (any clock that only grows), or one that counts as `cost`. A whole `count` may come in one burst; then one each `period / count`. */
export function gcra(limit: Limit, arrivalMs: number, nowMs: number, cost = 1): GcraVerdict {
  const step = limit.periodMs / limit.count
  const drift = Math.min(step / 1000, DRIFT_MAX_MS)
  const from = Math.max(arrivalMs, nowMs)
  const next = from + step * cost
  const allowAt = next - limit.periodMs
  if (allowAt > nowMs + drift) {
    return { allowed: false, arrivalMs, remaining: 0, retryAfterMs: allowAt - nowMs, resetMs: from - nowMs }
  }
  const remaining = Math.floor((nowMs - allowAt + drift) / step)
  return { allowed: true, arrivalMs: next, remaining, retryAfterMs: 0, resetMs: next - nowMs }
}
