// What a lock would refuse, asked of every worker of every gateway, and what observing locks have met since: predicted and come.
import { IMPACT_MODES, IMPACT_WINDOW_MS, mergeImpacts, type Impact, type ImpactQuestion } from '../core/impact.ts'
import { parseImpact } from '../core/impact-message.ts'
import type { Lock } from '../core/lock.ts'
import { isFields, isNumber, isText } from '../core/message-shapes.ts'
import type { LockScope } from '../core/scope.ts'
import type { Instant } from '../core/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { ImpactSource } from '../ports/impact-source.ts'
import type { FleetQuestions } from './fleet/questions.ts'
import type { OrderDesk } from './order-desk.ts'

export interface ImpactDeps {
  readonly desk: Pick<OrderDesk, 'onChange' | 'ledger'>
  /** Absent in a control-only member. */
  readonly source: ImpactSource | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly gatewayName: string
  /** Absent with the embedded store. */
  readonly fleet?: { readonly questions: () => FleetQuestions; readonly peers: () => readonly string[] }
}

/** Of one gateway or several: who was counted, and who did not answer in time. */
export interface Counted {
  readonly impact: Impact
  readonly answered: readonly { readonly gateway: string; readonly requests: number }[]
  readonly missing: readonly string[]
}

/** An observing lock beside what was expected of it, over times of equal length. */
export interface Observed {
  readonly lock: string
  readonly since: Instant
  readonly until: Instant
  /** Nothing more will change. */
  readonly isFinal: boolean
  /** In the time before the lock; absent where the gateway was started since. */
  readonly predicted?: Impact
  /** Since the lock. */
  readonly came: Impact
}

export interface ImpactDesk {
  ask(question: Pick<ImpactQuestion, 'scope' | 'mode'>): Promise<Counted>
  /** What this gateway alone has seen of an observing lock. */
  observed(lock: string): Observed | undefined
  /** The same over the fleet; undefined where the lock observes nothing here. */
  askObserved(lock: string): Promise<(Omit<Observed, 'predicted' | 'came'> & FleetObserved) | undefined>
  /** For a timer, every few seconds. Never rejects. */
  look(): Promise<void>
  /** Answers another gateway. */
  answer(question: unknown): Promise<object | undefined>
  close(): void
}

interface FleetObserved {
  readonly predicted?: Counted
  readonly came: Counted
}

const ANSWER_LIMIT_MS = 2_000
const OBSERVED_MAX = 64
const ID_SHOWN = 12

interface State {
  readonly deps: ImpactDeps
  readonly startedAt: Instant
  readonly observed: Map<string, Observed>
}

export function createImpactDesk(deps: ImpactDeps): ImpactDesk {
  const state: State = { deps, startedAt: deps.clock.now(), observed: new Map() }
  const stop = deps.desk.onChange((change) => {
    if (change.event !== 'lock') return
    for (const lock of change.locks) if (isObserving(lock)) void begin(state, lock)
  })
  return {
    ask: (question) => ask(state, { ...question, ...lastWindow(state) }),
    observed: (lock) => state.observed.get(lock),
    askObserved: (lock) => askObserved(state, lock),
    look: () => look(state),
    answer: (question) => answer(state, question),
    close: stop,
  }
}

function isObserving({ mode, source }: Lock): boolean {
  return mode === 'observe' && source === 'order'
}

function lastWindow({ deps }: State): Pick<ImpactQuestion, 'from' | 'to'> {
  const to = Math.round(deps.clock.now())
  return { from: to - IMPACT_WINDOW_MS, to }
}

async function countHere({ deps, startedAt }: State, question: ImpactQuestion): Promise<Impact> {
  const impacts = (await deps.source?.impact(question)) ?? []
  return mergeImpacts(impacts, Math.max(question.from, startedAt))
}

async function ask(state: State, question: ImpactQuestion): Promise<Counted> {
  const [own, others] = await Promise.all([countHere(state, question), askOthers(state, { impact: question })])
  return countedOf(state, own, others, (words) => parseImpact(words))
}

async function askOthers({ deps }: State, question: object): Promise<ReadonlyMap<string, unknown>> {
  if (deps.fleet === undefined) return new Map()
  return deps.fleet.questions().ask(question, deps.fleet.peers(), ANSWER_LIMIT_MS)
}

