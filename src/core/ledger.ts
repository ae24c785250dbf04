// The set of accepted orders, and the lock table that follows from it. Entries are applied by union: order and repetition
// change nothing but the epoch, which counts changes and only grows. The asymmetry of lock and release lives in judge-order.ts.
import type { Lock } from './lock.ts'
import type { LockTable } from './lock-table.ts'
import type { Statement } from './order.ts'
import { mayOrder, type OrderKind, type Responder } from './responder.ts'
import type { Revocation } from './session.ts'
import type { Instant } from './time.ts'

/** What stood when a lock landed: it is released only by these keys, under no fewer approvals. */
export interface Guard {
  readonly responders: readonly Responder[]
  readonly approvals: number
}

/** One change, as it is written to the journal. */
export type LedgerEntry =
  | {
      readonly type: 'order'
      /** SHA-256 of the order's signing input, base64url: nobody can swap what is approved. */
      readonly id: string
      readonly jws: string
      readonly statement: Statement
      readonly by: Responder
      readonly at: Instant
      readonly channel: OrderChannel
      readonly guard: Guard
    }
  | { readonly type: 'freeze'; readonly id: string; readonly at: Instant; readonly guard: Guard }
  /** The whole set of locks that a source of flags (locks.yaml, the config's routes) holds. */
  | {
      readonly type: 'flags'
      readonly source: 'file' | 'config'
      readonly locks: readonly Lock[]
      readonly at: Instant
    }

export type OrderChannel = 'api' | 'file'

interface HeldLock {
  readonly lock: Lock
  /** Epoch at which it landed. */
  readonly epoch: number
  readonly guard: Guard
}

/** A signature under a release, which may come before the release itself. */
interface Approval {
  readonly by: Responder
  readonly at: Instant
}

/** A release that waits for signatures. */
export interface Proposal {
  readonly id: string
  readonly locks: readonly string[]
  readonly reason: string
  readonly at: Instant
  readonly expiresAt?: Instant
  /** Who signed so far; the proposer is the first. */
  readonly signers: readonly Responder[]
  readonly required: number
  readonly done: boolean
}

export interface Ledger {
  readonly epoch: number
  readonly held: ReadonlyMap<string, HeldLock>
  /** Ids of released locks, kept as tombstones: no replay brings one back, and no union forgets a release. */
  readonly released: ReadonlySet<string>
  /** The released locks themselves, with what stood when they landed, so that a signature is weighed whenever it comes. */
  readonly tombstones: ReadonlyMap<string, HeldLock>
  readonly revocations: ReadonlyMap<string, Revocation>
  readonly proposals: ReadonlyMap<string, Proposal>
  /** Approvals by the id of the release that they are of. */
  readonly approvals: ReadonlyMap<string, readonly Approval[]>
  /** Accepted orders and the epoch that each was answered with. */
  readonly accepted: ReadonlyMap<string, number>
  readonly flags: Readonly<Record<'file' | 'config', readonly Lock[]>>
  /** Whether locks.yaml was ever read whole: without a last good file the gateway starts frozen. */
  readonly fileKnown: boolean
}

export const EMPTY_LEDGER: Ledger = {
  epoch: 0,
  held: new Map(),
  released: new Set(),
  tombstones: new Map(),
  revocations: new Map(),
  proposals: new Map(),
  approvals: new Map(),
  accepted: new Map(),
  flags: { file: [], config: [] },
  fileKnown: false,
}

/** A release takes two people, whatever the config says. */
const RELEASE_PEOPLE_MIN = 2

/** The ledger after the entry. Applying an entry twice gives the ledger that applying it once gave. */
export function applyEntry(ledger: Ledger, entry: LedgerEntry): Ledger {
  switch (entry.type) {
    case 'flags':
      return applyFlags(ledger, entry)
    case 'freeze':
      return land(ledger, freezeLock(entry), entry.guard)
    case 'order':
      return ledger.accepted.has(entry.id) ? ledger : applyOrder(ledger, entry)
  }
}

