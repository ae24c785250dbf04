// The gateway's part in a fleet, where the config names one: the Redis, the secret, the peers, and the timers.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { createFleetMemory } from '../adapters/file/fleet-memory.ts'
import { createFleetSeal } from '../adapters/node/fleet-seal.ts'
import { openFleetSecrets, type FleetSecrets } from '../adapters/node/fleet-secret.ts'
import { createPeerLink } from '../adapters/node/peer-link.ts'
import { openRedisFleetStore } from '../adapters/redis/fleet-store.ts'
import type { Config, ControlConfig, RedisConfig } from '../config/config.ts'
import type { DeskFleet } from '../control/desk-fleet.ts'
import { createFleetParts, type FleetParts } from '../control/fleet/fleet.ts'
import { createReceipts } from '../control/fleet/receipts.ts'
import { followProofs, startFleetRounds, type FleetRounds } from '../control/fleet/rounds.ts'
import { createShelf, type Shelf } from '../control/fleet/shelf.ts'
import { shelve } from '../control/fleet/shelve.ts'
import type { OrderDesk } from '../control/order-desk.ts'
import type { KnownNames } from '../core/fleet-messages.ts'
import type { LedgerEntry } from '../core/ledger-entry.ts'
import type { ClockReading } from '../core/worker-statement.ts'
import type { DataPlane } from '../ports/data-plane.ts'
import type { FleetSeal } from '../ports/fleet-seal.ts'
import type { FleetStoreListener } from '../ports/fleet-store.ts'
import type { OrderVerifier } from '../ports/order-verifier.ts'
import type { Base, Fleet } from './parts.ts'
import { redisUrl, tlsOf } from './redis-place.ts'
import { conditionOf } from './condition.ts'
import { packageVersion } from './version.ts'

/** What the desk needs before there is a desk. */
export interface FleetBase {
  readonly redis: RedisConfig
  readonly seal: FleetSeal
  readonly secrets: FleetSecrets
  readonly shelf: Shelf
  readonly receipts: DeskFleet
  /** Once it is known: the desk is made before the link that measures. */
  readonly clocks: { reading: () => ClockReading | undefined }
  /** Names that other members know; likewise. */
  readonly names: { elsewhere: () => KnownNames }
  readonly onEntry: (entry: LedgerEntry) => void
  /** Hears the entries of the ledger from now on. */
  follow(follower: (entry: LedgerEntry) => void): void
}

/** Throws an Error of one line where the secret is not fit. Undefined with the embedded store. */
export function openFleetBase({ trail, randomness, logger }: Base, config: Config): FleetBase | undefined {
  const { redis } = config.store
  if (redis === undefined) return undefined
  const secrets = openFleetSecrets(redis.secretFile, logger)
  const seal = createFleetSeal({
    fleet: redis.fleet,
    secrets: () => secrets.current(),
    signer: trail.signer,
  })
  const shelf = createShelf()
  const receipts = createReceipts({ fleet: redis.fleet, seal, shelf, run: randomness.hex(8) })
  const followers: ((entry: LedgerEntry) => void)[] = []
  return {
    ...{ redis, seal, secrets, shelf, receipts },
    clocks: { reading: () => undefined },
    names: { elsewhere: () => ({ routes: [], tags: [], upstreams: [] }) },
    onEntry(entry) {
      for (const follow of followers) follow(entry)
    },
    follow(follower) {
      followers.push(follower)
    },
  }
}

/** A rotation is three edits, each minutes apart. */
const LOOK_EVERY_MS = 1000

export interface FleetNeeds {
  readonly desk: OrderDesk
  readonly verifier: OrderVerifier
  /** What the running config knows by name. */
  readonly names: () => KnownNames
  readonly dataPlane: DataPlane
  readonly config: Config
  readonly entries: readonly LedgerEntry[]
  /** What another gateway asks of this one. */
  readonly answer: (question: unknown) => Promise<object | undefined>
  /** Port that the control plane listens on, once it does. */
  readonly controlPort: () => number | undefined
}

