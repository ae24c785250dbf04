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
    this.#push(leaf, 0, Math.floor((this.#size - 1) / TILE_WIDTH), onFullTile)
  }

  /** Appends a full tile of level 0 by the hash that stands for it. The tree's size must be a multiple of 256. */
  appendTile(hash: Hash, onFullTile: OnFullTile): void {
    if (this.#edge.length === 0) this.#edge.push([])
    this.#size += TILE_WIDTH
    this.#push(hash, 1, Math.floor((this.#size - 1) / TILE_WIDTH ** 2), onFullTile)
  }

  #push(item: Hash, from: number, at: number, onFullTile: OnFullTile): void {
    let hash = item
    let index = at
    for (let level = from; ; level += 1) {
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
