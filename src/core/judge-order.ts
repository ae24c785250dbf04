// Easy in, hard out: whether an order whose signature holds is accepted. One signature locks; what opens takes two people.
import { didYouMean } from './did-you-mean.ts'
import { judgeEnrolment, judgeRetirement } from './judge-people.ts'
import type { KnownNames } from './fleet-messages.ts'
import type { Guard } from './ledger-entry.ts'
import type { Ledger } from './ledger.ts'
import { modeAt } from './lock.ts'
import { coveredRoutes } from './lock-table.ts'
import { refuse, type OrderRefusal } from './order-refusal.ts'
import type {
  ApproveOrder,
  ExemptOrder,
  IncidentOrder,
  ReleaseOrder,
  RevokeOrder,
  SeenCheckpoint,
  Statement,
} from './order.ts'
import { isExpired, isOvertaken } from './pending.ts'
import { isEnrolled, mayWithdraw, WITHDRAW_MS, type Proposal } from './proposal.ts'
import { isBrowserKey, isSamePerson, mayOrder, neededRole, type OrderKind, type Responder } from './responder.ts'
import { wordProblems } from './order-words.ts'
import type { Route } from './route.ts'
import type { LockScope } from './scope.ts'
import type { Instant } from './time.ts'

/** How far an order's `iat` may be from the gateway's clock, and a revocation's `before` ahead of it. */
export const ORDER_SKEW_MS = 60_000

export interface OrderContext {
  readonly now: Instant
  readonly routes: readonly Route[]
  /** Names that other members of the fleet know. */
  readonly elsewhere?: KnownNames | undefined
  /** Who is enrolled now, those among them whom orders have enrolled or retired. */
  readonly guard: Guard
  /** Of this gateway's own trail, as it stands now. */
  readonly checkpoint?: SeenCheckpoint | undefined
}

/** Undefined where the order is to be accepted. `id` is the hash of its signing input. */
export function judgeOrder(
  ledger: Ledger,
  id: string,
  statement: Statement,
  by: Responder,
  context: OrderContext,
): OrderRefusal | undefined {
  const { order } = statement
  if (by.retiredAt !== undefined && context.now >= by.retiredAt) return refuse('role', `${by.name} has been retired`)
  if (!mayOrder(by.role, order.kind)) {
    return refuse('role', `${by.name} is a ${by.role}; ${order.kind} needs a ${neededRole(order.kind)}`)
  }
  const epoch = ledger.accepted.get(id)
  if (epoch !== undefined) return { ...refuse('conflict', 'this order was accepted before'), first: { id, epoch } }
  return judgeTimes(statement, context.now) ?? judgeWords(statement) ?? judgeKind(ledger, order, by, context)
}

/** What the order says in words stands in the trail as it is. Judged once, as its times are. A sealed order is for the worst of nights: it holds. */
function judgeWords({ order, sealed }: Statement): OrderRefusal | undefined {
  const problems = sealed === true ? [] : wordProblems(order)
  return problems.length === 0 ? undefined : refuse('bad', ...problems)
}

function judgeKind(
  ledger: Ledger,
  order: Statement['order'],
  by: Responder,
  context: OrderContext,
): OrderRefusal | undefined {
  switch (order.kind) {
    case 'lock':
      return judgeScope(order.scope, context)
    case 'revoke':
      return judgeRevoke(order, context.now)
    case 'incident':
      return judgeIncident(order, context.now)
    case 'drill':
    case 'genesis':
    case 'forget':
      return undefined
    case 'release':
      return judgeRelease(ledger, order, by, context)
    case 'exempt':
      return judgeExemption(ledger, order, by, context)
    case 'enrol':
      return judgeEnrolment(order, context.guard, context.now)
    case 'retire':
      return judgeRetirement(ledger, order, context.guard, context.now)
    case 'approve':
      return judgeApproval(ledger, order, by, context)
  }
}

function judgeTimes({ iat, nbf, exp, sealed }: Statement, now: Instant): OrderRefusal | undefined {
  const off = (problem: string): OrderRefusal => ({ ...refuse('bad', problem), now: Math.floor(now / 1000) })
  if (sealed === undefined && Math.abs(now - iat * 1000) > ORDER_SKEW_MS)
    return off(`iat is more than ${ORDER_SKEW_MS / 1000} s from the gateway's clock: sign the order anew`)
  if (nbf !== undefined && now < nbf * 1000 - ORDER_SKEW_MS) return off('nbf has not come yet')
  return exp !== undefined && exp * 1000 <= now ? off('exp has passed') : undefined
}

// Looking for the nearest name costs its length times the names that are known.
const PROBLEMS_MAX = 20

