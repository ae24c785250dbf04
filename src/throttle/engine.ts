// All detectors of people together, in the order of their certainty, over one set of shared memories. The live gateway, a replayed
// log and the simulator run this same code; only the clock and where the facts come from differ.
import { createCohort, createCohortMemory, type Cohort, type CohortMemory } from './cohort.ts'
import type { CellMemory } from './cells.ts'
import { DELTA, type Delta, type OnDelta } from './deltas.ts'
import { createFailureShare, createFailureShareMemory, type FailureShare } from './failure-share.ts'
import { createFailureMemory, createFailureWalk, type FailureWalk } from './failure-walk.ts'
import type { Facts, Outcome, Person } from './facts.ts'
import { isRefusal, type Finding } from './finding.ts'
import { createHoney, createHoneyMemory, type Honey } from './honey.ts'
import { createImpossibleTravel, createTravelMemory, type ImpossibleTravel, type Place } from './impossible-travel.ts'
import { createMaximaMemory, type MaximaMemory } from './maxima.ts'
import { addressAspect, createNewSubjects, createSubjectMemory, type NewSubjects } from './new-subjects.ts'
import { createNovelty, createNoveltyMemory } from './novelty.ts'
import { createRouteChange, createRouteChangeMemory, type RouteChange, type RouteChangeMemory } from './route-change.ts'
import { createSequence, createSequenceMemory, type Sequence } from './sequence.ts'
import { createSpreadMemory, createTokenSpread, type TokenSpread } from './token-spread.ts'
import { createUnboundMemory, createUnboundSubjects, type UnboundSubjects } from './unbound-subjects.ts'
import { createWideCounts, createWideMemory, type WideCounts } from './wide-counts.ts'

/** Detectors by the names that findings, metrics, exemptions and the config use; S1 is in request-rate.ts. */
export const DETECTORS = [
  'request-rate',
  'honey-subject',
  'token-spread',
  'unbound-subjects',
  'failure-walk',
  'failure-share',
  'new-subjects',
  'sequential-identifiers',
  'cohort',
  'route-change',
  'impossible-travel',
] as const

export interface EngineMemory {
  readonly subjects: CellMemory
  readonly wide: CellMemory
  readonly maxima: MaximaMemory
  readonly unbound: CellMemory
  readonly failures: CellMemory
  readonly failureShares: SharedArrayBuffer
  readonly sequence: CellMemory
  readonly spread: CellMemory
  readonly cohorts: CohortMemory
  readonly routes: RouteChangeMemory
  readonly novelty: SharedArrayBuffer
  readonly honey: CellMemory
  readonly travel: CellMemory
}

export interface EngineSize {
  readonly sessions: number
  readonly addresses: number
}

const ENGINE_SIZE: EngineSize = { sessions: 100_000, addresses: 50_000 }
const ROUTES = 256
const DAY_SECONDS = 86_400

/** 76 MB at its default size (npm run bench:throttle counts it). */
export function createEngineMemory({ sessions, addresses }: EngineSize = ENGINE_SIZE): EngineMemory {
  return {
    subjects: createSubjectMemory(sessions + addresses),
    wide: createWideMemory(2_048),
    maxima: createMaximaMemory(),
    unbound: createUnboundMemory(Math.ceil(sessions / 8)),
    failures: createFailureMemory(sessions),
    failureShares: createFailureShareMemory(ROUTES),
    sequence: createSequenceMemory(sessions),
    spread: createSpreadMemory(sessions),
    cohorts: createCohortMemory(2_048),
    routes: createRouteChangeMemory(ROUTES),
    novelty: createNoveltyMemory(),
    honey: createHoneyMemory(4_096),
    travel: createTravelMemory(Math.ceil(sessions / 2)),
  }
}

interface JudgeOptions {
  /** What is refused is kept out of the counts; else everything is let through and counted. */
  readonly enforce: boolean
  readonly isHoney: boolean
  /** Also told: somebody new beyond half of a budget. */
  readonly delays?: boolean
  /** Where the caller's address is, where a table tells. */
  readonly place?: Place | undefined
}

