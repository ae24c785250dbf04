// S2 (OAT-011 scraping): how many different people one account reads. Only people who are new to it are refused, so that a false
// alarm costs one further record and never the session.
import { aspectOf, type Key } from './key.ts'
import { createCellMemory, createCells, type CellMemory, type Cells } from './cells.ts'
import type { Budget, Facts, Person } from './facts.ts'
import { ordinal, spanOf, type Finding } from './finding.ts'
import { DELTA, type OnDelta } from './deltas.ts'
import { heldOf, hold, PENALTY_WORDS, penaltyLeft, punish, type Held } from './penalty.ts'
import { createSubjectTable, SLOTS, TABLE_WORDS, type SubjectTable } from './subject-table.ts'
import { createMaxima, type Maxima, type MaximaMemory } from './maxima.ts'
import type { WideCounts } from './wide-counts.ts'

const NEW_SUBJECTS = 'new-subjects'
const THREAT = 'OAT-011'
const DAY_SECONDS = 86_400
const ADDRESS = 1

/** Built in: what none of 1,088 people of a real records portal exceeded but one (research/anomaly.md, 0). */
export const BUILT_IN: readonly Budget[] = [
  { minutes: 15, count: 12, source: 'built in' },
  { minutes: 60, count: 25, source: 'built in' },
  { minutes: 1440, count: 40, source: 'built in' },
]

/** Own words of a cell: the penalty, the greatest counts so far, the table. */
const MAXIMA = PENALTY_WORDS
const TABLE = PENALTY_WORDS + 1
/** A bit of the maxima's word that is none of theirs. */
const CAME_BACK = 1 << 30
const FOLLOW_MINUTES = 2

export function createSubjectMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: TABLE + TABLE_WORDS, ttlSeconds: DAY_SECONDS })
}

interface Survey {
  readonly strangers: readonly Person[]
  /** The account has opened nobody within a day. */
  readonly isFirst: boolean
  /** It comes back for the first time, within two minutes of its first read. */
  readonly isFollow: boolean
}

export interface NewSubjects {
  /** Counts the people of a request; `enforce` keeps what is refused out of the count. */
  judge(facts: Facts, people: readonly Person[], enforce: boolean): Finding | undefined
  /** Whom of them the account has not opened within a day; counts nothing. */
  survey(facts: Facts, people: readonly Person[]): Survey
  /** Counts what an address's sessions read beyond one person each. Told, never refused: many people share an address. */
  judgeAddress(facts: Facts, address: Key, people: readonly Person[]): Finding | undefined
  /** The account has read somebody new, and is beyond half of a budget: it is to be slowed down. */
  nearing(facts: Facts): Finding | undefined
  /** Of `key` within `minutes`, for reports and for the fleet. */
  count(key: Key, second: number, minutes: number): number
  /** Another gateway let the key read this person, `ageMinutes` ago. */
  merge(key: Key, second: number, hash: number, ageMinutes: number): void
  /** Another gateway refuses the key until then. */
  hold(key: Key, second: number, held: Held): void
  /** Gateways that count each for itself, and so have a share of each budget each; 1 while all counts meet. */
  sharers: number
}

interface Judged {
  readonly budgets: readonly Budget[]
  readonly people: readonly Person[]
  readonly enforce: boolean
  /** Limits are learned from this key. */
  readonly trains: boolean
}

export interface NewSubjectsDeps {
  readonly memory: CellMemory
  readonly thread: number
  readonly wide: WideCounts
  readonly maxima: MaximaMemory
  /** For the fleet: each person that was let through for the first time, and who is held. */
  readonly onDelta?: OnDelta
}

export function createNewSubjects(deps: NewSubjectsDeps): NewSubjects {
  return new Subjects(deps)
}

class Subjects implements NewSubjects {
  readonly #cells: Cells
  readonly #words: Int32Array
  readonly #table: SubjectTable
  readonly #learned: Maxima
  readonly #wide: WideCounts
  readonly #onDelta: OnDelta | undefined
  sharers = 1

  constructor({ memory, thread, wide, maxima, onDelta }: NewSubjectsDeps) {
    this.#cells = createCells(memory, thread)
    this.#words = this.#cells.words
    this.#table = createSubjectTable(this.#words)
    this.#learned = createMaxima(maxima)
    this.#wide = wide
    this.#onDelta = onDelta
  }

