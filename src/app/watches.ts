// What is looked at again and again: the config, the locks file, FREEZE and orders by file, the lease, the trail.
import { TLS_LOOK_EVERY_MS } from '../adapters/node/tls-files.ts'
import { checkReload, snapshotOf } from '../config/check-reload.ts'
import type { Config } from '../config/config.ts'
import { readGuard, writeGuard } from '../config/guard-file.ts'
import { createConfigWatch, type ConfigWatch } from '../config/watch-config.ts'
import { every, LOOK_EVERY_MS } from '../control/every.ts'
import { createLocksFileWatch, type LocksFileWatch } from '../control/watch-locks-file.ts'
import { createThawWatch } from '../control/thaw-watch.ts'
import { createTurns, type Turns } from '../control/turns.ts'
import { createStoreWatch } from '../control/watch-store.ts'
import { configLocks } from '../core/lock-flags.ts'
import { tableOf } from '../core/ledger.ts'
import { createCertificateWatch, readCertificates, type Certificates, type CertificateWatch } from './certificates.ts'
import { startEvidence } from './evidence.ts'
import { createTrailKeeper, type TrailKeeper } from './keep-trail.ts'
import { createHealth, type Health } from './health.ts'
import type { Parts } from './parts.ts'
import { recordConfig } from './record-change.ts'
import { createUnwrittenNote } from './unwritten.ts'

export interface Watches {
  readonly config: ConfigWatch
  readonly locksFile: LocksFileWatch | undefined
  readonly certificates: CertificateWatch
  readonly health: Health
  readonly keeper: TrailKeeper
}

const SEAL_EVERY_MS = 500
const THAW_EVERY_MS = 1000
const RETENTION_EVERY_MS = 60_000
/** What observing locks meet is no hurry. */
const OBSERVE_EVERY_MS = 5000

/** A restart is judged like a reload, against the config that stood last. Throws an Error of one line that names the locks. */
export function refuseBackDoor(config: Config, { desk, clock }: Pick<Parts, 'desk' | 'clock'>): void {
  const { locks } = tableOf(desk.ledger)
  const held = locks.filter(({ source }) => source === 'order' || source === 'freeze')
  if (held.length === 0) return
  const before = readGuard(config.store.dir)
  if (before === undefined) {
    const ids = held.map(({ id }) => id).join(', ')
    throw new Error(
      `${config.store.dir}/guard.json, the config that stood when they landed, is missing or damaged while locks are in force: ${ids}; put it back`,
    )
  }
  const problems = checkReload(before, snapshotOf(config), { locks, now: clock.now() })
  if (problems.length > 0)
    throw new Error(problems.map(({ path, message }) => `${config.file}: ${path}: ${message}`).join('\n'))
}

/** First looks at everything that may lock, before any request is taken; then goes on looking. */
export async function openWatches(parts: Parts): Promise<Watches> {
  const { running, desk, clock, logger, cleanUp } = parts
  await desk.setFlags('config', configLocks(desk.ledger.flags.config, running.config.routes, clock.now()))
  const store = createStoreWatch({ dir: running.config.store.dir, desk, logger })
  await store.look()
  const locksFile =
    running.config.locksFile === undefined
      ? undefined
      : createLocksFileWatch({
          path: running.config.locksFile,
          desk,
          routes: () => running.config.routes,
          clock,
          logger,
        })
  // Twice: a text is believed to open only when it has been seen to stand.
  await locksFile?.look()
  await locksFile?.look()
  const turns = createTurns()
  const health = createHealth(parts)
  const certificates = await openCertificates(parts, health, turns)
  const config = createConfigWatch({
    running: running.config,
    env: parts.env,
    now: () => clock.now(),
    locks: () => tableOf(desk.ledger).locks,
    apply: (next) => turns(() => applyConfig(parts, certificates, health, next)),
    tell: (change) => {
      recordConfig(parts, change)
    },
  })
  await config.tick()
  const stopListening = desk.onChange(({ event }) => {
    if (event === 'release') config.lookAgain()
  })
  cleanUp.defer(stopListening)
  cleanUp.defer(every(LOOK_EVERY_MS, () => store.look(), logger))
  if (locksFile !== undefined) cleanUp.defer(every(LOOK_EVERY_MS, () => locksFile.look(), logger))
  cleanUp.defer(every(LOOK_EVERY_MS, () => lookAtConfig(config, parts), logger))
  cleanUp.defer(every(TLS_LOOK_EVERY_MS, () => certificates.look(), logger))
  const thaws = createThawWatch({
    desk,
    clock,
    routes: () => running.config.routes,
    traffic: (routes) => parts.meters.registry.traffic(routes),
  })
  cleanUp.defer(every(THAW_EVERY_MS, () => thaws.look(), logger))
  cleanUp.defer(every(OBSERVE_EVERY_MS, () => parts.impact.look(), logger))
  const tellTrail = createTrailLook(parts)
  const tick = (): Promise<void> => parts.trail.tick().then(tellTrail)
  cleanUp.defer(every(SEAL_EVERY_MS, tick, logger))
  // By itself: where the disk hangs, so does a tick.
  const tellStall = async (): Promise<void> => {
    if (parts.trail.isStalled()) tellTrail()
  }
  cleanUp.defer(every(SEAL_EVERY_MS, tellStall, logger))
  const keeper = createTrailKeeper(parts)
  // Not waited for: after a long rest there may be hundreds of thousands of files to delete, and who starts must be able to lock.
  cleanUp.defer(every(RETENTION_EVERY_MS, () => keeper.look(), logger, 0))
  cleanUp.defer(startEvidence(parts.trail.evidence, running.config, logger))
  keepLease(parts)
  return { config, locksFile, certificates, health, keeper }
}

