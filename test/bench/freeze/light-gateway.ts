// A gateway without a network of its own: real store, envelopes, lease, desk, lock view, server and canaries; the disk is memory.
// Many live in one process, each with its own key, table and worker.
import { MessageChannel } from 'node:worker_threads'
import { createAddresses } from '../../../src/adapters/ipaddr/addresses.ts'
import { createOrderVerifier } from '../../../src/adapters/jose/order-verifier.ts'
import { createUpstreamClient } from '../../../src/adapters/net/upstream-client.ts'
import { createClock } from '../../../src/adapters/node/clock.ts'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { createRandomness } from '../../../src/adapters/node/randomness.ts'
import { openRedisFleetStore } from '../../../src/adapters/redis/fleet-store.ts'
import { signShown } from '../../../src/app/sign-shown.ts'
import { createWorkerKey, vouch } from '../../../src/audit/worker-proof.ts'
import { createFleetParts, type FleetParts } from '../../../src/control/fleet/fleet.ts'
import { createReceipts } from '../../../src/control/fleet/receipts.ts'
import { followProofs, startFleetRounds } from '../../../src/control/fleet/rounds.ts'
import { createShelf } from '../../../src/control/fleet/shelf.ts'
import { createOrderDesk, type OrderDesk } from '../../../src/control/order-desk.ts'
import { compileTable } from '../../../src/core/lock-table.ts'
import { compileNearMissGuard } from '../../../src/core/near-miss.ts'
import type { Responder } from '../../../src/core/responder.ts'
import { compileRoutes } from '../../../src/core/route.ts'
import { proveRefusals } from '../../../src/gateway/canary.ts'
import type { Gateway } from '../../../src/gateway/gateway.ts'
import { InFlight } from '../../../src/gateway/in-flight.ts'
import { ImpactRing } from '../../../src/gateway/impact-ring.ts'
import { LOCK_MEMORY_BYTES, lockMemory, LockView } from '../../../src/gateway/lock-view.ts'
import { GatewayServer } from '../../../src/gateway/server.ts'
import type { DataPlane } from '../../../src/ports/data-plane.ts'
import type { FleetKnowledge } from '../../../src/ports/fleet-memory.ts'
import type { EnvelopeType, FleetSeal, OpenedEnvelope } from '../../../src/ports/fleet-seal.ts'
import type { OrderVerifier } from '../../../src/ports/order-verifier.ts'
import { ROUTES } from '../../support/control-desk.ts'
import { makeSigner } from '../../support/fleet-rig.ts'
import { createMemoryTrail } from '../../support/memory-trail.ts'
import { LIMITS } from '../../support/start-data-plane.ts'

export const FLEET = 'bench'
const SECRETS: readonly string[] = ['a secret of a fleet under measurement']

export interface LightGateway {
  readonly name: string
  readonly desk: OrderDesk
  readonly parts: FleetParts
  /** Times that the lease has ended since it first ran. */
  readonly leasesLost: number
  close(): Promise<void>
}

export interface LightOptions {
  readonly redisUrl: string
  readonly responders: readonly Responder[]
  readonly leaseMs: number
  /** Orders and receipts, the same bytes for all, are checked once a process: see `Once`. */
  readonly isLight: boolean
}

const silent = (): void => undefined
const logger = { debug: silent, info: silent, warn: silent, error: silent }
const clock = createClock()
const randomness = createRandomness()
const addresses = createAddresses()
const routes = compileRoutes(ROUTES)
const nearMisses = compileNearMissGuard(routes.routes)

/**
 * What is checked once a process, not once a client. Records of members: each of a thousand gateways checks a thousand of them when
 * the fleet starts, and here all of them share two cores. Light ones also orders and receipts: a gateway of its own does that beside
 * the others, in half a millisecond. Heartbeats and proofs are checked by each, and each signs what it has shown.
 */
class Once {
  readonly #types: readonly EnvelopeType[]
  readonly #opened = new Map<string, OpenedEnvelope | undefined>()
  readonly #verified = new Map<string, ReturnType<OrderVerifier['verify']>>()
  readonly verifier: OrderVerifier

  constructor(isLight: boolean) {
    this.#types = isLight ? ['member', 'receipt'] : ['member']
    const { verify } = createOrderVerifier()
    this.verifier = {
      verify: (jws, typ, responders) => {
        const known = this.#verified.get(jws)
        if (known !== undefined) return known
        const found = verify(jws, typ, responders)
        if (isLight) this.#verified.set(jws, found)
        return found
      },
    }
  }

