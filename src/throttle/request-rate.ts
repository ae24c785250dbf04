// S1: requests of one session, or of one address where there is no session, by GCRA.
import type { Detector, Observation, Sample } from './detector.ts'
import type { RateSlab } from './rate-slab.ts'
import type { Limit } from '../core/time.ts'

const NAME = 'request-rate'

type Counted = Pick<Sample, 'key' | 'hasSession' | 'monotonicMs'>

/** Counts under the route's `throttle.requests`, and under a throttle lock's own limit. */
export function createRequestRate(slab: RateSlab): Detector {
  return {
    name: NAME,
    observe(sample) {
      if (sample.lock !== undefined) {
        const locked = countRequest(slab, `lock\0${sample.lock.id}`, sample.lock.limit, sample)
        if (locked.finding !== undefined) return locked
      }
      const limit = sample.route.policy.throttle.requests
      return limit === undefined ? undefined : countRequest(slab, sample.route.id, limit, sample)
    },
  }
}

export function countRequest(slab: RateSlab, scope: string, limit: Limit, sample: Counted): Observation {
  const verdict = slab.count(sample.key, limit, sample.monotonicMs, scope)
  const allowance = { limit, remaining: verdict.remaining, resetMs: verdict.resetMs }
  if (verdict.allowed) return { allowance }
  const sentence = `over ${limit.count} requests in ${limit.periodMs / 1000} s`
  return {
    allowance,
    finding: {
      detector: NAME,
      answer: 'refuse',
      threat: 'OAT-011',
      key: sample.hasSession ? 'session' : 'address',
      retryAfterMs: verdict.retryAfterMs,
      limit: limit.count,
      sentence,
    },
  }
}
