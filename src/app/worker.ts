// Composition root of a data-plane thread: builds the gateway from the config it was started with, listens, and obeys the main thread.
import { parentPort, workerData } from 'node:worker_threads'
import { createAddresses } from '../adapters/ipaddr/addresses.ts'
import { createClock } from '../adapters/node/clock.ts'
import { createPseudonyms } from '../adapters/node/pseudonyms.ts'
import { createRandomness } from '../adapters/node/randomness.ts'
import type { SeriesAnnouncement } from '../adapters/prometheus/telemetry-slab.ts'
import { createWorkerTelemetry } from '../adapters/prometheus/worker-telemetry.ts'
import { createLogger } from '../adapters/winston/logger.ts'
import type { DetailSealer } from '../audit/detail/detail-sealer.ts'
import { createRecorder, type Recorder } from '../audit/recorder.ts'
import { createWorkerKey } from '../audit/worker-proof.ts'
import { openWriteAheadLog, type DurableBatch, type WriteAheadLog } from '../audit/write-ahead.ts'
import type { Config } from '../config/config.ts'
import { compileTable, type LockTable } from '../core/lock-table.ts'
import { NO_RESIDUAL, sumResiduals, type Residual } from '../core/residual.ts'
import { CanaryDoor } from '../gateway/canary-door.ts'
import { proveRefusals } from '../gateway/canary.ts'
import { countImpact } from '../gateway/count-impact.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { createDelays } from '../gateway/delays.ts'
import { ImpactRing } from '../gateway/impact-ring.ts'
import { InFlight } from '../gateway/in-flight.ts'
import { lockMemory, LockView } from '../gateway/lock-view.ts'
import { RefusalCount } from '../gateway/refusal-count.ts'
import { GatewayServer, drain } from '../gateway/server.ts'
import { createTurnsOfTime } from '../gateway/turns-of-time.ts'
import { gathered } from './gathered.ts'
import { openTally } from './fleet-tally.ts'
import { listen } from './listen.ts'
import { createRemoteOtpDesk } from './remote-otp-desk.ts'
import type { FromWorker, ToWorker } from '../ports/worker-protocol.ts'
import { peopleSettingsOf, takeUpdate } from './people-settings.ts'
import { createBudgetSlab } from '../throttle/budget-slab.ts'
import { createRateSlab } from '../throttle/rate-slab.ts'
import { createReplaySlab } from '../throttle/replay-slab.ts'
import { createRequestRate } from '../throttle/request-rate.ts'
import { openCohorts } from './worker-cohorts.ts'
import { openDetails, withKeys } from './worker-details.ts'
import { openPeople } from './worker-people.ts'
import { signShown } from './sign-shown.ts'
import { openSettings, type OpenedSettings, type SettingsDeps } from './worker-settings.ts'
import type { WorkerStart } from './worker-start.ts'

const HOUSEKEEPING_MS = 1_000

const start = workerData as WorkerStart
const clock = createClock()
const startedAt = clock.now()
const randomness = createRandomness()
const addresses = createAddresses()
const pseudonyms = createPseudonyms(start.pseudonymKey)
// Never leaves this thread, and ends with it.
const key = createWorkerKey()
const logger = createLogger({ level: start.config.log.level, now: () => clock.now(), fields: { worker: start.name } })

const post = (message: FromWorker<DurableBatch, SeriesAnnouncement>, transfer: readonly ArrayBuffer[] = []): void => {
  parentPort?.postMessage(message, [...transfer])
}
/** A checkpoint is due each second. What is lost here with this thread is read from its segments. */
const SEAL_WITHIN_MS = 50
const durable = gathered<DurableBatch>((batches) => {
  post(
    { type: 'durable', batches },
    batches.map(({ block }) => block.buffer as ArrayBuffer),
  )
}, SEAL_WITHIN_MS)
const telemetry = createWorkerTelemetry(start.telemetry, (announcement) => {
  post({ type: 'series', announcement })
})