type OrderEntry = Extract<LedgerEntry, { type: 'order' }>

function applyFlags(ledger: Ledger, { source, locks }: Extract<LedgerEntry, { type: 'flags' }>): Ledger {
  const fileKnown = ledger.fileKnown || source === 'file'
  if (JSON.stringify(locks) === JSON.stringify(ledger.flags[source]))
    return fileKnown === ledger.fileKnown ? ledger : { ...ledger, fileKnown }
  return { ...ledger, epoch: ledger.epoch + 1, flags: { ...ledger.flags, [source]: locks }, fileKnown }
}

function applyOrder(ledger: Ledger, entry: OrderEntry): Ledger {
  const next = effect(ledger, entry)
  return { ...next, accepted: new Map(ledger.accepted).set(entry.id, next.epoch) }
}

function effect(ledger: Ledger, entry: OrderEntry): Ledger {
  const { order } = entry.statement
  switch (order.kind) {
    case 'lock':
      return land(ledger, lockOf(entry), entry.guard)
    case 'revoke':
      return {
        ...ledger,
        epoch: ledger.epoch + 1,
        revocations: new Map(ledger.revocations).set(entry.id, revocationOf(entry)),
      }
    case 'release': {
      const proposal: Proposal = {
        id: entry.id,
        locks: order.locks,
        reason: order.reason,
        at: entry.at,
        signers: [entry.by],
        required: Math.max(RELEASE_PEOPLE_MIN, entry.guard.approvals),
        done: false,
        ...(entry.statement.exp === undefined ? {} : { expiresAt: entry.statement.exp * 1000 }),
      }
      return settle(ledger, [proposal])
    }
    case 'approve': {
      const others = ledger.approvals.get(order.release) ?? []
      const approvals = new Map(ledger.approvals).set(order.release, [...others, { by: entry.by, at: entry.at }])
      const proposal = ledger.proposals.get(order.release)
      return settle({ ...ledger, approvals }, proposal === undefined ? [] : [proposal])
    }
  }
}

/** One person is one name and one key: a second key under the same name is not a second person, nor the reverse. */
export function isSamePerson(a: Responder, b: Responder): boolean {
  return a.name === b.name || a.key === b.key
}

/** Whether the responder was enrolled when the lock landed, with a role that lets them give such an order. */
export function isEnrolled(guard: Guard, by: Responder, kind: OrderKind): boolean {
  return guard.responders.some((each) => each.key === by.key && each.name === by.name && mayOrder(each.role, kind))
}

/** The lock is new; a release of it may have come first. */
function land(ledger: Ledger, lock: Lock, guard: Guard): Ledger {
  if (ledger.held.has(lock.id) || ledger.tombstones.has(lock.id)) return ledger
  const landed = { lock, epoch: ledger.epoch + 1, guard }
  const next = ledger.released.has(lock.id)
    ? { ...ledger, tombstones: new Map(ledger.tombstones).set(lock.id, landed) }
    : { ...ledger, epoch: landed.epoch, held: new Map(ledger.held).set(lock.id, landed) }
  return settle(
    next,
    [...ledger.proposals.values()].filter(({ locks }) => locks.includes(lock.id)),
  )
}

/** Counts the proposals anew, and releases or holds their locks as the count says. */
function settle(ledger: Ledger, affected: readonly Proposal[]): Ledger {
  if (affected.length === 0) return ledger
  const proposals = new Map(ledger.proposals)
  for (const proposal of affected) proposals.set(proposal.id, count(ledger, proposal))
  const done = new Set([...proposals.values()].flatMap((proposal) => (proposal.done ? proposal.locks : [])))
  const released = new Set(ledger.released)
  const held = new Map(ledger.held)
  const tombstones = new Map(ledger.tombstones)
  let epoch = ledger.epoch
  for (const id of new Set(affected.flatMap(({ locks }) => locks))) {
    if (done.has(id)) released.add(id)
    else released.delete(id)
    const [from, to] = done.has(id) ? [held, tombstones] : [tombstones, held]
    const landed = from.get(id)
    if (landed === undefined) continue
    from.delete(id)
    to.set(id, landed)
    epoch = ledger.epoch + 1
  }
  return { ...ledger, epoch, proposals, released, held, tombstones }
}

