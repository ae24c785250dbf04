// S9 (OAT-011): a route's reads of new people change against its habit (CUSUM, Page 1954, on Anscombe's root of the count a minute).
// It alone never refuses: it is told, and where the surge is no crowd it asks sessions without an OTP for one.
import { changeOf, type Mix } from './composition.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'
import { acquire, holdingOf, release } from './set-lock.ts'

const NAME = 'route-change'
const SLACK = 0.5
const ALARM_AT = 8
const MINUTES_BEFORE_ALARM = 20
/** Share of a minute in the habit: half of it is forgotten in 14 minutes. */
const PACE = 0.05
/** Ends after so many minutes within the habit. */
const CALM_MINUTES = 10
const ALARM_MINUTES_MAX = 240
const HOURS = 168
const DAY_MINUTES = 1440

/** Places of a route's numbers (float64), for each of three counts: reads of people new to the account, of people new to all, and first reads. */
const [MINUTE, MINUTES, ALARM_SINCE, CALM, CHANGED] = [0, 1, 2, 3, 4] as const
const [COUNT, MEAN, VARIANCE, SUM, HIGH] = [0, 1, 2, 3, 4] as const
const SERIES = 8
const SERIES_SIZE = 5
const SERIES_COUNT = 3
const MIX = 6
/** First reads of this minute and the two before. */
const RIPENING = 3
const HABIT = SERIES + SERIES_COUNT * SERIES_SIZE
const SURGE = HABIT + MIX
const HABIT_RIPENING = SURGE + MIX
const SURGE_RIPENING = HABIT_RIPENING + RIPENING
const BY_HOUR = SURGE_RIPENING + RIPENING
const SIZE = BY_HOUR + HOURS

const SURGE_ALONE = [SURGE]
const SURGE_AND_HABIT = [SURGE, HABIT]

export interface RouteChangeMemory {
  readonly numbers: SharedArrayBuffer
  readonly locks: SharedArrayBuffer
}

export function createRouteChangeMemory(routes: number): RouteChangeMemory {
  return { numbers: new SharedArrayBuffer(routes * SIZE * 8), locks: new SharedArrayBuffer(routes * 4) }
}

export interface Read {
  readonly isNovel: boolean
  readonly isFirst: boolean
}

export interface RouteChange {
  /** Counts reads of people who are new to the account and not its own. A finding is the alarm itself, once. */
  count(facts: Facts, reads: readonly Read[]): Finding | undefined
  /** An account came back within two minutes of its first read. */
  follow(facts: Facts): void
  /** What is asked of this caller while the alarm lasts. */
  judge(facts: Facts): Finding | undefined
  /** The habit of a route. */
  habit(route: number): Mix
}

export function createRouteChange(memory: RouteChangeMemory, thread: number): RouteChange {
  return new Change(memory, thread)
}

class Change implements RouteChange {
  readonly #numbers: Float64Array
  readonly #locks: Int32Array
  readonly #routes: number
  #holdings: number
  readonly #thread: number

  constructor(memory: RouteChangeMemory, thread: number) {
    this.#numbers = new Float64Array(memory.numbers)
    this.#locks = new Int32Array(memory.locks)
    this.#routes = this.#locks.length
    this.#holdings = 0
    this.#thread = thread
  }

