// A growing RFC 6962 tree in memory: only the unfinished tile of each level, as C2SP tlog-tiles cuts the tree.
import { type Hash, rootOf } from './merkle.ts'
import { TILE_WIDTH } from './tiles.ts'

/** Called with each tile that has become full; the array is not used afterwards. */
export type OnFullTile = (level: number, index: number, hashes: readonly Hash[]) => void

export class TileTree {
  #size: number
  /** The last, partial tile of each level, level 0 first. */
  readonly #edge: Hash[][]

  /** `edge` must be the partial tiles of a tree of `size` leaves. */
  constructor(size = 0, edge: readonly (readonly Hash[])[] = []) {
    this.#size = size
    this.#edge = edge.map((hashes) => [...hashes])
  }

  get size(): number {
    return this.#size
  }

  /** The partial tiles, level 0 first; empty ones where a level has none. */
  get edge(): readonly (readonly Hash[])[] {
    return this.#edge
  }

  append(leaf: Hash, onFullTile: OnFullTile): void {
    this.#size += 1
    let hash = leaf
    let index = Math.floor((this.#size - 1) / TILE_WIDTH)
    for (let level = 0; ; level += 1) {
      const hashes = (this.#edge[level] ??= [])
      hashes.push(hash)
      if (hashes.length < TILE_WIDTH) return
      this.#edge[level] = []
      onFullTile(level, index, hashes)
      hash = rootOf(hashes)
      index = Math.floor(index / TILE_WIDTH)
    }
  }

  root(): Hash {
    // What hangs below a level's last hash is one smaller, unfinished subtree, so it goes in as that level's last node.
    let below: Hash | undefined
    for (const hashes of this.#edge) {
      const nodes = below === undefined ? hashes : [...hashes, below]
      if (nodes.length > 0) below = rootOf(nodes)
    }
    return below ?? rootOf([])
  }

  /** An independent copy, so that work which may fail can be thrown away. */
  clone(): TileTree {
    return new TileTree(this.#size, this.#edge)
  }
}
