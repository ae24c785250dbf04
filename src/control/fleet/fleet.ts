// A gateway's part in its fleet: what is accepted here goes out, what is accepted elsewhere comes in, and the lease is kept.
import type { Moment } from '../../core/fleet-lease.ts'
import { BODY_BYTES_MAX } from '../../core/fleet-limits.ts'
import type { GatewayCondition, Heartbeat, KnownNames } from '../../core/fleet-messages.ts'
import type { FleetRoster } from '../../core/fleet-roster.ts'
import type { LedgerEntry, OrderEntry, RefreezeEntry } from '../../core/ledger-entry.ts'
import type { AuditTrail } from '../../ports/audit-trail.ts'
import type { Clock, Randomness } from '../../ports/clock.ts'
import type { DataPlane } from '../../ports/data-plane.ts'
import type { FleetMemory } from '../../ports/fleet-memory.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { FleetStore } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import type { OrderVerifier } from '../../ports/order-verifier.ts'
import type { PeerLink } from '../../ports/peer-link.ts'
import type { OrderDesk } from '../order-desk.ts'
import { tableHash } from '../table-hash.ts'
import { createCourier, type Courier } from './courier.ts'
import { createIntake, bodiesOf, type ForeignChannel, type Intake } from './intake.ts'
import type { ForeignOrder } from './inspect-order.ts'
import { createFleetLink, type FleetLink } from './link.ts'
import { createMemberBook, type MemberBook } from './member-book.ts'
import { createFleetQuestions, type FleetQuestions } from './questions.ts'
import { createFleetProofs, type FleetProofs } from './proofs.ts'
import type { Shelf } from './shelf.ts'
import { shelve } from './shelve.ts'
import { createWholeLook, type WholeLook } from './whole-look.ts'

export interface FleetDeps {
  readonly fleet: string
  readonly store: FleetStore
  readonly peers: PeerLink
  readonly seal: FleetSeal
  readonly memory: FleetMemory
  /** Filled with the journal's orders. */
  readonly shelf: Shelf
  readonly desk: OrderDesk
  readonly verifier: OrderVerifier
  readonly dataPlane: Pick<DataPlane, 'workers'>
  readonly trail: AuditTrail
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  readonly leaseMs: number
  readonly version: string
  /** What this gateway's config knows by name, now. */
  readonly names: () => KnownNames
  /** Origin of this gateway's control plane, as peers reach it. */
  readonly address: () => string | undefined
  /** The workers' lease: until both ends, or not at all. */
  /** What another gateway asks of this one; absent: nothing is answered. */
  readonly answer?: (question: unknown) => Promise<object | undefined>
  readonly onLease: (ends: Moment | undefined) => void
  /** How this gateway stands; absent: it is not told. */
  readonly condition?: () => GatewayCondition
}

export interface FleetParts {
  readonly deps: FleetDeps
  readonly book: MemberBook
  readonly roster: FleetRoster
  readonly link: FleetLink
  readonly intake: Intake
  readonly proofs: FleetProofs
  readonly questions: FleetQuestions
  readonly look: WholeLook
  /** Told when the lease ends and when it runs again. */
  readonly leaseListeners: Set<(change: LeaseChange) => void>
  /** Hash of the table that is in force. */
  readonly table: () => string
  /** When an order was accepted here, on the monotonic clock. */
  readonly acceptedMs: ReadonlyMap<string, number>
  /** In the turn in which an entry of the ledger has taken effect. */
  onEntry(entry: LedgerEntry): void
  /** From the store or a peer; resolves once they were looked at. */
  take(bodies: readonly string[], channel: ForeignChannel): Promise<void>
  /** Joins, and again where it was forgotten. */
  join(): void
  /** A signed leave, so that nobody waits for this gateway. Waits for the store no longer than a second. */
  leave(): Promise<void>
  /** Names that peers know. */
  readonly elsewhere: () => KnownNames
  compareRoster(since?: number): Promise<void>
  /** The store was out of reach, and may have lost what was given to it last. */
  redeliver(): void
}

