// The write-ahead log's format: one block for each group commit.
//
//   0  "PWAL", version 1, flags (1: first block of a run; 2: the commit before it failed), 2 zero bytes
//   8  length of header, entries and checksum (u32), count of entries (u32), size of the segment file (u32)
//  20  tag: which segment file this belongs to, so that files cannot trade places
//  28  run: random, one for each opening of the log
//  36  checksum of the block before it in this run (zero in the first)
//  68  CRC-32 of the 68 bytes before
//  72  entries: length (u16), CRC-32 (u32), bytes
//   -  SHA-256 of all bytes of the block so far, and with that of all blocks of the run
//   -  0xff up to the next multiple of 512, at least one: the end mark
//
// All numbers are big-endian. A block begins on a sector of its own, so that no write ever touches a sector that holds
// something acknowledged, and a whole block has no sector of zeros: a torn one is told apart from an edited one by that.
// SHA-256 judges; the CRCs only tell which entry it was.
import { crc32 } from 'node:zlib'
import { type Hash, sha256 } from './merkle.ts'

export const SECTOR_BYTES = 512
export const HEADER_BYTES = 72
export const FRAME_BYTES = 6
const CHECKSUM_BYTES = 32
/** Behind the last entry: checksum, and at most one sector of end mark. */
export const TRAILER_BYTES = CHECKSUM_BYTES + SECTOR_BYTES
const FILL = 0xff
const TORN = 'a block that was never wholly written, and so never acknowledged'
const MAGIC = 0x5057414c
export const NO_CHAIN: Hash = '\0'.repeat(CHECKSUM_BYTES)

export interface BlockHead {
  /** First block of a run: nothing of this run comes before it. */
  readonly first: boolean
  /** A commit before this one failed: what stands behind `prev` in earlier segments was never acknowledged, and is written again. */
  readonly retry: boolean
  /** Eight bytes, hex. */
  readonly run: string
  /** Checksum of the block before. */
  readonly prev: Hash
  readonly segmentBytes: number
}

export interface Block extends BlockHead {
  /** Where it begins in its segment, and where the next one does. */
  readonly offset: number
  readonly end: number
  /** From header to checksum, without the end mark. */
  readonly length: number
  readonly count: number
  readonly chain: Hash
}

/** Eight bytes that name a segment file. */
export function segmentTag(writer: string, number: number): Buffer {
  return Buffer.from(sha256(Buffer.from(`portcullis wal\n${writer}\n${number}\n`)).slice(0, 8), 'latin1')
}

/** Length on disk of a block whose entries, framed, take so many bytes. */
export function paddedLength(entriesBytes: number): number {
  return Math.floor((HEADER_BYTES + entriesBytes + CHECKSUM_BYTES) / SECTOR_BYTES + 1) * SECTOR_BYTES
}

/**
 * Makes a block of a buffer that has framed entries from byte 72 up to `used`: fills in header, checksum and end mark.
 * Returns the bytes to write and the block's checksum.
 */
export function closeBlock(
  buffer: Buffer,
  used: number,
  head: BlockHead & { tag: Buffer; count: number },
): { bytes: Buffer; chain: Hash } {
  buffer.writeUInt32BE(MAGIC, 0)
  buffer.writeUInt32BE(0x01000000 + (head.first ? 0x10000 : 0) + (head.retry ? 0x20000 : 0), 4)
  buffer.writeUInt32BE(used + CHECKSUM_BYTES, 8)
  buffer.writeUInt32BE(head.count, 12)
  buffer.writeUInt32BE(head.segmentBytes, 16)
  buffer.set(head.tag, 20)
  buffer.write(head.run, 28, 'hex')
  buffer.write(head.prev, 36, 'latin1')
  buffer.writeUInt32BE(crc32(buffer.subarray(0, 68)), 68)
  const chain = sha256(buffer.subarray(0, used))
  buffer.write(chain, used, 'latin1')
  const end = paddedLength(used - HEADER_BYTES)
  buffer.fill(FILL, used + CHECKSUM_BYTES, end)
  return { bytes: buffer.subarray(0, end), chain }
}

