// A data plane in the test's own thread: real server, real lock view, real upstream client; time, tokens and trail are the test's.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type tls from 'node:tls'
import { MessageChannel } from 'node:worker_threads'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { createUpstreamClient, type UpstreamPools } from '../../src/adapters/net/upstream-client.ts'
import type { Lock, LockMode } from '../../src/core/lock.ts'
import type { LockScope } from '../../src/core/scope.ts'
import { compileTable, type LockTable } from '../../src/core/lock-table.ts'
import { compileNearMissGuard } from '../../src/core/near-miss.ts'
import type { RoutePolicy } from '../../src/core/policy.ts'
import type { Residual } from '../../src/core/residual.ts'
import { compileRoutes, type Route } from '../../src/core/route.ts'
import type { Revocation, Session } from '../../src/core/session.ts'
import type { CanaryDoor } from '../../src/gateway/canary-door.ts'
import type { Gateway, Settings } from '../../src/gateway/gateway.ts'
import { ImpactRing } from '../../src/gateway/impact-ring.ts'
import { InFlight } from '../../src/gateway/in-flight.ts'
import { LOCK_MEMORY_BYTES, lockMemory, LockView } from '../../src/gateway/lock-view.ts'
import { RefusalCount } from '../../src/gateway/refusal-count.ts'
import { GatewayServer, type ServerLimits } from '../../src/gateway/server.ts'
import type { SettledExchange } from '../../src/ports/telemetry.ts'
import type { Verification } from '../../src/ports/token-verifier.ts'
import { createRateMemory, createRateSlab } from '../../src/throttle/rate-slab.ts'
import { createRequestRate } from '../../src/throttle/request-rate.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { createMemoryTrail, type MemoryTrail } from './memory-trail.ts'
import { connectRaw, type RawClient, type RawResponse } from './raw-client.ts'

export type RouteSpec = Partial<Omit<Route, 'policy'>> & { readonly path: string } & Partial<RoutePolicy>

export interface DataPlaneOptions {
  readonly routes: readonly RouteSpec[]
  /** Ports of upstream `registry`, on 127.0.0.1; or whole pools by name. */
  readonly upstream?: number | readonly number[]
  readonly pool?: Partial<UpstreamPools>
  readonly limits?: Partial<ServerLimits>
  readonly settings?: Partial<Settings>
  readonly trustedProxies?: readonly string[]
  /** The listener speaks TLS; callers of `connect` and `ask` would not. */
  readonly secure?: tls.TlsOptions
  /** What checks say of the upstream's targets. */
  readonly isUp?: (key: string) => boolean
  /** A unix socket instead of a port, or a port that several listen on. */
  readonly listen?: string | { readonly port: number }
  /** Shared by those that listen on one port. */
  readonly canaries?: CanaryDoor
  /** Ports of the gateway that fail or differ. */
  readonly gateway?: (gateway: Gateway) => Partial<Gateway>
}

export interface StandInVerifier {
  /** Replaces the look-up: called with what it would have answered. */
  answer: (found: Verification) => Verification | Promise<Verification>
}

export interface DataPlane {
  readonly port: number
  readonly server: GatewayServer
  readonly gateway: Gateway
  readonly trail: MemoryTrail
  readonly clock: FakeClock
  readonly verifier: StandInVerifier
  readonly settled: readonly SettledExchange[]
  /** Lines of the log at `error`. */
  readonly errors: readonly string[]
  readonly cuts: number
  /** Of each table that it took. */
  readonly residuals: readonly Residual[]
  /** Limits that turned a connection or a request away. */
  /** Routes whose answers could not be judged. */
  readonly unjudged: readonly string[]
  readonly turnedAway: readonly string[]
  /** A token and its session, opened by OTP now unless said otherwise. */
  token(facts?: Partial<Session>): string
  /** Posts a table with one more lock and stores its epoch, both in this turn, as the main thread does. */
  lock(scope: LockScope, mode?: LockMode, more?: Partial<Lock>): Lock
  revoke(facts: Partial<Revocation>): void
  /** Posts a table with no locks, one epoch on. */
  release(): void
  /** The next table, posted but not yet in force: call `store` for that. */
  post(change: Partial<LockTable>): number
  store(epoch: number): void
  readonly epoch: number
  /** The lease ends now. */
  endLease(): void
  renewLease(): void
  connect(): Promise<RawClient>
  /** One request on a connection of its own. */
  ask(head: string, options?: { readonly head?: boolean }): Promise<RawResponse>
  close(): Promise<void>
}

