// The lock table that workers enforce: replaced as a whole, never edited, and compiled against the routes of the running config.
import {
  coversRequest,
  coversRoute,
  LOCK_MODES,
  modeAt,
  refuses,
  type Lock,
  type LockMode,
  type LockTarget,
} from './lock.ts'
import { compileRevocations, type CompiledRevocations, type Revocation } from './session.ts'
import type { Route } from './route.ts'
import type { Instant } from './time.ts'

/** Plain data: it is posted to the workers by structured clone. */
export interface LockTable {
  readonly epoch: number
  readonly locks: readonly Lock[]
  readonly revocations: readonly Revocation[]
}

export const EMPTY_TABLE: LockTable = { epoch: 0, locks: [], revocations: [] }

interface CompiledLock {
  readonly lock: Lock
  readonly inCidrs: (address: string) => boolean
}

export interface CompiledTable {
  readonly epoch: number
  readonly all: readonly CompiledLock[]
  /** Every route of the running config; most have no lock. */
  readonly byRoute: ReadonlyMap<Route, readonly CompiledLock[]>
  readonly revocations: CompiledRevocations
}

/** `compileCidrs` turns a list of networks into a membership test; config/ and order parsing have refused bad ones. */
export function compileTable(
  table: LockTable,
  routes: readonly Route[],
  compileCidrs: (cidrs: readonly string[]) => (address: string) => boolean,
): CompiledTable {
  const locks = table.locks.map((lock) => ({ lock, inCidrs: compileCidrs(lock.scope.cidrs ?? []) }))
  const byRoute = new Map<Route, readonly CompiledLock[]>()
  for (const route of routes) {
    const inside = locks.filter(({ lock }) => coversRoute(lock.scope, route))
    byRoute.set(route, inside.length === 0 ? NONE : inside)
  }
  return { epoch: table.epoch, all: locks, byRoute, revocations: compileRevocations(table.revocations) }
}

const NONE: readonly CompiledLock[] = []

/** The strictest lock of each kind that covers a request. */
export interface LocksInForce {
  /** Refuses outright: `deny`, or `read-only` with an unsafe method. */
  readonly denying?: Lock
  readonly stepUp?: Lock
  readonly throttling?: Lock
  /** Would have refused. */
  readonly observing?: Lock
}

/** The locks in force for the request at `now`, or undefined where there are none: the common case costs one map look-up. */
export function findLocks(table: CompiledTable, target: LockTarget, now: Instant): LocksInForce | undefined {
  // An exchange that outlives a reload holds a route of the config before: it is judged by every lock.
  const candidates =
    table.byRoute.get(target.route) ?? table.all.filter(({ lock }) => coversRoute(lock.scope, target.route))
  if (candidates.length === 0) return undefined
  const found: { denying?: Lock; stepUp?: Lock; throttling?: Lock; observing?: Lock } = {}
  let any = false
  for (const { lock, inCidrs } of candidates) {
    const mode = modeAt(lock, now)
    if (mode === undefined || !coversRequest(lock.scope, target, inCidrs)) continue
    const kind = kindOf(mode, target.method)
    if (kind === undefined) continue
    const other = found[kind]
    found[kind] = other === undefined ? lock : stricter(kind, other, lock, now)
    any = true
  }
  return any ? found : undefined
}

/**
 * Of two locks of one kind the one that lets less through, so that a lock which is added never loosens. Two that refuse
 * outright differ in the answer alone, and the first is kept unless only the second is a deny.
 */
function stricter(kind: keyof LocksInForce, one: Lock, two: Lock, now: Instant): Lock {
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

function kindOf(mode: LockMode, method: string): keyof LocksInForce | undefined {
  if (refuses(mode, method)) return 'denying'
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

/** Ids of the routes that a scope covers, in config order: what an order's answer tells. */
export function coveredRoutes(lock: Pick<Lock, 'scope'>, routes: readonly Route[]): readonly string[] {
  return routes.filter((route) => coversRoute(lock.scope, route)).map((route) => route.id)
}

/** `frozen` of status and metrics: an all-scope deny is in force. */
export function isFrozen(table: LockTable, now: Instant): boolean {
  return table.locks.some((lock) => lock.scope.all === true && modeAt(lock, now) === 'deny')
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
