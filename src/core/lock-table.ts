// The lock table that workers enforce: replaced as a whole, never edited, and compiled against the routes of the running config.
import {
  coversRequest,
  coversRoute,
  isSafeTarget,
  LOCK_MODES,
  modeAt,
  refuses,
  type Exemption,
  type Lock,
  type LockMode,
  type LockTarget,
} from './lock.ts'
import { createLockIndex, isIndexed, type CompileCidrs, type LockIndex, type Membership } from './lock-index.ts'
import type { Route } from './route.ts'
import type { LockScope } from './scope.ts'
import { compileRevocations, type CompiledRevocations, type Revocation } from './session.ts'
import { isInShare, returnOf, thawState, thawTightensAt, type Return, type ThawRun } from './thaw.ts'
import type { Instant } from './time.ts'

/** Plain data: it is posted to the workers by structured clone. */
export interface LockTable {
  readonly epoch: number
  /** Hash of what the orders have made of it (core/table-lines): what a worker's proof names. */
  readonly hash?: string
  readonly locks: readonly Lock[]
  readonly revocations: readonly Revocation[]
  /** Met by the canaries of its drill alone. */
  readonly drill?: Lock
}

export const EMPTY_TABLE: LockTable = { epoch: 0, locks: [], revocations: [] }

interface CompiledLock {
  readonly lock: Lock
  /** Its place in the table: the older lock is the one that is named. */
  readonly rank: number
  readonly inCidrs: Membership
  readonly exemptions: readonly { readonly exemption: Exemption; readonly inCidrs: Membership }[]
  /** By the scope of each stage that lets probes pass. */
  readonly probes: ReadonlyMap<LockScope, Membership>
}

export interface CompiledTable {
  readonly epoch: number
  readonly all: readonly CompiledLock[]
  /** Those that name no person, client, network or agent. */
  readonly plain: readonly CompiledLock[]
  /** Of the plain ones those that cover each route of the running config; most have none. */
  readonly byRoute: ReadonlyMap<Route, readonly CompiledLock[]>
  /** The others, on whichever route. */
  readonly index: LockIndex<CompiledLock>
  readonly drill?: CompiledLock
  readonly revocations: CompiledRevocations
}

/** `compileCidrs` turns a list of networks into a membership test; config/ and order parsing have refused bad ones. */
export function compileTable(table: LockTable, routes: readonly Route[], compileCidrs: CompileCidrs): CompiledTable {
  const inCidrs = ({ cidrs }: LockScope): Membership => (cidrs === undefined ? NOWHERE : whenAsked(cidrs, compileCidrs))
  const compileLock = (lock: Lock, rank: number): CompiledLock => ({
    lock,
    rank,
    inCidrs: inCidrs(lock.scope),
    exemptions: (lock.exemptions ?? []).map((exemption) => ({ exemption, inCidrs: inCidrs(exemption.scope) })),
    probes: new Map(probesOf(lock).map((scope) => [scope, inCidrs(scope)])),
  })
  const locks = table.locks.map(compileLock)
  const plain = locks.filter(({ lock }) => !isIndexed(lock.scope))
  const indexed = locks.filter(({ lock }) => isIndexed(lock.scope))
  const byRoute = new Map<Route, readonly CompiledLock[]>()
  for (const route of routes) {
    const inside = plain.filter(({ lock }) => coversRoute(lock.scope, route))
    byRoute.set(route, inside.length === 0 ? NONE : inside)
  }
  return {
    epoch: table.epoch,
    all: locks,
    plain,
    byRoute,
    index: createLockIndex(indexed, ({ lock }) => lock.scope, compileCidrs),
    ...(table.drill === undefined ? {} : { drill: compileLock(table.drill, locks.length) }),
    revocations: compileRevocations(table.revocations),
  }
}

/** Compiled at the first address: a table must be in force before its ten thousandth lock is asked. */
function whenAsked(cidrs: readonly string[], compile: CompileCidrs): Membership {
  let compiled: Membership | undefined
  return (address) => (compiled ??= compile(cidrs))(address)
}

