// A fleet in one process, beat by beat: real desks, envelopes and memory stores, one clock that the test moves, links that it cuts.
import { generateKeyPairSync, sign } from 'node:crypto'
import { createOrderVerifier } from '../../src/adapters/jose/order-verifier.ts'
import { createMemoryFleet, type MemoryFleet } from '../../src/adapters/memory/fleet-store.ts'
import { createFleetSeal } from '../../src/adapters/node/fleet-seal.ts'
import { createRandomness } from '../../src/adapters/node/randomness.ts'
import { createFleetParts, type FleetParts } from '../../src/control/fleet/fleet.ts'
import { createReceipts } from '../../src/control/fleet/receipts.ts'
import { createShelf } from '../../src/control/fleet/shelf.ts'
import { shelve } from '../../src/control/fleet/shelve.ts'
import { createOrderDesk, type OrderDesk } from '../../src/control/order-desk.ts'
import type { Moment } from '../../src/core/fleet-lease.ts'
import type { KnownNames } from '../../src/core/fleet-messages.ts'
import type { LedgerEntry } from '../../src/core/ledger-entry.ts'
import type { Responder } from '../../src/core/responder.ts'
import type { FleetKnowledge } from '../../src/ports/fleet-memory.ts'
import type { FleetSeal } from '../../src/ports/fleet-seal.ts'
import type { FleetStore } from '../../src/ports/fleet-store.ts'
import type { Signer } from '../../src/ports/signer.ts'
import { people, ROUTES } from './control-desk.ts'
import {
  createFakeClock,
  createFakeDataPlane,
  createFakeJournal,
  createFakeLogger,
  createFakeTrail,
} from './control-ports.ts'
import { publicPart, signCompact, ORDER_TYP, type Person } from './control-signing.ts'
import { randomUUID } from 'node:crypto'

export const FLEET = 'cowin-test'
export const SECRET = 'a secret of thirty-two characters.'
const SECRETS: readonly string[] = [SECRET]
export const LEASE_MS = 2000

export interface Member {
  readonly name: string
  readonly parts: FleetParts
  readonly desk: OrderDesk
  readonly seal: FleetSeal
  readonly signer: Signer
  readonly journal: ReturnType<typeof createFakeJournal>
  readonly trail: ReturnType<typeof createFakeTrail>
  readonly logger: ReturnType<typeof createFakeLogger>
  readonly dataPlane: ReturnType<typeof createFakeDataPlane>
  readonly disk: { knowledge: FleetKnowledge | undefined }
  /** What the workers were last told. */
  readonly lease: { ends: Moment | undefined }
  /** The store that it is connected to, or none. */
  link: { store: FleetStore | undefined; peers: boolean }
  /** Locks that hold here. */
  readonly held: readonly string[]
  beat(): Promise<void>
  order(who: Person, order: unknown, options?: OrderOptions): ReturnType<OrderDesk['submit']>
  lock(reason?: string): Promise<string>
  /** What a restart makes of the disk. `kill`: the process forgets all else. */
  restart(knowledge?: FleetKnowledge): Promise<Member>
}

export interface OrderOptions {
  readonly exp?: number
  readonly iat?: number
  readonly aud?: string
}

export interface Fleet {
  readonly clock: ReturnType<typeof createFakeClock>
  memory: MemoryFleet
  readonly members: Member[]
  add(options?: MemberOptions): Promise<Member>
  /** So many rounds of beats of all members that have a store. */
  rounds(count: number, members?: readonly Member[]): Promise<void>
  /** Founded, and each with a lease. */
  found(): Promise<void>
  sign(who: Person, order: unknown, options?: OrderOptions): string
}

export interface MemberOptions {
  readonly responders?: readonly Responder[]
  readonly secrets?: readonly string[]
  readonly signer?: Signer
  readonly entries?: readonly LedgerEntry[]
  readonly knowledge?: FleetKnowledge | undefined
  readonly isRecovered?: () => boolean
  /** What its config knows by name. */
  readonly names?: KnownNames
}

export function makeSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    name: 'test',
    publicKeyRaw: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
    sign: (bytes) => sign(null, bytes, privateKey),
  }
}

let stores = 0

export function newMemory(): MemoryFleet {
  stores += 1
  return createMemoryFleet(String(stores).padStart(32, '0'))
}

export async function createFleet(size: number): Promise<Fleet> {
  const clock = createFakeClock()
  const fleet: Fleet = {
    clock,
    memory: newMemory(),
    members: [],
    async add(options = {}) {
      const member = await createMember(fleet, options)
      fleet.members.push(member)
      return member
    },
    async rounds(count, members = fleet.members) {
      for (let round = 0; round < count; round += 1) {
        for (const member of members) if (member.link.store !== undefined) await member.beat()
        clock.advance(LEASE_MS / 8)
      }
      await settle()
    },
    async found() {
      await fleet.rounds(1)
      const [first] = fleet.members
      const result = await first?.order(people.lead, { kind: 'genesis', reason: 'a new fleet' })
      if (result?.outcome !== 'accepted') throw new Error(JSON.stringify(result))
      await fleet.rounds(6)
    },
    sign: (who, order, options = {}) => signFor(who, order, clock.now(), options),
  }
  for (let index = 0; index < size; index += 1) await fleet.add()
  return fleet
}

