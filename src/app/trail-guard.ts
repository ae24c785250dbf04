// What could keep the trail from being kept, looked at before and after each seal: files taken away, a disk that fills up.
import { Ballast, isOutOfRoom } from '../audit/ballast.ts'
import { DiskForecast } from '../audit/disk-forecast.ts'
import { nodeFiles, type Files } from '../audit/files.ts'
import type { Sealer } from '../audit/sealer.ts'
import { TreeWatch } from '../audit/tree-watch.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'

export interface TrailGuardDeps {
  readonly dir: string
  readonly reserveBytes: number
  readonly sealer: Sealer
  readonly clock: Clock
  readonly logger: Logger
  /** Whether the main thread's own log has run out of room. */
  readonly logProblem: () => string | undefined
  readonly files?: Files
}

export interface TrailGuard {
  /** Seals between two looks. */
  tick(): Promise<void>
  readonly problems: readonly string[]
  /** The disk is full, or will be: nothing that a stranger sends is written for its own sake. */
  readonly isLow: boolean
  readonly freeBytes: number | undefined
  readonly fullInSeconds: number | undefined
}

/** The room that is kept for a bad day lies beside the trail: every byte under its directory is the trail's. */
export function ballastOf(dir: string, reserveBytes: number, files: Files = nodeFiles): Ballast {
  return new Ballast({ files, path: `${dir}.reserve`, bytes: reserveBytes })
}

export async function createTrailGuard(deps: TrailGuardDeps, ballast: Ballast): Promise<TrailGuard> {
  const { dir, sealer, clock, logger, files = nodeFiles } = deps
  const tree = new TreeWatch({ files, dir, now: () => clock.now() })
  const disk = new DiskForecast(deps.reserveBytes)
  /** The room that was kept is free for now, and for what must be recorded alone. */
  let isGivenUp = false
  const look = async (): Promise<void> => {
    isGivenUp &&= !ballast.isHeld
    // A file system that cannot say has its errors told by the writes.
    const free = await files.free(dir).catch(() => undefined)
    if (free !== undefined) disk.see(Math.max(0, isGivenUp ? free - deps.reserveBytes : free), clock.monotonicMs())
  }
  let tampered = await tree.remember(sealer.size)
  await look()
  const watch = async (): Promise<void> => {
    tampered ??= (await tree.check()) ?? (await checkHead(files, dir, sealer))
    const { problem } = await sealer.seal()
    tampered ??= await tree.remember(sealer.size)
    const full = [problem, deps.logProblem()].find((each) => each !== undefined && isOutOfRoom(each))
    if (full !== undefined && ballast.isHeld) {
      logger.error('the disk is full: the room kept for it is given up, so that what is recorded can be sealed')
      isGivenUp = true
      await ballast.release()
    }
  }
  return {
    async tick() {
      await look()
      await watch()
      // Not waited for: it is many writes, and nothing depends on it today.
      if (disk.problem === undefined) void ballast.keep()
    },
    get problems() {
      return [
        tampered && `${tampered} while the gateway ran: check with audit verify, put an intact copy back, restart`,
        disk.problem,
      ].filter((problem) => problem !== undefined)
    },
    get isLow() {
      return disk.problem !== undefined
    },
    get freeBytes() {
      return disk.freeBytes
    },
    get fullInSeconds() {
      return disk.fullInSeconds
    },
  }
}

/** Checkpoint and key, which are small enough to be read. */
async function checkHead(files: Files, dir: string, sealer: Sealer): Promise<string | undefined> {
  // After a seal that failed half way the next one puts the checkpoint right, or says whose hand it was.
  const expected = {
    ...(sealer.problem === undefined ? { checkpoint: sealer.checkpoint } : {}),
    vkey: `${sealer.vkey}\n`,
  }
  for (const [name, text] of Object.entries(expected)) {
    const found = await files.read(`${dir}/${name}`)
    if (found === undefined) return `${name} was deleted`
    if (found.toString() !== text) return `${name} was changed`
  }
  return undefined
}
