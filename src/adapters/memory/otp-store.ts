// Challenges and counts of one-time passwords in this process: they live for minutes, and a restart asks for new codes.
import { timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { gcra } from '../../core/gcra.ts'
import type { OtpChallenge, OtpCount, OtpStore, OtpVerdict } from '../../ports/otp.ts'

/** More are not held: the oldest goes. The limits of the desk let far fewer be asked for in a code's lifetime. */
const CHALLENGES_MAX = 100_000
const COUNTS_MAX = 200_000
const USED_MAX = 100_000

interface Held extends OtpChallenge {
  tries: number
}

/** `nowMs`: of a clock that only grows. */
export function createMemoryOtpStore(nowMs: () => number): OtpStore {
  const perf = { now: nowMs }
  const challenges = new LRUCache<string, Held>({ max: CHALLENGES_MAX, ttl: 1, ttlResolution: 0, perf })
  const used = new LRUCache<string, true>({ max: USED_MAX, ttl: 1, ttlResolution: 0, perf })
  const arrivals = new LRUCache<string, number>({ max: COUNTS_MAX })
  const open = createOpenCodes(nowMs)
  return {
    async open(transaction, challenge, ttlMs) {
      challenges.set(transaction, { ...challenge, tries: 0 }, { ttl: ttlMs })
      open.add(transaction, ttlMs)
    },
    async try(transaction, mark, triesMax): Promise<OtpVerdict> {
      const held = challenges.get(transaction)
      if (held === undefined) {
        isSame(mark, mark)
        return { is: 'absent' }
      }
      held.tries += 1
      const isRight = isSame(held.mark, mark) && held.tries <= triesMax
      if (isRight) challenges.delete(transaction)
      if (isRight || held.tries >= triesMax) open.delete(transaction)
      return { is: isRight ? 'right' : held.tries > triesMax ? 'exhausted' : 'wrong', about: held.about }
    },
    async count(counts, now) {
      return counts.map((each) => countOne(arrivals, each, now))
    },
    async once(key, ttlMs) {
      if (used.has(key)) return false
      used.set(key, true, { ttl: ttlMs })
      return true
    },
    async outstanding() {
      return open.size()
    },
    async close() {
      challenges.clear()
    },
  }
}

/** Codes live equally long, so that the oldest ends first: what is over is found at the front. */
function createOpenCodes(nowMs: () => number) {
  const ends = new Map<string, number>()
  const size = (): number => {
    const now = nowMs()
    for (const [transaction, end] of ends) {
      if (end > now && ends.size <= CHALLENGES_MAX) break
      ends.delete(transaction)
    }
    return ends.size
  }
  return {
    size,
    add: (transaction: string, ttlMs: number) => {
      ends.set(transaction, nowMs() + ttlMs)
      size()
    },
    delete: (transaction: string) => ends.delete(transaction),
  }
}

function countOne(arrivals: LRUCache<string, number>, { key, limit, peek }: OtpCount, now: number): number {
  const verdict = gcra(limit, arrivals.get(key) ?? 0, now)
  if (verdict.allowed && peek !== true) arrivals.set(key, verdict.arrivalMs)
  return verdict.retryAfterMs
}

/** In a time that tells nothing of where they differ. */
function isSame(a: string, b: string): boolean {
  const [one, two] = [Buffer.from(a), Buffer.from(b)]
  return one.length === two.length && timingSafeEqual(one, two)
}