export const POLICY: RoutePolicy = {
  lock: 'open',
  session: { level: 'none', bind: [] },
  stale: 'frozen',
  audit: 'best-effort',
  throttle: {},
  subjects: [],
  forwardAuthorization: false,
}

export function routeOf(spec: RouteSpec): Route {
  const { id, path, methods = ['GET'], upstream = 'registry', tags = [], ...policy } = spec
  return {
    id: id ?? path.slice(1).replaceAll('/', '.'),
    path,
    methods,
    upstream,
    tags,
    policy: { ...POLICY, ...policy },
  }
}

export const LIMITS: ServerLimits = {
  headerBytesMax: 16_384,
  urlBytesMax: 8_192,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  minimumRate: { bytesPerSecond: 0, graceMs: 10_000 },
  connectionsMax: 16_384,
  connectionsPerAddressMax: 16_384,
  requestsPerConnectionMax: 1_000_000,
}

const POOL = {
  connectTimeoutMs: 2_000,
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 10_000,
  connectionsMax: 16,
  inFlightMax: 1_000,
  queue: { requestsMax: 4_096, timeoutMs: 60_000 },
}

const FAR_MS = 1_000_000_000

export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const clock = createFakeClock()
  const trail = createMemoryTrail()
  const addresses = createAddresses()
  const settled: SettledExchange[] = []
  const errors: string[] = []
  const turnedAway: string[] = []
  const unjudged: string[] = []
  const sessions = new Map<string, Session>()
  const verifier: StandInVerifier = { answer: (found) => found }
  const memory = lockMemory(new SharedArrayBuffer(LOCK_MEMORY_BYTES))
  const { port1, port2 } = new MessageChannel()
  let cuts = 0
  let ids = 0
  const residuals: Residual[] = []
  const inFlight = new InFlight(() => {
    cuts += 1
  })
  const routes = compileRoutes(options.routes.map(routeOf))
  const ports = typeof options.upstream === 'object' ? options.upstream : [options.upstream ?? 1]
  // Timeouts are the sockets' own: they are waited for, not told.
  const upstreams = createUpstreamClient(
    { registry: { targets: ports.map((port) => `http://127.0.0.1:${port}`), ...POOL, ...options.pool } },
    {
      now: () => performance.now(),
      ...(options.isUp === undefined ? {} : { isUp: options.isUp }),
      onOverload: (upstream, reason) => gateway.telemetry.upstreamOverloaded(upstream, reason),
    },
  )
  const settings: Settings = {
    routes,
    nearMisses: compileNearMissGuard(routes.routes),
    isTrustedProxy: addresses.compile(options.trustedProxies ?? []),
    verifier: {
      verify: (token) => {
        const session = sessions.get(token)
        return verifier.answer(session === undefined ? { refused: 'invalid', detail: 'unknown' } : { session })
      },
    },
    upstreams,
    scheme: 'http',
    headersMax: 100,
    bodyBytesMax: 1_000_000,
    ...options.settings,
  }
  const view = new LockView(
    memory,
    port2,
    (table) => compileTable(table, gateway.settings.routes.routes, (cidrs) => addresses.compile(cidrs)),
    (table) => {
      residuals.push(inFlight.severFor(table, clock.now(), view).residual)
    },
  )
  const base: Gateway = {
    settings,
    view,
    inFlight,
    ring: new ImpactRing(1),
    detectors: [createRequestRate(createRateSlab(createRateMemory(1024, 1), 0))],
    addresses,
    pseudonyms: {
      of: (kind, value) => `t.${createHash('sha256').update(`${kind} ${value}`).digest('base64url').slice(0, 22)}`,
    },
    trail,
    refusals: new RefusalCount(trail, clock),
    telemetry: {
      settled: (exchange) => void settled.push(exchange),
      sessionChecked: () => undefined,
      throttled: () => undefined,
      observed: () => undefined,
      anomaly: () => undefined,
      unjudged: (route) => void unjudged.push(route),
      streamCut: () => undefined,
      connectionRefused: (limit) => void turnedAway.push(limit),
      upstreamOverloaded: (upstream, reason) => void turnedAway.push(`${upstream} ${reason}`),
      recorded: () => undefined,
      lost: () => undefined,
      durable: () => undefined,
    },
    clock,
    randomness: {
      requestId: () => `request-${String(++ids).padStart(14, '0')}`,
      hex: (bytes) => 'ab'.repeat(bytes),
      fraction: () => 0.5,
    },
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (message, fields) => void errors.push(`${message} ${JSON.stringify(fields)}`),
    },
    draining: false,
  }
  const gateway: Gateway = { ...base, ...options.gateway?.(base) }
  const server = new GatewayServer(gateway, { ...LIMITS, ...options.limits }, options.secure, options.canaries)
  const { listen = { port: 0 } } = options
  server.listener.listen(
    typeof listen === 'string' ? listen : { ...listen, host: '127.0.0.1', reusePort: options.canaries !== undefined },
  )
  await once(server.listener, 'listening')
  const address = server.listener.address() as AddressInfo | string
  const to = typeof address === 'string' ? address : address.port
  const clients: RawClient[] = []

  let table: LockTable = { epoch: 0, locks: [], revocations: [] }
  const post = (change: Partial<LockTable>): number => {
    table = { ...table, ...change, epoch: table.epoch + 1 }
    port1.postMessage(table)
    return table.epoch
  }
  const store = (epoch: number): void => {
    Atomics.store(memory.landedUs, 0, BigInt(Math.floor(clock.monotonicMs() * 1000)))
    Atomics.store(memory.epoch, 0, epoch)
  }
  const renewLease = (): void => void Atomics.store(memory.leaseEndsMs, 0, BigInt(clock.monotonicMs() + FAR_MS))
  renewLease()
  store(post({}))

  const connect = async (): Promise<RawClient> => {
    const client = await connectRaw(to)
    clients.push(client)
    return client
  }
  return {
    port: typeof to === 'number' ? to : 0,
    server,
    gateway,
    trail,
    clock,
    verifier,
    settled,
    errors,
    turnedAway,
    unjudged,
    residuals,
    get cuts() {
      return cuts
    },
    token(facts = {}) {
      const token = `token-${sessions.size + 1}`
      const name = `t.${createHash('sha256').update(token).digest('base64url').slice(0, 22)}`
      sessions.set(token, {
        issuer: 'https://otp.example.in',
        principal: name,
        session: name,
        clients: [],
        byOtp: true,
        authTime: clock.now() / 1000,
        issuedAt: clock.now() / 1000,
        expiresAt: clock.now() + 3_600_000,
        claims: {},
        ...facts,
      })
      return token
    },
    lock(scope, mode = 'deny', more = {}) {
      const lock: Lock = {
        id: `lock-${table.epoch + 1}`,
        scope,
        mode,
        source: 'order',
        since: clock.now(),
        reason: 'leak suspected',
        incident: 'INC-7',
        onExpiry: 'stay',
        status: 503,
        message: {},
        ...more,
      }
      store(post({ locks: [...table.locks, lock] }))
      return lock
    },
    revoke(facts) {
      const revocation: Revocation = {
        id: `revocation-${table.epoch + 1}`,
        before: clock.now() + 1,
        reason: 'stolen',
        incident: 'INC-7',
        by: 'night-desk',
        since: clock.now(),
        ...facts,
      }
      store(post({ revocations: [...table.revocations, revocation] }))
    },
    release() {
      store(post({ locks: [] }))
    },
    post,
    store,
    get epoch() {
      return table.epoch
    },
    endLease: () => void Atomics.store(memory.leaseEndsMs, 0, BigInt(Math.floor(clock.monotonicMs()))),
    renewLease,
    connect,
    async ask(head, ask = {}) {
      const client = await connect()
      client.write(head)
      const response = await client.response(ask)
      client.close()
      return response
    },
    async close() {
      for (const client of clients) client.close()
      const closed = server.close()
      server.closeAll()
      await closed
      await upstreams.close()
      port1.close()
    },
  }
}

/** A request with a Host field and nothing else that it does not need. */
export function request(
  method: string,
  target: string,
  fields: Readonly<Record<string, string>> = {},
  body = '',
): string {
  const lines = Object.entries({ Host: 'api.example.in', ...fields }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}
