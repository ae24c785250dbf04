// Composition root of a data-plane thread: builds the gateway from the config it was started with, listens, and obeys the main thread.
import type net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { createAddresses } from '../adapters/ipaddr/addresses.ts'
import { createTokenVerifier, type RefreshingTokenVerifier } from '../adapters/jose/token-verifier.ts'
import { createClock } from '../adapters/node/clock.ts'
import { createPseudonyms } from '../adapters/node/pseudonyms.ts'
import { createRandomness } from '../adapters/node/randomness.ts'
import type { SeriesAnnouncement } from '../adapters/prometheus/telemetry-slab.ts'
import { createWorkerTelemetry } from '../adapters/prometheus/worker-telemetry.ts'
import { createUpstreamClient } from '../adapters/net/upstream-client.ts'
import { createLogger } from '../adapters/winston/logger.ts'
import { createRecorder } from '../audit/recorder.ts'
import { openWriteAheadLog, type DurableBatch, type WriteAheadLog } from '../audit/write-ahead.ts'
import type { Config, GatewayConfig, Listen } from '../config/config.ts'
import { compileTable, type LockTable } from '../core/lock-table.ts'
import { compileNearMissGuard } from '../core/near-miss.ts'
import { compileRoutes } from '../core/route.ts'
import { proveRefusals } from '../gateway/canary.ts'
import type { Gateway, Settings } from '../gateway/gateway.ts'
import { InFlight } from '../gateway/in-flight.ts'
import { lockMemory, LockView } from '../gateway/lock-view.ts'
import { GatewayServer, drain } from '../gateway/server.ts'
import { createTurnsOfTime } from '../gateway/turns-of-time.ts'
import type { FromWorker, ToWorker } from '../ports/worker-protocol.ts'
import { createRateSlab } from '../throttle/rate-slab.ts'
import { createRequestRate } from '../throttle/request-rate.ts'
import type { WorkerStart } from './worker-start.ts'

/** Remembered sessions of a worker; each holds a few hundred bytes. */
const SESSIONS_MAX = 100_000
const HOUSEKEEPING_MS = 1_000

const start = workerData as WorkerStart
const clock = createClock()
const randomness = createRandomness()
const addresses = createAddresses()
const pseudonyms = createPseudonyms(start.pseudonymKey)
const logger = createLogger({ level: start.config.log.level, now: () => clock.now(), fields: { worker: start.name } })

const post = (message: FromWorker<DurableBatch, SeriesAnnouncement>, transfer: readonly ArrayBuffer[] = []): void => {
  parentPort?.postMessage(message, [...transfer])
}
const telemetry = createWorkerTelemetry(start.telemetry, (announcement) => {
  post({ type: 'series', announcement })
})

interface Running {
  readonly gateway: Gateway
  readonly server: GatewayServer
  readonly log: WriteAheadLog
  verifier: RefreshingTokenVerifier
}

async function run(): Promise<Running> {
  const { config, name } = start
  if (config.gateway === undefined) throw new Error('a data-plane worker needs a gateway section')
  const log = await openWriteAheadLog({
    dir: config.audit.dir,
    writer: name,
    now: () => clock.monotonicMs(),
    onDurable: (batch) => {
      telemetry.durable(batch.waitedMs / 1000)
      post({ type: 'durable', batch }, [batch.block.buffer as ArrayBuffer])
    },
  })
  const trail = createRecorder({
    log,
    gateway: start.gatewayName,
    worker: name,
    onRecord: () => {
      telemetry.recorded(1)
    },
  })
  const { settings, verifier } = await openSettings(config, config.gateway)
  const inFlight = new InFlight(() => {
    telemetry.streamCut()
  })
  const takeTurns = createTurnsOfTime(inFlight, clock, (run, ms) => {
    const timer = setTimeout(run, ms)
    return () => {
      clearTimeout(timer)
    }
  })
  const compile = (table: LockTable) =>
    compileTable(table, gateway.settings.routes.routes, (cidrs) => addresses.compile(cidrs))
  const view = new LockView(lockMemory(start.locks), start.tables, compile, (table) => {
    const severed = inFlight.sever(table, clock.now())
    post({ type: 'enforcing', epoch: table.epoch, severed })
    takeTurns(table)
  })
  const detectors = [createRequestRate(createRateSlab(start.rates, start.thread))]
  const gateway: Gateway = {
    settings,
    view,
    inFlight,
    detectors,
    addresses,
    pseudonyms,
    trail,
    telemetry,
    clock,
    randomness,
    logger,
    draining: false,
  }
  const server = new GatewayServer(gateway, config.gateway.limits)
  // The table is taken before the first connection can come.
  if (view.current === undefined) logger.debug('started before its table: frozen until it comes')
  await listen(server.listener, config.gateway.listen)
  const address = server.listener.address()
  post({ type: 'listening', port: address === null || typeof address === 'string' ? 0 : address.port })
  return { gateway, server, log, verifier }
}

