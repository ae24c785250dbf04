// The set of accepted orders, and the lock table that follows from it. Entries are applied by union: order and repetition
// change nothing but the epoch, which counts changes and only grows. The asymmetry of lock and release lives in judge-order.ts.
import { isAboutPeople, rosterOf } from './enrolments.ts'
import type { IncidentNote } from './incident.ts'
import type { LedgerEntry, OrderEntry } from './ledger-entry.ts'
import type { Lock } from './lock.ts'
import type { LockTable } from './lock-table.ts'
import { drillLockOf, freezeLock, lockOf, revocationOf } from './order-effects.ts'
import type { ApproveOrder, IncidentOrder } from './order.ts'
import { fateOf } from './opening.ts'
import { proposalOf, weigh, type Approval, type Landed, type Proposal } from './proposal.ts'
import { isLocking, type Responder } from './responder.ts'
import { EMPTY_ROSTER, type Enrolment, type Roster } from './roster.ts'
import type { Revocation } from './session.ts'
import type { Instant } from './time.ts'

export interface HeldLock extends Landed {
  /** Epoch at which it landed. */
  readonly epoch: number
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
  /** Approvals by the id of the proposal that they are of. */
  readonly approvals: ReadonlyMap<string, readonly Approval[]>
  /** The first time that each thaw plan, by its release, was ended early. */
  readonly refreezes: ReadonlyMap<string, { readonly at: Instant; readonly why: string }>
  /** Whom orders have enrolled and retired. */
  readonly roster: Roster
  /** Whom this host has enrolled when the keys were lost. */
  readonly recovered: readonly Enrolment[]
  /** The lock of the latest drill, which only its canaries meet. */
  readonly drill?: Lock
  /** What was signed about incidents, by the incident's id. */
  readonly incidents: ReadonlyMap<string, readonly IncidentNote[]>
  /** Orders by which commanders have founded the fleet. */
  readonly genesis: ReadonlySet<string>
  /** Gateways that a commander has given up, and when. */
  readonly forgotten: ReadonlyMap<string, Instant>
  /** Orders that would have opened something and came from elsewhere after their `exp`: they open nothing here. */
  readonly late: ReadonlySet<string>
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
  refreezes: new Map(),
  roster: EMPTY_ROSTER,
  recovered: [],
  incidents: new Map(),
  genesis: new Set(),
  forgotten: new Map(),
  late: new Set(),
  accepted: new Map(),
  flags: { file: [], config: [] },
  fileKnown: false,
}

/** The ledger after the entry. Applying an entry twice gives the ledger that applying it once gave. */
export function applyEntry(ledger: Ledger, entry: LedgerEntry): Ledger {
  switch (entry.type) {
    case 'flags':
      return applyFlags(ledger, entry)
    case 'freeze':
      return land(ledger, { lock: freezeLock(entry), guard: entry.guard })
    case 'refreeze':
      return applyRefreeze(ledger, entry)
    case 'recovery':
      return applyRecovery(ledger, entry)
    case 'epoch':
      return entry.epoch > ledger.epoch ? { ...ledger, epoch: entry.epoch } : ledger
    case 'order':
      return applyOrder(ledger, entry)
  }
}

type Entry<Type extends LedgerEntry['type']> = Extract<LedgerEntry, { type: Type }>

function applyFlags(ledger: Ledger, { source, locks }: Entry<'flags'>): Ledger {
  const fileKnown = ledger.fileKnown || source === 'file'
  if (JSON.stringify(locks) === JSON.stringify(ledger.flags[source]))
    return fileKnown === ledger.fileKnown ? ledger : { ...ledger, fileKnown }
  return { ...ledger, epoch: ledger.epoch + 1, flags: { ...ledger.flags, [source]: locks }, fileKnown }
}

/** Of two for one plan the earlier counts, and of two at once one of them, at every gateway the same. */
function applyRefreeze(ledger: Ledger, entry: Entry<'refreeze'>): Ledger {
  const next = refreeze(ledger, entry)
  const epoch = Math.max(next.epoch, entry.receipt?.epoch ?? 0)
  return epoch === next.epoch ? next : { ...next, epoch }
}

function refreeze(ledger: Ledger, { release, at, why }: Entry<'refreeze'>): Ledger {
  const before = ledger.refreezes.get(release)
  if (before !== undefined && (before.at < at || (before.at === at && before.why <= why))) return ledger
  const refreezes = new Map(ledger.refreezes).set(release, { at, why })
  const proposal = ledger.proposals.get(release)
  return settle({ ...ledger, refreezes }, proposal === undefined ? [] : [proposal])
}