  #get(place: number): number {
    return this.#numbers[place] ?? 0
  }

  #mixAt(at: number): Mix {
    return {
      reads: this.#get(at),
      novel: this.#get(at + 1),
      firsts: this.#get(at + 2),
      unverified: this.#get(at + 3),
      ripe: this.#get(at + 4),
      followed: this.#get(at + 5),
    }
  }

  #rise(at: number, series: number): number {
    const start = at + SERIES + series * SERIES_SIZE
    const root = rootOf(this.#get(start + COUNT))
    const usual =
      series === 0
        ? Math.max(this.#get(start + MEAN), this.#get(at + BY_HOUR + this.#hourAt(at)))
        : this.#get(start + MEAN)
    return (root - usual) / Math.sqrt(Math.max(1, this.#get(start + VARIANCE)))
  }

  #hourAt(at: number): number {
    return Math.max(0, Math.floor(this.#get(at + MINUTE) / 60)) % HOURS
  }

  /** A minute is over: it goes into the sums, and, in quiet times, into the habit. */
  #finish(at: number): void {
    const minutes = this.#get(at + MINUTES)
    let isCalm = true
    let isRising = false
    for (let series = 0; series < SERIES_COUNT; series++) {
      const start = at + SERIES + series * SERIES_SIZE
      const excess = this.#rise(at, series)
      if (minutes >= MINUTES_BEFORE_ALARM)
        this.#numbers[start + SUM] = Math.min(50, Math.max(0, this.#get(start + SUM) + excess - SLACK))
      this.#numbers[start + HIGH] = ((this.#get(start + HIGH) << 1) | (excess > SLACK ? 1 : 0)) & 7
      if (excess > 1) isCalm = false
      if (this.#get(start + SUM) > 0) isRising = true
    }
    const isAlarmed = this.#get(at + ALARM_SINCE) > 0
    if (!isAlarmed) this.#learn(at, minutes)
    this.#numbers[at + MINUTES] = minutes + 1
    this.#ripen(at, HABIT, HABIT_RIPENING)
    this.#ripen(at, SURGE, SURGE_RIPENING)
    for (let series = 0; series < SERIES_COUNT; series++) this.#numbers[at + SERIES + series * SERIES_SIZE + COUNT] = 0
    if (isAlarmed) this.#settleAlarm(at, isCalm)
    else if (!isRising) this.#forgetSurge(at)
  }

  #ripen(at: number, mix: number, ripening: number): void {
    this.#numbers[at + mix + 4] = this.#get(at + mix + 4) + this.#get(at + ripening + 2)
    this.#numbers.copyWithin(at + ripening + 1, at + ripening, at + ripening + 2)
    this.#numbers[at + ripening] = 0
  }

  #forgetSurge(at: number): void {
    this.#numbers.fill(0, at + SURGE, at + SURGE + MIX)
    this.#numbers.fill(0, at + SURGE_RIPENING, at + SURGE_RIPENING + RIPENING)
  }

  #learn(at: number, minutes: number): void {
    const pace = Math.max(PACE, 1 / (minutes + 1))
    for (let series = 0; series < SERIES_COUNT; series++) {
      const start = at + SERIES + series * SERIES_SIZE
      const root = rootOf(this.#get(start + COUNT))
      const off = root - this.#get(start + MEAN)
      this.#numbers[start + MEAN] = this.#get(start + MEAN) + pace * off
      if (minutes > 0)
        this.#numbers[start + VARIANCE] =
          this.#get(start + VARIANCE) + pace * (Math.min(16, off * off) - this.#get(start + VARIANCE))
      if (series === 0 && minutes > 14 * DAY_MINUTES) {
        const place = at + BY_HOUR + this.#hourAt(at)
        this.#numbers[place] = this.#get(place) + (this.#get(place) === 0 ? root : 0.01 * (root - this.#get(place)))
      }
    }
    for (let each = 0; each < MIX; each++)
      this.#numbers[at + HABIT + each] = this.#get(at + HABIT + each) * (1 - PACE / 2)
  }

  #settleAlarm(at: number, isCalm: boolean): void {
    this.#numbers[at + CALM] = isCalm ? this.#get(at + CALM) + 1 : 0
    const isOld = this.#get(at + MINUTE) - this.#get(at + ALARM_SINCE) >= ALARM_MINUTES_MAX
    if (this.#get(at + CALM) < CALM_MINUTES && !isOld) return
    this.#numbers[at + ALARM_SINCE] = 0
    this.#numbers[at + CHANGED] = 0
    for (let series = 0; series < SERIES_COUNT; series++) this.#numbers[at + SERIES + series * SERIES_SIZE + SUM] = 0
    this.#forgetSurge(at)
  }

  #advance(at: number, minute: number): void {
    const before = this.#get(at + MINUTE)
    if (before === minute) return
    if (before > 0) for (let passed = before, left = 30; passed < minute && left > 0; passed++, left--) this.#finish(at)
    this.#numbers[at + MINUTE] = minute
  }

  /** What belongs to a surge is not the habit. */
  #placesOf(at: number): readonly number[] {
    let sums = 0
    for (let series = 0; series < SERIES_COUNT; series++) sums += this.#get(at + SERIES + series * SERIES_SIZE + SUM)
    return this.#get(at + ALARM_SINCE) > 0 || sums > 2 ? SURGE_ALONE : SURGE_AND_HABIT
  }

  #add(at: number, facts: Facts, reads: readonly Read[]): void {
    for (const { isNovel, isFirst } of reads) {
      this.#numbers[at + SERIES + COUNT] = this.#get(at + SERIES + COUNT) + 1
      if (isNovel) this.#numbers[at + SERIES + SERIES_SIZE + COUNT] = this.#get(at + SERIES + SERIES_SIZE + COUNT) + 1
      if (isFirst)
        this.#numbers[at + SERIES + 2 * SERIES_SIZE + COUNT] = this.#get(at + SERIES + 2 * SERIES_SIZE + COUNT) + 1
      for (const place of this.#placesOf(at)) {
        const ripening = at + (place === SURGE ? SURGE_RIPENING : HABIT_RIPENING)
        if (isFirst) this.#numbers[ripening] = this.#get(ripening) + 1
        this.#numbers[at + place] = this.#get(at + place) + 1
        if (isNovel) this.#numbers[at + place + 1] = this.#get(at + place + 1) + 1
        if (isFirst) this.#numbers[at + place + 2] = this.#get(at + place + 2) + 1
        if (facts.verifiedAtMs === undefined) this.#numbers[at + place + 3] = this.#get(at + place + 3) + 1
      }
    }
  }

  #alarm(at: number, facts: Facts): Finding | undefined {
    if (this.#get(at + MINUTES) < MINUTES_BEFORE_ALARM) return undefined
    const change = changeOf(this.#mixAt(at + SURGE), this.#mixAt(at + HABIT))
    if (this.#get(at + ALARM_SINCE) > 0) {
      if (change === undefined || this.#get(at + CHANGED) !== 0) return undefined
      this.#numbers[at + CHANGED] = facts.second
      return findingOf(facts, this.#get(at + SERIES + COUNT), `is no crowd: ${change}`)
    }
    return this.#startAlarm(at, facts, change)
  }

  #startAlarm(at: number, facts: Facts, change: string | undefined): Finding | undefined {
    for (let series = 0; series < SERIES_COUNT; series++) {
      const start = at + SERIES + series * SERIES_SIZE
      const excess = this.#rise(at, series)
      const minutesHigh = ((this.#get(start + HIGH) & 3) !== 0 ? 1 : 0) + (excess > SLACK ? 1 : 0)
      if (minutesHigh < 2 || this.#get(start + SUM) + excess - SLACK <= ALARM_AT) continue
      this.#numbers[at + ALARM_SINCE] = this.#get(at + MINUTE)
      this.#numbers[at + CALM] = 0
      if (change !== undefined) this.#numbers[at + CHANGED] = facts.second
      const usual = Math.max(0, (this.#get(start + MEAN) / 2) ** 2 - 0.375)
      const who = COUNTED[series] ?? ''
      const told = `${this.#get(start + COUNT)} ${who} in a minute, usual ${usual.toFixed(1)}; ${change ?? 'it may be a crowd'}`
      return findingOf(facts, this.#get(start + COUNT), told)
    }
    return undefined
  }

  #under<T>(facts: Facts, use: (at: number) => T): T {
    const route = facts.route.index % this.#routes
    const mine = holdingOf(this.#thread, ++this.#holdings)
    acquire(this.#locks, route, mine)
    try {
      return use(route * SIZE)
    } finally {
      release(this.#locks, route, mine)
    }
  }

  count(facts: Facts, reads: readonly Read[]): Finding | undefined {
    return this.#under(facts, (at) => {
      this.#advance(at, Math.floor(facts.second / 60))
      this.#add(at, facts, reads)
      return this.#alarm(at, facts)
    })
  }
  follow(facts: Facts): void {
    this.#under(facts, (at) => {
      this.#advance(at, Math.floor(facts.second / 60))
      for (const place of this.#placesOf(at)) this.#numbers[at + place + 5] = this.#get(at + place + 5) + 1
    })
  }

  judge(facts: Facts): Finding | undefined {
    const at = (facts.route.index % this.#routes) * SIZE
    const changed = this.#get(at + CHANGED)
    if (changed === 0) return undefined
    const sinceMs = facts.wallMs - (facts.second - changed) * 1000
    if (facts.verifiedAtMs !== undefined) return undefined
    return {
      detector: NAME,
      answer: 'step-up',
      threat: 'OAT-011',
      key: 'route',
      retryAfterMs: 60_000,
      sinceMs,
      sentence: `a new person on ${facts.route.id} without an OTP, while the route is read as never before`,
    }
  }

  habit(route: number): Mix {
    return this.#mixAt((route % this.#routes) * SIZE + HABIT)
  }
}

const COUNTED = ['new people', 'people whom nobody read before', 'accounts for the first time']

/** Anscombe 1948: the root of a Poisson count has a variance of one. */
function rootOf(count: number): number {
  return 2 * Math.sqrt(count + 0.375)
}

function findingOf(facts: Facts, value: number, told: string): Finding {
  return {
    detector: NAME,
    answer: 'observe',
    threat: 'OAT-011',
    key: 'route',
    retryAfterMs: 0,
    value,
    sentence: `${facts.route.id}: ${told}`,
  }
}
