// What a thaw plan is watched by: the last minute of traffic on the routes that it opens, and whether it is worse than planned.
import type { ThawMetric, ThawPlan } from './thaw.ts'
import type { Instant } from './time.ts'

/** Counts that only grow. What a lock has refused is in none of them. */
export interface TrafficTotals {
  /** Requests that were let through to a decision of their own. */
  readonly requests: number
  /** Of these: answered with 5xx, by the upstream or for want of it. */
  readonly errors: number
  /** Of these: refused by session, ownership or limit. */
  readonly refusals: number
  /** Findings of the detectors, on any route. */
  readonly anomalies: number
}

export interface TrafficSample extends TrafficTotals {
  readonly at: Instant
}

const THAW_WINDOW_MS = 60_000
/** A share of fewer requests says nothing. */
const REQUESTS_MIN = 20

export interface Trigger {
  readonly metric: ThawMetric
  readonly value: number
  readonly above: number
}

/** The first of the plan's metrics that is above its number between the two samples; undefined where none is. */
export function findTrigger(plan: ThawPlan, from: TrafficSample, to: TrafficSample): Trigger | undefined {
  for (const { metric, above } of plan.refreezeOn) {
    const value = valueOf(metric, from, to)
    if (value !== undefined && value > above) return { metric, value, above }
  }
  return undefined
}

function valueOf(metric: ThawMetric, from: TrafficSample, to: TrafficSample): number | undefined {
  const requests = to.requests - from.requests
  switch (metric) {
    case 'requests':
      return requests
    case 'anomalies':
      return to.anomalies - from.anomalies
    case 'error-share':
      return requests < REQUESTS_MIN ? undefined : (to.errors - from.errors) / requests
    case 'refusal-share':
      return requests < REQUESTS_MIN ? undefined : (to.refusals - from.refusals) / requests
  }
}

/** Samples of the last window, oldest first, with the one before it, so that a whole window is always spanned. */
export function keepWindow(samples: readonly TrafficSample[], next: TrafficSample): readonly TrafficSample[] {
  const kept = [...samples, next]
  const first = kept.findLastIndex(({ at }) => at <= next.at - THAW_WINDOW_MS)
  return first <= 0 ? kept : kept.slice(first)
}