function probesOf({ thaw }: Lock): readonly LockScope[] {
  return (thaw?.plan.stages ?? []).flatMap((stage) => (stage.passes === 'probes' ? [stage.probes] : []))
}

const NONE: readonly CompiledLock[] = []
const NOWHERE: Membership = () => false

/** The strictest lock of each kind that covers a request. */
export interface LocksInForce {
  /** Refuses outright: `deny`, or `read-only` with an unsafe method. */
  readonly denying?: Lock
  /** Refuses, unless the session that is still to be verified is in the share that a thaw plan lets pass. */
  readonly undecided?: Lock
  readonly stepUp?: Lock
  readonly throttling?: Lock
  /** Would have refused. */
  readonly observing?: Lock
  /** A thaw lets the request pass, and its session must have been opened since then. */
  readonly freshSince?: Instant
}

type Found = { -readonly [Kind in keyof LocksInForce]: LocksInForce[Kind] }

/** Where there is none, nothing of a request need be put together to be judged. */
export function hasLocks({ all, drill }: CompiledTable): boolean {
  return all.length > 0 || drill !== undefined
}

/** The locks in force for the request at `now`, or undefined where there are none: the common case costs one map look-up. */
export function findLocks(table: CompiledTable, target: LockTarget, now: Instant): LocksInForce | undefined {
  const candidates = candidatesOf(table, target)
  if (candidates.length === 0) return undefined
  const found: Found = {}
  let any = false
  for (const each of candidates) if (weigh(found, each, target, now)) any = true
  return any ? found : undefined
}

function candidatesOf(table: CompiledTable, target: LockTarget): readonly CompiledLock[] {
  const { route, drill } = target
  // An exchange that outlives a reload holds a route of the config before: it is judged by every lock.
  const plain = table.byRoute.get(route) ?? table.plain.filter(({ lock }) => coversRoute(lock.scope, route))
  const found = table.index.find(target).filter(({ lock }) => coversRoute(lock.scope, route))
  const all = found.length === 0 ? plain : [...plain, ...found].toSorted((a, b) => a.rank - b.rank)
  return drill === undefined || drill !== table.drill?.lock.id ? all : [...all, table.drill]
}

/** Adds what the lock says of the request; whether it says anything. */
function weigh(found: Found, compiled: CompiledLock, target: LockTarget, now: Instant): boolean {
  const { lock, inCidrs } = compiled
  if (!coversRequest(lock.scope, target, inCidrs) || isExempt(compiled, target, now)) return false
  const passing = lock.thaw === undefined ? 'refused' : passesThaw(compiled, lock.thaw, target, now)
  if (passing === 'passes') {
    found.freshSince = Math.max(found.freshSince ?? 0, lock.since)
    return true
  }
  const mode = modeAt(lock, now)
  const kind = mode === undefined ? undefined : kindOf(mode, target)
  if (kind === undefined) return false
  if (passing === 'undecided' && kind === 'denying') found.undecided ??= lock
  else {
    const other = found[kind]
    found[kind] = other === undefined ? lock : stricter(kind, other, lock, now)
  }
  return true
}

function isExempt({ exemptions }: CompiledLock, target: LockTarget, now: Instant): boolean {
  return exemptions.some(({ exemption: { scope, until }, inCidrs }) => now < until && covers(scope, target, inCidrs))
}

function covers(scope: LockScope, target: LockTarget, inCidrs: Membership): boolean {
  return coversRoute(scope, target.route) && coversRequest(scope, target, inCidrs)
}

/** `undecided`: it depends on a session that is not known yet. */
function passesThaw(
  { lock, probes }: CompiledLock,
  run: ThawRun,
  target: LockTarget,
  now: Instant,
): 'passes' | 'refused' | 'undecided' {
  const state = thawState(run, now)
  if (state.is === 'open') return 'passes'
  if (state.is === 'frozen') return 'refused'
  if (state.readOnly && isSafeTarget(target)) return 'passes'
  if (state.probes.some((scope) => covers(scope, target, probes.get(scope) ?? NOWHERE))) return 'passes'
  if (state.percent >= 100) return 'passes'
  if (state.percent === 0) return 'refused'
  if (target.session !== undefined) return isInShare(state.percent, target.session, lock.id) ? 'passes' : 'refused'
  // A route without sessions goes by address.
  if (target.route.policy.session.level === 'none')
    return isInShare(state.percent, target.address, lock.id) ? 'passes' : 'refused'
  return 'undecided'
}

