// The main thread's side of the trail: the gateway's key, the sealer, and a write-ahead log for orders and proofs.
import { createHash } from 'node:crypto'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadSigner } from '../adapters/node/signer.ts'
import { createRecorder } from '../audit/recorder.ts'
import { nodeFiles } from '../audit/files.ts'
import { openSealer, type Sealer } from '../audit/sealer.ts'
import { createTileWriter, type TileWriter } from '../audit/tile-writer.ts'
import { openWriteAheadLog, type WriteAheadLog } from '../audit/write-ahead.ts'
import type { Config } from '../config/config.ts'
import type { SeenCheckpoint } from '../core/order.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Signer } from '../ports/signer.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { CleanUp } from './clean-up.ts'
import { createEvidence, type Evidence } from './evidence.ts'
import { ballastOf, createTrailGuard, type TrailGuard } from './trail-guard.ts'
import { readUnwritten } from './unwritten.ts'

export interface Trail {
  readonly signer: Signer
  /** Name of this gateway and origin of its log: it follows from the key, so that a moved store is noticed. */
  readonly gatewayName: string
  readonly sealer: Sealer
  readonly main: AuditTrail
  readonly evidence: Evidence
  readonly guard: Pick<TrailGuard, 'isLow' | 'freeBytes' | 'fullInSeconds'>
  /** Why the trail cannot be written or sealed. */
  readonly problems: () => readonly string[]
  /** A tick hangs, and with it whatever waits for one. */
  readonly isStalled: () => boolean
  /** For the timer: seals what is durable, and looks whether the log can be written. Hangs where the disk does, which `problems` says. */
  tick(): Promise<void>
}

export interface TrailDeps {
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly cleanUp: CleanUp
  readonly telemetry: Pick<Telemetry, 'recorded' | 'lost' | 'durable'>
}

const SEAL_REST_MS = 8
/** A portion takes seconds on a slow disk. Told before the alarm of a checkpoint that is a minute old (dashboards/rules). */
const STALLED_MS = 30_000
const STALLED = 'the disk has not answered for half a minute: nothing is sealed'
const UNWRITTEN = 'the gateway ended while the trail could not be written: what came since then may be missing'

/** Opens the sealer first: it takes over what a crash has left in the write-ahead logs. */
export async function openTrail({ config, clock, logger, cleanUp, telemetry }: TrailDeps): Promise<Trail> {
  const signer = loadGatewayKey(path.join(config.store.dir, 'gateway.key'))
  const ballast = ballastOf(config.audit.dir, config.audit.reserveBytes)
  const tiles = createTileWriter()
  const sealer = await openSealer({
    dir: config.audit.dir,
    signer,
    now: () => clock.now(),
    stateFile: path.join(config.store.dir, 'trail.state'),
    rest: () => delay(SEAL_REST_MS),
    files: { ...nodeFiles, writeBack: (file, bytes) => tiles.write(file, bytes) },
  })
  const log = await openMainLog(config, sealer, { clock, logger, telemetry })
  if (!log.healthy) throw new Error(`${config.audit.dir}: the audit trail cannot be written: ${log.problem ?? ''}`)
  const main = createRecorder({
    log,
    gateway: signer.name,
    worker: 'main',
    monotonicMs: () => clock.monotonicMs(),
    onRecord: () => {
      telemetry.recorded(1)
    },
    onLost: () => {
      telemetry.lost(1)
    },
  })
  for (const warning of sealer.recovered.warnings) logger.warn('the trail was brought in after a crash', { warning })
  for (const problem of sealer.recovered.problems) {
    logger.error('THE TRAIL HAS A GAP', { problem })
    main.append({ kind: 'gap', time: clock.now(), lost: 1, reason: problem })
    telemetry.lost(1)
  }
  const since = readUnwritten(config.store.dir)
  if (since !== undefined) {
    logger.error('THE TRAIL HAS A GAP', { reason: UNWRITTEN, since: new Date(since).toISOString() })
    main.append({ kind: 'gap', time: clock.now(), lost: 1, reason: UNWRITTEN, from: since, to: clock.now() })
    telemetry.lost(1)
  }
  const guard = await createTrailGuard(
    {
      dir: config.audit.dir,
      reserveBytes: config.audit.reserveBytes,
      sealer,
      clock,
      logger,
      logProblem: () => log.problem,
    },
    ballast,
  )
  cleanUp.defer(() => closeTrail(log, sealer, tiles))
  const patience = createPatience(sealer, clock)
  return {
    signer,
    gatewayName: signer.name,
    sealer,
    main,
    guard,
    evidence: createEvidence({ config, sealer, trail: main, clock, logger }),
    problems: () =>
      [log.problem, sealer.problem, patience.problem, ...guard.problems]
        .filter((problem) => problem !== undefined)
        .map((problem) => `audit trail: ${problem}`),
    isStalled: () => patience.problem !== undefined,
    async tick() {
      main.tellLosses()
      await patience.during(Promise.all([guard.tick(), log.probe()]))
    },
  }
}

/** Says so where work on the trail does not come to its end, and for long no checkpoint has come of it: it may hang with the disk. */
function createPatience(sealer: Pick<Sealer, 'size'>, clock: Clock) {
  let last: { readonly size: number; readonly atMs: number } | undefined
  const see = () => (last = { size: sealer.size, atMs: clock.monotonicMs() })
  return {
    async during(work: Promise<unknown>): Promise<void> {
      see()
      await work.finally(() => {
        last = undefined
      })
    },
    get problem() {
      if (last === undefined) return undefined
      const { atMs } = last.size === sealer.size ? last : see()
      return clock.monotonicMs() - atMs > STALLED_MS ? STALLED : undefined
    },
  }
}

/** Orders are few: small segments, some of which lie ready for a full disk, and no rest between commits. */
function openMainLog(
  config: Config,
  sealer: Sealer,
  { clock, logger, telemetry }: Pick<TrailDeps, 'clock' | 'logger' | 'telemetry'>,
): Promise<WriteAheadLog> {
  return openWriteAheadLog({
    dir: config.audit.dir,
    writer: 'main',
    now: () => clock.monotonicMs(),
    preallocateBytes: 1 << 20,
    reserveSegments: 8,
    lingerMs: 0,
    onFailure: (problem) => {
      logger.error('a commit of the trail failed, or its file was taken away', { problem })
    },
    onDurable: (batch) => {
      sealer.add(batch)
      telemetry.durable(batch.waitedMs / 1000)
    },
  })
}

async function closeTrail(log: WriteAheadLog, sealer: Sealer, tiles: TileWriter): Promise<void> {
  try {
    await log.close()
    await sealer.close()
  } finally {
    await tiles.close()
  }
}

/** What responders sign over. */
export function checkpointOf({ sealer }: Pick<Trail, 'sealer'>): SeenCheckpoint | undefined {
  const [origin = '', size = '', root = ''] = sealer.checkpoint.split('\n')
  return sealer.size === 0 ? undefined : { origin, size: Number(size), root }
}

/** Its name follows from it. Made where there is none. */
export function loadGatewayKey(file: string): Signer {
  const { publicKeyRaw } = loadSigner(file, 'gateway')
  const name = createHash('sha256').update(publicKeyRaw).digest('hex').slice(0, 12)
  return loadSigner(file, `portcullis/gateway-${name}`)
}