/** As the trail's record of it says. */
export interface LeaseChange {
  readonly state: 'fresh' | 'stale'
  readonly epoch: number
  readonly table: string
  /** Orders that others have and that are not here. */
  readonly lacking: number
}

const ACCEPTED_MAX = 1000
/** Epochs live in 32 bits: one that runs ahead so far is a mistake of somebody. */
const EPOCH_JUMP_MAX = 2 ** 20

export function createFleetParts(deps: FleetDeps): FleetParts {
  const { store, seal, shelf, desk, clock, logger, leaseMs } = deps
  const book = createMemberBook({ fleet: deps.fleet, seal, memory: deps.memory, logger })
  const { roster } = book
  for (const [gateway, at] of desk.ledger.forgotten) roster.forget(gateway, at)
  const courier = createCourier({ store, peers: deps.peers, roster, shelf, clock, logger, leaseMs })
  const intake = openIntake(deps)
  const compareRoster = async (since?: number): Promise<void> => {
    const changed = since === undefined ? undefined : await store.rosterSince(since)
    if (changed !== undefined) {
      book.compare(changed)
      return
    }
    const newer = book.compare(await store.roster())
    for (const [gateway, record] of newer) await store.enrol(gateway, record, roster.member(gateway)?.state === 'left')
  }
  const said = () => {
    const address = deps.address()
    return { version: deps.version, ...(address === undefined ? {} : { address }), ...recordable(deps.names()) }
  }
  const parts = {
    ...{ deps, book, roster, intake, courier, compareRoster },
    proofs: createFleetProofs({ store, seal, clock, logger }),
    questions: createFleetQuestions({
      ...{ store, seal, logger, randomness: deps.randomness },
      answer: deps.answer ?? (() => Promise.resolve(undefined)),
    }),
    acceptedMs: new Map<string, number>(),
    leaseListeners: new Set<(change: LeaseChange) => void>(),
    table: () => tableHash(desk.ledger),
  }
  const link = openLink(parts)
  return {
    ...parts,
    link,
    elsewhere: () => namesOf(roster),
    look: createWholeLook({ store, roster, link, clock, leaseMs }),
    redeliver() {
      courier.redeliver()
    },
    onEntry(entry) {
      if (entry.type === 'order') follow(parts, entry)
      if (entry.type === 'refreeze') passOn(parts, entry)
    },
    async take(bodies, channel) {
      await intake.take(bodies, channel)
    },
    join() {
      const at = Math.max(Math.round(clock.now()), (desk.ledger.forgotten.get(seal.gateway) ?? -1) + 1)
      book.sign('live', { at, ...said() })
    },
    async leave() {
      const record = book.sign('left', { at: Math.round(clock.now()), ...said() })
      await Promise.all([book.settled(), store.enrol(seal.gateway, record, true).catch(() => undefined)])
    },
  }
}

/** Half of what a record may hold. */
const NAMES_LENGTH_MAX = BODY_BYTES_MAX / 4

function recordable(names: KnownNames): { readonly knows?: KnownNames } {
  return JSON.stringify(names).length > NAMES_LENGTH_MAX ? {} : { knows: names }
}

function namesOf({ peers }: FleetRoster): KnownNames {
  const all = (dimension: keyof KnownNames): readonly string[] => peers.flatMap(({ knows }) => knows?.[dimension] ?? [])
  return { routes: all('routes'), tags: all('tags'), upstreams: all('upstreams') }
}

type Joined = Pick<FleetParts, 'deps' | 'book' | 'roster' | 'intake' | 'table' | 'compareRoster'> & {
  readonly courier: Courier
  readonly acceptedMs: Map<string, number>
}