/** One order of signatures for all gateways, whatever order they came in. */
function byTime(a: Approval, b: Approval): number {
  return a.at - b.at || (JSON.stringify(a.by) < JSON.stringify(b.by) ? -1 : 1)
}

/**
 * The proposal with everybody who has signed it so far, and whether they are enough: different people, each enrolled when each
 * of the locks landed, one of them a commander. A lock that is not here yet asks for nothing until it comes.
 */
function count(ledger: Ledger, proposal: Proposal): Proposal {
  const guards = proposal.locks.flatMap((id) => (ledger.held.get(id) ?? ledger.tombstones.get(id))?.guard ?? [])
  const required = Math.max(proposal.required, ...guards.map((guard) => guard.approvals))
  const approvals = (ledger.approvals.get(proposal.id) ?? []).filter(
    ({ at }) => proposal.expiresAt === undefined || at < proposal.expiresAt,
  )
  const signers = proposal.signers.slice(0, 1)
  const counted = signers.filter((by) => guards.every((guard) => isEnrolled(guard, by, 'release')))
  for (const { by } of approvals.toSorted(byTime)) {
    if (signers.some((signer) => isSamePerson(signer, by))) continue
    signers.push(by)
    if (guards.every((guard) => isEnrolled(guard, by, 'approve'))) counted.push(by)
  }
  const done = counted.length >= required && counted.some(({ role }) => role === 'commander')
  return { ...proposal, signers, required, done }
}

function lockOf(entry: OrderEntry): Lock {
  const { order } = entry.statement
  if (order.kind !== 'lock') throw new TypeError('not a lock order')
  return {
    id: entry.id,
    scope: order.scope,
    mode: order.mode,
    source: 'order',
    since: entry.at,
    reason: order.reason,
    incident: order.incident,
    by: entry.by.name,
    onExpiry: order.onExpiry,
    status: order.status,
    message: order.message,
    ...(order.ttlMs === undefined ? {} : { until: entry.at + order.ttlMs }),
    ...(order.limit === undefined ? {} : { limit: order.limit }),
  }
}

function freezeLock(entry: Extract<LedgerEntry, { type: 'freeze' }>): Lock {
  return {
    id: entry.id,
    scope: { all: true },
    mode: 'deny',
    source: 'freeze',
    since: entry.at,
    reason: 'a file named FREEZE was put into the store directory',
    incident: 'FREEZE',
    onExpiry: 'stay',
    status: 503,
    message: {},
  }
}

function revocationOf(entry: OrderEntry): Revocation {
  const { order } = entry.statement
  if (order.kind !== 'revoke') throw new TypeError('not a revoke order')
  return {
    id: entry.id,
    // One session is ended for good; a person or a client may open a new one after the order.
    before: order.before ?? (order.session === undefined ? entry.at : Number.MAX_SAFE_INTEGER),
    reason: order.reason,
    incident: order.incident,
    by: entry.by.name,
    since: entry.at,
    ...(order.subject === undefined ? {} : { subject: order.subject }),
    ...(order.session === undefined ? {} : { session: order.session }),
    ...(order.client === undefined ? {} : { client: order.client }),
  }
}

/** The table that the workers enforce, the same for the same set of orders: the oldest lock first. */
export function tableOf(ledger: Ledger): LockTable {
  return {
    epoch: ledger.epoch,
    locks: [
      ...[...ledger.held.values()].map(({ lock }) => lock).toSorted(byAge),
      ...ledger.flags.file,
      ...ledger.flags.config,
    ],
    revocations: [...ledger.revocations.values()].toSorted(byAge),
  }
}

function byAge(a: Lock | Revocation, b: Lock | Revocation): number {
  return a.since - b.since || (a.id < b.id ? -1 : 1)
}
