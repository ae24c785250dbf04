// S5 (OAT-007, OAT-008): the share of failed tries on a route against its habit in this hour of the week. One try at each of ten
// thousand numbers is seen here and nowhere else.
import { acquire, holdingOf, release } from './set-lock.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'

const NAME = 'failure-share'
const WINDOW_SECONDS = 300
const FAILURES_MIN = 30
/** Robust z (Iglewicz and Hoaglin 1993): 0.6745 (x - median) / MAD. */
const Z_MAX = 6
/** Before a route has a habit: what S4 takes for people who mean well. Shares are in ten-thousandths. */
const SHARE_AT_FIRST = 1_500
const DEVIATION_MIN = 300
const ALARM_SECONDS = 600
const HOURS = 168

/** Lock, window, tries, failures, tries before, failures before, alarm until, then median and MAD by hour of the week. */
const WORDS = 8 + 2 * HOURS
const [LOCK, WINDOW, TRIES, FAILURES, TRIES_BEFORE, FAILURES_BEFORE, ALARM] = [0, 1, 2, 3, 4, 5, 6] as const

export function createFailureShareMemory(routes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(routes * WORDS * 4)
}

export interface FailureShare {
  settle(facts: Facts, failed: boolean): Finding | undefined
  inAlarm(route: number, second: number): boolean
  /** A try was refused while the alarm lasted: it goes on. */
  hold(route: number, second: number): void
}

export function createFailureShare(memory: SharedArrayBuffer, thread: number): FailureShare {
  const words = new Int32Array(memory)
  const routes = words.length / WORDS
  let holdings = 0
  const get = (place: number): number => words[place] ?? 0

  /** The median moves by a small step towards each finished window; its distance likewise (a stochastic quantile). */
  function turn(at: number, second: number, hour: number): void {
    const now = Math.floor(second / WINDOW_SECONDS)
    if (get(at + WINDOW) === now) return
    const isNext = get(at + WINDOW) === now - 1
    const tries = get(at + TRIES)
    // Windows under alarm never train.
    if (tries >= 10 && get(at + ALARM) <= second) {
      const share = Math.round((10_000 * get(at + FAILURES)) / tries)
      const place = at + 8 + 2 * hour
      const median = get(place) === 0 ? share : get(place)
      words[place] = Math.max(1, median + Math.sign(share - median) * Math.max(1, Math.round(median / 50)))
      const deviation = get(place + 1)
      words[place + 1] = Math.max(1, deviation + Math.sign(Math.abs(share - median) - deviation) * 10)
    }
    words[at + TRIES_BEFORE] = isNext ? tries : 0
    words[at + FAILURES_BEFORE] = isNext ? get(at + FAILURES) : 0
    words[at + TRIES] = 0
    words[at + FAILURES] = 0
    words[at + WINDOW] = now
  }

  function judge(at: number, facts: Facts, hour: number): Finding | undefined {
    const share = 1 - (facts.second % WINDOW_SECONDS) / WINDOW_SECONDS
    const failures = get(at + FAILURES) + share * get(at + FAILURES_BEFORE)
    const tries = get(at + TRIES) + share * get(at + TRIES_BEFORE)
    if (failures < FAILURES_MIN) return undefined
    const found = Math.round((10_000 * failures) / tries)
    const median = Math.max(get(at + 8 + 2 * hour), SHARE_AT_FIRST)
    const z = (0.6745 * (found - median)) / Math.max(DEVIATION_MIN, get(at + 9 + 2 * hour))
    if (z <= Z_MAX) return undefined
    const isNew = get(at + ALARM) <= facts.second
    words[at + ALARM] = facts.second + ALARM_SECONDS
    if (!isNew) return undefined
    return {
      detector: NAME,
      answer: 'observe',
      threat: 'OAT-007',
      key: 'route',
      retryAfterMs: 0,
      value: Math.round(failures),
      sentence: `${Math.round(failures)} of ${Math.round(tries)} tries failed in 5 minutes, usual share ${(median / 100).toFixed(0)} %`,
    }
  }

  return {
    settle(facts, failed) {
      if (facts.attempt === undefined || facts.attempt === 'otp-request') return undefined
      const at = (facts.route.index % routes) * WORDS
      const hour = hourOfWeek(facts.wallMs)
      const mine = holdingOf(thread, ++holdings)
      acquire(words, at + LOCK, mine)
      try {
        turn(at, facts.second, hour)
        words[at + TRIES] = get(at + TRIES) + 1
        if (!failed) return undefined
        words[at + FAILURES] = get(at + FAILURES) + 1
        return judge(at, facts, hour)
      } finally {
        release(words, at + LOCK, mine)
      }
    },
    hold(route, second) {
      Atomics.store(words, (route % routes) * WORDS + ALARM, second + ALARM_SECONDS)
    },
    inAlarm: (route, second) => Atomics.load(words, (route % routes) * WORDS + ALARM) > second,
  }
}

/** 1 January 1970 was a Thursday; hours are those of UTC. */
function hourOfWeek(wallMs: number): number {
  return Math.floor(wallMs / 3_600_000) % HOURS
}
