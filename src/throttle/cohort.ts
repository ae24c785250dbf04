// S8 (OAT-011): all clients with one stack (user agent family and order of header names) counted as one. Five hundred addresses are
// invisible to every rule of an address; as a cohort that hardly anybody belonged to before they are told after thirty people.
import { createCellMemory, createCells, type CellMemory, type Cells } from './cells.ts'
import { changeOf, type Mix } from './composition.ts'
import type { Facts, Person } from './facts.ts'
import { ordinal, type Finding } from './finding.ts'
import { hllAdd, hllEstimate, HLL_WORDS, hllMerge, REGISTERS } from './hyperloglog.ts'
import { PENALTY_WORDS, penaltyLeft, punish } from './penalty.ts'
import type { Read } from './route-change.ts'
import type { Key } from './key.ts'

const NAME = 'cohort'
const PEOPLE_AN_HOUR = 30
const TIMES_USUAL = 3
const RARE_SHARE = 0.01
const SESSIONS_MIN = 50
export const HOUR_SECONDS = 3_600
const PERIOD_SECONDS = 900
const WEEK_SECONDS = 7 * 86_400

/** Own words of a cell. People a usual hour are kept in sixteenths. */
const SESSIONS = PENALTY_WORDS
const PENDING = SESSIONS + 1
const PERIOD = SESSIONS + 2
const IS_DIRTY = SESSIONS + 3
const USUAL = SESSIONS + 4
const HOUR = SESSIONS + 5
const MIX = SESSIONS + 6
const SKETCH = MIX + 4
const WORDS = SKETCH + 2 * HLL_WORDS

export interface CohortMemory {
  readonly cells: CellMemory
  /** Sessions of all cohorts, and the second in which the first came. */
  readonly totals: SharedArrayBuffer
}

export function createCohortMemory(cells: number): CohortMemory {
  return {
    cells: createCellMemory({ cells, words: WORDS, ttlSeconds: WEEK_SECONDS }),
    totals: new SharedArrayBuffer(8),
  }
}

export interface Cohort {
  /** `strangers`: people who are new to the account and not its own; `habit` is the route's. */
  judge(facts: Facts, strangers: readonly Person[], reads: readonly Read[], habit: Mix): Finding | undefined
  /** Hardly anybody had this stack before. */
  isRare(facts: Facts): boolean
  /** Sketches of the running hour, for the fleet. */
  each(second: number, visit: (key: Key, sketch: Uint8Array) => void): void
  /** Of the same hour at another gateway. */
  merge(key: Key, second: number, sketch: Uint8Array): void
  /** As of NewSubjects. */
  sharers: number
}

export function createCohort(memory: CohortMemory, thread: number): Cohort {
  return new Cohorts(memory, thread)
}

class Cohorts implements Cohort {
  readonly #cells: Cells
  readonly #totals: Int32Array
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  sharers = 1

  constructor(memory: CohortMemory, thread: number) {
    this.#cells = createCells(memory.cells, thread)
    this.#totals = new Int32Array(memory.totals)
    this.#words = this.#cells.words
    this.#bytes = new Uint8Array(this.#words.buffer)
  }

