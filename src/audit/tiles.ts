// Where hashes and entries lie on disk, and how bundles are framed: C2SP tlog-tiles.
import type { Hash } from './merkle.ts'

/** Hashes in a full tile, entries in a full bundle: a tile is eight levels of the tree high. */
export const TILE_WIDTH = 256
export const HASH_BYTES = 32
/** What the trail accepts as one entry; the format itself ends at 65,535 bytes. */
export const ENTRY_BYTES_MAX = 32_768

/** `entries` or a tile level; `width` is 256 for a full tile. */
export interface TileName {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

/** `tile/0/x001/x234/067`, or `…/067.p/112` for a partial tile. */
export function tilePath({ level, index, width }: TileName): string {
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

const TILE_PATH = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/

/** The inverse of `tilePath`; undefined for every other spelling. */
export function parseTilePath(path: string): TileName | undefined {
  const found = TILE_PATH.exec(path)
  if (found === null) return undefined
  const name: TileName = {
    level: found[1] === 'entries' ? 'entries' : Number(found[1]),
    index: Number((found[2] ?? '').replaceAll(/[x/]/g, '')),
    width: found[3] === undefined ? TILE_WIDTH : Number(found[3]),
  }
  const isInRange = name.level === 'entries' || name.level < 64
  const isWide = found[3] === undefined || (name.width > 0 && name.width < TILE_WIDTH)
  return isInRange && isWide && Number.isSafeInteger(name.index) && tilePath(name) === path ? name : undefined
}

/** Leaves under one hash of a tile of this level. */
export function leavesPerHash(level: number | 'entries'): number {
  return level === 'entries' ? 1 : TILE_WIDTH ** level
}

/** How wide the tile is in a tree of `size` leaves; 0 where it does not exist. */
export function widthAt(size: number, level: number | 'entries', index: number): number {
  const hashes = Math.floor(size / leavesPerHash(level)) - index * TILE_WIDTH
  return Math.max(0, Math.min(TILE_WIDTH, hashes))
}

/** A tile's bytes to its hashes. A trailing piece of a hash is left out: compare lengths first. */
export function hashesOf(tile: Buffer): Hash[] {
  const text = tile.toString('latin1')
  const hashes: Hash[] = []
  for (let at = 0; at + HASH_BYTES <= text.length; at += HASH_BYTES) hashes.push(text.slice(at, at + HASH_BYTES))
  return hashes
}

export function tileBytes(hashes: readonly Hash[]): Buffer {
  return Buffer.from(hashes.join(''), 'latin1')
}

/** Entries as a bundle holds them: of each its length in two bytes, big-endian, then its bytes. The memory is the caller's alone. */
export function bundleOf(entries: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX)
      throw new RangeError(`an audit entry has at most ${ENTRY_BYTES_MAX} bytes, this one has ${entry.length}`)
    length += 2 + entry.length
  }
  const bundle = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const entry of entries) {
    bundle.writeUInt16BE(entry.length, at)
    bundle.set(entry, at + 2)
    at += 2 + entry.length
  }
  return bundle
}

/**
 * Start and end of each entry of a bundle in turn: [start, end, start, end ...]. Stops at the first entry that runs over the
 * end; `rest` is where the bytes that belong to no entry begin (the bundle's length where there are none).
 */
export function boundsOf(bundle: Buffer): { bounds: number[]; rest: number } {
  const bounds: number[] = []
  let at = 0
  while (at + 2 <= bundle.length) {
    const end = at + 2 + bundle.readUInt16BE(at)
    if (end > bundle.length) break
    bounds.push(at + 2, end)
    at = end
  }
  return { bounds, rest: at }
}