/** What the tables since the last proof came too late for. */
let untold: Residual = NO_RESIDUAL
/** Targets that are down by the checks of the main thread. */
let down: ReadonlySet<string> = new Set()
/** Why the trail as a whole cannot be kept, as the main thread sees it: strict routes serve nothing while it is set. */
let trailHold: string | undefined
const tally = openTally(start.config, { randomness, logger, members: start.members })
const deps: SettingsDeps = {
  ...{ clock, addresses, pseudonyms, logger, telemetry, randomness },
  replays: createReplaySlab(start.replays),
  isUp: (target) => !down.has(target),
  budgets: createBudgetSlab(start.budgets, start.thread),
  tally,
}

const otpDesk = createRemoteOtpDesk((id, question) => {
  post({ type: 'otp', id, question })
})

interface Running {
  readonly gateway: Gateway
  readonly server: GatewayServer
  readonly log: WriteAheadLog
  readonly trail: Recorder
  readonly details: DetailSealer
  opened: OpenedSettings
}

function openLog({ audit }: Config): Promise<WriteAheadLog> {
  return openWriteAheadLog({
    dir: audit.dir,
    writer: start.name,
    now: () => clock.monotonicMs(),
    mayGrow: () => trailHold === undefined,
    onFailure: (problem) => {
      logger.error('a commit of the trail failed, or its file was taken away', { problem })
    },
    onDurable: (batch) => {
      telemetry.durable(batch.waitedMs / 1000)
      durable.add(batch)
    },
  })
}

function schedule(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms)
  return () => {
    clearTimeout(timer)
  }
}

async function run(): Promise<Running> {
  const { config, name } = start
  if (config.gateway === undefined) throw new Error('a data-plane worker needs a gateway section')
  const log = await openLog(config)
  const trail = createRecorder({
    log,
    gateway: start.gatewayName,
    worker: name,
    monotonicMs: () => clock.monotonicMs(),
    isHeld: () => trailHold !== undefined,
    onRecord: () => {
      telemetry.recorded(1)
    },
    onLost: () => {
      telemetry.lost(1)
    },
  })
  const details = openDetails(start, logger)
  const refusals = new RefusalCount(trail, clock)
  const opened = await openSettings(config, config.gateway, deps)
  const inFlight = new InFlight(() => {
    telemetry.streamCut()
  })
  const takeTurns = createTurnsOfTime(inFlight, clock, schedule)
  const compile = (table: LockTable) =>
    compileTable(table, gateway.settings.routes.routes, (cidrs) => addresses.compile(cidrs))
  const view = new LockView(lockMemory(start.locks), start.tables, compile, (table) => {
    const { severed, residual } = inFlight.severFor(table, clock.now(), view)
    untold = sumResiduals([untold, residual])
    post({ type: 'enforcing', epoch: table.epoch, severed })
    takeTurns(table)
  })
  const detectors = [createRequestRate(createRateSlab(start.rates, start.thread))]
  const gateway: Gateway = {
    settings: opened.settings,
    view,
    inFlight,
    ring: new ImpactRing(Number.parseInt(randomness.hex(4), 16)),
    detectors,
    people: openPeople(start, { trail, clock, post }),
    cohorts: openCohorts(start, post),
    delays: createDelays(schedule),
    addresses,
    pseudonyms,
    trail: withKeys(trail, details),
    details,
    refusals,
    telemetry,
    clock,
    randomness,
    logger,
    askOtp: otpDesk.ask,
    draining: false,
  }
  const canaries = new CanaryDoor(start.canaries, start.thread, randomness)
  const server = new GatewayServer(gateway, config.gateway.limits, opened.secure, canaries)
  // The table is taken before the first connection can come.
  if (view.current === undefined) logger.debug('started before its table: frozen until it comes')
  await listen(server.listener, config.gateway.listen, start.reusePort)
  const address = server.listener.address()
  post({ type: 'listening', port: address === null || typeof address === 'string' ? 0 : address.port })
  return { gateway, server, log, trail, details, opened }
}

