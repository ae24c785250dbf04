// S4 (OAT-008 credential stuffing, OAT-007 cracking): a random walk over failed tries, by client, by the person tried and by cohort
// (sequential probability ratio test, Wald 1945; threshold random walk, Jung et al. 2004).
import { aspectOf, type Key } from './key.ts'
import { createCellMemory, createCells, type CellMemory, type Cells } from './cells.ts'
import { DELTA, type OnDelta } from './deltas.ts'
import type { Facts } from './facts.ts'
import { ordinal, type Finding } from './finding.ts'
import { PENALTY_WORDS, penaltyLeft, punish } from './penalty.ts'

const NAME = 'failure-walk'
const DAY_SECONDS = 86_400

/** Of people who mean well 15 % of tries fail, of those who guess 90 %. Scores are kept in thousandths. */
const ON_FAILURE = 1_792
const ON_SUCCESS = -2_140
/** ln(.99 / 1e-4): six net failures. */
const GUILTY = 9_200
/** While the route is under attack one failure is enough for who has shown nothing else. */
const GUILTY_IN_ALARM = 1_700
/** Of a client without a session that has not succeeded once in a day. */
const FAILURES_WITHOUT_SUCCESS = 3
/** Of one person, by whoever (NIST SP 800-63B-4 allows 100 in a row; at six digits 20 are odds of 2e-5 a day). */
const TRIES_OF_PERSON = 20
/** Of one one-time password. */
const TRIES_OF_CODE = 5

const SCORE = PENALTY_WORDS
const TRIES = PENALTY_WORDS + 1
const SUCCEEDED = PENALTY_WORDS + 2
const DAY = PENALTY_WORDS + 3
const CODE_TRIES = PENALTY_WORDS + 4

export function createFailureMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: PENALTY_WORDS + 5, ttlSeconds: DAY_SECONDS })
}

export interface FailureWalk {
  /** Before a try goes through. `inAlarm`: the route's failures are far beyond its habit; `isRare`: so is the client's stack. */
  judge(facts: Facts, route: { readonly inAlarm: boolean; readonly isRare: boolean }): Finding | undefined
  settle(facts: Facts, failed: boolean): void
  /** A try at another gateway, by or at whom `key` names, has failed or not. */
  mergeWalk(key: Key, second: number, failed: boolean): void
  /** One of STEPS at the person whom `key` names, at another gateway. */
  mergeTry(key: Key, second: number, step: number): void
}

/** What happens to a person's counts. */
const STEPS = { tried: 0, sent: 1, succeeded: 2 } as const

const CLIENT = 11
const PERSON = 12
const COHORT = 13

export function createFailureWalk(memory: CellMemory, thread: number, onDelta?: OnDelta): FailureWalk {
  return new Walk(memory, thread, onDelta)
}

class Walk implements FailureWalk {
  readonly #cells: Cells
  readonly #words: Int32Array
  readonly #onDelta: OnDelta | undefined

  constructor(memory: CellMemory, thread: number, onDelta: OnDelta | undefined) {
    this.#onDelta = onDelta
    this.#cells = createCells(memory, thread)
    this.#words = this.#cells.words
  }

  #ofToday(at: number, second: number): void {
    const day = Math.floor(second / DAY_SECONDS)
    if (this.#words[at + DAY] === day) return
    this.#words[at + DAY] = day
    this.#words[at + TRIES] = 0
    this.#words[at + SUCCEEDED] = 0
  }

  #refusal(at: number, facts: Facts, key: NonNullable<Finding['key']>, sentence: string): Finding {
    const left = punish(this.#words, at, facts.second)
    this.#cells.flag(at, facts.second + left + DAY_SECONDS)
    const threat = key === 'subject' ? 'OAT-007' : 'OAT-008'
    return { detector: NAME, answer: 'refuse', threat, key, retryAfterMs: left * 1000, sentence }
  }

