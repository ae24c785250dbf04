// Reads a trail's entries in order, for search and export. It checks nothing: that is the verifier's work.
import type { TrailHead } from '../core/people-lines.ts'
import { type Files, nodeFiles } from './files.ts'
import { readMinimumIndex } from './minimum-index.ts'
import { readCheckpoint } from './proof.ts'
import { readGrownBundle } from './tile-reader.ts'
import { boundsOf, TILE_WIDTH, tilePath, widthAt } from './tiles.ts'
import { readUnsealed } from './unsealed.ts'

export interface ReadOptions {
  /** First entry; default and least: the trail's minimum index. */
  readonly from?: number
  /** Where to stop: the first entry that is not read. Default: the checkpoint's size. */
  readonly to?: number
  /** Also what is durable and under no checkpoint yet, with an undefined index. It reads all hashes of the trail. */
  readonly unsealed?: boolean
  readonly files?: Files
}

export interface Bundle {
  /** Index of its first entry. */
  readonly first: number
  readonly bytes: Buffer
  /** [start, end, start, end ...] of its entries. */
  readonly bounds: readonly number[]
}

/** What a trail has: entries from `minimum` up to `size`. */
export interface Extent {
  readonly minimum: number
  readonly size: number
}

/** Both are 0 where there is no checkpoint that can be read. */
export async function readExtent(dir: string, files: Files = nodeFiles): Promise<Extent> {
  const size = await readCheckpoint(dir, files).then(
    (checkpoint) => checkpoint.size,
    () => 0,
  )
  return { minimum: Math.min(size, await readMinimumIndex(dir, files)), size }
}

/** Which trail it is, and what its checkpoint covers. Rejects with an Error of one line where there is none that can be read. */
export async function readHead(dir: string, files: Files = nodeFiles): Promise<TrailHead> {
  const { origin, size, root } = await readCheckpoint(dir, files)
  return { gateway: origin, size, root: Buffer.from(root, 'latin1').toString('base64') }
}

/** A bundle of a trail that may be growing: a partial one is replaced by a wider one, or by the full one. */
export async function readBundle(files: Files, dir: string, index: number, size: number): Promise<Bundle> {
  const name = { level: 'entries', index, width: widthAt(size, 'entries', index) } as const
  const found = await readGrownBundle(files, dir, name)
  if (found === undefined) throw new Error(`${tilePath(name)} is missing`)
  const { bounds } = boundsOf(found.bytes)
  // A damaged one must not pass for one in which nothing was found.
  if (bounds.length / 2 < name.width)
    throw new Error(`${tilePath(name)} has ${bounds.length / 2} entries and should have ${name.width}`)
  return { first: index * TILE_WIDTH, bytes: found.bytes, bounds }
}

/** The same; undefined where retention has deleted it since it was known to be there. */
export async function readKeptBundle(
  files: Files,
  dir: string,
  index: number,
  size: number,
): Promise<Bundle | undefined> {
  try {
    return await readBundle(files, dir, index, size)
  } catch (error) {
    if (index * TILE_WIDTH < (await readMinimumIndex(dir, files))) return undefined
    throw error
  }
}

/** The entry at `index` of the log as a view into the bundle that holds it. Throws an Error where the bundle ends before it. */
export function entryAt({ first, bytes, bounds }: Bundle, index: number): Buffer {
  const start = bounds[2 * (index - first)]
  if (start !== undefined) return bytes.subarray(start, bounds[2 * (index - first) + 1])
  const file = tilePath({ level: 'entries', index: first / TILE_WIDTH, width: TILE_WIDTH })
  throw new Error(`${file} ends before entry ${index}`)
}

/** The entries with their index in the log. Rejects with an Error that names a file which is missing or ends too early. */
export async function* readTrail(
  dir: string,
  options: ReadOptions = {},
): AsyncGenerator<[index: number | undefined, entry: Buffer]> {
  const files = options.files ?? nodeFiles
  const { minimum, size } = await readExtent(dir, files)
  const to = Math.min(options.to ?? size, size)
  for (let at = Math.max(minimum, options.from ?? 0); at < to;) {
    const index = Math.floor(at / TILE_WIDTH)
    const bundle = await readKeptBundle(files, dir, index, size)
    const stop = Math.min(to, (index + 1) * TILE_WIDTH)
    if (bundle === undefined) at = stop
    else for (; at < stop; at += 1) yield [at, entryAt(bundle, at)]
  }
  if (options.unsealed !== true) return
  for await (const entry of readUnsealed(files, dir, size)) yield [undefined, entry]
}