/** Rejects where one is no good: the workers have not been started yet. In turn with reloads, of which the last must win. */
async function openCertificates(
  { running, clock, logger, pool }: Parts,
  health: Health,
  turns: Turns,
): Promise<CertificateWatch> {
  const read = (): Promise<Certificates> => readCertificates(running.config, clock.now())
  const watch = createCertificateWatch({
    now: () => clock.now(),
    logger,
    apply: () =>
      turns(async () => {
        const certificates = await read()
        const problems = (await pool?.reload(running.config)) ?? []
        if (problems.length === 0) health.use(running.config, certificates)
        return problems
      }),
  })
  const certificates = await read()
  watch.use(running.config, certificates)
  health.use(running.config, certificates)
  return watch
}

async function lookAtConfig(watch: ConfigWatch, { logger, running }: Parts): Promise<void> {
  const before = watch.problems.join('\n')
  if (await watch.tick())
    logger.info('the config was read anew and is in force', {
      file: running.config.file,
      restartNeeded: watch.restartNeeded,
    })
  else if (watch.problems.length > 0 && watch.problems.join('\n') !== before) {
    logger.error('the config on disk is refused; the running one stays', { problems: watch.problems })
  }
}

/** Says once in the log that the trail cannot be written, and once that it can again; workers are told too. */
function createTrailLook({ trail, pool, logger, clock, running }: Parts): () => void {
  let said = ''
  const noteUnwritten = createUnwrittenNote(running.config.store.dir)
  return () => {
    // One thread's trouble is everybody's: a trail that cannot be sealed is none.
    pool?.setTrailProblem(trail.problems()[0])
    noteUnwritten(trail.main.healthy && (pool?.trailProblems ?? []).length === 0, clock.now())
    const problems = [...trail.problems(), ...(pool?.trailProblems ?? [])]
    const now = problems.join('\n')
    if (now === said) return
    said = now
    if (problems.length > 0)
      logger.error('THE TRAIL CANNOT BE WRITTEN: strict routes answer audit-unavailable; locks still work', {
        problems,
      })
    else logger.info('the trail can be written again')
  }
}

function problemsOf(error: unknown): { readonly problems: readonly string[] } {
  return { problems: (error instanceof Error ? error.message : String(error)).split('\n') }
}

/** New routes lock before they serve: their flags come first, and the workers after. */
async function applyConfig(
  parts: Parts,
  certificates: CertificateWatch,
  health: Health,
  next: Config,
): Promise<readonly string[]> {
  const { running, desk, clock, pool } = parts
  const read = await readCertificates(next, clock.now()).catch((error: unknown) => problemsOf(error))
  if ('problems' in read) return read.problems
  // Before the workers, who read its keys.
  const refused = await parts.otp.use(next).catch((error: unknown) => problemsOf(error))
  if (refused !== undefined) return refused.problems
  const problems = (await pool?.reload(next)) ?? []
  if (problems.length > 0) {
    await parts.otp.use(running.config)
    await pool?.reload(running.config)
    return problems
  }
  certificates.use(next, read)
  health.use(next, read)
  writeGuard(running.config.store.dir, snapshotOf(next))
  parts.meters.registry.setRoutes(next.routes)
  running.config = { ...next, store: running.config.store, audit: running.config.audit }
  parts.fleet?.reannounce()
  await desk.setFlags('config', configLocks(desk.ledger.flags.config, next.routes, clock.now()))
  return []
}

/** A timer of its own: a look at a hung disk must not let the lease run out, a stopped main thread must. */
function keepLease({ pool, running, cleanUp }: Parts): void {
  if (pool === undefined) return
  const timer = setInterval(() => {
    pool.renewLease()
  }, running.config.store.leaseMs / 4)
  cleanUp.defer(() => {
    clearInterval(timer)
  })
}