/** Names of the scope that mean nothing here, nor `elsewhere` in the fleet, with what may have been meant. */
export function scopeProblems(scope: LockScope, routes: readonly Route[], elsewhere?: KnownNames): readonly string[] {
  const known = {
    routes: routes.map((route) => route.id),
    tags: [...new Set(routes.flatMap((route) => route.tags))],
    upstreams: [...new Set(routes.map((route) => route.upstream))],
  }
  const problems: string[] = []
  for (const dimension of ['routes', 'tags', 'upstreams'] as const) {
    for (const name of scope[dimension] ?? []) {
      if (
        problems.length < PROBLEMS_MAX &&
        !known[dimension].includes(name) &&
        elsewhere?.[dimension].includes(name) !== true
      ) {
        problems.push(`scope.${dimension}: there is no "${name}"${didYouMean(name, known[dimension])}`)
      }
    }
  }
  return problems
}

function judgeScope(scope: LockScope, { routes, elsewhere }: OrderContext): OrderRefusal | undefined {
  const problems = scopeProblems(scope, routes, elsewhere)
  return problems.length > 0 ? refuse('bad', ...problems.map((problem) => `order.${problem}`)) : undefined
}

function judgeRevoke(order: RevokeOrder, now: Instant): OrderRefusal | undefined {
  if (order.before === undefined || order.before <= now + ORDER_SKEW_MS) return undefined
  return { ...refuse('bad', `order.before is more than ${ORDER_SKEW_MS / 1000} s ahead`), now: Math.floor(now / 1000) }
}

/** A clock of the law that began in the future would hide a deadline. */
function judgeIncident({ noticedAt }: IncidentOrder, now: Instant): OrderRefusal | undefined {
  if (noticedAt === undefined || noticedAt <= now + ORDER_SKEW_MS) return undefined
  return { ...refuse('bad', 'order.noticedAt is in the future'), now: Math.floor(now / 1000) }
}

function judgeRelease(
  ledger: Ledger,
  order: ReleaseOrder,
  by: Responder,
  context: OrderContext,
): OrderRefusal | undefined {
  const unknown = judgeLocks(ledger, order.locks)
  if (unknown !== undefined) return unknown
  if (order.withdraw === true) return judgeWithdrawal(ledger, order.locks, by, context.now)
  return (
    judgeOwner(order, context) ??
    judgeSigner(ledger, order.locks, by, 'release') ??
    judgeSeen(ledger, order.locks, order, context)
  )
}

function judgeLocks(ledger: Ledger, ids: readonly string[]): OrderRefusal | undefined {
  const problems: string[] = []
  for (const id of ids) {
    if (ledger.held.has(id)) continue
    const flag = [...ledger.flags.file, ...ledger.flags.config].find((lock) => lock.id === id)
    if (flag !== undefined)
      problems.push(`lock ${id} was set by the ${flag.source === 'file' ? 'locks file' : 'config'}: it is opened there`)
    else if (ledger.released.has(id)) problems.push(`lock ${id} has been released before`)
    else problems.push(`there is no lock ${id}${didYouMean(id, [...ledger.held.keys()])}`)
  }
  if (problems.length === 0) return undefined
  return refuse(ids.every((id) => ledger.released.has(id)) ? 'conflict' : 'bad', ...problems)
}

/** The one who locked may take that lock back, alone, while it is fresh: a slip of the hand wakes nobody else. */
function judgeWithdrawal(
  ledger: Ledger,
  ids: readonly string[],
  by: Responder,
  now: Instant,
): OrderRefusal | undefined {
  for (const id of ids) {
    const held = ledger.held.get(id)
    if (held === undefined || mayWithdraw(held, by, now)) continue
    const isTheirs = held.by?.name === by.name && held.by.key === by.key
    return isTheirs
      ? refuse('conflict', `lock ${id} is older than ${WITHDRAW_MS / 1000} s: two people release it`)
      : refuse('role', `lock ${id} was not ordered by ${by.name} with this key: two people release it`)
  }
  return undefined
}

function judgeOwner({ thaw }: ReleaseOrder, { guard, now }: OrderContext): OrderRefusal | undefined {
  if (thaw === undefined) return undefined
  const active = guard.responders.filter(({ retiredAt }) => retiredAt === undefined || now < retiredAt)
  const names = active.map(({ name }) => name)
  if (names.includes(thaw.owner)) return undefined
  return refuse('bad', `order.thaw.owner: there is no responder "${thaw.owner}"${didYouMean(thaw.owner, names)}`)
}

function judgeExemption(
  ledger: Ledger,
  order: ExemptOrder,
  by: Responder,
  context: OrderContext,
): OrderRefusal | undefined {
  return (
    judgeLocks(ledger, order.locks) ??
    judgeScope(order.scope, context) ??
    judgeSigner(ledger, order.locks, by, 'exempt') ??
    judgeSeen(ledger, order.locks, order, context)
  )
}

