// What others do, beside ours: each refuses while it is over its limit. Keys are addresses, as in their own configurations.
import type { Arm, Verdict } from '../../src/throttle/replay/guard.ts'

const PASSED: Verdict = { passed: true, steppedUp: false, findings: [] }
const REFUSED: Verdict = { passed: false, steppedUp: false, findings: [] }
const verdict = (passed: boolean): Verdict => (passed ? PASSED : REFUSED)

/** At most `count` requests in a sliding window of `ms`; what is refused counts too where `countsRefused`. */
function sliding(count: number, ms: number) {
  const times = new Map<string, number[]>()
  return (key: string, now: number): boolean => {
    const kept = (times.get(key) ?? []).filter((time) => time > now - ms)
    const passes = kept.length < count
    if (passes) kept.push(now)
    times.set(key, kept)
    return passes
  }
}

/** A: 60 requests a minute. */
export function fixedSixty(): Arm {
  const minute = sliding(60, 60_000)
  return { name: '60 a minute', judge: ({ address, time }) => verdict(minute(address, time)) }
}

/** B: CoWIN as published: 100 calls in 5 min on the public API, 20 searches in 15 min, 1,000 and 50 OTPs in 24 h. */
export function cowin(): Arm {
  const [calls, searches, day, otps] = [
    sliding(100, 300_000),
    sliding(20, 900_000),
    sliding(1_000, 86_400_000),
    sliding(50, 86_400_000),
  ]
  return {
    name: 'CoWIN',
    judge: ({ address, account, subjects, time, attempt }) => {
      const who = account ?? address
      if (!calls(address, time)) return REFUSED
      if (attempt !== undefined) return verdict(otps(who, time))
      return verdict(subjects.length === 0 || (searches(who, time) && day(who, time)))
    },
  }
}

/** A leaky bucket of distinct or all events (CrowdSec scenarios, hub b03cb59): overflows above its capacity. */
function leaky(capacity: number, leakMs: number, isDistinct: boolean) {
  const buckets = new Map<string, { level: number; at: number; seen: Set<string> }>()
  return (key: string, now: number, what: string): boolean => {
    const bucket = buckets.get(key) ?? { level: 0, at: now, seen: new Set<string>() }
    bucket.level = Math.max(0, bucket.level - (now - bucket.at) / leakMs)
    bucket.at = now
    if (bucket.level === 0) bucket.seen.clear()
    buckets.set(key, bucket)
    if (isDistinct && bucket.seen.has(what)) return true
    bucket.seen.add(what)
    bucket.level += 1
    return bucket.level <= capacity
  }
}

/** C: CrowdSec http-crawl-non_statics, http-probing and http-generic-bf; an overflow bans the address for four hours. */
export function crowdsec(): Arm {
  const [crawl, probing, guessing] = [leaky(40, 500, true), leaky(10, 10_000, true), leaky(5, 10_000, false)]
  const until = new Map<string, number>()
  return {
    name: 'CrowdSec',
    judge: ({ address, time, subjects, path, status, attempt }) => {
      if ((until.get(address) ?? 0) > time) return REFUSED
      const what = subjects[0] ?? path ?? ''
      let fine = crawl(address, time, what)
      if (status === 403 || status === 404 || status === 400) fine = probing(address, time, what) && fine
      if (attempt !== undefined && (status === 401 || status === 403)) fine = guessing(address, time, '') && fine
      if (!fine) until.set(address, time + 4 * 3_600_000)
      return verdict(fine)
    },
  }
}

/** D: HAProxy's stick tables: more than 15 pages in 30 s that the address had not seen within a day. */
export function haproxy(): Arm {
  const seen = new Map<string, number>()
  const fresh = sliding(15, 30_000)
  return {
    name: 'HAProxy',
    judge: (event) => {
      const what = `${event.address}\0${event.subjects[0] ?? event.path ?? ''}`
      const known = (seen.get(what) ?? -Infinity) > event.time - 86_400_000
      if (known) return PASSED
      const passes = fresh(event.address, event.time)
      if (passes) seen.set(what, event.time)
      return verdict(passes)
    },
  }
}

export const BASELINES: readonly (() => Arm)[] = [fixedSixty, cowin, crowdsec, haproxy]
