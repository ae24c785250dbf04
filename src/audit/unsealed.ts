// Which entries of the write-ahead logs are not in the log yet, told by their hashes alone: slow, but true without any memory.
import { join } from 'node:path'
import type { Files } from './files.ts'
import { type Hash, leafHash } from './merkle.ts'
import { hashesOf, TILE_WIDTH, tilePath, widthAt } from './tiles.ts'
import { entriesOf } from './wal-block.ts'
import type { IsSealed } from './wal-intake.ts'
import { joinSegments, listSegments, readSegment, type SegmentBlock } from './wal-segment.ts'

/** The entries of the blocks in turn, one segment at a time in memory. */
export async function* entriesOfBlocks(
  files: Files,
  dir: string,
  blocks: readonly SegmentBlock[],
): AsyncGenerator<Buffer> {
  let bytes: Buffer | undefined
  let number = -1
  for (const block of blocks) {
    if (block.number !== number) bytes = await readSegment(files, dir, block)
    number = block.number
    if (bytes !== undefined) yield* entriesOf(bytes, block.offset)
  }
}

async function* readAll(files: Files, dir: string): AsyncGenerator<Buffer> {
  for (const names of (await listSegments(files, dir)).values()) {
    yield* entriesOfBlocks(files, dir, (await joinSegments(files, dir, names)).blocks)
  }
}

/** Counts how often each entry of the write-ahead logs is in the log, by reading all of its level-0 tiles. */
export async function createSealedTest(files: Files, dir: string, size: number): Promise<IsSealed> {
  const counts = new Map<Hash, number>()
  for await (const entry of readAll(files, dir)) counts.set(leafHash(entry), 0)
  for (let index = 0; index * TILE_WIDTH < size && counts.size > 0; index += 1) {
    const tile = await files.read(join(dir, tilePath({ level: 0, index, width: widthAt(size, 0, index) })))
    for (const hash of hashesOf(tile ?? Buffer.alloc(0))) {
      const count = counts.get(hash)
      if (count !== undefined) counts.set(hash, count + 1)
    }
  }
  return (leaf) => {
    const count = counts.get(leaf) ?? 0
    counts.set(leaf, count - 1)
    return count > 0
  }
}

/** Entries that are durable in a write-ahead log and under no checkpoint yet, writer by writer. */
export async function* readUnsealed(files: Files, dir: string, size: number): AsyncGenerator<Buffer> {
  const isSealed = await createSealedTest(files, dir, size)
  for await (const entry of readAll(files, dir)) if (!isSealed(leafHash(entry))) yield entry
}
