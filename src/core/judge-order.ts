// Easy in, hard out: whether an order whose signature holds is accepted. One signature locks; a release takes two people.
import { didYouMean } from './did-you-mean.ts'
import { isEnrolled, isSamePerson, type Guard, type Ledger, type Proposal } from './ledger.ts'
import { modeAt, type LockScope } from './lock.ts'
import { coveredRoutes } from './lock-table.ts'
import type { ApproveOrder, ReleaseOrder, RevokeOrder, Statement } from './order.ts'
import { mayOrder, neededRole, type Responder } from './responder.ts'
import type { Route } from './route.ts'
import type { Instant } from './time.ts'

/** How far an order's `iat` may be from the gateway's clock, and a revocation's `before` ahead of it. */
export const ORDER_SKEW_MS = 60_000

export interface OrderContext {
  readonly now: Instant
  readonly routes: readonly Route[]
  readonly guard: Guard
}

export type OrderRefusal = {
  /** `bad` 400, `unknown-signer` 401, `role` 403, `conflict` 409. */
  readonly refused: 'bad' | 'unknown-signer' | 'role' | 'conflict'
  readonly problems: readonly string[]
  /** For a second delivery: what the first was answered with. */
  readonly first?: { readonly id: string; readonly epoch: number }
  /** The gateway's clock in seconds, where the order's times were off. */
  readonly now?: number
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
  const late = judgeTimes(statement, context.now)
  if (late !== undefined) return late
  switch (order.kind) {
    case 'lock':
      return judgeScope(order.scope, context.routes)
    case 'revoke':
      return judgeRevoke(order, context.now)
    case 'release':
      return judgeRelease(ledger, order, by, context)
    case 'approve':
      return judgeApproval(ledger, order, by, context)
  }
}

function refuse(refused: OrderRefusal['refused'], ...problems: readonly string[]): OrderRefusal {
  return { refused, problems }
}

function judgeTimes(statement: Statement, now: Instant): OrderRefusal | undefined {
  const clock = { now: Math.floor(now / 1000) }
  if (Math.abs(now - statement.iat * 1000) > ORDER_SKEW_MS) {
    return {
      ...refuse('bad', `iat is more than ${ORDER_SKEW_MS / 1000} s from the gateway's clock: sign the order anew`),
      ...clock,
    }
  }
  if (statement.exp !== undefined && statement.exp * 1000 <= now)
    return { ...refuse('bad', 'exp has passed'), ...clock }
  return undefined
}

// Looking for the nearest name costs its length times the names that are known.
const PROBLEMS_MAX = 20

function judgeScope(scope: LockScope, routes: readonly Route[]): OrderRefusal | undefined {
  const known = {
    routes: routes.map((route) => route.id),
    tags: [...new Set(routes.flatMap((route) => route.tags))],
    upstreams: [...new Set(routes.map((route) => route.upstream))],
  }
  const problems: string[] = []
  for (const dimension of ['routes', 'tags', 'upstreams'] as const) {
    for (const name of scope[dimension] ?? []) {
      if (problems.length < PROBLEMS_MAX && !known[dimension].includes(name)) {
        problems.push(`order.scope.${dimension}: there is no "${name}"${didYouMean(name, known[dimension])}`)
      }
    }
  }
  return problems.length > 0 ? refuse('bad', ...problems) : undefined
}

function judgeRevoke(order: RevokeOrder, now: Instant): OrderRefusal | undefined {
  if (order.before === undefined || order.before <= now + ORDER_SKEW_MS) return undefined
  return { ...refuse('bad', `order.before is more than ${ORDER_SKEW_MS / 1000} s ahead`), now: Math.floor(now / 1000) }
}

function judgeRelease(
  ledger: Ledger,
  order: ReleaseOrder,
  by: Responder,
  context: OrderContext,
): OrderRefusal | undefined {
  const problems: string[] = []
  for (const id of order.locks) {
    if (ledger.held.has(id)) continue
    const flag = [...ledger.flags.file, ...ledger.flags.config].find((lock) => lock.id === id)
    if (flag !== undefined)
      problems.push(`lock ${id} was set by the ${flag.source === 'file' ? 'locks file' : 'config'}: it is opened there`)
    else if (ledger.released.has(id)) problems.push(`lock ${id} has been released before`)
    else problems.push(`there is no lock ${id}${didYouMean(id, [...ledger.held.keys()])}`)
  }
  if (problems.length > 0)
    return refuse(order.locks.every((id) => ledger.released.has(id)) ? 'conflict' : 'bad', ...problems)
  return judgeSigner(ledger, order.locks, by, 'release') ?? judgeEpoch(ledger, order.locks, order.epoch, context)
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
      `there is no proposed release ${order.release}${didYouMean(order.release, [...ledger.proposals.keys()])}`,
    )
  if (proposal.done || proposal.locks.every((id) => !ledger.held.has(id)))
    return refuse('conflict', 'this release has been carried out before')
  if (isExpired(proposal, context.now)) return refuse('bad', "the proposal's exp has passed: propose it anew")
  if (proposal.signers.some((signer) => isSamePerson(signer, by))) {
    return refuse(
      'conflict',
      `${by.name} has signed this release before: it takes ${proposal.required} different people`,
    )
  }
  return judgeSigner(ledger, proposal.locks, by, 'approve') ?? judgeEpoch(ledger, proposal.locks, order.epoch, context)
}

export function isExpired(proposal: Proposal, now: Instant): boolean {
  return proposal.expiresAt !== undefined && proposal.expiresAt <= now
}

/** A lock is released only by keys that were enrolled when it landed, each in the role that it had then. */
function judgeSigner(
  ledger: Ledger,
  locks: readonly string[],
  by: Responder,
  kind: 'release' | 'approve',
): OrderRefusal | undefined {
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
