// Why a request is refused, or is not: every lock that reaches it, what each would do, and which of them decides.
import type { HeldLock, Ledger } from './ledger.ts'
import { tableOf } from './ledger.ts'
import { compileTable, findLocks, freshSinceOf } from './lock-table.ts'
import type { CompileCidrs } from './lock-index.ts'
import { modeAt, type Lock, type LockMode, type LockTarget } from './lock.ts'
import { compileRevocations, isRevoked, type Revocation, type Session } from './session.ts'
import type { Route } from './route.ts'
import type { Instant } from './time.ts'

type LockEffect = 'refuses' | 'asks for a fresh OTP' | 'limits' | 'observes' | 'passes'

interface ExplainedLock {
  readonly lock: Lock
  /** Absent where it has opened by itself. */
  readonly mode?: LockMode
  /** Epoch at which it landed; absent for flags. */
  readonly epoch?: number
  readonly effect: LockEffect
  /** It is the one whose refusal the caller sees. */
  readonly decides: boolean
}

export interface Explanation {
  readonly verdict: 'refused' | 'needs a session in the share' | 'needs a fresh OTP' | 'limited' | 'passes the locks'
  readonly locks: readonly ExplainedLock[]
  /** The OTP must be newer than this. */
  readonly freshSince?: Instant
  /** Revocations that end such a session, where one was described. */
  readonly revocations: readonly Revocation[]
}

export interface Described {
  readonly target: LockTarget
  /** When the session was opened by OTP; absent where no session was described. */
  readonly openedAt?: Instant
}

/** Of one request, by the ledger as it stands. The very function that the workers decide by decides here. */
export function explain(
  ledger: Ledger,
  routes: readonly Route[],
  { target, openedAt }: Described,
  compileCidrs: CompileCidrs,
  now: Instant,
): Explanation {
  const table = tableOf(ledger)
  const found = findLocks(compileTable(table, routes, compileCidrs), target, now)
  const decisive = found?.denying ?? found?.undecided ?? found?.stepUp ?? found?.throttling
  const locks = table.locks.flatMap((lock) => {
    const alone = findLocks(compileTable({ ...table, locks: [lock] }, routes, compileCidrs), target, now)
    if (alone === undefined && !reaches(lock, target, routes, compileCidrs)) return []
    return [explained(lock, effectOf(alone), ledger.held.get(lock.id), lock.id === decisive?.id, now)]
  })
  const freshSince = freshSinceOf(found)
  return {
    verdict: verdictOf(found),
    locks,
    revocations: openedAt === undefined ? [] : revocationsOf(table.revocations, target, openedAt),
    ...(freshSince === undefined ? {} : { freshSince }),
  }
}

type Found = ReturnType<typeof findLocks>

/** A lock that something passes now, or that lets this method pass, is told too: it is why the request passes. */
function reaches(lock: Lock, target: LockTarget, routes: readonly Route[], compileCidrs: CompileCidrs): boolean {
  const { id, scope, source, since, reason, incident, status, message } = lock
  const whole: Lock = { id, scope, source, since, reason, incident, status, message, mode: 'deny', onExpiry: 'stay' }
  const table = { epoch: 0, locks: [whole], revocations: [] }
  return findLocks(compileTable(table, routes, compileCidrs), target, 0) !== undefined
}

function effectOf(alone: Found): LockEffect {
  if (alone?.denying !== undefined || alone?.undecided !== undefined) return 'refuses'
  if (alone?.stepUp !== undefined) return 'asks for a fresh OTP'
  if (alone?.throttling !== undefined) return 'limits'
  if (alone?.observing !== undefined) return 'observes'
  return alone?.freshSince === undefined ? 'passes' : 'asks for a fresh OTP'
}

function verdictOf(found: Found): Explanation['verdict'] {
  if (found?.denying !== undefined) return 'refused'
  if (found?.undecided !== undefined) return 'needs a session in the share'
  if (found?.stepUp !== undefined || found?.freshSince !== undefined) return 'needs a fresh OTP'
  return found?.throttling === undefined ? 'passes the locks' : 'limited'
}

function explained(
  lock: Lock,
  effect: LockEffect,
  held: HeldLock | undefined,
  decides: boolean,
  now: Instant,
): ExplainedLock {
  const mode = modeAt(lock, now)
  return {
    lock,
    effect,
    decides,
    ...(mode === undefined ? {} : { mode }),
    ...(held === undefined ? {} : { epoch: held.epoch }),
  }
}

function revocationsOf(
  revocations: readonly Revocation[],
  { principal = '', session = '', clients = [] }: LockTarget,
  openedAt: Instant,
): readonly Revocation[] {
  const described: Session = {
    issuer: '',
    principal,
    session,
    clients,
    byOtp: true,
    authTime: openedAt / 1000,
    expiresAt: Infinity,
    claims: {},
  }
  return revocations.filter((each) => isRevoked(described, compileRevocations([each])))
}
