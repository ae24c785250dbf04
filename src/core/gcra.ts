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

/** One request at `nowMs` (any clock that only grows). A whole `count` may come in one burst; then one each `period / count`. */
export function gcra(limit: Limit, arrivalMs: number, nowMs: number): GcraVerdict {
  const step = limit.periodMs / limit.count
  const from = Math.max(arrivalMs, nowMs)
  const next = from + step
  const allowAt = next - limit.periodMs
  if (allowAt > nowMs + 1e-6) {
    return { allowed: false, arrivalMs, remaining: 0, retryAfterMs: allowAt - nowMs, resetMs: from - nowMs }
  }
  return {
    allowed: true,
    arrivalMs: next,
    remaining: Math.floor((nowMs - allowAt) / step + 1e-6),
    retryAfterMs: 0,
    resetMs: next - nowMs,
  }
}