  #countOf(key: Key, at: number, second: number, minutes: number): number {
    const exact = this.#table.within(at + TABLE, Math.floor(second / 60), minutes)
    // Only where the this.#table is full can there be more than it holds.
    return exact < SLOTS - 8 ? exact : Math.max(exact, this.#wide.within(key, second, minutes) ?? 0)
  }

  #over(key: Key, at: number, second: number, budgets: readonly Budget[], added: number) {
    for (const budget of budgets) {
      const count = this.#countOf(key, at, second, budget.minutes)
      if (count + added > this.#shareOf(budget.count)) return { budget: this.#shared(budget), count }
    }
    return undefined
  }

  /** Of people whom nobody counts together any more; one at least, else nobody could read anybody. */
  #shareOf(count: number): number {
    return this.sharers === 1 ? count : Math.max(1, Math.floor(count / this.sharers))
  }

  #shared(budget: Budget): Budget {
    if (this.sharers === 1) return budget
    const source = `a share of ${budget.count} among ${this.sharers} gateways that do not hear each other, ${budget.source}`
    return { ...budget, count: this.#shareOf(budget.count), source }
  }

  #enter(key: Key, at: number, second: number, hash: number, ageMinutes = 0): void {
    const minute = Math.floor(second / 60)
    if (this.#table.enter(at + TABLE, hash, minute, ageMinutes)) {
      if (this.#wide.within(key, second, 1440) === undefined)
        this.#table.each(at + TABLE, minute, (each, age) => {
          this.#wide.add(key, second, each, age)
        })
      this.#wide.add(key, second, hash | 1, ageMinutes)
    }
  }

  #open(key: Key, at: number, second: number, people: readonly Person[]): void {
    for (const { hash } of people) {
      this.#enter(key, at, second, hash)
      this.#onDelta?.(DELTA.person, key, hash | 1)
    }
  }

  #learn(at: number, facts: Facts, budgets: readonly Budget[]): void {
    const minute = Math.floor(facts.second / 60)
    this.#learned.raise(this.#words, at + MAXIMA, {
      role: facts.session === undefined ? 'address' : 'session',
      wallMs: facts.wallMs,
      counts: [15, 60, 1440].map((minutes) => this.#table.within(at + TABLE, minute, minutes)),
    })
    this.#keep(at, facts, budgets)
  }

  /** A key that is on its way to its limit keeps its cell, so that a flood of new keys does not wash its count away. */
  #keep(at: number, facts: Facts, budgets: readonly Budget[]): void {
    const minute = Math.floor(facts.second / 60)
    if (
      budgets.some(({ minutes, count }) => 2 * this.#table.within(at + TABLE, minute, minutes) >= this.#shareOf(count))
    )
      this.#cells.flag(at, facts.second + 3_600)
  }

  /** Once an account. */
  #comesBack(at: number, minute: number): boolean {
    const word = this.#words[at + MAXIMA] ?? 0
    if ((word & CAME_BACK) !== 0) return false
    const all = this.#table.within(at + TABLE, minute, 1440)
    if (all === 0) return false
    this.#words[at + MAXIMA] = word | CAME_BACK
    return this.#table.within(at + TABLE, minute, FOLLOW_MINUTES) === all
  }

  #judgeKey(
    key: Key,
    kind: NonNullable<Finding['key']>,
    facts: Facts,
    { budgets, people, enforce, trains }: Judged,
  ): Finding | undefined {
    const { second } = facts
    return this.#cells.with(key, second, (at): Finding | undefined => {
      const minute = Math.floor(second / 60)
      const strangers = people.filter(({ hash }) => !this.#table.has(at + TABLE, hash, minute))
      if (strangers.length === 0) return undefined
      const found = this.#over(key, at, second, budgets, strangers.length)
      const waiting = penaltyLeft(this.#words, at, second)
      if (found === undefined && waiting === 0) {
        this.#open(key, at, second, strangers)
        if (trains) this.#learn(at, facts, budgets)
        else this.#keep(at, facts, budgets)
        return undefined
      }
      const before = heldOf(this.#words, at)
      const left = punish(this.#words, at, second)
      const now = heldOf(this.#words, at)
      if (now.until !== before.until) this.#onDelta?.(DELTA.held, key, now.until, now.level)
      this.#learned.withdraw(this.#words, at + MAXIMA)
      this.#cells.flag(at, second + left + DAY_SECONDS)
      if (!enforce) this.#open(key, at, second, strangers)
      return findingOf(kind, found, left, strangers.length)
    })
  }

  judge(facts: Facts, people: readonly Person[], enforce: boolean): Finding | undefined {
    if (people.length === 0) return undefined
    const kind = facts.session === undefined ? 'address' : 'account'
    const own = this.#judgeKey(facts.account, kind, facts, { budgets: facts.budgets, people, enforce, trains: true })
    if (own !== undefined && enforce) return own
    const { partner } = facts
    if (partner === undefined) return own
    return (
      this.#judgeKey(partner.key, 'partner', facts, { budgets: partner.budgets, people, enforce, trains: false }) ?? own
    )
  }

  survey(facts: Facts, people: readonly Person[]): Survey {
    const minute = Math.floor(facts.second / 60)
    // Who is named by the request and the answer of one exchange has not come back.
    const isNext = people === facts.people || facts.people.length === 0
    const seen = this.#cells.peek(facts.account, facts.second, (at) => ({
      strangers: people.filter(({ hash }) => !this.#table.has(at + TABLE, hash, minute)),
      isFirst: this.#table.within(at + TABLE, minute, 1440) === 0,
      isFollow: isNext && this.#comesBack(at, minute),
    }))
    return seen ?? { strangers: people, isFirst: true, isFollow: false }
  }

  judgeAddress(facts: Facts, address: Key, people: readonly Person[]): Finding | undefined {
    const found = this.#judgeKey(address, 'address', facts, {
      budgets: facts.budgets,
      people,
      enforce: false,
      trains: false,
    })
    return found === undefined ? undefined : { ...found, answer: 'observe' }
  }

  nearing({ account, second, budgets, session }: Facts): Finding | undefined {
    return this.#cells.peek(account, second, (at): Finding | undefined => {
      let nearest: { readonly budget: Budget; readonly count: number; readonly share: number } | undefined
      for (const each of budgets) {
        const budget = this.#shared(each)
        const count = this.#countOf(account, at, second, budget.minutes)
        const share = count / budget.count
        if (share > 0.5 && share > (nearest?.share ?? 0)) nearest = { budget, count, share }
      }
      if (nearest === undefined) return undefined
      const { budget, count, share } = nearest
      return {
        ...{ detector: NEW_SUBJECTS, answer: 'delay', threat: THREAT, retryAfterMs: 0 },
        ...{ key: session === undefined ? 'address' : 'account', value: count, limit: budget.count },
        nearness: Math.min(1, 2 * (share - 0.5)),
        sentence: `${ordinal(count)} new person in ${spanOf(budget.minutes)}, limit ${budget.count}, ${budget.source}: slowed down`,
      }
    })
  }

  count(key: Key, second: number, minutes: number): number {
    return this.#cells.peek(key, second, (at) => this.#countOf(key, at, second, minutes)) ?? 0
  }

  merge(key: Key, second: number, hash: number, ageMinutes: number): void {
    this.#cells.with(key, second, (at) => {
      if (!this.#table.has(at + TABLE, hash, Math.floor(second / 60))) this.#enter(key, at, second, hash, ageMinutes)
    })
  }

  hold(key: Key, second: number, held: Held): void {
    this.#cells.with(key, second, (at) => {
      if (!hold(this.#words, at, second, held)) return
      this.#learned.withdraw(this.#words, at + MAXIMA)
      this.#cells.flag(at, held.until + DAY_SECONDS)
    })
  }
}

/** The address's own aspect: people whom its sessions read beyond one each. */
export function addressAspect(address: Key): Key {
  return aspectOf(address, ADDRESS)
}

function findingOf(
  key: NonNullable<Finding['key']>,
  found: { readonly budget: Budget; readonly count: number } | undefined,
  leftSeconds: number,
  added: number,
): Finding {
  const base = {
    detector: NEW_SUBJECTS,
    answer: 'refuse',
    threat: THREAT,
    key,
    retryAfterMs: leftSeconds * 1000,
  } as const
  if (found === undefined) return { ...base, sentence: `a new person while held back for ${leftSeconds} s more` }
  const { budget, count } = found
  const sentence = `${ordinal(count + added)} new person in ${spanOf(budget.minutes)}, limit ${budget.count}, ${budget.source}`
  return { ...base, sentence, value: count + added, limit: budget.count, minutes: budget.minutes }
}