export interface Engine {
  /** The findings of a request before it is forwarded, the gravest first to come; none is the usual case. */
  judge(facts: Facts, options: JudgeOptions): readonly Finding[]
  /** After the answer: failed tries. */
  settle(facts: Facts, outcome: Outcome): readonly Finding[]
  /** People whom the answer names beside those whom the request has named, before any of it leaves. */
  returned(facts: Facts, people: readonly Person[], options: JudgeOptions): readonly Finding[]
  /** The request was refused because the session does not own the people it asked for. */
  notOwner(facts: Facts): readonly Finding[]
  /** What another gateway of the fleet has counted at `then`, on the clock of `second`. */
  merge(delta: Delta, second: number, then: number): void
  /** Gateways that share each budget because their counts do not meet; 1 while they do, or there is one. */
  share(gateways: number): void
  readonly subjects: NewSubjects
  readonly cohorts: Cohort
  readonly wide: WideCounts
}

const NONE: readonly Finding[] = []

/** `onDelta` hears what the other gateways of a fleet should count too. */
export function createEngine(memory: EngineMemory, thread: number, onDelta?: OnDelta): Engine {
  return new Detectors(memory, thread, onDelta)
}

class Detectors implements Engine {
  readonly subjects: NewSubjects
  readonly cohorts: Cohort
  readonly wide: WideCounts
  readonly #isNovel: (hash: number, second: number) => boolean
  readonly #unbound: UnboundSubjects
  readonly #walk: FailureWalk
  readonly #shares: FailureShare
  readonly #sequence: Sequence
  readonly #spread: TokenSpread
  readonly #routes: RouteChange
  readonly #honey: Honey
  readonly #travel: ImpossibleTravel

  constructor(memory: EngineMemory, thread: number, onDelta?: OnDelta) {
    this.wide = createWideCounts(memory.wide, thread)
    const shared = { memory: memory.subjects, thread, wide: this.wide, maxima: memory.maxima }
    this.subjects = createNewSubjects(onDelta === undefined ? shared : { ...shared, onDelta })
    this.cohorts = createCohort(memory.cohorts, thread)
    this.#isNovel = createNovelty(memory.novelty)
    this.#unbound = createUnboundSubjects(memory.unbound, thread, onDelta)
    this.#walk = createFailureWalk(memory.failures, thread, onDelta)
    this.#shares = createFailureShare(memory.failureShares, thread)
    this.#sequence = createSequence(memory.sequence, thread)
    this.#spread = createTokenSpread(memory.spread, thread, onDelta)
    this.#routes = createRouteChange(memory.routes, thread)
    this.#honey = createHoney(memory.honey, thread, onDelta)
    this.#travel = createImpossibleTravel(memory.travel, thread)
  }

