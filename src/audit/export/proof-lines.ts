// Proofs of many records as lines of JSON. Records of one tile share the upper part of their proofs, and each node is hashed and written out once.
import { createInclusionProof, type Hash, nodeHash, type NodeReader } from '../merkle.ts'
import { encodeHash } from '../proof.ts'
import { TILE_WIDTH } from '../tiles.ts'

/** Levels within a tile: a proof's first so many hashes are of the leaf's own tile. */
const TILE_LEVELS = 8

interface Tile {
  readonly number: number
  /** Level 0 first; each hash as JSON. */
  readonly levels: readonly (readonly string[])[]
  /** The hashes above the tile, as JSON, each after a comma. */
  readonly above: string
}

/** `{"index":…,"proof":["…",…]}` and a newline, of any record of a tree of `size`. Best asked in order. */
export function createProofLines(read: NodeReader, size: number): (index: number) => string {
  let tile: Tile | undefined
  return (index) => {
    const number = Math.floor(index / TILE_WIDTH)
    const isWhole = (number + 1) * TILE_WIDTH <= size
    if (!isWhole) {
      const hashes = createInclusionProof(read, index, size).map(quoted)
      return `{"index":${index},"proof":[${hashes.join(',')}]}\n`
    }
    if (tile?.number !== number) tile = readTile(read, number, size)
    const at = index % TILE_WIDTH
    let own = ''
    for (let level = 0; level < TILE_LEVELS; level += 1) {
      own += `${level === 0 ? '' : ','}${tile.levels[level]?.[(at >> level) ^ 1] ?? ''}`
    }
    return `{"index":${index},"proof":[${own}${tile.above}]}\n`
  }
}

const quoted = (hash: Hash): string => `"${encodeHash(hash)}"`

function readTile(read: NodeReader, number: number, size: number): Tile {
  const first = number * TILE_WIDTH
  const levels: string[][] = []
  let hashes = Array.from({ length: TILE_WIDTH }, (_, i) => read(0, first + i))
  for (let level = 0; level < TILE_LEVELS; level += 1) {
    levels.push(hashes.map(quoted))
    const below = hashes
    hashes = Array.from({ length: below.length / 2 }, (_, i) => nodeHash(below[2 * i] ?? '', below[2 * i + 1] ?? ''))
  }
  const above = createInclusionProof(read, first, size).slice(TILE_LEVELS)
  return { number, levels, above: above.map((hash) => `,${quoted(hash)}`).join('') }
}