function countedOf(
  { deps }: State,
  own: Impact | undefined,
  others: ReadonlyMap<string, unknown>,
  read: (words: unknown) => Impact | undefined,
): Counted {
  const found = [...others].flatMap(([gateway, words]) => {
    const impact = read(words)
    return impact === undefined ? [] : [{ gateway, impact }]
  })
  const all = [...(own === undefined ? [] : [{ gateway: deps.gatewayName, impact: own }]), ...found]
  return {
    impact: mergeImpacts(
      all.map(({ impact }) => impact),
      0,
    ),
    answered: all.map(({ gateway, impact }) => ({ gateway, requests: impact.requests })),
    missing: (deps.fleet?.peers() ?? []).filter((name) => !found.some(({ gateway }) => gateway === name)),
  }
}

/** The time before the lock is counted at once: the ring forgets it. */
async function begin(state: State, lock: Lock): Promise<void> {
  const { observed } = state
  if (observed.size >= OBSERVED_MAX || observed.has(lock.id)) return
  const { since, id } = lock
  const until = since + IMPACT_WINDOW_MS
  const question = { scope: lock.scope, mode: 'deny' } as const
  const blank = { lock: id, since, until, isFinal: false }
  observed.set(id, { ...blank, came: mergeImpacts([], since) })
  const predicted = await countHere(state, { ...question, from: since - IMPACT_WINDOW_MS, to: since })
  observed.set(id, { ...blank, predicted, came: await countHere(state, { ...question, from: since, to: until }) })
}

async function look(state: State): Promise<void> {
  const { deps, observed } = state
  const { held } = deps.desk.ledger
  for (const id of observed.keys()) if (!held.has(id)) observed.delete(id)
  for (const { lock } of held.values()) {
    if (!isObserving(lock)) continue
    const before = observed.get(lock.id)
    if (before === undefined) {
      // It landed before this gateway was started.
      if (observed.size < OBSERVED_MAX) observed.set(lock.id, await refreshed(state, lock))
    } else if (!before.isFinal) observed.set(lock.id, await refreshed(state, lock, before.predicted))
  }
}

async function refreshed(state: State, lock: Lock, predicted?: Impact): Promise<Observed> {
  const until = lock.since + IMPACT_WINDOW_MS
  const isFinal = state.deps.clock.now() >= until
  const came = await countHere(state, { scope: lock.scope, mode: 'deny', from: lock.since, to: until })
  return { lock: lock.id, since: lock.since, until, isFinal, came, ...(predicted === undefined ? {} : { predicted }) }
}

async function askObserved(state: State, given: string): ReturnType<ImpactDesk['askObserved']> {
  const own = findObserved(state, given)
  if (own === undefined) return undefined
  const others = await askOthers(state, { observed: own.lock })
  const part = (key: 'predicted' | 'came') => (words: unknown) =>
    isFields(words) ? parseImpact(words[key]) : undefined
  const { lock, since, until, isFinal } = own
  return {
    ...{ lock, since, until, isFinal },
    came: countedOf(state, own.came, others, part('came')),
    ...(own.predicted === undefined ? {} : { predicted: countedOf(state, own.predicted, others, part('predicted')) }),
  }
}

/** By its whole id, or by as much of it as status shows where only one begins so. */
function findObserved({ observed }: State, given: string): Observed | undefined {
  const found = [...observed.values()].filter(({ lock }) => lock.startsWith(given))
  return observed.get(given) ?? (given.length >= ID_SHOWN && found.length === 1 ? found[0] : undefined)
}

/** Whoever asks is of the fleet, and is answered what it asks; a question that is none is not. */
async function answer(state: State, question: unknown): Promise<object | undefined> {
  if (!isFields(question)) return undefined
  if (isText(question.observed)) {
    const found = state.observed.get(question.observed)
    return found && { came: found.came, ...(found.predicted === undefined ? {} : { predicted: found.predicted }) }
  }
  const wanted = parseQuestion(question.impact)
  return wanted === undefined ? undefined : countHere(state, wanted)
}

function parseQuestion(value: unknown): ImpactQuestion | undefined {
  if (!isFields(value)) return undefined
  const { scope, from, to } = value
  const mode = IMPACT_MODES.find((each) => each === value.mode)
  if (mode === undefined || !isNumber(from) || !isNumber(to) || !isScope(scope)) return undefined
  return { scope, mode, from, to }
}

function isScope(value: unknown): value is LockScope {
  if (!isFields(value)) return false
  return Object.values(value).every((each) => each === true || (Array.isArray(each) && each.every(isText)))
}
