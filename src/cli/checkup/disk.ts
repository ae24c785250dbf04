// Whether store and trail can be written, in time, and for how long.
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../../config/config.ts'
import type { Instant } from '../../core/time.ts'
import { bad, doubtful, reasonOf, well, type Finding } from './finding.ts'

const LEFT_MIN_BYTES = 1024 ** 3
const LEFT_MIN_SHARE = 0.05
/** A strict route waits for this with each commit; a freeze is answered as not durable beyond 250 ms. */
const SYNC_GOOD_MS = 20
const SYNC_BAD_MS = 250
/** A clock of whole milliseconds tells a twentieth of one. */
const WRITES = 20

export function checkDisk({ store, audit }: Config, now: () => Instant): readonly Finding[] {
  const dirs = [
    ['store.dir', store.dir],
    ...(dirname(audit.dir) === store.dir ? [] : ([['audit.dir', audit.dir]] as const)),
  ] as const
  return dirs.flatMap(([key, dir]) => checkDirectory(key, dir, now))
}

function checkDirectory(key: string, dir: string, now: () => Instant): readonly Finding[] {
  const there = nearest(dir)
  const isThere = there === dir
  const made = isThere ? '' : `, where ${dir} will be made`
  try {
    const tookMs = syncMs(there, now)
    const speed = `${there}${made}: a durable write takes ${tookMs.toFixed(1)} ms`
    return [
      spaceOf(key, there),
      tookMs > SYNC_BAD_MS
        ? bad(key, speed, SLOW)
        : tookMs > SYNC_GOOD_MS
          ? doubtful(key, speed, SLOW)
          : well(key, speed),
    ]
  } catch (error) {
    return [
      bad(
        key,
        `${there} cannot be written: ${reasonOf(error)}`,
        'let the account of the gateway write there, or name another directory',
      ),
    ]
  }
}

const SLOW = 'strict routes wait for it with each commit: use a local SSD, not a network disk'

function nearest(dir: string): string {
  return existsSync(dir) || dirname(dir) === dir ? dir : nearest(dirname(dir))
}

/** On average, with a file that is gone afterwards. */
function syncMs(dir: string, now: () => Instant): number {
  const file = join(dir, `.portcullis-doctor-${randomBytes(6).toString('hex')}`)
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    const from = now()
    for (let write = 0; write < WRITES; write++) {
      writeSync(descriptor, randomBytes(4096))
      fdatasyncSync(descriptor)
    }
    return (now() - from) / WRITES
  } finally {
    closeSync(descriptor)
    rmSync(file, { force: true })
  }
}

function spaceOf(key: string, dir: string): Finding {
  const { bavail, blocks, bsize, files, ffree } = statfsSync(dir)
  const left = bavail * bsize
  const text = `${dir}: ${(left / 1024 ** 3).toFixed(1)} GiB free`
  if (left < LEFT_MIN_BYTES || bavail < blocks * LEFT_MIN_SHARE)
    return bad(key, text, 'make room: with a full disk strict routes answer audit-unavailable (a freeze still works)')
  if (files > 0 && ffree < files * LEFT_MIN_SHARE)
    return bad(key, `${dir}: ${ffree} of ${files} inodes free`, 'remove files: none can be made without an inode')
  return well(key, text)
}
