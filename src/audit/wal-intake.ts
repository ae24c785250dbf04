// What the sealer has still to take in: durable blocks of all writers, each once and in its writer's order, whatever was lost on the way.
import { join } from 'node:path'
import type { Files } from './files.ts'
import { leafHash, type Hash } from './merkle.ts'
import type { Position, Positions } from './seal-state.ts'
import { hexOf } from './seal-state.ts'
import { type BlockHead, entriesOf, headOf, readBlock, scanSegment, segmentTag } from './wal-block.ts'
import {
  joinSegments,
  listSegments,
  type SegmentBlock,
  readSegment,
  segmentFile,
  type SegmentFlaw,
  type SegmentName,
  walDir,
} from './wal-segment.ts'
import type { DurableBatch } from './write-ahead.ts'

/** A block that waits, in the order in which it will be sealed. */
interface Pending {
  readonly writer: string
  readonly position: Position
  readonly offset: number
  /** Absent where it is read from its segment, since memory ran short or it was never posted. */
  readonly block?: Buffer | undefined
  /** Entries of it that are in the log already. */
  readonly skip?: ReadonlySet<number>
}

/** Stands in for lost positions: tells whether the log has an entry already. Asked once for each. */
export type IsSealed = (leaf: Hash) => boolean

interface LoadedSegment extends SegmentName {
  readonly bytes: Buffer
}

interface Arrived extends Omit<DurableBatch, 'block'> {
  readonly head: BlockHead & { readonly chain: Hash }
  readonly block: Buffer | undefined
}

/** Entries for one checkpoint, and how far that brings the writers. */
export interface Portion {
  readonly blocks: number
  readonly entries: readonly Uint8Array[]
  readonly positions: Positions
}

function positionOf(segment: number, end: number, head: { run: string; chain: Hash }): Position {
  return { segment, offset: end, run: head.run, chain: hexOf(head.chain) }
}

/** Whether the block is behind the position. A position of another run in the same segment says nothing. */
function isBehind(block: SegmentBlock, position: Position | undefined): boolean {
  if (position === undefined || block.number > position.segment) return true
  if (block.number < position.segment) return false
  return block.offset >= position.offset || block.run !== position.run
}

function findEntries(segment: LoadedSegment | undefined, offset: number, { chain }: Position): Buffer[] {
  if (segment === undefined) return []
  const block = readBlock(segment.bytes, offset, segmentTag(segment.writer, segment.number))
  if (block !== undefined && hexOf(block.chain) === chain) return entriesOf(segment.bytes, offset)
  throw new Error(`${segmentFile(segment)} was changed at offset ${offset} before its entries were sealed`)
}

export class WalIntake {
  readonly #files: Files
  readonly #dir: string
  readonly #memoryBytesMax: number
  readonly #arrived: Arrived[] = []
  #heldBytes = 0
  #pending: Pending[] = []
  /** End of what is sealed, and of what is sealed or pending. */
  readonly #sealed = new Map<string, Position>()
  readonly #received = new Map<string, Position>()
  /** Runs that a writer has left behind; what is still posted of them was read from their segments. */
  readonly #pastRuns = new Set<string>()

  constructor(files: Files, dir: string, positions: Positions, memoryBytesMax: number) {
    this.#files = files
    this.#dir = dir
    this.#memoryBytesMax = memoryBytesMax
    for (const [writer, position] of Object.entries(positions)) {
      this.#sealed.set(writer, position)
      this.#received.set(writer, position)
    }
  }

  /** Blocks that wait. */
  get waiting(): number {
    return this.#arrived.length + this.#pending.length
  }

  receive({ block, ...batch }: DurableBatch): void {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
    const isHeld = this.#heldBytes + bytes.length <= this.#memoryBytesMax
    if (isHeld) this.#heldBytes += bytes.length
    this.#arrived.push({ ...batch, head: headOf(bytes), block: isHeld ? bytes : undefined })
  }

  /** Puts what has arrived in order. Blocks that were never posted are found in the segments. Returns damage met there. */
  async settle(): Promise<readonly SegmentFlaw[]> {
    const flaws: SegmentFlaw[] = []
    for (let batch = this.#arrived[0]; batch !== undefined; batch = this.#arrived[0]) {
      if (this.#isKnown(batch)) {
        this.#heldBytes -= batch.block?.length ?? 0
      } else {
        if (!this.#isNext(batch)) flaws.push(...(await this.#catchUp(batch.writer, batch)))
        const { writer, segment, offset, end, head, block } = batch
        this.#push({ writer, offset, block, position: positionOf(segment, end, head) })
      }
      this.#arrived.shift()
    }
    return flaws
  }

  #isKnown({ writer, segment, offset, head }: Arrived): boolean {
    const received = this.#received.get(writer)
    if (received?.run !== head.run) return this.#pastRuns.has(head.run)
    return segment < received.segment || (segment === received.segment && offset < received.offset)
  }

