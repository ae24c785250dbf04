// Where a record is in the log: by its receipt or by its id, newest first, without any index.
import type { AnyRecord } from '../core/trail-query.ts'
import { type Files, nodeFiles } from './files.ts'
import type { Hash } from './merkle.ts'
import { type Bundle, entryAt, type Extent, readBundle, readExtent, readKeptBundle } from './reader.ts'
import { readTile } from './tile-reader.ts'
import { HASH_BYTES, TILE_WIDTH, widthAt } from './tiles.ts'

export interface Located {
  readonly index: number
  /** The exact bytes that are hashed. */
  readonly entry: Buffer
}

export interface LocateOptions {
  readonly files?: Files
  readonly onProgress?: (done: number, total: number) => void
}

/** A writer's records reach the log within seconds; beyond this many tiles around its time all others are looked through. */
const MARGIN_TILES = 4

/** The index of the entry with this leaf hash. `time` says where to begin to look. Undefined where the log does not have it. */
export async function findLeaf(
  dir: string,
  leaf: Hash,
  time: number,
  files: Files = nodeFiles,
): Promise<number | undefined> {
  const extent = await readExtent(dir, files)
  const first = Math.floor(extent.minimum / TILE_WIDTH)
  const end = Math.ceil(extent.size / TILE_WIDTH)
  const bytes = Buffer.from(leaf, 'latin1')
  const from = Math.max(first, (await tileAt(files, dir, extent, time)) - MARGIN_TILES)
  for (let tile = from; tile < end; tile += 1) {
    const found = await findInTile(files, dir, extent, tile, bytes)
    if (found !== undefined) return found
  }
  for (let tile = from - 1; tile >= first; tile -= 1) {
    const found = await findInTile(files, dir, extent, tile, bytes)
    if (found !== undefined) return found
  }
  return undefined
}

async function findInTile(
  files: Files,
  dir: string,
  { size }: Extent,
  index: number,
  leaf: Buffer,
): Promise<number | undefined> {
  const tile = await readTile(files, dir, { level: 0, index, width: widthAt(size, 0, index) })
  for (let at = tile?.indexOf(leaf) ?? -1; at >= 0; at = tile?.indexOf(leaf, at + 1) ?? -1)
    if (at % HASH_BYTES === 0) return index * TILE_WIDTH + at / HASH_BYTES
  return undefined
}

/** The last tile that begins before the time. Records are nearly in the order of their time: this is a hint, no answer. */
async function tileAt(files: Files, dir: string, { minimum, size }: Extent, time: number): Promise<number> {
  let low = Math.floor(minimum / TILE_WIDTH)
  let high = Math.ceil(size / TILE_WIDTH)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const bundle = await readBundle(files, dir, middle, size)
    if ((timeOf(entryAt(bundle, bundle.first)) ?? 0) < time) low = middle
    else high = middle
  }
  return low
}

const TIME = /^\{"time":(\d+)/

/** The record's time, epoch milliseconds, without parsing it. */
export function timeOf(entry: Buffer): number | undefined {
  const found = TIME.exec(entry.toString('latin1', 0, 32))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** An exchange's decision is written up to this long before what its outcome says it took. */
const SLACK_MS = 60_000

/** The records with this id, the newest first: of an exchange its outcome, and where it has one its decision. */
export async function findById(dir: string, id: string, options: LocateOptions = {}): Promise<readonly Located[]> {
  const files = options.files ?? nodeFiles
  const { minimum, size } = await readExtent(dir, files)
  const found: Located[] = []
  let since: number | undefined
  for (let tile = Math.ceil(size / TILE_WIDTH) - 1; tile >= Math.floor(minimum / TILE_WIDTH); tile -= 1) {
    const bundle = await readKeptBundle(files, dir, tile, size)
    if (bundle === undefined) break
    if (since !== undefined && (timeOf(entryAt(bundle, bundle.first)) ?? 0) < since) break
    if (tile % 64 === 0) options.onProgress?.(size - tile * TILE_WIDTH, size - minimum)
    for (const { record, ...located } of withId(bundle, id)) {
      found.push(located)
      since ??= beginOf(record)
    }
  }
  return found
}

/** The last first. */
function* withId(bundle: Bundle, id: string): Generator<Located & { readonly record: AnyRecord }> {
  const word = Buffer.from(`"id":${JSON.stringify(id)}`)
  if (!bundle.bytes.includes(word)) return
  for (let i = bundle.bounds.length / 2 - 1; i >= 0; i -= 1) {
    const entry = entryAt(bundle, bundle.first + i)
    const record = entry.includes(word) ? parseRecord(entry) : undefined
    if (record?.id === id) yield { index: bundle.first + i, entry: Buffer.from(entry), record }
  }
}

/** Before this time no record of the exchange can have been written. */
function beginOf({ time, durationMs }: AnyRecord): number {
  return Number(time) - (typeof durationMs === 'number' ? durationMs : 0) - SLACK_MS
}

/** A record of any kind; undefined where the entry is no JSON object. */
export function parseRecord(entry: Buffer): AnyRecord | undefined {
  try {
    const record: unknown = JSON.parse(entry.toString())
    return typeof record === 'object' && record !== null && !Array.isArray(record) ? (record as AnyRecord) : undefined
  } catch {
    return undefined
  }
}

/** The entry at an index. Throws an Error where the trail does not have it. */
export async function readEntry(dir: string, index: number, files: Files = nodeFiles): Promise<Buffer> {
  const { minimum, size } = await readExtent(dir, files)
  if (index >= size) throw new Error(`there is no entry ${index}: the trail has ${size}, counted from 0`)
  if (index < minimum) throw new Error(`entry ${index} was deleted by retention: the trail begins with ${minimum}`)
  return Buffer.from(entryAt(await readBundle(files, dir, Math.floor(index / TILE_WIDTH), size), index))
}