function applyRecovery(ledger: Ledger, { responder, at }: Entry<'recovery'>): Ledger {
  if (ledger.recovered.some((each) => each.responder.key === responder.key)) return ledger
  return settleAll({ ...ledger, recovered: [...ledger.recovered, { responder, at }] })
}

/** Accepted at another gateway, it counts at least as far as it did there. */
function applyOrder(ledger: Ledger, entry: OrderEntry): Ledger {
  const answered = ledger.accepted.get(entry.id)
  if (answered !== undefined && entry.receipt === undefined) return ledger
  const next = isLate(entry)
    ? { ...ledger, late: answered === undefined ? new Set(ledger.late).add(entry.id) : ledger.late }
    : answered === undefined
      ? effect(ledger, entry)
      : again(ledger, entry)
  const epoch = Math.max(next.epoch, entry.receipt?.epoch ?? 0)
  if (answered !== undefined) return next === ledger && epoch === ledger.epoch ? ledger : { ...next, epoch }
  return { ...next, epoch, accepted: new Map(ledger.accepted).set(entry.id, entry.receipt?.epoch ?? epoch) }
}

/** What opens obeys `exp` everywhere: a courier that keeps it back opens nothing with it afterwards. */
function isLate({ heardAt, statement }: OrderEntry): boolean {
  const { exp, order } = statement
  return heardAt !== undefined && exp !== undefined && !isLocking(order.kind) && heardAt >= exp * 1000
}

/** Two gateways have accepted it at once: the later of the two counts, which locks longer and asks for a newer OTP. */
function again(ledger: Ledger, entry: OrderEntry): Ledger {
  const before = acceptedBefore(ledger, entry)
  if (before !== undefined && !isLaterReceipt(entry, before)) return ledger
  if (entry.statement.order.kind !== 'lock') return effect(ledger, entry)
  const [held, tombstones] = [new Map(ledger.held), new Map(ledger.tombstones)]
  held.delete(entry.id)
  tombstones.delete(entry.id)
  return effect({ ...ledger, held, tombstones }, entry)
}

/** When it was accepted and what stood then; undefined where a second receipt can only add. */
function acceptedBefore(ledger: Ledger, { id, guard }: OrderEntry): Pick<OrderEntry, 'at' | 'guard'> | undefined {
  const landed = ledger.held.get(id) ?? ledger.tombstones.get(id)
  if (landed !== undefined) return { at: landed.lock.since, guard: landed.guard }
  const revoked = ledger.revocations.get(id)
  return revoked === undefined ? ledger.proposals.get(id) : { at: revoked.since, guard }
}

function isLaterReceipt(a: Pick<OrderEntry, 'at' | 'guard'>, b: Pick<OrderEntry, 'at' | 'guard'>): boolean {
  return a.at > b.at || (a.at === b.at && JSON.stringify(a.guard) > JSON.stringify(b.guard))
}

function effect(ledger: Ledger, entry: OrderEntry): Ledger {
  const { order } = entry.statement
  switch (order.kind) {
    case 'lock':
      return land(ledger, { lock: lockOf(entry), guard: entry.guard, by: entry.by })
    case 'drill':
      return drill(ledger, drillLockOf(entry))
    case 'revoke':
      return {
        ...ledger,
        epoch: ledger.epoch + 1,
        revocations: new Map(ledger.revocations).set(entry.id, revocationOf(entry)),
      }
    case 'approve':
      return approve(ledger, entry, order)
    case 'incident':
      return { ...ledger, incidents: noted(ledger.incidents, entry, order) }
    case 'genesis':
      return { ...ledger, genesis: new Set(ledger.genesis).add(entry.id) }
    case 'forget': {
      const at = Math.max(entry.at, ledger.forgotten.get(order.gateway) ?? 0)
      return { ...ledger, forgotten: new Map(ledger.forgotten).set(order.gateway, at) }
    }
    case 'release':
    case 'exempt':
    case 'enrol':
    case 'retire': {
      const proposal = proposalOf(entry, order)
      return signed({ ...ledger, proposals: new Map(ledger.proposals).set(entry.id, proposal) }, proposal)
    }
  }
}