/** Since when the session must have been opened by OTP, where a lock asks for it. */
export function freshSinceOf(locks: LocksInForce | undefined): Instant | undefined {
  if (locks?.stepUp === undefined) return locks?.freshSince
  return Math.max(locks.stepUp.since, locks.freshSince ?? 0)
}

/** When a caller whom a lock refuses now should come back, where a thaw plan tells. */
export function findReturn(lock: Lock, target: LockTarget, now: Instant): Return | undefined {
  if (lock.thaw === undefined) return undefined
  const { route, session, address } = target
  const queued = session ?? (route.policy.session.level === 'none' ? address : undefined)
  return returnOf(lock.thaw, { session: queued, isSafe: isSafeTarget(target) }, lock.id, now)
}

/**
 * Of two locks of one kind the one that lets less through, so that a lock which is added never loosens. Two that refuse
 * outright differ in the answer alone, and the first is kept unless only the second is a deny.
 */
function stricter(kind: LockKind, one: Lock, two: Lock, now: Instant): Lock {
  switch (kind) {
    case 'denying':
      return modeAt(one, now) !== 'deny' && modeAt(two, now) === 'deny' ? two : one
    case 'stepUp':
      // The OTP must be newer than every lock that asks for one.
      return two.since > one.since ? two : one
    case 'throttling':
      return withBothLimits(one, two)
    case 'observing':
      return one
  }
}

/** One limit that lets through nothing that either limit refuses: the smaller burst at the slower rate. */
function withBothLimits(one: Lock, two: Lock): Lock {
  if (one.limit === undefined) return two
  if (two.limit === undefined) return one
  const stepMs = Math.max(one.limit.periodMs / one.limit.count, two.limit.periodMs / two.limit.count)
  const count = Math.min(one.limit.count, two.limit.count)
  return { ...one, limit: { count, periodMs: stepMs * count } }
}

type LockKind = 'denying' | 'stepUp' | 'throttling' | 'observing'

function kindOf(mode: LockMode, target: LockTarget): LockKind | undefined {
  if (refuses(mode, target)) return 'denying'
  switch (mode) {
    case 'step-up':
      return 'stepUp'
    case 'throttle':
      return 'throttling'
    case 'observe':
      return 'observing'
    case 'deny':
    case 'read-only':
      return undefined
  }
}

/** The next moment from which the same table lets less through; undefined where there is none. */
export function tightensAt({ all }: CompiledTable, now: Instant): Instant | undefined {
  let next = Infinity
  for (const { lock } of all) {
    for (const { until } of lock.exemptions ?? []) if (until > now) next = Math.min(next, until)
    const deadline = lock.thaw === undefined ? now : thawTightensAt(lock.thaw)
    if (deadline > now) next = Math.min(next, deadline)
  }
  return next === Infinity ? undefined : next
}

/** Ids of the routes that a scope covers, in config order: what an order's answer tells. */
export function coveredRoutes(lock: Pick<Lock, 'scope'>, routes: readonly Route[]): readonly string[] {
  return routes.filter((route) => coversRoute(lock.scope, route)).map((route) => route.id)
}

/** `frozen` of status and metrics: an all-scope deny is in force, and no plan has begun to thaw it. */
export function isFrozen(table: LockTable, now: Instant): boolean {
  return table.locks.some(
    (lock) =>
      lock.scope.all === true &&
      modeAt(lock, now) === 'deny' &&
      (lock.thaw === undefined || thawState(lock.thaw, now).is === 'frozen'),
  )
}

/** Locks in force by mode, for the metric. */
export function countByMode(table: LockTable, now: Instant): Readonly<Record<LockMode, number>> {
  const counts = Object.fromEntries(LOCK_MODES.map((mode) => [mode, 0])) as Record<LockMode, number>
  for (const lock of table.locks) {
    const mode = modeAt(lock, now)
    if (mode !== undefined) counts[mode] += 1
  }
  return counts
}