  #isNext({ writer, head }: Arrived): boolean {
    const received = this.#received.get(writer)
    return received === undefined ? head.first : head.run === received.run && hexOf(head.prev) === received.chain
  }

  /** Takes in whatever the segments of all writers hold and was not taken yet: after a crash, or once all writers have closed. */
  async collect(isSealed?: IsSealed): Promise<readonly SegmentFlaw[]> {
    const flaws: SegmentFlaw[] = []
    for (const writer of (await listSegments(this.#files, this.#dir)).keys()) {
      flaws.push(...(await this.#catchUp(writer, undefined, isSealed)))
    }
    return flaws
  }

  /**
   * At opening: segments that were sealed up to a place, and do not hold any more what stood there. A segment goes only once the
   * log is in the one behind it, so somebody has taken it away, and what followed in it with it.
   */
  async findTaken(): Promise<readonly SegmentFlaw[]> {
    const flaws: SegmentFlaw[] = []
    for (const [writer, { segment, offset, run, chain }] of this.#received) {
      const name = { writer, number: segment }
      const bytes = await readSegment(this.#files, this.#dir, name)
      const blocks = bytes === undefined ? [] : scanSegment(bytes, segmentTag(writer, segment)).blocks
      if (blocks.some((block) => block.end === offset && block.run === run && hexOf(block.chain) === chain)) continue
      const what = bytes === undefined ? 'this file was deleted or renamed' : 'this file is not what it was'
      flaws.push({ ...name, kind: 'damaged', offset, detail: `${what}: records that followed here may be lost` })
    }
    return flaws
  }

  async #catchUp(writer: string, before: Arrived | undefined, isSealed?: IsSealed): Promise<readonly SegmentFlaw[]> {
    const received = this.#received.get(writer)
    const last = before?.segment ?? Infinity
    const names = (await listSegments(this.#files, this.#dir)).get(writer) ?? []
    const wanted = names.filter(({ number }) => number >= (received?.segment ?? 0) && number <= last)
    const { blocks, flaws } = await joinSegments(this.#files, this.#dir, wanted)
    let segment: LoadedSegment | undefined
    for (const block of blocks) {
      const isBefore = before === undefined || block.number < last || block.offset < before.offset
      if (!isBefore || !isBehind(block, received)) continue
      const pending: Pending = { writer, offset: block.offset, position: positionOf(block.number, block.end, block) }
      if (isSealed === undefined) {
        this.#push(pending)
        continue
      }
      if (segment?.number !== block.number) segment = await this.#readSegment({ writer, number: block.number })
      const skip = entriesOf(segment.bytes, block.offset).flatMap((entry, i) => (isSealed(leafHash(entry)) ? [i] : []))
      this.#push({ ...pending, skip: new Set(skip) })
    }
    return flaws
  }

  #push(pending: Pending): void {
    const received = this.#received.get(pending.writer)
    if (received !== undefined && received.run !== pending.position.run) this.#pastRuns.add(received.run)
    this.#pending.push(pending)
    this.#received.set(pending.writer, pending.position)
  }

  /** The next blocks, until they have `entriesMax` entries or more; undefined where nothing waits. */
  async next(entriesMax: number): Promise<Portion | undefined> {
    const entries: Uint8Array[] = []
    const positions = Object.fromEntries(this.#sealed)
    let blocks = 0
    let segment: LoadedSegment | undefined
    for (const { writer, position, offset, block, skip } of this.#pending) {
      if (entries.length >= entriesMax) break
      if (block === undefined && (segment?.writer !== writer || segment.number !== position.segment)) {
        segment = await this.#readSegment({ writer, number: position.segment })
      }
      const found = block === undefined ? findEntries(segment, offset, position) : entriesOf(block)
      found.forEach((entry, i) => {
        if (skip?.has(i) !== true) entries.push(entry)
      })
      positions[writer] = position
      blocks += 1
    }
    return blocks === 0 ? undefined : { blocks, entries, positions }
  }

  async #readSegment(name: SegmentName): Promise<LoadedSegment> {
    const bytes = await readSegment(this.#files, this.#dir, name)
    if (bytes === undefined) throw new Error(`${segmentFile(name)} was deleted before its entries were sealed`)
    return { ...name, bytes }
  }

  /** Once the portion's checkpoint is signed: forgets its blocks and deletes the segments that are wholly sealed. */
  async release({ blocks, positions }: Portion): Promise<void> {
    for (const { block } of this.#pending.slice(0, blocks)) this.#heldBytes -= block?.length ?? 0
    this.#pending = this.#pending.slice(blocks)
    for (const [writer, position] of Object.entries(positions)) {
      const before = this.#sealed.get(writer)
      this.#sealed.set(writer, position)
      if (before?.segment === position.segment) continue
      for (const name of (await listSegments(this.#files, this.#dir)).get(writer) ?? []) {
        if (name.number < position.segment) await this.#files.remove(join(walDir(this.#dir), segmentFile(name)))
      }
    }
  }

  /** Deletes all segments, once all of them are sealed and no writer is open. */
  async clear(): Promise<void> {
    for (const names of (await listSegments(this.#files, this.#dir)).values()) {
      for (const name of names) await this.#files.remove(join(walDir(this.#dir), segmentFile(name)))
    }
    await this.#files.removeDir(walDir(this.#dir))
    this.#sealed.clear()
    this.#received.clear()
  }
}
