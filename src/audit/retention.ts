// What may be deleted, and deleting it: whole tiles of entries that are all older than the retention, from the oldest on. The hashes
// above them stay, so that every proof of what is left still holds.
import { dirname, join } from 'node:path'
import type { Signer } from '../ports/signer.ts'
import { compressBundle, compressedPath, decompressBundle } from './bundle-file.ts'
import { type Files, nodeFiles, replaceFile, syncDir, writeSynced } from './files.ts'
import { timeOf } from './locate.ts'
import { MINIMUM_INDEX_FILE, signMinimumIndex, type MinimumIndex } from './minimum-index.ts'
import { type Bundle, entryAt, readBundle, readExtent } from './reader.ts'
import { TILE_WIDTH, tilePath } from './tiles.ts'

export interface Hold {
  readonly incident: string
  /** Records of this time and later are kept; absent: everything is. */
  readonly since?: number
}

/** The time before which records may be deleted; undefined where a hold keeps everything. */
export function cutoffOf(now: number, retentionMs: number, holds: readonly Hold[]): number | undefined {
  let cutoff = now - retentionMs
  for (const { since } of holds) {
    if (since === undefined) return undefined
    cutoff = Math.min(cutoff, since)
  }
  return cutoff
}

/** Tiles that one call looks at: what is left comes with the next one. */
const TILES_MAX = 4096

/** The minimum index that the cutoff allows; undefined where nothing may be deleted. An entry without a time is never deleted. */
export async function planRetention(
  dir: string,
  cutoff: number,
  now: number,
  files: Files = nodeFiles,
): Promise<MinimumIndex | undefined> {
  const { minimum, size } = await readExtent(dir, files)
  let index = minimum
  let newest = 0
  for (let tiles = 0; tiles < TILES_MAX && index + TILE_WIDTH <= size; tiles += 1) {
    const last = newestOf(await readBundle(files, dir, index / TILE_WIDTH, size))
    if (!(last < cutoff)) break
    newest = Math.max(newest, last)
    index += TILE_WIDTH
  }
  return index === minimum ? undefined : { index, before: newest + 1, at: now }
}

function newestOf(bundle: Bundle): number {
  let newest = -Infinity
  for (let i = 0; i < bundle.bounds.length / 2; i += 1)
    newest = Math.max(newest, timeOf(entryAt(bundle, bundle.first + i)) ?? Infinity)
  return newest
}

/** Signs the new minimum index, then deletes what lies before it. A crash in between leaves files that the next call deletes. */
export async function applyRetention(
  dir: string,
  minimum: MinimumIndex,
  signer: Signer,
  files: Files = nodeFiles,
): Promise<void> {
  await replaceFile(files, join(dir, MINIMUM_INDEX_FILE), Buffer.from(signMinimumIndex(minimum, signer)))
  await sweep(dir, minimum.index, files)
}

/** Directories of so many tiles are looked at for what an interrupted call has left. */
const SWEPT_TILES = 4096

/** Deletes the tiles before the minimum index, the newest first, until long nothing is found. */
export async function sweep(dir: string, minimum: number, files: Files = nodeFiles): Promise<void> {
  let missing = 0
  for (let index = minimum / TILE_WIDTH - 1; index >= 0 && missing < SWEPT_TILES; index -= 1) {
    const found = await removeTile(dir, index, files)
    missing = found ? 0 : missing + 1
  }
}

async function removeTile(dir: string, index: number, files: Files): Promise<boolean> {
  const entries = tilePath({ level: 'entries', index, width: TILE_WIDTH })
  const paths = [entries, compressedPath(index), tilePath({ level: 0, index, width: TILE_WIDTH })]
  let found = false
  for (const path of paths) {
    if ((await files.identity(join(dir, path))) === undefined) continue
    found = true
    await files.remove(join(dir, path))
  }
  // A directory of a thousand tiles goes with its last one.
  if (found && index % 1000 === 0) for (const path of paths) await files.removeDir(dirname(join(dir, path)))
  return found
}

/**
 * Compresses the full bundles from `from` on whose entries are all older than `cutoff`, at most `bundlesMax`. Resolves with the first
 * bundle that was left as it is: where the next call goes on. The old file goes once the new one reads back from the disk.
 */
export async function compressOld(
  dir: string,
  { from, cutoff, bundlesMax }: { readonly from: number; readonly cutoff: number; readonly bundlesMax: number },
  files: Files = nodeFiles,
): Promise<number> {
  const { minimum, size } = await readExtent(dir, files)
  let index = Math.max(from, minimum / TILE_WIDTH)
  for (let done = 0; done < bundlesMax && (index + 1) * TILE_WIDTH <= size; index += 1) {
    const path = join(dir, tilePath({ level: 'entries', index, width: TILE_WIDTH }))
    const bytes = await files.read(path)
    if (bytes === undefined) continue
    if (!(newestOf(await readBundle(files, dir, index, size)) < cutoff)) break
    const packed = join(dir, compressedPath(index))
    await writeSynced(files, packed, compressBundle(bytes))
    await syncDir(files, dirname(packed))
    const back = decompressBundle((await files.read(packed)) ?? Buffer.alloc(0))
    if (back === undefined || !back.equals(bytes)) throw new Error(`${packed} does not read back as it was written`)
    await files.remove(path)
    done += 1
  }
  return index
}