  #get(place: number): number {
    return this.#words[place] ?? 0
  }

  #turnHour(at: number, second: number): void {
    const hour = Math.floor(second / HOUR_SECONDS) + 1
    if (this.#get(at + HOUR) === hour) return
    const isNext = this.#get(at + HOUR) === hour - 1
    const read = hllEstimate(this.#bytes, 4 * (at + SKETCH))
    // An hour with a refusal never trains, and the usual grows by a tenth at most.
    if (this.#get(at + HOUR) !== 0 && penaltyLeft(this.#words, at, second) === 0 && this.#get(at + IS_DIRTY) === 0) {
      const usual = this.#get(at + USUAL) / 16
      const next = usual === 0 ? Math.min(read, PEOPLE_AN_HOUR) : Math.min(1.1 * usual, usual + 0.2 * (read - usual))
      this.#words[at + USUAL] = Math.round(16 * Math.max(next, 0))
    }
    if (isNext) this.#words.copyWithin(at + SKETCH + HLL_WORDS, at + SKETCH, at + SKETCH + HLL_WORDS)
    else this.#words.fill(0, at + SKETCH + HLL_WORDS, at + SKETCH + 2 * HLL_WORDS)
    this.#words.fill(0, at + SKETCH, at + SKETCH + HLL_WORDS)
    this.#words.fill(0, at + MIX, at + MIX + 4)
    this.#words[at + HOUR] = hour
  }

  /** Sessions this.#count for a cohort's share once a quarter of an hour has passed without a refusal; later ones a few an hour. */
  #turnPeriod(at: number, second: number): void {
    const period = Math.floor(second / PERIOD_SECONDS) + 1
    if (this.#get(at + PERIOD) === period) return
    const began = Atomics.load(this.#totals, 1)
    const isYoung = began === 0 || second - began <= HOUR_SECONDS || Atomics.load(this.#totals, 0) < SESSIONS_MIN
    if (this.#get(at + PERIOD) !== 0 && this.#get(at + IS_DIRTY) === 0) {
      const room = isYoung || this.#get(at + SESSIONS) > 100 ? 1e9 : 1 + Math.floor(this.#get(at + SESSIONS) / 10)
      const added = Math.min(this.#get(at + PENDING), room)
      this.#words[at + SESSIONS] = this.#get(at + SESSIONS) + added
      Atomics.add(this.#totals, 0, added)
    }
    this.#words[at + PENDING] = 0
    this.#words[at + IS_DIRTY] = 0
    this.#words[at + PERIOD] = period
  }

  #people(at: number, second: number): number {
    const share = 1 - (second % HOUR_SECONDS) / HOUR_SECONDS
    const from = 4 * (at + SKETCH)
    return Math.round(hllEstimate(this.#bytes, from) + share * hllEstimate(this.#bytes, from + REGISTERS))
  }

  #count(at: number, facts: Facts, strangers: readonly Person[], reads: readonly Read[]): void {
    for (const { hash } of strangers) hllAdd(this.#bytes, 4 * (at + SKETCH), hash)
    for (const { isNovel, isFirst } of reads) {
      this.#words[at + MIX] = this.#get(at + MIX) + 1
      if (isNovel) this.#words[at + MIX + 1] = this.#get(at + MIX + 1) + 1
      if (isFirst) this.#words[at + MIX + 2] = this.#get(at + MIX + 2) + 1
      if (facts.verifiedAtMs === undefined) this.#words[at + MIX + 3] = this.#get(at + MIX + 3) + 1
    }
    if (reads.some(({ isFirst }) => isFirst)) this.#words[at + PENDING] = this.#get(at + PENDING) + 1
  }

  #judgeCell(
    at: number,
    facts: Facts,
    seen: { strangers: readonly Person[]; reads: readonly Read[]; habit: Mix },
  ): Finding | undefined {
    const { second } = facts
    this.#turnPeriod(at, second)
    this.#turnHour(at, second)
    const total = Atomics.load(this.#totals, 0)
    const isRare = total >= SESSIONS_MIN && this.#get(at + SESSIONS) < RARE_SHARE * total
    const base = { detector: NAME, threat: 'OAT-011', key: 'cohort' } as const
    if (isRare && penaltyLeft(this.#words, at, second) > 0) {
      const left = punish(this.#words, at, second)
      this.#words[at + IS_DIRTY] = 1
      this.#cells.flag(at, second + left + 86_400)
      return {
        ...base,
        answer: 'refuse',
        retryAfterMs: left * 1000,
        sentence: `a new person, while its rare client stack is held back for ${left} s more`,
      }
    }
    const whole = Math.max(PEOPLE_AN_HOUR, Math.round((TIMES_USUAL * this.#get(at + USUAL)) / 16))
    const limit = Math.max(1, Math.floor(whole / this.sharers))
    const found = this.#people(at, second)
    if (found < limit) {
      this.#count(at, facts, seen.strangers, seen.reads)
      return undefined
    }
    this.#words[at + IS_DIRTY] = 1
    const sentence = `${ordinal(found + 1)} new person in 60 minutes by one client stack, limit ${limit}, ${whole === PEOPLE_AN_HOUR ? 'built in' : 'three times its usual'}`
    if (isRare) {
      const left = punish(this.#words, at, second)
      this.#cells.flag(at, second + left + 86_400)
      return { ...base, answer: 'refuse', retryAfterMs: left * 1000, sentence, value: found + 1, limit }
    }
    this.#count(at, facts, seen.strangers, seen.reads)
    const mix = {
      reads: this.#get(at + MIX),
      novel: this.#get(at + MIX + 1),
      firsts: this.#get(at + MIX + 2),
      unverified: this.#get(at + MIX + 3),
      // Who comes back is not counted by cohort.
      ripe: 0,
      followed: 0,
    }
    const change = total < SESSIONS_MIN || facts.verifiedAtMs !== undefined ? undefined : changeOf(mix, seen.habit)
    if (change === undefined) return undefined
    return {
      ...base,
      answer: 'step-up',
      retryAfterMs: 60_000,
      sentence: `${sentence}; ${change}`,
      value: found + 1,
      limit,
      sinceMs: facts.wallMs - HOUR_SECONDS * 1000,
    }
  }

  judge(facts: Facts, strangers: readonly Person[], reads: readonly Read[], habit: Mix): Finding | undefined {
    if (facts.cohort === undefined || strangers.length === 0) return undefined
    if (Atomics.load(this.#totals, 1) === 0) Atomics.compareExchange(this.#totals, 1, 0, facts.second)
    return this.#cells.with(facts.cohort, facts.second, (at) => this.#judgeCell(at, facts, { strangers, reads, habit }))
  }

  isRare(facts: Facts): boolean {
    const total = Atomics.load(this.#totals, 0)
    if (facts.cohort === undefined || total < SESSIONS_MIN) return false
    return (this.#cells.peek(facts.cohort, facts.second, (at) => this.#get(at + SESSIONS)) ?? 0) < RARE_SHARE * total
  }

  each(second: number, visit: (key: Key, sketch: Uint8Array) => void): void {
    this.#cells.each(second, (key, at) => {
      this.#turnHour(at, second)
      visit(key, this.#bytes.slice(4 * (at + SKETCH), 4 * (at + SKETCH) + REGISTERS))
    })
  }

  merge(key: Key, second: number, sketch: Uint8Array): void {
    this.#cells.with(key, second, (at) => {
      this.#turnHour(at, second)
      hllMerge(this.#bytes, 4 * (at + SKETCH), sketch, 0)
    })
  }
}