export function signFor(who: Person, order: unknown, nowMs: number, options: OrderOptions = {}): string {
  const payload = { iss: who.name, iat: Math.floor(nowMs / 1000), jti: randomUUID(), aud: FLEET, ...options, order }
  return signCompact({ alg: 'EdDSA', typ: ORDER_TYP, kid: who.name }, payload, who.privateKey)
}

/** Lets everything that was begun end: there is no I/O among it, so turns of the loop are enough. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

async function createMember(fleet: Fleet, options: MemberOptions): Promise<Member> {
  const { clock } = fleet
  const signer = options.signer ?? makeSigner()
  const seal = createFleetSeal({ fleet: FLEET, secrets: () => options.secrets ?? SECRETS, signer })
  const [trail, journal, dataPlane, logger] = [
    createFakeTrail([]),
    createFakeJournal([], options.entries),
    createFakeDataPlane([], undefined, signer),
    createFakeLogger(),
  ]
  const link: Member['link'] = { store: fleet.memory.open(seal.gateway), peers: true }
  const shelf = createShelf()
  const randomness = createRandomness()
  const verifier = createOrderVerifier()
  const responders = options.responders ?? Object.values(people).map(publicPart)
  const disk: Member['disk'] = { knowledge: options.knowledge }
  const lease: Member['lease'] = { ends: undefined }
  for (const entry of journal.entries) shelve(shelf, entry)
  const desk = await createOrderDesk({
    ...{ journal, dataPlane, trail, clock, logger, verifier, randomness },
    settings: () => ({ routes: ROUTES, responders, approvals: 2 }),
    fleet: createReceipts({ fleet: FLEET, seal, shelf, run: randomness.hex(8) }),
    clockReading: () => parts.link.clockReading,
    knownElsewhere: () => parts.elsewhere(),
    ...(options.isRecovered === undefined ? {} : { isRecovered: options.isRecovered }),
    onEntry: (entry) => {
      parts.onEntry(entry)
    },
  })
  const parts: FleetParts = createFleetParts({
    ...{ fleet: FLEET, seal, shelf, desk, verifier, dataPlane, trail, clock, randomness, logger },
    store: switchable(link),
    peers: {
      async post(origin, bodies) {
        const peer = fleet.members.find(({ parts: { deps } }) => deps.address() === origin)
        if (peer === undefined || !link.peers || !peer.link.peers) throw new Error('unreachable')
        await peer.parts.take(bodies, 'peer')
      },
      askPeople: () => Promise.reject(new Error('unreachable')),
    },
    memory: {
      read: () => disk.knowledge,
      write: (knowledge) => {
        disk.knowledge = knowledge
        return Promise.resolve()
      },
    },
    leaseMs: LEASE_MS,
    version: '0.0.0',
    names: () => options.names ?? { routes: ROUTES.map(({ id }) => id), tags: ['pii'], upstreams: ['registry'] },
    address: () => `http://${seal.gateway.slice(-12)}`,
    onLease: (ends) => {
      lease.ends = ends
    },
  })
  parts.join()
  await desk.start()
  const order: Member['order'] = (who, what, signing) => desk.submit(fleet.sign(who, what, signing), 'api')
  return {
    name: seal.gateway,
    ...{ parts, desk, seal, signer, journal, trail, logger, dataPlane, disk, lease, link, order },
    get held() {
      return [...desk.ledger.held.keys()].sort()
    },
    beat: () => parts.link.beat(),
    async lock(reason = 'leak suspected') {
      const result = await order(people.desk, { kind: 'lock', scope: { all: true }, reason, incident: 'INC-7' })
      if (result.outcome !== 'accepted') throw new Error(JSON.stringify(result))
      return result.id
    },
    restart: (knowledge = disk.knowledge) =>
      createMember(fleet, { ...options, signer, entries: journal.kept, knowledge }),
  }
}

/** The store of the moment; none is a store that does not answer. */
function switchable(link: Member['link']): FleetStore {
  const now = (): FleetStore => {
    if (link.store === undefined) throw new Error('the store does not answer')
    return link.store
  }
  return {
    exchange: async (request) => now().exchange(request),
    snapshot: async () => now().snapshot(),
    append: async (entries) => now().append(entries),
    roster: async () => now().roster(),
    rosterSince: async (version) => now().rosterSince(version),
    enrol: async (gateway, record, isGone) => now().enrol(gateway, record, isGone),
    heartbeats: async () => now().heartbeats(),
    putProof: async (proof, to) => now().putProof(proof, to),
    proofs: async (order) => now().proofs(order),
    tell: async (text, to) => now().tell(text, to),
    listen: (listener) => {
      now().listen(listener)
    },
    close: () => Promise.resolve(),
  }
}