/** A header that is intact and could stand here: its length fits into the file. */
function readHead(bytes: Buffer, at: number, tag: Buffer): { length: number; end: number } | undefined {
  if (at + SECTOR_BYTES > bytes.length || bytes.readUInt32BE(at) !== MAGIC) return undefined
  if (crc32(bytes.subarray(at, at + 68)) !== bytes.readUInt32BE(at + 68)) return undefined
  const length = bytes.readUInt32BE(at + 8)
  const end = at + paddedLength(length - HEADER_BYTES - CHECKSUM_BYTES)
  if (length < HEADER_BYTES + CHECKSUM_BYTES || end > bytes.length) return undefined
  return tag.compare(bytes, at + 20, at + 28) === 0 ? { length, end } : undefined
}

/** The block at this offset of a segment; undefined where there is none, or one that is not whole. */
export function readBlock(bytes: Buffer, at: number, tag: Buffer): Block | undefined {
  const head = readHead(bytes, at, tag)
  if (head === undefined) return undefined
  const body = at + head.length - CHECKSUM_BYTES
  const chain = sha256(bytes.subarray(at, body))
  if (bytes.toString('latin1', body, body + CHECKSUM_BYTES) !== chain) return undefined
  for (let i = at + head.length; i < head.end; i += 1) if (bytes[i] !== FILL) return undefined
  return { ...readFields(bytes, at), offset: at, end: head.end, length: head.length, chain }
}

function readFields(bytes: Buffer, at: number): BlockHead & { count: number } {
  const flags = bytes[at + 5] ?? 0
  return {
    first: (flags & 1) !== 0,
    retry: (flags & 2) !== 0,
    count: bytes.readUInt32BE(at + 12),
    segmentBytes: bytes.readUInt32BE(at + 16),
    run: bytes.toString('hex', at + 28, at + 36),
    prev: bytes.toString('latin1', at + 36, at + 68),
  }
}

/** The entries of a whole block, as views into the bytes of it or of its segment. */
export function entriesOf(bytes: Buffer, offset = 0): Buffer[] {
  const entries: Buffer[] = []
  const stop = offset + bytes.readUInt32BE(offset + 8) - CHECKSUM_BYTES
  for (let at = offset + HEADER_BYTES; at < stop;) {
    const start = at + FRAME_BYTES
    at = start + bytes.readUInt16BE(at)
    entries.push(bytes.subarray(start, at))
  }
  return entries
}

/** A block that is not whole: `torn` if a power cut or a kill can have left it so, and then nothing in it was acknowledged. */
export interface Flaw {
  readonly kind: 'torn' | 'damaged'
  readonly offset: number
  readonly detail: string
}

function firstOther(bytes: Buffer, from: number, to: number, value: number): number | undefined {
  for (let i = from; i < to; i += 1) if (bytes[i] !== value) return i
  return undefined
}

function isZeroSector(bytes: Buffer, at: number): boolean {
  return firstOther(bytes, at, Math.min(at + SECTOR_BYTES, bytes.length), 0) === undefined
}

/** Names what is wrong with a block that has no hole in it. */
function locate(bytes: Buffer, at: number, tag: Buffer): Flaw {
  const head = readHead(bytes, at, tag)
  if (head === undefined)
    return { kind: 'damaged', offset: at, detail: 'the header of a block is damaged, or of another file' }
  const stop = at + head.length - CHECKSUM_BYTES
  let entry = 0
  for (let i = at + HEADER_BYTES; i < stop; entry += 1) {
    const end = i + FRAME_BYTES + (i + FRAME_BYTES <= stop ? bytes.readUInt16BE(i) : 0)
    const detail = `entry ${entry} of the block at ${at} is damaged`
    if (end > stop) return { kind: 'damaged', offset: i, detail }
    if (crc32(bytes.subarray(i + FRAME_BYTES, end)) !== bytes.readUInt32BE(i + 2))
      return { kind: 'damaged', offset: i, detail }
    i = end
  }
  const mark = firstOther(bytes, at + head.length, head.end, FILL)
  if (mark !== undefined)
    return { kind: 'damaged', offset: mark, detail: `the end mark of the block at ${at} is damaged` }
  return { kind: 'damaged', offset: stop, detail: `the checksum of the block at ${at} does not hold` }
}

const STRAY = 'bytes where there should be zeros'