export function openFleet(base: Base, fleet: FleetBase, needs: FleetNeeds): Fleet {
  const { redis, seal, shelf } = fleet
  const { clock, randomness, logger, trail, pool, cleanUp } = base
  const { desk, verifier, dataPlane, config } = needs
  const { leaseMs, dir } = config.store
  for (const entry of needs.entries) shelve(shelf, entry)
  const store = openRedisFleetStore({
    url: redisUrl(redis),
    ...tlsOf(redis),
    fleet: redis.fleet,
    gateway: seal.gateway,
    timeoutMs: leaseMs / 2,
    logger,
    randomness,
  })
  cleanUp.defer(() => store.close())
  const parts = createFleetParts({
    ...{ fleet: redis.fleet, store, seal, shelf, desk, verifier, dataPlane, clock, randomness, logger, leaseMs },
    peers: createPeerLink({ timeoutMs: leaseMs, ca: () => controlCertificate(config.control) }),
    memory: createFleetMemory(path.join(dir, 'fleet.json')),
    trail: trail.main,
    answer: (question) => needs.answer(question),
    version: packageVersion(),
    names: needs.names,
    address: () => redis.advertise ?? ownAddress(config.control, needs.controlPort()),
    onLease: (ends) => pool?.setLease(ends),
    condition: () => conditionOf(base, parts.link.clockReading),
  })
  fleet.follow((entry) => {
    parts.onEntry(entry)
  })
  fleet.names.elsewhere = () => parts.elsewhere()
  fleet.clocks.reading = () => parts.link.clockReading
  cleanUp.defer(followProofs(parts))
  let stop = (): void => undefined
  return {
    parts,
    problems: () => (fleet.secrets.problem === undefined ? [] : [fleet.secrets.problem]),
    reannounce() {
      void rejoin(parts)
    },
    start() {
      parts.join()
      const rounds = startFleetRounds(parts)
      const members = new Int32Array(base.members)
      const looking = setInterval(() => {
        Atomics.store(members, 0, parts.roster.peers.length + 1)
        // Under another first secret the own record has another voucher, without which nobody can tell whose it is.
        if (fleet.secrets.look()) void rejoin(parts)
      }, LOOK_EVERY_MS).unref()
      stop = () => {
        rounds.stop()
        clearInterval(looking)
      }
      cleanUp.defer(stop)
      store.listen(hearing(parts, rounds))
    },
    async leave() {
      stop()
      await parts.leave()
    },
  }
}

function hearing(parts: FleetParts, rounds: Pick<FleetRounds, 'poke'>): FleetStoreListener {
  return {
    onEntry: ({ body }) => void parts.take([body], 'redis'),
    onProof: (proof) => {
      parts.proofs.hear(proof)
    },
    onTold: (text) => {
      parts.questions.hear(text)
    },
    onRoster: () => {
      rounds.poke()
    },
    onConnected: () => {
      parts.redeliver()
      rounds.poke()
    },
    // The beat says it, and counts.
    onLost: () => undefined,
  }
}

async function rejoin(parts: FleetParts): Promise<void> {
  parts.join()
  // Where the store is away: the roster is compared again with the next contact.
  await parts.compareRoster().catch(() => undefined)
}

/** Control planes of one fleet commonly share an authority, or even the certificate: one's own is trusted in others. */
function controlCertificate({ tls }: ControlConfig): string | undefined {
  if (tls === undefined) return undefined
  try {
    return readFileSync(tls.cert, 'utf8')
  } catch {
    return undefined
  }
}

/** Undefined for a unix socket, and before it listens. */
function ownAddress({ listen, tls }: ControlConfig, port: number | undefined): string | undefined {
  if ('path' in listen || port === undefined) return undefined
  const host = isEverywhere(listen.host) ? outwardAddress() : listen.host
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** The first address that is not this machine's alone; a machine with several says which by `advertise`. */
function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const found =
    all.find(({ internal, family }) => !internal && family === 'IPv4') ?? all.find(({ internal }) => !internal)
  return found?.address ?? '127.0.0.1'
}