  #judgeCaller(facts: Facts, name: Key, key: 'session' | 'address' | 'cohort', inAlarm: boolean) {
    return this.#cells.peek(name, facts.second, (at): Finding | undefined => {
      this.#ofToday(at, facts.second)
      const score = this.#words[at + SCORE] ?? 0
      const left = penaltyLeft(this.#words, at, facts.second)
      const failures = this.#words[at + TRIES] ?? 0
      if (score >= (inAlarm && key !== 'cohort' ? GUILTY_IN_ALARM : GUILTY) || left > 0)
        return this.#refusal(
          at,
          facts,
          key,
          `${ordinal(failures + 1)} try after ${failures} failures today, more than chance`,
        )
      if (key !== 'address' || this.#words[at + SUCCEEDED] === 1 || failures < FAILURES_WITHOUT_SUCCESS)
        return undefined
      return this.#refusal(
        at,
        facts,
        key,
        `${failures} failures today and no success, limit ${FAILURES_WITHOUT_SUCCESS}, built in`,
      )
    })
  }

  #judgePerson(facts: Facts, target: Key): Finding | undefined {
    return this.#cells.with(aspectOf(target, PERSON), facts.second, (at): Finding | undefined => {
      this.#ofToday(at, facts.second)
      const tries = this.#words[at + TRIES] ?? 0
      if (facts.attempt === 'otp-request') {
        this.#step(at, facts.second, target, STEPS.sent)
        return undefined
      }
      if (tries >= TRIES_OF_PERSON)
        return this.#refusal(
          at,
          facts,
          'subject',
          `${ordinal(tries + 1)} try at one person today, limit ${TRIES_OF_PERSON}, built in`,
        )
      const ofCode = this.#words[at + CODE_TRIES] ?? 0
      if (facts.attempt === 'otp-verify' && ofCode >= TRIES_OF_CODE)
        return this.#refusal(
          at,
          facts,
          'subject',
          `${ordinal(ofCode + 1)} try at one password, limit ${TRIES_OF_CODE}, built in`,
        )
      this.#step(at, facts.second, target, STEPS.tried)
      return undefined
    })
  }

  #step(at: number, second: number, target: Key, step: number): void {
    this.#take(at, second, step)
    this.#onDelta?.(DELTA.tried, aspectOf(target, PERSON), step)
  }

  #take(at: number, second: number, step: number): void {
    this.#ofToday(at, second)
    const change = step === STEPS.tried ? 1 : step === STEPS.succeeded ? -1 : 0
    this.#words[at + TRIES] = Math.max(0, (this.#words[at + TRIES] ?? 0) + change)
    this.#words[at + CODE_TRIES] = step === STEPS.tried ? (this.#words[at + CODE_TRIES] ?? 0) + 1 : 0
  }

  #walk(name: Key, second: number, failed: boolean): void {
    this.#cells.with(name, second, (at) => {
      this.#ofToday(at, second)
      this.#words[at + SCORE] = Math.max(0, (this.#words[at + SCORE] ?? 0) + (failed ? ON_FAILURE : ON_SUCCESS))
      if (failed) this.#words[at + TRIES] = (this.#words[at + TRIES] ?? 0) + 1
      else {
        this.#words[at + SUCCEEDED] = 1
        this.#words[at + TRIES] = 0
      }
    })
  }

  #callerOf(facts: Facts): Key {
    return aspectOf(facts.session ?? facts.address, CLIENT)
  }

  judge(
    facts: Facts,
    { inAlarm, isRare }: { readonly inAlarm: boolean; readonly isRare: boolean },
  ): Finding | undefined {
    if (facts.attempt === undefined) return undefined
    const kind = facts.session === undefined ? 'address' : 'session'
    const caller = this.#judgeCaller(facts, this.#callerOf(facts), kind, inAlarm)
    if (caller !== undefined && facts.attempt !== 'otp-request') return caller
    const cohort =
      facts.cohort === undefined || !isRare
        ? undefined
        : this.#judgeCaller(facts, aspectOf(facts.cohort, COHORT), 'cohort', inAlarm)
    if (cohort !== undefined) return cohort
    return facts.target === undefined ? undefined : this.#judgePerson(facts, facts.target)
  }

  settle(facts: Facts, failed: boolean): void {
    if (facts.attempt === undefined || facts.attempt === 'otp-request') return
    const walkers = [this.#callerOf(facts)]
    if (facts.cohort !== undefined) walkers.push(aspectOf(facts.cohort, COHORT))
    for (const key of walkers) {
      this.#walk(key, facts.second, failed)
      this.#onDelta?.(DELTA.walked, key, failed ? 1 : 0)
    }
    const { target } = facts
    if (failed || target === undefined) return
    this.#cells.peek(aspectOf(target, PERSON), facts.second, (at) => {
      this.#step(at, facts.second, target, STEPS.succeeded)
    })
  }

  mergeWalk(key: Key, second: number, failed: boolean): void {
    this.#walk(key, second, failed)
  }

  mergeTry(key: Key, second: number, step: number): void {
    this.#cells.with(key, second, (at) => {
      this.#take(at, second, step)
    })
  }
}
