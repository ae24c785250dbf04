// Tiles and bundles of a trail that may be growing. A partial one is replaced by a wider one, or by the full one, when the next
// checkpoint is signed; what was asked for is then its beginning, and C2SP tlog-tiles has every reader find it there.
import { join } from 'node:path'
import { type BundleFile, readBundleFile, readBundleFileSync, readUnlessAbsent } from './bundle-file.ts'
import { parseCheckpoint } from './checkpoint.ts'
import type { Files } from './files.ts'
import { type Hash, type NodeReader, rootOf } from './merkle.ts'
import { parseNote } from './note.ts'
import { boundsOf, HASH_BYTES, hashesOf, TILE_WIDTH, type TileName, tilePath, widthAt } from './tiles.ts'

const CHECKPOINT = 'checkpoint'

/** How wide the tile is now; 0 where no checkpoint can be read. */
function widthNow(note: Buffer | undefined, { level, index }: TileName): number {
  const parsed = parseNote(note?.toString() ?? '')
  const checkpoint = 'problem' in parsed ? parsed : parseCheckpoint(parsed.text)
  return 'problem' in checkpoint ? 0 : widthAt(checkpoint.size, level, index)
}

/** What `read` finds under the tile's own width, or under those that it has grown to since. */
async function readGrown<T>(
  files: Files,
  dir: string,
  name: TileName,
  read: (name: TileName) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (let width = name.width; ;) {
    const found = await read({ ...name, width })
    if (found !== undefined) return found
    const now = widthNow(await files.read(join(dir, CHECKPOINT)), name)
    if (now <= width) return undefined
    width = now
  }
}

/** The bundle with its path, or a wider one that begins with it; undefined where there is none. Rejects with a DamagedBundle. */
export function readGrownBundle(files: Files, dir: string, name: TileName): Promise<BundleFile | undefined> {
  return readGrown(files, dir, name, (wider) => readBundleFile(files, dir, wider))
}

/** The bytes of a tile or a bundle, exactly as wide as it is asked for; undefined where there is none. Rejects with a DamagedBundle. */
export async function readTile(files: Files, dir: string, name: TileName): Promise<Buffer | undefined> {
  const bytes =
    name.level === 'entries'
      ? (await readGrownBundle(files, dir, name))?.bytes
      : await readGrown(files, dir, name, (wider) => files.read(join(dir, tilePath(wider))))
  return bytes && beginningOf(bytes, name)
}

/** The tree's nodes as the tiles of a trail of `size` entries hold them. Reads synchronously and throws where a tile cannot be read. */
export function createTileReader(dir: string, size: number): NodeReader {
  const cache = new Map<string, Hash[]>()
  const tile = (level: number, index: number): Hash[] => {
    const name: TileName = { level, index, width: widthAt(size, level, index) }
    const path = tilePath(name)
    const known = cache.get(path)
    if (known !== undefined) return known
    const found = readTileSync(dir, name)
    if (found === undefined) throw new Error(`${path} is missing`)
    const hashes = hashesOf(found.bytes)
    if (cache.size >= 64) cache.clear()
    cache.set(path, hashes)
    return hashes
  }
  return (level, index) => {
    const tileLevel = Math.floor(level / 8)
    const count = 2 ** (level % 8)
    const first = index * count
    const hashes = tile(tileLevel, Math.floor(first / TILE_WIDTH))
    const at = first % TILE_WIDTH
    if (at + count > hashes.length) throw new RangeError(`no node ${level}/${index} in a tree of ${size}`)
    return rootOf(hashes.slice(at, at + count))
  }
}

/** What readTile gives, at once, with the path where it was found; the same for a bundle. Throws what reading a file throws, and a DamagedBundle. */
export function readTileSync(dir: string, name: TileName): BundleFile | undefined {
  for (let width = name.width; ;) {
    const found = readFileOf(dir, { ...name, width })
    if (found !== undefined) return width === name.width ? found : { ...found, bytes: beginningOf(found.bytes, name) }
    const now = widthNow(readUnlessAbsent(join(dir, CHECKPOINT)), name)
    if (now <= width) return undefined
    width = now
  }
}

function readFileOf(dir: string, name: TileName): BundleFile | undefined {
  if (name.level === 'entries') return readBundleFileSync(dir, name)
  const file = tilePath(name)
  const bytes = readUnlessAbsent(join(dir, file))
  return bytes && { file, bytes }
}

/** A wider tile's bytes as they were when it was so wide. */
function beginningOf(bytes: Buffer, { level, width }: TileName): Buffer {
  return bytes.subarray(0, level === 'entries' ? boundsOf(bytes).bounds[2 * width - 1] : width * HASH_BYTES)
}
