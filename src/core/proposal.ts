// Hard out: what waits for signatures, and when they are enough. A function of the set of signatures, whatever order they came in.
import type { Guard, OrderEntry } from './ledger-entry.ts'
import type { Lock } from './lock.ts'
import type { ProposedOrder } from './order.ts'
import { isBrowserKey, isSamePerson, mayOrder, type OrderKind, type Responder } from './responder.ts'
import { isRetiredBy, type Roster } from './roster.ts'
import type { Instant } from './time.ts'

/** A signature under a proposal, which may come before the proposal itself. */
export interface Approval {
  readonly by: Responder
  readonly at: Instant
  /** When it came from another gateway, which may be late. */
  readonly heardAt?: Instant
}

/** What waits for signatures, or has them. */
export interface Proposal {
  readonly id: string
  readonly order: ProposedOrder
  /** The locks that it opens; none for an enrolment or a retirement. */
  readonly locks: readonly string[]
  readonly reason: string
  readonly at: Instant
  readonly expiresAt?: Instant
  /** Who signed so far; the proposer is the first. */
  readonly signers: readonly Responder[]
  readonly required: number
  readonly done: boolean
  /** When the signature came that was enough. */
  readonly doneAt?: Instant
  /** What stood when it was proposed. */
  readonly guard: Guard
}

/** A lock and what stood when it landed. */
export interface Landed {
  readonly lock: Lock
  readonly guard: Guard
  /** Absent where nobody signed it. */
  readonly by?: Responder
}

/** What the signatures are weighed against. */
export interface Weighing {
  readonly approvals: readonly Approval[]
  /** Of the locks that have landed here; one that is not here yet asks for nothing until it comes. */
  readonly landed: readonly Landed[]
  readonly roster: Roster
  /** Keys enrolled on this host when the others were lost: they count as if they had always been there. */
  readonly recovered: readonly Responder[]
}

/** It takes two people, whatever the config says. */
const PEOPLE_MIN = 2
/** How long the one who locked may take it back alone. */
export const WITHDRAW_MS = 60_000

export function proposalOf(entry: OrderEntry, order: ProposedOrder): Proposal {
  return {
    id: entry.id,
    order,
    locks: 'locks' in order ? order.locks : [],
    reason: order.reason,
    at: entry.at,
    signers: [entry.by],
    required: Math.max(PEOPLE_MIN, entry.guard.approvals),
    done: false,
    guard: entry.guard,
    ...(entry.statement.exp === undefined ? {} : { expiresAt: entry.statement.exp * 1000 }),
  }
}

/** Whether the responder was enrolled when the lock landed, with a role that lets them give such an order. */
export function isEnrolled(guard: Guard, by: Responder, kind: OrderKind): boolean {
  return guard.responders.some((each) => each.key === by.key && each.name === by.name && mayOrder(each.role, kind))
}

/** The proposal with everybody who has signed it so far, and whether they are enough. */
export function weigh(proposal: Proposal, weighing: Weighing): Proposal {
  const before = withoutEnd(proposal)
  return isWithdrawal(proposal) ? weighWithdrawal(before, weighing) : weighSignatures(before, weighing)
}

function isWithdrawal({ order }: Proposal): boolean {
  return order.kind === 'release' && order.withdraw === true
}

function withoutEnd(proposal: Proposal): Proposal {
  const before: { -readonly [Key in keyof Proposal]: Proposal[Key] } = { ...proposal }
  delete before.doneAt
  return before
}

/**
 * The lock's own responder, with the very key, within a minute by the clocks of the gateways that took the two orders. Nobody
 * has ordered a FREEZE.
 */
export function mayWithdraw({ lock, by: locker }: Landed, by: Responder, at: Instant): boolean {
  return locker?.name === by.name && locker.key === by.key && Math.abs(at - lock.since) <= WITHDRAW_MS
}

function weighWithdrawal(proposal: Proposal, { landed, roster }: Weighing): Proposal {
  const [by] = proposal.signers
  const done =
    by !== undefined &&
    landed.length === proposal.locks.length &&
    landed.every((each) => mayWithdraw(each, by, proposal.at)) &&
    !isRetiredBy(roster, by, proposal.at)
  return { ...proposal, required: 1, done, ...(done ? { doneAt: proposal.at } : {}) }
}

/**
 * Different people, each enrolled when each of the locks landed, and not retired by an order when they signed; one of them a
 * commander, or all of them where it is about who responds; and one of them with a key that no page can reach.
 */
function weighSignatures(proposal: Proposal, weighing: Weighing): Proposal {
  const guards = guardsOf(proposal, weighing)
  const required = Math.max(proposal.required, ...guards.map((guard) => guard.approvals))
  const counts = (by: Responder, at: Instant, kind: OrderKind): boolean =>
    !isRetiredBy(weighing.roster, by, at) &&
    (isRecovered(weighing.recovered, by) || guards.every((guard) => isEnrolled(guard, by, kind)))
  const signers = proposal.signers.slice(0, 1)
  const counted = signers.filter((by) => counts(by, proposal.at, proposal.order.kind))
  let doneAt: Instant | undefined
  for (const { by, at, heardAt = at } of weighing.approvals.toSorted(byTime)) {
    if (proposal.expiresAt !== undefined && Math.max(at, heardAt) >= proposal.expiresAt) continue
    if (signers.some((signer) => isSamePerson(signer, by))) continue
    signers.push(by)
    if (!counts(by, at, 'approve')) continue
    counted.push(by)
    if (doneAt === undefined && isEnough(counted, required)) doneAt = Math.max(at, proposal.at)
  }
  return { ...proposal, signers, required, done: doneAt !== undefined, ...(doneAt === undefined ? {} : { doneAt }) }
}

function isEnough(counted: readonly Responder[], required: number): boolean {
  return (
    counted.length >= required &&
    counted.some(({ role }) => role === 'commander') &&
    counted.some((by) => !isBrowserKey(by))
  )
}

/** Those of the locks; where there are none, what stood when it was proposed. */
function guardsOf({ order, guard }: Proposal, { landed }: Weighing): readonly Guard[] {
  return order.kind === 'release' || order.kind === 'exempt' ? landed.map((each) => each.guard) : [guard]
}

function isRecovered(recovered: readonly Responder[], by: Responder): boolean {
  return recovered.some((each) => each.key === by.key && each.name === by.name)
}

/** One order of signatures for all gateways, whatever order they came in. */
function byTime(a: Approval, b: Approval): number {
  return a.at - b.at || (JSON.stringify(a.by) < JSON.stringify(b.by) ? -1 : 1)
}
