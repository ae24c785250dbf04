// The order in which a gateway starts, and in reverse stops: store, trail, orders, data plane, control plane.
import path from 'node:path'
import { createDetailMemory } from '../audit/detail/detail-sealer.ts'
import { lockDirectory } from '../adapters/file/directory-lock.ts'
import { openOrderJournal } from '../adapters/file/order-journal.ts'
import { createOrderVerifier } from '../adapters/jose/order-verifier.ts'
import { createRandomness } from '../adapters/node/randomness.ts'
import { createLogger } from '../adapters/winston/logger.ts'
import { snapshotOf } from '../config/check-reload.ts'
import type { Config } from '../config/config.ts'
import type { Environment } from '../config/process-environment.ts'
import { writeGuard } from '../config/guard-file.ts'
import { createCohorts } from '../control/live/cohorts.ts'
import { createChanges } from '../control/live/changes.ts'
import { createLiveFeed } from '../control/live/live-feed.ts'
import { createImpactDesk } from '../control/impact-desk.ts'
import { createAnomalyBook } from '../control/people/anomaly-book.ts'
import { createOrderDesk } from '../control/order-desk.ts'
import { isSignedRecovery } from '../control/recovery.ts'
import { hashedTable } from '../control/table-hash.ts'
import type { KnownNames } from '../core/fleet-messages.ts'
import type { Route } from '../core/route.ts'
import type { Clock } from '../ports/clock.ts'
import { createEngineMemory } from '../throttle/engine.ts'
import type { CleanUp } from './clean-up.ts'
import { openControl, type Control } from './control.ts'
import { openDataPlane } from './data-plane.ts'
import { openEvents } from './events.ts'
import { openFleet, openFleetBase } from './fleet.ts'
import { openNotices } from './notices.ts'
import { createMeters } from './meters.ts'
import { createNoDataPlane } from './no-data-plane.ts'
import { openPseudonymKeys } from './pseudonym-keys.ts'
import { openOtp } from './otp.ts'
import type { Base, Parts } from './parts.ts'
import { openTrailDesk } from './trail-desk.ts'
import { checkpointOf, openTrail } from './trail.ts'
import { recordLife, tellLife } from './record-change.ts'
import { packageVersion } from './version.ts'
import { openWatches, refuseBackDoor, type Watches } from './watches.ts'

export interface GatewayDeps {
  readonly config: Config
  readonly env: Environment
  readonly clock: Clock
  readonly cleanUp: CleanUp
}

export interface RunningGateway {
  /** Reads the config anew, now. */
  readonly reload: () => void
  /** Lets what is in flight finish, seals the trail, frees the store. Resolves to whether nothing was cut or left unsealed. */
  stop(): Promise<boolean>
}

/** Rejects with an Error of one line where something is in the way; what had been started until then is on `cleanUp`. */
export async function startGateway(deps: GatewayDeps): Promise<RunningGateway> {
  const base = await openBase(deps)
  const parts = await openDesk(base, deps.config)
  const { desk, pool, trail, logger } = parts
  refuseBackDoor(deps.config, parts)
  writeGuard(deps.config.store.dir, snapshotOf(deps.config))
  const watches = await openWatches(parts)
  parts.meters.attach(
    { ...parts, targets: () => watches.health.targets, oldestRecord: () => watches.keeper.oldest },
    () => watches.config.lastReloadOk,
  )
  // Before the desk starts: what the start itself shows may have to be told.
  const notices = openNotices(parts)
  // Workers start with the table as everything that may lock has left it.
  const port = await pool?.start(hashedTable(desk.ledger))
  await desk.start()
  const control = await openControl(parts, watches, notices)
  await openEvents(parts)
  parts.fleet?.start()
  recordLife(parts, 'start', watches.config.hash)
  tellLife(parts, 'start', watches.config.hash)
  logger.info('ready', { gateway: trail.gatewayName, epoch: desk.ledger.epoch, port, vkey: trail.sealer.vkey })
  return {
    reload: () => {
      void watches.config.tick()
    },
    stop: () => stop(parts, control, watches),
  }
}

/** One process in them at a time. */
function lockPlaces({ store, audit }: Config, cleanUp: CleanUp): void {
  const locks = [lockDirectory(store.dir)]
  cleanUp.defer(() => {
    for (const lock of locks) lock.release()
  })
  // A copy of the store elsewhere has the same key, and would sign a second history of one trail.
  const isInside = !path.relative(store.dir, audit.dir).startsWith('..')
  if (!isInside) locks.push(lockDirectory(`${audit.dir}.lock`))
}

