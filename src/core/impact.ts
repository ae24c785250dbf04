// What a lock would have refused: judged over requests that came, by the very function by which locks are judged.
import { DistinctCount, unionOf, type Distinct } from './distinct.ts'
import type { CompileCidrs } from './lock-index.ts'
import { compileTable, findLocks, type CompiledTable } from './lock-table.ts'
import type { Lock, LockMode, LockTarget } from './lock.ts'
import { mergeCallers, RegularCallers, type RegularCaller } from './regular-callers.ts'
import type { Route } from './route.ts'
import type { LockScope } from './scope.ts'
import type { Instant } from './time.ts'

/** How far back it is remembered what came. */
export const IMPACT_WINDOW_MS = 15 * 60_000

/** Modes whose refusals can be told beforehand. `observe` refuses nothing: it is asked as deny. */
export const IMPACT_MODES = ['deny', 'read-only', 'step-up'] as const satisfies readonly LockMode[]
export type ImpactMode = (typeof IMPACT_MODES)[number]

export interface ImpactQuestion {
  readonly scope: LockScope
  readonly mode: ImpactMode
  readonly from: Instant
  readonly to: Instant
}

/** A request that was let through. */
export interface Sample extends LockTarget {
  readonly at: Instant
}

/** What one worker, or one gateway, has counted. Plain data. */
export interface Impact {
  /** Where only some requests are remembered, those stand for all. */
  readonly requests: number
  /** Not every request of the time was remembered: different people and clients are then at least so many. */
  readonly isSampled: boolean
  /** Nothing is known of the time before. */
  readonly since: Instant
  readonly sessions: Distinct
  readonly clients: Distinct
  readonly subjects: Distinct
  readonly addresses: Distinct
  readonly routes: Readonly<Record<string, number>>
  /** The busiest clients by their names. */
  readonly byClient: Readonly<Record<string, number>>
  readonly probes: readonly RegularCaller[]
  /** Requests on routes that exist for others to call back, by route. */
  readonly callbacks: Readonly<Record<string, number>>
  /** The last is the one that ends at `to`. */
  readonly minutes: readonly number[]
  /** Exchanges that are open now, which the lock would cut. */
  readonly open: number
}

const MINUTE_MS = 60_000
const MINUTES = IMPACT_WINDOW_MS / MINUTE_MS
const CLIENTS_TOLD_MAX = 20
const CLIENTS_MAX = 4096
const CALLBACK_TAGS: readonly string[] = ['callback', 'callbacks', 'webhook', 'webhooks']

/** A table of nothing but this lock. */
export function tableFor(
  { scope, mode, to }: ImpactQuestion,
  routes: readonly Route[],
  compileCidrs: CompileCidrs,
): CompiledTable {
  const lock: Lock = {
    ...{ id: 'impact', scope, mode, source: 'order', since: to, reason: '', incident: '' },
    ...{ onExpiry: 'stay', status: 503, message: {} },
  }
  return compileTable({ epoch: 0, locks: [lock], revocations: [] }, routes, compileCidrs)
}

/** Every session has to do its OTP again under step-up; a route without sessions refuses. */
export function wouldRefuse(table: CompiledTable, target: LockTarget): boolean {
  const found = findLocks(table, target, 0)
  return found?.denying !== undefined || found?.undecided !== undefined || found?.stepUp !== undefined
}

export class ImpactCount {
  readonly #to: Instant
  readonly #table: CompiledTable
  #requests = 0
  #isSampled = false
  readonly #sessions = new DistinctCount()
  readonly #clients = new DistinctCount()
  readonly #subjects = new DistinctCount()
  readonly #addresses = new DistinctCount()
  readonly #routes = new Map<string, number>()
  readonly #byClient = new Map<string, number>()
  readonly #callbacks = new Map<string, number>()
  readonly #callers = new RegularCallers()
  readonly #minutes = new Array<number>(MINUTES).fill(0)