/** A block whose header is whole: torn if a sector of it, or its end, never reached the disk. */
function judgeBlock(bytes: Buffer, at: number, end: number, last: number, tag: Buffer): Flaw {
  const stray = firstOther(bytes, end, bytes.length, 0)
  if (stray !== undefined) return { kind: 'damaged', offset: stray, detail: STRAY }
  // A write that stopped inside the last sector leaves its end zero; a checksum's length of zeros is no accident of an edit.
  let isTorn = end - 1 - last >= CHECKSUM_BYTES
  for (let sector = at; sector < end; sector += SECTOR_BYTES) isTorn ||= isZeroSector(bytes, sector)
  return isTorn ? { kind: 'torn', offset: at, detail: TORN } : locate(bytes, at, tag)
}

/** A block whose header never reached the disk: torn if what stands behind it are sectors filled as those of a block are. */
function judgeHeadless(bytes: Buffer, at: number, last: number, tag: Buffer): Flaw {
  const first = firstOther(bytes, at, bytes.length, 0) ?? at
  if (first === at) return locate(bytes, at, tag)
  let isTorn = first - at >= SECTOR_BYTES
  for (let sector = at; sector <= last; sector += SECTOR_BYTES) {
    let zeros = 0
    for (let i = sector; i < sector + SECTOR_BYTES; i += 1) zeros += bytes[i] === 0 ? 1 : 0
    if (zeros > SECTOR_BYTES / 2 && zeros < SECTOR_BYTES) isTorn = false
  }
  return isTorn ? { kind: 'torn', offset: at, detail: TORN } : { kind: 'damaged', offset: first, detail: STRAY }
}

/** Judges what stands at `at` where no whole block does and none follows; `last` is the last byte that is not zero. */
function judgeTail(bytes: Buffer, at: number, last: number, tag: Buffer): Flaw {
  const head = readHead(bytes, at, tag)
  return head === undefined ? judgeHeadless(bytes, at, last, tag) : judgeBlock(bytes, at, head.end, last, tag)
}

function lastNonZero(bytes: Buffer, from: number): number {
  let i = bytes.length - 1
  while (i >= from && bytes[i] === 0) i -= 1
  return i
}

function findBlock(bytes: Buffer, from: number, tag: Buffer): Block | undefined {
  for (let at = from; at + SECTOR_BYTES <= bytes.length; at += SECTOR_BYTES) {
    const block = readBlock(bytes, at, tag)
    if (block !== undefined) return block
  }
  return undefined
}

/**
 * Reads a segment file: its whole blocks, and each place where something else stands than a block or the zeros of
 * preallocation. Blocks behind a damaged one are found again, so that one flaw loses one block.
 */
export function scanSegment(bytes: Buffer, tag: Buffer): { blocks: Block[]; flaws: Flaw[] } {
  const blocks: Block[] = []
  const flaws: Flaw[] = []
  let isAfterFlaw = false
  for (let at = 0; at < bytes.length;) {
    const here = readBlock(bytes, at, tag)
    if (here === undefined) {
      const last = lastNonZero(bytes, at)
      if (last < at) break
      const next = findBlock(bytes, at + SECTOR_BYTES, tag)
      flaws.push(next === undefined ? judgeTail(bytes, at, last, tag) : locate(bytes, at, tag))
      if (next === undefined) break
      at = next.offset
      isAfterFlaw = true
      continue
    }
    const before = blocks.at(-1)
    if (before !== undefined && !isAfterFlaw && (here.first || here.prev !== before.chain)) {
      flaws.push({ kind: 'damaged', offset: at, detail: 'this block does not follow the one before it' })
    }
    isAfterFlaw = false
    blocks.push(here)
    at = here.end
  }
  const size = blocks[0]?.segmentBytes
  if (size !== undefined && size !== bytes.length) {
    flaws.push({
      kind: 'damaged',
      offset: Math.min(size, bytes.length),
      detail: `the file has ${bytes.length} bytes instead of ${size}`,
    })
  }
  return { blocks, flaws }
}

/** Head and checksum of a block that is known to be whole, such as one handed over by its writer. */
export function headOf(block: Buffer): BlockHead & { readonly chain: Hash; readonly count: number } {
  const length = block.readUInt32BE(8)
  return { ...readFields(block, 0), chain: block.toString('latin1', length - CHECKSUM_BYTES, length) }
}