async function openBase({ config, env, clock, cleanUp }: GatewayDeps): Promise<Base> {
  const logger = createLogger({ level: config.log.level, now: () => clock.now() })
  const randomness = createRandomness()
  lockPlaces(config, cleanUp)
  const journal = await openOrderJournal({ dir: config.store.dir, logger })
  cleanUp.defer(() => journal.close())
  const { pseudonymKey, pseudonymKeys } = await openPseudonymKeys(config, journal.entries, { clock, logger })
  const meters = createMeters(packageVersion(), config)
  const trail = await openTrail({ config, clock, logger, cleanUp, telemetry: meters.main })
  const live = createLiveFeed()
  const cohorts = createCohorts(clock)
  const changes = createChanges()
  const people = {
    memory: createEngineMemory(config.throttle),
    book: createAnomalyBook(),
    epochSeconds: Math.floor((clock.now() - clock.monotonicMs()) / 1000),
    counted: [] as Int32Array[],
  }
  const erasures = createDetailMemory()
  const otp = await openOtp(config, { pseudonymKey, clock, randomness, logger, meter: meters.registry.otp, cleanUp })
  const members = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const pool =
    config.gateway &&
    (await openDataPlane({
      config,
      gateway: config.gateway,
      signer: trail.signer,
      pseudonymKey,
      clock,
      randomness,
      logger,
      onBatch: (batch) => {
        trail.sealer.add(batch)
        live.add(batch.block)
      },
      people,
      erasures,
      watched: live.listening,
      onCohorts: (counts) => {
        cohorts.add(counts)
      },
      onAnomaly: people.book.note,
      onCounted: (deltas) => {
        people.counted.push(deltas)
      },
      onSlab: (thread, slab) => {
        meters.registry.addSlab(thread, slab)
      },
      onSeries: (thread, announcement) => {
        meters.registry.addSeries(thread, announcement)
      },
      askOtp: otp.ask,
      members,
    }))
  if (pool !== undefined) cleanUp.defer(() => pool.stop(0))
  const trailDesk = openTrailDesk({
    ...{ config, logger, origin: trail.gatewayName },
    size: () => trail.sealer.size,
  })
  cleanUp.defer(() => trailDesk.stop())
  const opened = { meters, trail, trailDesk, pool, members, live, cohorts, changes, people, otp, erasures }
  return { env, clock, cleanUp, logger, randomness, journal, pseudonymKey, pseudonymKeys, ...opened }
}

async function openDesk(base: Base, config: Config): Promise<Parts> {
  const { clock, logger, randomness, trail, cleanUp, journal } = base
  const running = { config }
  const dataPlane = base.pool ?? createNoDataPlane(trail.signer, clock)
  const verifier = createOrderVerifier()
  const settings = () => ({
    routes: running.config.routes,
    responders: running.config.control.responders,
    approvals: running.config.control.releaseApprovals,
  })
  const fleetBase = openFleetBase(base, config)
  const desk = await createOrderDesk({
    journal,
    dataPlane,
    verifier,
    trail: trail.main,
    clock,
    randomness,
    logger,
    settings,
    checkpoint: () => checkpointOf(trail),
    isTrailLow: () => trail.guard.isLow,
    isRecovered: (entry) => isSignedRecovery(entry, trail.gatewayName, trail.signer.publicKeyRaw),
    ...(fleetBase === undefined
      ? {}
      : {
          fleet: fleetBase.receipts,
          onEntry: fleetBase.onEntry,
          clockReading: () => fleetBase.clocks.reading(),
          knownElsewhere: () => fleetBase.names.elsewhere(),
        }),
  })
  cleanUp.defer(() => {
    desk.close()
  })
  const listening: Parts['listening'] = { controlPort: undefined }
  const fleet =
    fleetBase &&
    openFleet(base, fleetBase, {
      names: () => namesOf(running.config.routes),
      ...{ desk, verifier, dataPlane, config, entries: journal.entries },
      answer: (question) => impact.answer(question),
      controlPort: () => listening.controlPort,
    })
  const impact = createImpactDesk({
    ...{ desk, clock, source: base.pool, gatewayName: trail.gatewayName },
    ...(fleet === undefined
      ? {}
      : {
          fleet: {
            questions: () => fleet.parts.questions,
            peers: () => fleet.parts.roster.peers.map(({ gateway }) => gateway),
          },
        }),
  })
  cleanUp.defer(() => {
    impact.close()
  })
  return { ...base, running, dataPlane, verifier, desk, fleet, listening, impact }
}

async function stop(parts: Parts, control: Control, watches: Watches): Promise<boolean> {
  const { pool, running, cleanUp, logger, fleet } = parts
  control.drain()
  tellLife(parts, 'stop', watches.config.hash)
  logger.info('stopping: what is in flight may finish')
  const clean = (await pool?.stop(running.config.gateway?.drainTimeoutMs ?? 0)) ?? true
  await fleet?.leave()
  recordLife(parts, 'stop', watches.config.hash)
  const failures = await cleanUp.run()
  for (const failure of failures)
    logger.error('stopping went wrong', { error: failure instanceof Error ? failure.message : String(failure) })
  return clean && failures.length === 0
}

function namesOf(routes: readonly Route[]): KnownNames {
  return {
    routes: routes.map(({ id }) => id),
    tags: [...new Set(routes.flatMap(({ tags }) => tags))],
    upstreams: [...new Set(routes.map(({ upstream }) => upstream))],
  }
}
