// A disk that fails now and then: writes that stop half way, EIO, ENOSPC, and an fdatasync that fails and forgets what it should have
// written (as Linux does: the pages count as clean afterwards, and the next fdatasync succeeds).
import { appendFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
import { type Files, inTwoSteps, nodeFiles } from '../../src/audit/files.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { createPlace, openTestLog, openTestSealer, type Place, readEntries, record } from '../audit/trail.ts'
import { fileOf, type Kind } from './logs.ts'

/** One operation in so many fails. */
const ONE_IN = 12
const ROUNDS = 400

type Chance = () => boolean

/** The same disk for the same seed. */
function createChance(seed: number): Chance {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % ONE_IN === 0
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}

export interface Faults {
  short: number
  failed: number
  forgotten: number
}

/** Bytes lie in memory until they are synced; `isCalm` stops the faults. */
function failingFiles(chance: Chance, faults: Faults, isCalm: () => boolean): Files {
  const unsynced = new Map<number, { readonly bytes: Buffer; readonly position: number }[]>()
  const fails = (): boolean => !isCalm() && chance()
  const keep = (fd: number, bytes: Uint8Array, position: number): void => {
    unsynced.set(fd, [...(unsynced.get(fd) ?? []), { bytes: Buffer.from(bytes), position }])
  }
  const flush = async (fd: number): Promise<void> => {
    const waiting = unsynced.get(fd) ?? []
    unsynced.delete(fd)
    if (fails()) {
      faults.forgotten += 1
      throw failure('EIO')
    }
    for (const { bytes, position } of waiting) await nodeFiles.write(fd, bytes, position)
  }
  const write: Files['write'] = async (fd, bytes, position) => {
    if (fails()) {
      const half = bytes.subarray(0, bytes.length >> 1)
      keep(fd, half, position)
      if (half.length > 0 && chance()) {
        faults.failed += 1
        throw failure(chance() ? 'EIO' : 'ENOSPC')
      }
      if (half.length > 0) {
        faults.short += 1
        return half.length
      }
    }
    keep(fd, bytes, position)
    return bytes.length
  }
  return {
    ...nodeFiles,
    write,
    writeThrough: inTwoSteps({ write, datasync: flush }),
    datasync: flush,
    sync: flush,
    close: async (fd) => {
      // The kernel writes what is left, or not: here not.
      unsynced.delete(fd)
      await nodeFiles.close(fd)
    },
    rename: async (from, to) => {
      if (fails()) {
        faults.failed += 1
        throw failure('EIO')
      }
      await nodeFiles.rename(from, to)
    },
  }
}

export interface Survived {
  readonly acknowledged: number
  readonly lost: number
  /** Records of which the writer said that they are not recorded. */
  readonly refused: number
  readonly faults: Faults
  /** Of ours: what the verifier finds afterwards. */
  readonly problems: readonly string[]
}

export async function failDisk(kind: Kind, seed: number): Promise<Survived> {
  const place = createPlace()
  return kind === 'portcullis' ? failOurs(place, seed) : failLines(kind, place, createChance(seed))
}

async function failOurs(place: Place, seed: number): Promise<Survived> {
  const faults: Faults = { short: 0, failed: 0, forgotten: 0 }
  let isCalm = true
  const files = failingFiles(createChance(seed), faults, () => isCalm)
  const sealer = await openTestSealer(place, { files })
  const log = await openTestLog(place, 'w1', {
    ...{ files, retryAfterMs: 0 },
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  isCalm = false
  const acknowledged: string[] = []
  let refused = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const entry = record('w1', round)
    const ticket = log.append(entry)
    const isKept =
      ticket !== undefined &&
      (await log.durable(ticket).then(
        () => true,
        () => false,
      ))
    if (isKept) acknowledged.push(entry)
    else {
      refused += 1
      await log.probe()
    }
    if (round % 10 === 9) await sealer.seal()
  }
  // The power goes: what was never synced is gone.
  const after = createPlace()
  cpSync(place.root, after.root, { recursive: true })
  isCalm = true
  await log.close().catch(() => undefined)
  await openTestSealer(after)
  const kept = new Set(await readEntries(after))
  const { problems } = await verifyTrail(after.dir)
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((entry) => !kept.has(entry)).length,
    ...{ refused, faults, problems: problems.map(({ what }) => what) },
  }
}

/**
 * One `write` a record, whose error is minded, or one for what has gathered, whose error comes when all of it has been acknowledged.
 * Nothing is synced, so what the disk does not take later is never heard of; half a line that was left makes the next one unreadable.
 */
async function failLines(kind: Exclude<Kind, 'portcullis'>, place: Place, chance: Chance): Promise<Survived> {
  const faults: Faults = { short: 0, failed: 0, forgotten: 0 }
  mkdirSync(place.dir, { recursive: true })
  const file = fileOf(place)
  appendFileSync(file, '')
  const write = (text: string): boolean => {
    if (chance()) {
      faults.failed += 1
      appendFileSync(file, text.slice(0, text.length >> 1))
      return false
    }
    if (chance()) faults.forgotten += 1
    else appendFileSync(file, text)
    return true
  }
  const acknowledged: string[] = []
  let refused = 0
  let held = ''
  for (let round = 0; round < ROUNDS; round += 1) {
    const entry = record('w1', round)
    if (kind === 'buffered') {
      held += `${entry}\n`
      acknowledged.push(entry)
      if (held.length < 4_096) continue
      write(held)
      held = ''
    } else if (write(`${entry}\n`)) acknowledged.push(entry)
    else refused += 1
  }
  const kept = new Set(readFileSync(file, 'utf8').split('\n'))
  const lost = acknowledged.filter((entry) => !kept.has(entry)).length
  return { acknowledged: acknowledged.length, lost, refused, faults, problems: [] }
}