  share(seal: FleetSeal): FleetSeal {
    return {
      ...seal,
      open: (type, envelope) => {
        if (!this.#types.includes(type)) return seal.open(type, envelope)
        if (!this.#opened.has(envelope)) this.#opened.set(envelope, seal.open(type, envelope))
        return this.#opened.get(envelope)
      },
    }
  }
}

const onces = { light: new Once(true), full: new Once(false) }

export async function startLightGateway(options: LightOptions): Promise<LightGateway> {
  const { redisUrl, responders, leaseMs } = options
  const once = options.isLight ? onces.light : onces.full
  const signer = makeSigner()
  const seal = once.share(createFleetSeal({ fleet: FLEET, secrets: () => SECRETS, signer }))
  const store = openRedisFleetStore({
    url: redisUrl,
    fleet: FLEET,
    gateway: seal.gateway,
    timeoutMs: 10_000,
    logger,
    randomness,
  })
  const shelf = createShelf()
  const { verifier } = once
  const plane = openLightPlane({ ...signer, name: seal.gateway })
  const trail = createMemoryTrail()
  let knowledge: FleetKnowledge | undefined
  let leasesLost = 0
  let isFresh = false
  const desk = await createOrderDesk({
    ...{ dataPlane: plane.dataPlane, trail, clock, logger, verifier, randomness },
    journal: { entries: [], append: () => Promise.resolve(), close: () => Promise.resolve() },
    settings: () => ({ routes: ROUTES, responders, approvals: 2 }),
    fleet: createReceipts({ fleet: FLEET, seal, shelf, run: randomness.hex(8) }),
    clockReading: () => parts.link.clockReading,
    onEntry: (entry) => {
      parts.onEntry(entry)
    },
  })
  const parts: FleetParts = createFleetParts({
    ...{
      fleet: FLEET,
      store,
      seal,
      shelf,
      desk,
      verifier,
      dataPlane: plane.dataPlane,
      trail,
      clock,
      randomness,
      logger,
      leaseMs,
    },
    peers: { post: () => Promise.resolve(), askPeople: () => Promise.reject(new Error('it has no trail')) },
    memory: {
      read: () => knowledge,
      write: (now) => {
        knowledge = now
        return Promise.resolve()
      },
    },
    version: 'bench',
    names: () => ({ routes: [], tags: [], upstreams: [] }),
    address: () => undefined,
    onLease: (ends) => {
      const isNow = ends !== undefined && ends.monotonicMs > clock.monotonicMs()
      if (isFresh && !isNow) leasesLost += 1
      isFresh = isNow
      plane.setLease(ends)
    },
  })
  const stopFollowing = followProofs(parts)
  parts.join()
  await desk.start()
  const rounds = startFleetRounds(parts)
  store.listen({
    onEntry: ({ body }) => void parts.take([body], 'redis'),
    onProof: (proof) => {
      parts.proofs.hear(proof)
    },
    onRoster: () => {
      rounds.poke()
    },
    onConnected: () => {
      parts.redeliver()
      rounds.poke()
    },
    onTold: silent,
    onLost: silent,
  })
  return {
    name: seal.gateway,
    desk,
    parts,
    get leasesLost() {
      return leasesLost
    },
    async close() {
      rounds.stop()
      stopFollowing()
      desk.close()
      await store.close()
      plane.close()
    },
  }
}

interface LightPlane {
  readonly dataPlane: DataPlane
  setLease(ends: { readonly monotonicMs: number; readonly wallMs: number } | undefined): void
  close(): void
}

/** One worker in this thread: its view takes the table from a port, its canaries go through its own server. */
function openLightPlane(signer: ReturnType<typeof makeSigner>): LightPlane {
  const memory = lockMemory(new SharedArrayBuffer(LOCK_MEMORY_BYTES))
  const { port1, port2 } = new MessageChannel()
  port1.unref()
  port2.unref()
  const key = createWorkerKey()
  const head = vouch(signer, 'w1', key.key)
  const inFlight = new InFlight(silent)
  const view = new LockView(
    memory,
    port2,
    (table) => compileTable(table, routes.routes, (cidrs) => addresses.compile(cidrs)),
    (table) => {
      inFlight.sever(table, clock.now())
    },
  )
  port2.unref()
  const gateway: Gateway = {
    ...{ view, inFlight, addresses, clock, randomness, logger, detectors: [], draining: false },
    settings: {
      ...{ routes, nearMisses, isTrustedProxy: () => false, scheme: 'http', headersMax: 100, bodyBytesMax: 1_000_000 },
      verifier: { verify: () => ({ refused: 'invalid', detail: 'unknown' }) },
      upstreams: createUpstreamClient({}, { now: () => performance.now() }),
    },
    ring: new ImpactRing(1),
    pseudonyms: { of: () => 't.AAAAAAAAAAAAAAAAAAAAAA' },
    trail: createMemoryTrail(),
    refusals: { isOwn: () => true, flush: silent },
    telemetry: {
      ...{ settled: silent, sessionChecked: silent, throttled: silent, observed: silent, anomaly: silent },
      ...{
        unjudged: silent,
        streamCut: silent,
        connectionRefused: silent,
        upstreamOverloaded: silent,
        recorded: silent,
        lost: silent,
        durable: silent,
      },
    },
  }
  const server = new GatewayServer(gateway, LIMITS)
  const dataPlane: DataPlane = {
    enforce(table) {
      port1.postMessage(table)
      Atomics.store(memory.epoch, 0, table.epoch)
      const epoch = view.current?.epoch ?? -1
      return Promise.resolve([{ worker: 'w1', epoch, severed: 0 }])
    },
    async prove(request) {
      const proofs = await proveRefusals(server, gateway, request.routes, request.drill)
      const { epoch, hash } = view
      const identity = { gateway: signer.name, worker: 'w1', workers: ['w1'], at: clock.now() }
      const signed = signShown(key, identity, { epoch, hash }, request, proofs)
      return [
        { worker: 'w1', epoch, canaries: proofs.map((each) => ({ ...each, worker: 'w1' })), text: `${head}.${signed}` },
      ]
    },
    get workers() {
      return [{ worker: 'w1', alive: true, epoch: view.epoch }]
    },
    leaseRemainingMs: 0,
  }
  return {
    dataPlane,
    setLease(ends) {
      Atomics.store(memory.leaseEndsMs, 0, BigInt(Math.floor(ends?.monotonicMs ?? 0)))
    },
    close() {
      port1.close()
    },
  }
}
