// Tiles and bundles of a growing log on disk. Nothing that a signed checkpoint covers is ever written over.
import { dirname, join } from 'node:path'
import { type Files, syncDir, writeBack } from './files.ts'
import { type Hash, leafHash } from './merkle.ts'
import { TileTree } from './tile-tree.ts'
import {
  boundsOf,
  bundleOf,
  hashesOf,
  leavesPerHash,
  TILE_WIDTH,
  tileBytes,
  type TileName,
  tilePath,
  widthAt,
} from './tiles.ts'

/** Levels that can exist: 256^6 leaves are more than any log has. */
const LEVELS = ['entries', 0, 1, 2, 3, 4, 5] as const

/** A log that has grown on disk, and is not signed yet. */
export interface Extension {
  readonly tree: TileTree
  /** Entries of the last, partial bundle. */
  readonly bundle: readonly Uint8Array[]
}

/**
 * Frees memory that nobody else has. V8 counts what lies outside of its heap, and has it found by a collection of all that is old as
 * soon as there are some 60 MB of it: with ten thousand entries a second every two seconds, on a core that requests wait for.
 */
function giveBack({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

/** The partial tile of a level in a log of this size; undefined where the level has none. */
function edgeTile(size: number, level: TileName['level']): TileName | undefined {
  const hashes = Math.floor(size / leavesPerHash(level))
  const width = hashes % TILE_WIDTH
  return width === 0 ? undefined : { level, index: Math.floor(hashes / TILE_WIDTH), width }
}

export class TileStore {
  readonly #files: Files
  readonly #dir: string
  #tree: TileTree
  #bundle: readonly Uint8Array[]
  /** What extensions have begun to write since the last one was adopted; one that failed may have left torn files. */
  readonly #attempted = new Map<string, TileName>()

  private constructor(files: Files, dir: string, { tree, bundle }: Extension) {
    this.#files = files
    this.#dir = dir
    this.#tree = tree
    this.#bundle = bundle
  }

  /** Reads the right edge of a log of this size. Throws an Error that says what is missing or does not fit together. */
  static async load(files: Files, dir: string, size: number): Promise<TileStore> {
    const read = async (name: TileName): Promise<Buffer> => {
      const bytes = await files.read(join(dir, tilePath(name)))
      if (bytes === undefined) throw new Error(`${tilePath(name)} is missing`)
      return bytes
    }
    const edge: Hash[][] = []
    for (const level of LEVELS) {
      if (level === 'entries') continue
      const name = edgeTile(size, level)
      const hashes = name === undefined ? [] : hashesOf(await read(name))
      if (name !== undefined && hashes.length !== name.width)
        throw new Error(`${tilePath(name)} has not ${name.width} hashes`)
      edge.push(hashes)
    }
    const name = edgeTile(size, 'entries')
    const bundle: Buffer[] = []
    if (name !== undefined) {
      const bytes = await read(name)
      const { bounds, rest } = boundsOf(bytes)
      for (let i = 0; i < bounds.length; i += 2) bundle.push(bytes.subarray(bounds[i], bounds[i + 1]))
      const holds = bundle.every((entry, i) => leafHash(entry) === edge[0]?.[i])
      if (!holds || bundle.length !== name.width || rest !== bytes.length)
        throw new Error(`${tilePath(name)} does not match its hashes`)
    }
    return new TileStore(files, dir, { tree: new TileTree(size, edge), bundle })
  }

  get size(): number {
    return this.#tree.size
  }

  root(): Hash {
    return this.#tree.root()
  }

  /**
   * Writes the entries behind those of the log, with all tiles that this makes new, syncs them, reads them back and hashes what was
   * read. The store itself stays as it was until `adopt`, so that a failed attempt is simply made again. `rest` is waited for after
   * each bundle.
   */
  async extend(entries: readonly Uint8Array[], rest?: () => Promise<unknown>): Promise<Extension> {
    const tree = this.#tree.clone()
    const tiles: { name: TileName; hashes: readonly Hash[] }[] = []
    const written = new Set<string>()
    const onFullTile = (level: number, index: number, hashes: readonly Hash[]): void => {
      tiles.push({ name: { level, index, width: TILE_WIDTH }, hashes: [...hashes] })
    }
    let bundle = [...this.#bundle]
    let known = bundle.length
    const flush = async (): Promise<void> => {
      const name: TileName = { level: 'entries', index: Math.floor(tree.size / TILE_WIDTH), width: bundle.length }
      const framed = bundleOf(bundle)
      const bytes = await this.#write(name, framed, written)
      const { bounds } = boundsOf(bytes)
      for (let i = 2 * known; i < bounds.length; i += 2)
        tree.append(leafHash(bytes, bounds[i], bounds[i + 1]), onFullTile)
      known = bundle.length
      giveBack(framed)
      giveBack(bytes)
    }
    for (const entry of entries) {
      bundle.push(entry)
      if (bundle.length < TILE_WIDTH) continue
      await flush()
      bundle = []
      known = 0
      await rest?.()
    }
    if (bundle.length > known) await flush()
    tree.edge.forEach((hashes, level) => {
      const name = edgeTile(tree.size, level)
      const before = edgeTile(this.size, level)
      const isNew = name !== undefined && (before === undefined || tilePath(before) !== tilePath(name))
      if (isNew) tiles.push({ name, hashes })
    })
    for (const { name, hashes } of tiles) await this.#write(name, tileBytes(hashes), written)
    for (const path of written) await syncDir(this.#files, path)
    // Copies: what they were cut from, a block or a whole segment, is not to be held with them.
    return { tree, bundle: bundle.map((entry) => Buffer.from(entry)) }
  }

  /** Writes a file and returns what the disk gives back. Remembers the directories whose entries must be synced. */
  async #write(name: TileName, bytes: Buffer, written: Set<string>): Promise<Buffer> {
    const path = join(this.#dir, tilePath(name))
    if (!written.has(dirname(path))) {
      await this.#files.makeDir(dirname(path))
      for (let dir = dirname(path); dir.length >= this.#dir.length; dir = dirname(dir)) written.add(dir)
    }
    this.#attempted.set(path, name)
    const back = await writeBack(this.#files, path, bytes)
    if (back === undefined || !back.equals(bytes))
      throw new Error(`${tilePath(name)} does not read back as it was written`)
    return back
  }

  /** Takes an extension over, once its checkpoint is signed, and removes the partial tiles that it made stale. */
  async adopt({ tree, bundle }: Extension): Promise<void> {
    const before = this.size
    this.#tree = tree
    this.#bundle = bundle
    for (const level of LEVELS) {
      const old = edgeTile(before, level)
      const now = edgeTile(tree.size, level)
      if (old === undefined || (now !== undefined && tilePath(now) === tilePath(old))) continue
      const path = join(this.#dir, tilePath(old))
      await this.#files.remove(path)
      if (now?.index !== old.index) await this.#files.removeDir(dirname(path))
    }
    for (const [path, name] of this.#attempted) {
      if (widthAt(tree.size, name.level, name.index) === name.width) continue
      await this.#files.remove(path)
      await this.#files.removeDir(dirname(path))
    }
    this.#attempted.clear()
  }

  /** Removes what an interrupted seal left: tiles beyond the log's end, and partial ones that have become stale. */
  async removeLeftovers(): Promise<void> {
    // The highest first: what stands for a tile must not outlive it, where this is stopped half way.
    for (const level of LEVELS.toReversed()) {
      const first = Math.floor(this.size / leavesPerHash(level) / TILE_WIDTH)
      let isFound = true
      // Files are written in the order of their index. Some may still be missing after a power cut, hence the margin.
      for (let index = Math.max(0, first - 1); isFound || index < first + 16; index += 1) {
        isFound = await this.#removeAround(level, index)
      }
    }
  }

  async #removeAround(level: TileName['level'], index: number): Promise<boolean> {
    const width = widthAt(this.size, level, index)
    const full = join(this.#dir, tilePath({ level, index, width: TILE_WIDTH }))
    const partials = await this.#files.list(`${full}.p`)
    for (const file of partials) if (file !== String(width)) await this.#files.remove(join(`${full}.p`, file))
    if (partials.length > 0) await this.#files.removeDir(`${full}.p`)
    if (width === TILE_WIDTH) return true
    const isThere = (await this.#files.identity(full)) !== undefined
    if (isThere) await this.#files.remove(full)
    return isThere || partials.length > 0
  }
}