  judge(facts: Facts, options: JudgeOptions): readonly Finding[] {
    const { people, session, attempt } = facts
    if (people.length === 0 && session === undefined && attempt === undefined) return NONE
    const found: Finding[] = []
    note(found, this.#honey.judge(facts, options.isHoney))
    note(found, this.#spread.judge(facts))
    if (options.place !== undefined) note(found, this.#travel.judge(facts, options.place))
    note(found, this.#unbound.judge(facts))
    if (attempt !== undefined) note(found, this.#judgeTry(facts))
    const isRefused = options.enforce && found.some(({ answer }) => isRefusal(answer))
    if (people.length > 0 && !isRefused) this.#judgePeople(facts, people, found, options)
    return found.length === 0 ? NONE : found
  }

  settle(facts: Facts, { failed }: Outcome): readonly Finding[] {
    const found: Finding[] = []
    if (failed !== undefined && facts.attempt !== undefined) {
      this.#walk.settle(facts, failed)
      note(found, this.#shares.settle(facts, failed))
    }
    return found.length === 0 ? NONE : found
  }

  returned(facts: Facts, people: readonly Person[], options: JudgeOptions): readonly Finding[] {
    if (people.length === 0) return NONE
    const found: Finding[] = []
    note(found, this.#honey.judge(facts, options.isHoney))
    if (!options.enforce || !found.some(({ answer }) => isRefusal(answer)))
      this.#judgePeople(facts, people, found, options)
    return found.length === 0 ? NONE : found
  }

  notOwner(facts: Facts): readonly Finding[] {
    const found = this.#unbound.refused(facts, facts.people)
    return found === undefined ? NONE : [found]
  }

  merge({ kind, key, value, extra }: Delta, second: number, then: number): void {
    if (kind === DELTA.person) this.subjects.merge(key, second, value, Math.floor(Math.max(0, second - then) / 60))
    else if (kind === DELTA.held) this.subjects.hold(key, second, { until: value, level: extra })
    else if (kind === DELTA.honey) this.#honey.merge(key, second, then)
    else if (kind === DELTA.place) this.#spread.merge(key, second, { address: value, network: extra, then })
    else if (kind === DELTA.stranger) this.#unbound.merge(key, second, value, then)
    // Tries are counted by the day.
    else if (Math.floor(then / DAY_SECONDS) !== Math.floor(second / DAY_SECONDS)) return
    else if (kind === DELTA.walked) this.#walk.mergeWalk(key, second, value === 1)
    else this.#walk.mergeTry(key, second, value)
  }

  share(gateways: number): void {
    this.subjects.sharers = gateways
    this.cohorts.sharers = gateways
  }

  /** People who are new to the account: its budget, the order of their identifiers, its cohort, its route. */
  #judgePeople(facts: Facts, people: readonly Person[], found: Finding[], { enforce, delays }: JudgeOptions): void {
    const survey = this.subjects.survey(facts, people)
    // Who is known to the account is known to its budget.
    const isNew = survey.strangers.length > 0 || facts.partner !== undefined
    const isOver = isNew && note(found, this.subjects.judge(facts, people, enforce))
    if (survey.isFollow) this.#routes.follow(facts)
    if (survey.strangers.length === 0 || (enforce && isOver)) return
    if (delays === true) note(found, this.subjects.nearing(facts))
    const strangers = survey.strangers.filter(({ own }) => !own)
    if (strangers.length === 0) return
    if (note(found, this.#sequence.judge(facts, strangers)) && enforce) return
    this.#judgeTogether(facts, strangers, survey.isFirst, { found, enforce })
    if (facts.session !== undefined && !survey.isFirst)
      note(found, this.subjects.judgeAddress(facts, addressAspect(facts.address), strangers))
  }

  /** What only shows over many accounts. */
  #judgeTogether(
    facts: Facts,
    strangers: readonly Person[],
    isFirst: boolean,
    { found, enforce }: { readonly found: Finding[]; readonly enforce: boolean },
  ): void {
    const reads = strangers.map(({ hash }, index) => ({
      isNovel: this.#isNovel(hash, facts.second),
      isFirst: isFirst && index === 0,
    }))
    const cohort = this.cohorts.judge(facts, strangers, reads, this.#routes.habit(facts.route.index))
    note(found, cohort)
    // What is refused is told already, and is not the route's to measure.
    if (enforce && cohort?.answer === 'refuse') return
    note(found, this.#routes.count(facts, reads))
    if (cohort === undefined) note(found, this.#routes.judge(facts))
  }

  #judgeTry(facts: Facts): Finding | undefined {
    const inAlarm = this.#shares.inAlarm(facts.route.index, facts.second)
    const found = this.#walk.judge(facts, { inAlarm, isRare: this.cohorts.isRare(facts) })
    if (inAlarm && found !== undefined) this.#shares.hold(facts.route.index, facts.second)
    return found
  }
}

/** Whether there is something to note that refuses. */
function note(found: Finding[], finding: Finding | undefined): boolean {
  if (finding === undefined) return false
  found.push(finding)
  return isRefusal(finding.answer)
}
