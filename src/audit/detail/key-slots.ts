// Files of the keys that recorded detail is encrypted under: one directory a day (UTC), in it one file a writer, in it one slot a key.
// They lie beside the trail, never in it, and are the one thing that the product overwrites: a key that is gone is what erases.
//
//    0  "PKEY", or "PDEL" where the key has been deleted
//    4  id of the key, 8 random bytes
//   12  the key, 32 random bytes; zeros where it has been deleted
//   44  whose: length (1), then up to 79 bytes of UTF-8
//  124  CRC-32 of the bytes before
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type Files, writeAll } from '../files.ts'

export const SLOT_BYTES = 128
const KEY_AT = 12
const KEY_BYTES = 32
const NAME_AT = 44
export const NAME_BYTES_MAX = 79
const SUM_AT = 124
const LIVE = 'PKEY'
const DELETED = 'PDEL'
const DAY = /^\d{4}-\d{2}-\d{2}$/
const FILE = '.keys'

export interface KeySlot {
  /** base64url */
  readonly id: string
  readonly name: string
  /** Absent where it has been deleted. */
  readonly key?: Buffer
}

export const DAY_MS = 86_400_000

/** The day of an instant, UTC. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

export function keyFile(dir: string, day: string, writer: string): string {
  return join(dir, day, `${writer}${FILE}`)
}

/** `name`: of at most 79 bytes. */
export function formatSlot(id: Buffer, key: Buffer, name: string): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES)
  slot.write(LIVE, 0, 'latin1')
  slot.set(id, 4)
  slot.set(key, KEY_AT)
  slot[NAME_AT] = slot.write(name, NAME_AT + 1, NAME_BYTES_MAX)
  slot.writeUInt32BE(crc32(slot.subarray(0, SUM_AT)), SUM_AT)
  return slot
}

/** Undefined where there is none that is whole: what a crash has left half written. */
function parseSlot(bytes: Buffer, at: number): KeySlot | undefined {
  const slot = bytes.subarray(at, at + SLOT_BYTES)
  if (slot.length < SLOT_BYTES || crc32(slot.subarray(0, SUM_AT)) !== slot.readUInt32BE(SUM_AT)) return undefined
  const kind = slot.toString('latin1', 0, 4)
  if (kind !== LIVE && kind !== DELETED) return undefined
  const length = slot[NAME_AT] ?? 0
  return {
    id: slot.toString('base64url', 4, KEY_AT),
    name: slot.toString('utf8', NAME_AT + 1, NAME_AT + 1 + length),
    ...(kind === LIVE ? { key: slot.subarray(KEY_AT, KEY_AT + KEY_BYTES) } : {}),
  }
}

/** All days that have keys, the oldest first. */
export async function listDays(files: Files, dir: string): Promise<readonly string[]> {
  return (await files.list(dir)).filter((name) => DAY.test(name)).sort()
}

async function filesOf(files: Files, dir: string, day: string): Promise<readonly string[]> {
  return (await files.list(join(dir, day))).filter((name) => name.endsWith(FILE)).map((name) => join(dir, day, name))
}

/** The slots of a day. */
export async function readDay(files: Files, dir: string, day: string): Promise<readonly KeySlot[]> {
  const slots: KeySlot[] = []
  for (const path of await filesOf(files, dir, day)) {
    const bytes = (await files.read(path)) ?? Buffer.alloc(0)
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
      const slot = parseSlot(bytes, at)
      if (slot !== undefined) slots.push(slot)
    }
  }
  return slots
}

export interface Erasing {
  /** Days, from the first to the last; absent: no bound. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** Absent: everybody. */
  readonly names?: ReadonlySet<string>
  /** Only counts. */
  readonly isRehearsal?: boolean
}

/**
 * Overwrites keys with zeros where they lie, and has that on the disk when it resolves with how many there were. A file system that
 * copies on write, a snapshot or a backup keeps them: keys should be on none of these.
 */
export async function eraseKeys(files: Files, dir: string, erasing: Erasing): Promise<number> {
  const { from = '', to = '9999', names, isRehearsal } = erasing
  let count = 0
  for (const day of (await listDays(files, dir)).filter((each) => each >= from && each <= to)) {
    for (const path of await filesOf(files, dir, day)) {
      const bytes = (await files.read(path)) ?? Buffer.alloc(0)
      const found = keysIn(bytes, names)
      count += found.length
      if (found.length > 0 && isRehearsal !== true) await overwrite(files, path, bytes, found)
    }
  }
  return count
}

/** Where keys of these names stand that have not been deleted. */
function keysIn(bytes: Buffer, names: ReadonlySet<string> | undefined): readonly number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    const slot = parseSlot(bytes, at)
    if (slot?.key !== undefined && names?.has(slot.name) !== false) found.push(at)
  }
  return found
}

async function overwrite(files: Files, path: string, bytes: Buffer, slots: readonly number[]): Promise<void> {
  const fd = await files.open(path, 'r+')
  try {
    for (const at of slots) {
      const slot = Buffer.from(bytes.subarray(at, at + SLOT_BYTES))
      slot.write(DELETED, 0, 'latin1')
      slot.fill(0, KEY_AT, KEY_AT + KEY_BYTES)
      slot.writeUInt32BE(crc32(slot.subarray(0, SUM_AT)), SUM_AT)
      await writeAll(files, fd, slot, at)
    }
    await files.datasync(fd)
  } finally {
    await files.close(fd)
  }
}

/** Takes away the files of all days before this one, whose keys are overwritten first. Resolves with how many keys there were. */
export async function dropDays(files: Files, dir: string, before: string): Promise<number> {
  let count = 0
  for (const day of await listDays(files, dir)) {
    if (day >= before) break
    count += await eraseKeys(files, dir, { from: day, to: day })
    for (const path of await filesOf(files, dir, day)) await files.remove(path)
    await files.removeDir(join(dir, day))
  }
  return count
}