function openIntake(deps: FleetDeps): Intake {
  const { desk } = deps
  return createIntake({
    ...{ fleet: deps.fleet, seal: deps.seal, verifier: deps.verifier, logger: deps.logger },
    responders: () => desk.responders,
    numbers: deps.shelf.numbers,
    accept: (order, channel) => accept(deps, order, channel),
    refreeze: (entry) => {
      if (isNear(deps, entry.release, entry.receipt?.epoch ?? 0)) desk.takeRefreeze(entry)
    },
    submit: async (jws) => {
      await desk.submit(jws, 'redis')
    },
  })
}

function openLink({ deps, book, intake, courier, table, compareRoster }: Joined): FleetLink {
  const { desk, dataPlane } = deps
  return createFleetLink({
    ...{ store: deps.store, seal: deps.seal, clock: deps.clock, leaseMs: deps.leaseMs, book, compareRoster },
    numbers: deps.shelf.numbers,
    randomness: deps.randomness,
    own: () => ({
      ...{ epoch: desk.ledger.epoch, table: table(), workers: dataPlane.workers },
      ...(deps.condition === undefined ? {} : { condition: deps.condition() }),
    }),
    hasGenesis: () => desk.ledger.genesis.size > 0,
    take: async (entries) => {
      await intake.take(bodiesOf(entries), 'redis')
    },
    redeliver: () => {
      courier.redeliver()
    },
    onPeer: (heartbeat) => {
      courier.mend(heartbeat)
      raiseEpoch(deps, heartbeat, table())
    },
    onLease: deps.onLease,
  })
}

/** In the turn in which the order has taken effect here, whoever accepted it. */
function follow({ deps, book, roster, courier, acceptedMs }: Joined, entry: OrderEntry): void {
  const { order } = entry.statement
  const isOwn = entry.heardAt === undefined
  if (order.kind === 'forget') roster.forget(order.gateway, entry.at)
  // A person has founded the fleet here: there is nobody yet whose table could be newer.
  if (order.kind === 'genesis' && isOwn && entry.channel !== 'redis') book.found()
  const text = shelve(deps.shelf, entry)
  if (isOwn) remember(acceptedMs, entry, deps.clock)
  if (text !== undefined && (isOwn || entry.channel === 'peer')) courier.announce(text, isOwn)
}

/** The end of a thaw plan, whoever has ended it: what came by the store is there. */
function passOn({ deps, courier }: Joined, entry: RefreezeEntry): void {
  const text = shelve(deps.shelf, entry)
  if (text !== undefined && entry.heardAt === undefined) courier.announce(text, true)
}

function remember(acceptedMs: Map<string, number>, { id }: OrderEntry, clock: Clock): void {
  acceptedMs.set(id, clock.monotonicMs())
  const [oldest] = acceptedMs.keys()
  if (acceptedMs.size > ACCEPTED_MAX && oldest !== undefined) acceptedMs.delete(oldest)
}

async function accept(deps: FleetDeps, order: ForeignOrder, channel: ForeignChannel): Promise<boolean> {
  const { id, jws, statement, by, receipt, receiptText } = order
  const { writer, seq, epoch, at, guard } = receipt
  if (!isNear(deps, id, epoch)) return false
  return deps.desk.take({
    id,
    jws,
    statement,
    by,
    at,
    guard,
    channel,
    receipt: { writer, seq, epoch, text: receiptText },
  })
}

/** Whether its epoch can be followed. */
function isNear({ desk, logger }: FleetDeps, order: string, epoch: number): boolean {
  if (epoch <= desk.ledger.epoch + EPOCH_JUMP_MAX) return true
  logger.error('an order counts too far ahead to be taken', { order, epoch })
  return false
}

/** With the same table, the epochs of the fleet meet at the highest. */
function raiseEpoch({ desk }: FleetDeps, { epoch, table, founded }: Heartbeat, own: string): void {
  if (!founded || table !== own || epoch <= desk.ledger.epoch) return
  if (epoch <= desk.ledger.epoch + EPOCH_JUMP_MAX) desk.raiseEpoch(epoch)
}
