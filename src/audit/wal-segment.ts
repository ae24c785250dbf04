// Segment files of the write-ahead log: their names, and preallocating them before they are needed.
import { join } from 'node:path'
import { type Files, syncDir, writeAll } from './files.ts'
import { NO_CHAIN, SECTOR_BYTES, segmentTag, type Block, type Flaw, scanSegment } from './wal-block.ts'

const WRITER = /^[a-z][a-z0-9]{0,31}$/
const SEGMENT = /^([a-z][a-z0-9]{0,31})-([1-9]\d{0,14})\.wal$/
/** Synced one by one: a commit that comes meanwhile waits behind one of them, and not behind all. */
const ZEROS = Buffer.alloc(256 << 10)

export interface SegmentName {
  readonly writer: string
  readonly number: number
}

export interface OpenSegment extends SegmentName {
  readonly path: string
  readonly fd: number
  readonly bytes: number
  readonly tag: Buffer
  readonly identity: string | undefined
}

export function walDir(dir: string): string {
  return join(dir, 'wal')
}

/** Lower-case letters and digits, a letter first. */
export function isWriterName(name: string): boolean {
  return WRITER.test(name)
}

export function segmentFile({ writer, number }: SegmentName): string {
  return `${writer}-${number}.wal`
}

export function parseSegmentFile(file: string): SegmentName | undefined {
  const found = SEGMENT.exec(file)
  return found === null ? undefined : { writer: found[1] ?? '', number: Number(found[2]) }
}

/** Segments in the trail's wal directory by writer, in the order of their numbers. Other names there are left out. */
export async function listSegments(files: Files, dir: string): Promise<Map<string, SegmentName[]>> {
  const found = new Map<string, SegmentName[]>()
  for (const file of await files.list(walDir(dir))) {
    const name = parseSegmentFile(file)
    if (name === undefined) continue
    const others = found.get(name.writer)
    if (others === undefined) found.set(name.writer, [name])
    else others.push(name)
  }
  for (const names of found.values()) names.sort((a, b) => a.number - b.number)
  return found
}

/** The whole file; undefined where it is gone. */
export async function readSegment(files: Files, dir: string, name: SegmentName): Promise<Buffer | undefined> {
  return files.read(join(walDir(dir), segmentFile(name)))
}

/** Creates a segment file full of zeros, synced with its directory, so that a commit changes nothing but data. */
export async function createSegment(files: Files, dir: string, name: SegmentName, bytes: number): Promise<OpenSegment> {
  const path = join(walDir(dir), segmentFile(name))
  await files.makeDir(walDir(dir))
  const fd = await files.open(path, 'wx')
  try {
    try {
      for (let at = 0; at < bytes; at += ZEROS.length) {
        await writeAll(files, fd, ZEROS.subarray(0, Math.min(ZEROS.length, bytes - at)), at)
        await files.datasync(fd)
      }
      await files.sync(fd)
      await syncDir(files, walDir(dir))
    } finally {
      await files.close(fd)
    }
    return await openSegment(files, path, name, bytes)
  } catch (error) {
    await files.remove(path).catch(() => undefined)
    throw error
  }
}

/** For the writes of commits. */
async function openSegment(files: Files, path: string, name: SegmentName, bytes: number): Promise<OpenSegment> {
  const identity = await files.identity(path)
  const fd = await files.open(path, 'through')
  return { ...name, path, fd, bytes, tag: segmentTag(name.writer, name.number), identity }
}

/** A segment that a run before left without a byte in it, to be used in place of a new one; undefined where it is none. */
export async function adoptSegment(
  files: Files,
  dir: string,
  name: SegmentName,
  bytes: number,
): Promise<OpenSegment | undefined> {
  const path = join(walDir(dir), segmentFile(name))
  const found = await files.read(path)
  if (found?.length !== bytes || found.some((byte) => byte !== 0)) return undefined
  return openSegment(files, path, name, bytes)
}

/** A size that holds whole sectors. */
export function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES
}

export interface SegmentBlock extends Block, SegmentName {}

export interface SegmentFlaw extends Flaw, SegmentName {}

/** What a writer's segments hold, void blocks taken out. */
export interface Replay {
  readonly blocks: readonly SegmentBlock[]
  readonly flaws: readonly SegmentFlaw[]
  /** Blocks of commits that failed and were written again to a later segment: they were never acknowledged where they stand. */
  readonly voided: readonly SegmentBlock[]
}

/**
 * Puts one writer's segments together, in the order of their numbers, one at a time in memory. A segment's first block names the
 * block that it follows. Where that one is not the last one there, either the commits in between failed (the block says so, and
 * they are void), or a segment is missing.
 */
export async function joinSegments(files: Files, dir: string, names: readonly SegmentName[]): Promise<Replay> {
  let blocks: SegmentBlock[] = []
  let flaws: SegmentFlaw[] = []
  const voided: SegmentBlock[] = []
  for (const name of names) {
    const bytes = await readSegment(files, dir, name)
    if (bytes === undefined) continue
    const scan = scanSegment(bytes, segmentTag(name.writer, name.number))
    const first = scan.blocks[0]
    if (first?.retry === true) {
      const kept = keptBefore(blocks, first)
      voided.push(...blocks.slice(kept))
      blocks = blocks.slice(0, kept)
      flaws = flaws.map((flaw) => (isBehind(flaw, blocks.at(-1)) ? { ...flaw, kind: 'torn', detail: FAILED } : flaw))
    }
    if (first !== undefined && !isLinked(first, blocks.at(-1))) {
      flaws.push({
        ...name,
        kind: 'damaged',
        offset: 0,
        detail: 'the segment that this one follows is missing or damaged',
      })
    }
    flaws.push(...scan.flaws.map((flaw) => ({ ...flaw, ...name })))
    blocks.push(...scan.blocks.map((block) => ({ ...block, ...name })))
  }
  return { blocks, flaws, voided }
}

const FAILED = 'a commit that failed, and was never acknowledged here'

/** How many of the blocks stand before one that was written after a failed commit. */
function keptBefore(blocks: readonly Block[], next: Block): number {
  const before = blocks.findLastIndex((block) => block.run === next.run && block.chain === next.prev)
  if (before >= 0) return before + 1
  const same = blocks.findIndex((block) => block.run === next.run && block.prev === next.prev)
  return same >= 0 ? same : blocks.length
}

function isBehind(flaw: SegmentFlaw, block: SegmentBlock | undefined): boolean {
  return block === undefined || flaw.number > block.number || (flaw.number === block.number && flaw.offset >= block.end)
}

/** What an earlier segment held may have been sealed and deleted, so the oldest one need not follow anything. */
function isLinked(first: Block, before: Block | undefined): boolean {
  if (first.first) return first.prev === NO_CHAIN
  return before === undefined || (before.run === first.run && before.chain === first.prev)
}