  constructor(question: ImpactQuestion, table: CompiledTable) {
    this.#to = question.to
    this.#table = table
  }

  /** `weight`: for how many requests this one stands. */
  add(sample: Sample, weight: number): void {
    if (weight !== 1) this.#isSampled = true
    if (!wouldRefuse(this.#table, sample)) return
    const { route, session, clients = [], subjects, address, at } = sample
    this.#requests += weight
    increase(this.#routes, route.id, weight, Infinity)
    if (session !== undefined) this.#sessions.add(session)
    for (const subject of subjects) this.#subjects.add(subject)
    this.#addresses.add(address)
    const [client] = clients
    if (client !== undefined) {
      this.#clients.add(client)
      increase(this.#byClient, client, weight, CLIENTS_MAX)
    }
    if (route.tags.some((tag) => CALLBACK_TAGS.includes(tag))) increase(this.#callbacks, route.id, weight, Infinity)
    this.#callers.add(sample, weight)
    const minute = MINUTES - 1 - Math.floor(Math.max(0, this.#to - at) / MINUTE_MS)
    if (minute >= 0) this.#minutes[minute] = (this.#minutes[minute] ?? 0) + weight
  }

  result(since: Instant, open: number): Impact {
    return {
      requests: Math.round(this.#requests),
      isSampled: this.#isSampled,
      since,
      sessions: this.#sessions.least,
      clients: this.#clients.least,
      subjects: this.#subjects.least,
      addresses: this.#addresses.least,
      routes: rounded(this.#routes, Infinity),
      byClient: rounded(this.#byClient, CLIENTS_TOLD_MAX),
      probes: this.#callers.found.map((each) => ({ ...each, requests: Math.round(each.requests) })),
      callbacks: rounded(this.#callbacks, Infinity),
      minutes: this.#minutes.map(Math.round),
      open,
    }
  }
}

/** Of several workers or gateways. `since` is when the last of them began to look. */
export function mergeImpacts(impacts: readonly Impact[], since: Instant): Impact {
  const distinct = (key: 'sessions' | 'clients' | 'subjects' | 'addresses'): Distinct =>
    unionOf(impacts.map((each) => each[key]))
  const sum = (key: 'requests' | 'open'): number => impacts.reduce((total, each) => total + each[key], 0)
  return {
    requests: sum('requests'),
    isSampled: impacts.some((each) => each.isSampled),
    since: Math.round(Math.max(since, ...impacts.map((each) => each.since))),
    sessions: distinct('sessions'),
    clients: distinct('clients'),
    subjects: distinct('subjects'),
    addresses: distinct('addresses'),
    routes: added(
      impacts.map(({ routes }) => routes),
      Infinity,
    ),
    byClient: added(
      impacts.map(({ byClient }) => byClient),
      CLIENTS_TOLD_MAX,
    ),
    probes: mergeCallers(impacts.flatMap(({ probes }) => probes)),
    callbacks: added(
      impacts.map(({ callbacks }) => callbacks),
      Infinity,
    ),
    minutes: Array.from({ length: MINUTES }, (_, minute) =>
      impacts.reduce((total, { minutes }) => total + (minutes[minute] ?? 0), 0),
    ),
    open: sum('open'),
  }
}

function increase(counts: Map<string, number>, name: string, by: number, most: number): void {
  const before = counts.get(name)
  if (before === undefined && counts.size >= most) return
  counts.set(name, (before ?? 0) + by)
}

type Counts = Readonly<Record<string, number>>

function added(all: readonly Counts[], most: number): Counts {
  const counts = new Map<string, number>()
  for (const each of all) for (const [name, count] of Object.entries(each)) increase(counts, name, count, Infinity)
  return rounded(counts, most)
}

/** The greatest first. */
function rounded(counts: ReadonlyMap<string, number>, most: number): Counts {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, most)
  return Object.fromEntries(sorted.map(([name, count]) => [name, Math.round(count)]))
}