/** The new settings replace the old as a whole; exchanges that are open finish with the connections that they have. */
async function reload(running: Running, config: Config): Promise<void> {
  if (config.gateway === undefined) throw new Error('the gateway section is gone: that needs a restart')
  const { gateway, server } = running
  const opened = await openSettings(config, config.gateway, deps, running.opened)
  const before = gateway.settings.upstreams
  const sessions = running.opened.verifier
  gateway.settings = opened.settings
  running.opened = opened
  if (gateway.people !== undefined)
    gateway.people.settings = peopleSettingsOf(config, pseudonyms, gateway.people.settings)
  gateway.view.recompile()
  server.useLimits(config.gateway.limits)
  if (opened.secure !== undefined) server.renewCertificates(opened.secure)
  if (before !== opened.settings.upstreams) void before.close()
  if (sessions !== opened.verifier) void sessions.close()
}

async function stop(running: Running, timeoutMs: number): Promise<void> {
  const deadline = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref())
  const clean = await drain(running.server, running.gateway, deadline)
  await running.gateway.settings.upstreams.close()
  await running.opened.verifier.close()
  await tally?.close()
  running.gateway.refusals.flush()
  running.trail.tellLosses()
  await running.details.close()
  const written = await running.log.close().then(
    () => true,
    () => false,
  )
  durable.flush()
  post({ type: 'drained', clean: clean && written })
}

let last: Promise<unknown> = Promise.resolve()

/** One reload after the other: the last config must win. */
function inTurn(run: () => Promise<void>): Promise<void> {
  const next = last.then(run)
  last = next.catch(() => undefined)
  return next
}

function obey(running: Running, message: ToWorker<Config>): void {
  switch (message.type) {
    case 'reload':
      inTurn(() => reload(running, message.config)).then(
        () => {
          post({ type: 'reloaded' })
        },
        (error: unknown) => {
          post({ type: 'reloaded', problem: error instanceof Error ? error.message : String(error) })
        },
      )
      break
    case 'prove':
      void prove(running, message)
      break
    case 'impact': {
      const { id, question } = message
      void countImpact(running.gateway, question, startedAt).then((impact) => {
        post({ type: 'impact', id, impact })
      })
      break
    }
    case 'otp':
      otpDesk.take(message.id, message.answer)
      break
    case 'down':
      down = new Set(message.targets)
      break
    case 'people':
      if (running.gateway.people !== undefined) {
        running.gateway.people.settings = takeUpdate(running.gateway.people.settings, message.people)
        running.gateway.people.engine.share(message.people.sharers ?? 1)
      }
      break
    case 'trail':
      trailHold = message.problem
      break
    case 'drain':
      void stop(running, message.timeoutMs)
      break
  }
}

/** Its canaries, and its own signature under what they have shown. */
async function prove(
  { server, gateway }: Running,
  message: Extract<ToWorker<Config>, { type: 'prove' }>,
): Promise<void> {
  const { id, request, workers } = message
  // The table may still be in its port: it is taken first, and what it cuts is told with this proof.
  if (gateway.view.current === undefined) logger.debug('asked to prove a table that has not come')
  const proofs = await proveRefusals(server, gateway, request.routes, request.drill)
  const { epoch, hash } = gateway.view
  const residual = untold
  untold = NO_RESIDUAL
  const identity = { gateway: start.gatewayName, worker: start.name, workers, at: clock.now(), residual }
  const signed = signShown(key, identity, { epoch, hash }, request, proofs)
  post({ type: 'proof', id, epoch, proofs, residual, signed })
}

/** What is looked after each second: the keys of issuers, and whether the trail can be written. */
function keepHouse(running: Running): void {
  let healthy = true
  setInterval(() => {
    void running.opened.verifier.refresh()
    running.trail.tellLosses()
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
  post({ type: 'key', key: key.key })
  const running = await run()
  parentPort?.on('message', (message: ToWorker<Config>) => {
    obey(running, message)
  })
  keepHouse(running)
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
}
