// The set of accepted orders, and the lock table that follows from it. Entries are applied by union: order and repetition
// change nothing, and the epoch only grows. The asymmetry of lock and release lives in judge-order.ts.
import type { Lock } from './lock.ts'
import type { LockTable } from './lock-table.ts'
import type { Statement } from './order.ts'
import type { Responder } from './responder.ts'
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

export interface HeldLock {
  readonly lock: Lock
  /** Epoch at which it landed. */
  readonly epoch: number
  readonly guard: Guard
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
  readonly revocations: ReadonlyMap<string, Revocation>
  readonly proposals: ReadonlyMap<string, Proposal>
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
  revocations: new Map(),
  proposals: new Map(),
  accepted: new Map(),
  flags: { file: [], config: [] },
  fileKnown: false,
}

/** The ledger after the entry. Applying an entry twice gives the ledger that applying it once gave. */
export function applyEntry(ledger: Ledger, entry: LedgerEntry): Ledger {
  switch (entry.type) {
    case 'flags':
      return {
        ...ledger,
        epoch: ledger.epoch + 1,
        flags: { ...ledger.flags, [entry.source]: entry.locks },
        fileKnown: ledger.fileKnown || entry.source === 'file',
      }
    case 'freeze':
      return ledger.held.has(entry.id) || ledger.released.has(entry.id)
        ? ledger
        : hold(ledger, freezeLock(entry), entry.guard)
    case 'order':
      return ledger.accepted.has(entry.id) ? ledger : applyOrder(ledger, entry)
  }
}

type OrderEntry = Extract<LedgerEntry, { type: 'order' }>

function applyOrder(ledger: Ledger, entry: OrderEntry): Ledger {
  const next = effect(ledger, entry)
  return { ...next, accepted: new Map(ledger.accepted).set(entry.id, next.epoch) }
}

function effect(ledger: Ledger, entry: OrderEntry): Ledger {
  const { order } = entry.statement
  switch (order.kind) {
    case 'lock':
      return hold(ledger, lockOf(entry), entry.guard)
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
        required: Math.max(
          entry.guard.approvals,
          ...order.locks.map((id) => ledger.held.get(id)?.guard.approvals ?? 0),
        ),
        done: false,
        ...(entry.statement.exp === undefined ? {} : { expiresAt: entry.statement.exp * 1000 }),
      }
      return sign(ledger, proposal)
    }
    case 'approve': {
      const proposal = ledger.proposals.get(order.release)
      if (proposal === undefined || proposal.done || proposal.signers.some((signer) => isSamePerson(signer, entry.by)))
        return ledger
      return sign(ledger, { ...proposal, signers: [...proposal.signers, entry.by] })
    }
  }
}

/** One person is one name and one key: a second key under the same name is not a second person, nor the reverse. */
export function isSamePerson(a: Responder, b: Responder): boolean {
  return a.name === b.name || a.key === b.key
}

/** Enough people have signed, at least one of them a commander. */
function isApproved(proposal: Proposal): boolean {
  return proposal.signers.length >= proposal.required && proposal.signers.some((signer) => signer.role === 'commander')
}

function sign(ledger: Ledger, proposal: Proposal): Ledger {
  if (!isApproved(proposal)) return { ...ledger, proposals: new Map(ledger.proposals).set(proposal.id, proposal) }
  const held = new Map(ledger.held)
  const released = new Set(ledger.released)
  for (const id of proposal.locks) {
    held.delete(id)
    released.add(id)
  }
  return {
    ...ledger,
    epoch: ledger.epoch + 1,
    held,
    released,
    proposals: new Map(ledger.proposals).set(proposal.id, { ...proposal, done: true }),
  }
}

function hold(ledger: Ledger, lock: Lock, guard: Guard): Ledger {
  if (ledger.held.has(lock.id) || ledger.released.has(lock.id)) return ledger
  const epoch = ledger.epoch + 1
  return { ...ledger, epoch, held: new Map(ledger.held).set(lock.id, { lock, epoch, guard }) }
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

/** The table that the workers enforce. */
export function tableOf(ledger: Ledger): LockTable {
  return {
    epoch: ledger.epoch,
    locks: [...[...ledger.held.values()].map(({ lock }) => lock), ...ledger.flags.file, ...ledger.flags.config],
    revocations: [...ledger.revocations.values()],
  }
}