function judgeApproval(
  ledger: Ledger,
  order: ApproveOrder,
  by: Responder,
  context: OrderContext,
): OrderRefusal | undefined {
  const proposal = ledger.proposals.get(order.release)
  if (proposal === undefined)
    return refuse(
      'bad',
      `there is no proposal ${order.release}${didYouMean(order.release, [...ledger.proposals.keys()])}`,
    )
  if (proposal.done) return refuse('conflict', 'this has been carried out before')
  if (isOvertaken(ledger, proposal, context.now)) return refuse('conflict', 'what it opens is open already')
  if (isExpired(proposal, context.now)) return refuse('bad', "the proposal's exp has passed: propose it anew")
  if (proposal.signers.some((signer) => isSamePerson(signer, by))) {
    return refuse('conflict', `${by.name} has signed this before: it takes ${proposal.required} different people`)
  }
  if (isBrowserKey(by) && proposal.signers.every(isBrowserKey) && proposal.signers.length + 1 >= proposal.required)
    return refuse(
      'role',
      `all signatures would come from browsers: sign with portcullis approve ${order.release} and a key on your own machine`,
    )
  return (
    judgeSigner(ledger, proposal.locks, by, 'approve') ??
    judgeSeen(ledger, proposal.locks, order, context) ??
    judgeProposed(ledger, proposal, by, context)
  )
}

/** What has changed since it was proposed is judged again. */
function judgeProposed(
  ledger: Ledger,
  { order, guard: stood }: Proposal,
  by: Responder,
  { guard, now }: OrderContext,
): OrderRefusal | undefined {
  if (order.kind !== 'enrol' && order.kind !== 'retire') return undefined
  if (!isEnrolled(stood, by, 'approve') && !isRecovered(ledger, by))
    return refuse('role', `${by.name}'s key was not enrolled when this was proposed: propose it anew`)
  return order.kind === 'enrol' ? judgeEnrolment(order, guard, now) : judgeRetirement(ledger, order, guard, now)
}

/** A lock is opened only by keys that were enrolled when it landed, each in the role that it had then. */
function judgeSigner(
  ledger: Ledger,
  locks: readonly string[],
  by: Responder,
  kind: OrderKind,
): OrderRefusal | undefined {
  if (isRecovered(ledger, by)) return undefined
  for (const id of locks) {
    const held = ledger.held.get(id)
    if (held !== undefined && !isEnrolled(held.guard, by, kind)) {
      return refuse(
        'role',
        `${by.name}'s key was not enrolled when lock ${id} landed: it is released by those that were`,
      )
    }
  }
  return undefined
}

/** Enrolled on this host when the keys were lost. */
function isRecovered({ recovered }: Ledger, by: Responder): boolean {
  return recovered.some(({ responder }) => responder.key === by.key && responder.name === by.name)
}

function judgeSeen(
  ledger: Ledger,
  locks: readonly string[],
  { epoch, checkpoint }: Pick<ReleaseOrder, 'epoch' | 'checkpoint'>,
  context: OrderContext,
): OrderRefusal | undefined {
  return judgeCheckpoint(checkpoint, context.checkpoint) ?? judgeEpoch(ledger, locks, epoch, context)
}

/** A log only grows: one that is shorter than the signer saw it, or has another root, was rolled back or made anew. */
function judgeCheckpoint(seen: SeenCheckpoint | undefined, now: SeenCheckpoint | undefined): OrderRefusal | undefined {
  if (seen === undefined || now?.origin !== seen.origin) return undefined
  if (now.size < seen.size)
    return refuse(
      'conflict',
      `the trail has ${now.size} entries here, and you signed over ${seen.size}: it was rolled back, see portcullis audit verify`,
    )
  return now.size === seen.size && now.root !== seen.root
    ? refuse('conflict', `the trail has another root than the one that you signed over: see portcullis audit verify`)
    : undefined
}

/** The signer saw `epoch`; a lock that reaches into the same routes since then is one that they have not seen. */
function judgeEpoch(
  ledger: Ledger,
  locks: readonly string[],
  epoch: number | undefined,
  context: OrderContext,
): OrderRefusal | undefined {
  if (epoch === undefined) return undefined
  const covered = new Set(locks.flatMap((id) => routesOf(ledger, id, context.routes)))
  for (const [id, held] of ledger.held) {
    if (held.epoch <= epoch || locks.includes(id) || modeAt(held.lock, context.now) === undefined) continue
    if (coveredRoutes(held.lock, context.routes).some((route) => covered.has(route))) {
      return refuse(
        'conflict',
        `lock ${id} came at epoch ${held.epoch}, after the epoch ${epoch} that you signed over: look, and sign again`,
      )
    }
  }
  return undefined
}

function routesOf(ledger: Ledger, id: string, routes: readonly Route[]): readonly string[] {
  const held = ledger.held.get(id)
  return held === undefined ? [] : coveredRoutes(held.lock, routes)
}