function approve(ledger: Ledger, entry: OrderEntry, order: ApproveOrder): Ledger {
  const others = ledger.approvals.get(order.release) ?? []
  const approval = {
    by: entry.by,
    at: entry.at,
    ...(entry.heardAt === undefined ? {} : { heardAt: entry.heardAt }),
  }
  const approvals = new Map(ledger.approvals).set(order.release, [...others, approval])
  const proposal = ledger.proposals.get(order.release)
  return signed({ ...ledger, approvals }, proposal)
}

function noted(
  incidents: Ledger['incidents'],
  { id, at, by }: OrderEntry,
  { incident, action, noticedAt, reason }: IncidentOrder,
): Ledger['incidents'] {
  const others = (incidents.get(incident) ?? []).filter((each) => each.id !== id)
  const note = { id, action, at, by: by.name, reason, ...(noticedAt === undefined ? {} : { noticedAt }) }
  return new Map(incidents).set(incident, [...others, note])
}

/** The latest drill counts; one that comes late from elsewhere changes nothing. */
function drill(ledger: Ledger, lock: Lock): Ledger {
  if (ledger.drill !== undefined && byAge(lock, ledger.drill) < 0) return ledger
  return { ...ledger, epoch: ledger.epoch + 1, drill: lock }
}

function signed(ledger: Ledger, proposal: Proposal | undefined): Ledger {
  if (proposal === undefined) return ledger
  return isAboutPeople(proposal) ? settleAll(ledger) : settle(ledger, [proposal])
}

/** The lock is new; a release of it may have come first. */
function land(ledger: Ledger, landed: Landed): Ledger {
  const { id } = landed.lock
  if (ledger.held.has(id) || ledger.tombstones.has(id)) return ledger
  const epoch = ledger.epoch + 1
  const next = ledger.released.has(id)
    ? { ...ledger, tombstones: new Map(ledger.tombstones).set(id, { ...landed, epoch }) }
    : { ...ledger, epoch, held: new Map(ledger.held).set(id, { ...landed, epoch }) }
  return settle(
    next,
    [...ledger.proposals.values()].filter(({ locks }) => locks.includes(id)),
  )
}

/** After a change of who responds, every signature is weighed anew. */
function settleAll(ledger: Ledger): Ledger {
  const { roster, weighed } = rosterOf({ ...ledger, proposals: ledger.proposals.values() })
  const proposals = new Map(ledger.proposals)
  for (const proposal of weighed) proposals.set(proposal.id, proposal)
  return settle(
    { ...ledger, proposals, roster },
    [...proposals.values()].filter((proposal) => !isAboutPeople(proposal)),
  )
}

/** Weighs the proposals anew, and gives each of their locks the fate that follows. */
function settle(ledger: Ledger, affected: readonly Proposal[]): Ledger {
  if (affected.length === 0) return ledger
  const proposals = new Map(ledger.proposals)
  const recovered: readonly Responder[] = ledger.recovered.map(({ responder }) => responder)
  for (const proposal of affected) {
    const landed = proposal.locks.flatMap((id) => ledger.held.get(id) ?? ledger.tombstones.get(id) ?? [])
    const approvals = ledger.approvals.get(proposal.id) ?? []
    proposals.set(proposal.id, weigh(proposal, { approvals, landed, roster: ledger.roster, recovered }))
  }
  const done = [...proposals.values()].filter((proposal) => proposal.done)
  const released = new Set(ledger.released)
  const held = new Map(ledger.held)
  const tombstones = new Map(ledger.tombstones)
  let { epoch } = ledger
  for (const id of new Set(affected.flatMap(({ locks }) => locks))) {
    const fate = fateOf(id, done, ledger.refreezes)
    if (fate.isReleased) released.add(id)
    else released.delete(id)
    const [from, to] = fate.isReleased ? [held, tombstones] : [tombstones, held]
    const landed = from.get(id) ?? to.get(id)
    if (landed === undefined) continue
    const lock = fate.apply(landed.lock)
    if (lock === landed.lock && to.has(id)) continue
    from.delete(id)
    to.set(id, { ...landed, lock })
    epoch = ledger.epoch + 1
  }
  return { ...ledger, epoch, proposals, released, held, tombstones }
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
    ...(ledger.drill === undefined ? {} : { drill: ledger.drill }),
  }
}

function byAge(a: Lock | Revocation, b: Lock | Revocation): number {
  return a.since - b.since || (a.id < b.id ? -1 : 1)
}