async function openSettings(
  config: Config,
  gateway: GatewayConfig,
): Promise<{ settings: Settings; verifier: RefreshingTokenVerifier }> {
  const claims = new Set(config.routes.flatMap((route) => route.policy.session.bind.map(({ claim }) => claim)))
  const verifier = createTokenVerifier({
    issuers: config.session.issuers,
    clockToleranceMs: config.session.clockToleranceMs,
    pseudonyms,
    now: () => clock.now(),
    logger,
    cache: { entriesMax: SESSIONS_MAX },
    claims: [...claims],
  })
  const unreadable = (await verifier.refresh()).find(({ from }) => from === 'file')
  if (unreadable !== undefined) throw new Error(`session.issuers ${unreadable.issuer}: ${unreadable.detail}`)
  const settings: Settings = {
    routes: compileRoutes(config.routes),
    nearMisses: compileNearMissGuard(config.routes),
    isTrustedProxy: addresses.compile(gateway.trustedProxies),
    verifier,
    upstreams: createUpstreamClient(config.upstreams, () => clock.monotonicMs()),
    scheme: 'http',
    headersMax: gateway.limits.headersMax,
    bodyBytesMax: gateway.limits.bodyBytesMax,
  }
  return { settings, verifier }
}

function listen(server: net.Server, to: Listen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const options = 'path' in to ? { path: to.path } : { host: to.host, port: to.port, reusePort: start.reusePort }
    server.listen({ ...options, backlog: 4096 }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

/** The new settings replace the old as a whole; exchanges that are open finish with the connections that they have. */
async function reload(running: Running, config: Config): Promise<void> {
  if (config.gateway === undefined) throw new Error('the gateway section is gone: that needs a restart')
  const { settings, verifier } = await openSettings(config, config.gateway)
  const before = running.gateway.settings.upstreams
  running.gateway.settings = settings
  running.verifier = verifier
  running.gateway.view.recompile()
  void before.close()
}

async function stop(running: Running, timeoutMs: number): Promise<void> {
  const deadline = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref())
  const clean = await drain(running.server, running.gateway, deadline)
  await running.gateway.settings.upstreams.close()
  const written = await running.log.close().then(
    () => true,
    () => false,
  )
  post({ type: 'drained', clean: clean && written })
}

function obey(running: Running, message: ToWorker<Config>): void {
  switch (message.type) {
    case 'reload':
      reload(running, message.config).then(
        () => {
          post({ type: 'reloaded' })
        },
        (error: unknown) => {
          post({ type: 'reloaded', problem: error instanceof Error ? error.message : String(error) })
        },
      )
      break
    case 'prove':
      void proveRefusals(running.server, running.gateway, message.routes, message.drill).then((proofs) => {
        post({ type: 'proof', id: message.id, proofs })
      })
      break
    case 'drain':
      void stop(running, message.timeoutMs)
      break
  }
}

/** What is looked after each second: the keys of issuers, and whether the trail can be written. */
function keepHouse(running: Running): void {
  let healthy = true
  setInterval(() => {
    void running.verifier.refresh()
    void running.log.probe().then((now) => {
      if (now === healthy) return
      healthy = now
      post({
        type: 'trail',
        healthy: now,
        ...(running.log.problem === undefined ? {} : { problem: running.log.problem }),
      })
    })
  }, HOUSEKEEPING_MS).unref()
}

try {
  const running = await run()
  parentPort?.on('message', (message: ToWorker<Config>) => {
    obey(running, message)
  })
  keepHouse(running)
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
}
