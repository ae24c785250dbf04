// The log itself, re-derived: every entry to its hash, every hash to its tile, every tile to the root.
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import type { Findings } from './findings.ts'
import { type Hash, leafHash } from './merkle.ts'
import type { RecordSequence } from './record-sequence.ts'
import { type OnFullTile, TileTree } from './tile-tree.ts'
import { boundsOf, HASH_BYTES, hashesOf, TILE_WIDTH, tilePath, widthAt } from './tiles.ts'
import type { CheckedTile } from './tile-check.ts'
import { createTileChecker } from './tile-checker.ts'
import { readTileSync } from './tile-reader.ts'
import { readTileFile } from './verify-read.ts'

export interface LogPass {
  readonly dir: string
  readonly size: number
  readonly root: Hash
  readonly findings: Findings
  readonly sequence: RecordSequence
  /** Called with each entry's hash, in order. */
  readonly onLeaf: ((leaf: Hash) => void) | undefined
  /** Smaller sizes whose roots are wanted. */
  readonly earlierSizes: ReadonlySet<number>
  readonly onProgress: ((done: number) => void) | undefined
  /** Entries before it were deleted by retention: their tiles are known by their hashes alone. */
  readonly minimum: number
  /** Where an earlier verification stood: what is before is not read again. */
  readonly resumed: LogPosition | undefined
  /** Starts a thread that checks tiles; absent: this one does. */
  readonly startThread: (() => Worker) | undefined
  /** Called now and then, only while nothing was wrong. */
  readonly onPosition: ((position: LogPosition) => void) | undefined
}

/** A multiple of 256 entries, the partial tiles of their tree, and how far each writer had come. */
export interface LogPosition {
  readonly size: number
  readonly edge: readonly (readonly Hash[])[]
  readonly sequence: Readonly<Record<string, number>>
}

export interface LogResult {
  /** Everything was there to be hashed. */
  readonly isWhole: boolean
  /** Of each smaller size that could be derived: by the entries, and where that differs by the tiles. */
  readonly earlierRoots: ReadonlyMap<number, readonly Hash[]>
  /** The last, partial tile of each level. */
  readonly edge: readonly (readonly Hash[])[]
}

/** An entry that is not what its tile says. */
interface Mismatch {
  readonly index: number
  readonly offset: number
}

/** The first hash of a tile that is not as derived; -1 where the tile is right to the byte. */
function firstWrong(bytes: Buffer, hashes: readonly Hash[]): number {
  const found = hashesOf(bytes)
  const wrong = hashes.findIndex((hash, i) => hash !== found[i])
  return wrong < 0 && bytes.length !== hashes.length * HASH_BYTES ? hashes.length : wrong
}

function forEachPartial(tree: TileTree, visit: OnFullTile): void {
  tree.edge.forEach((hashes, level) => {
    if (hashes.length > 0) visit(level, Math.floor(tree.size / TILE_WIDTH ** (level + 1)), hashes)
  })
}

/** Beyond this many the first ones say enough. */
const MISMATCHES_MAX = 100

/**
 * Two trees grow side by side from the first entry on that is not what its tile says: one of the entries, one of the tiles. The one
 * that gives the signed root tells which of the two was changed.
 */
class Derivation {
  readonly #pass: LogPass
  readonly #mismatches: Mismatch[] = []
  readonly #ofEntries: TileTree
  #ofTiles: TileTree | undefined
  /** Tiles above level 0 that do not hold what was derived, and the first hash that differs. */
  readonly #wrongTiles = new Map<string, number>()
  readonly earlierRoots = new Map<number, readonly Hash[]>()

  constructor(pass: LogPass) {
    this.#pass = pass
    this.#ofEntries = new TileTree(pass.resumed?.size, pass.resumed?.edge)
  }

  get size(): number {
    return this.#ofEntries.size
  }

  get isClean(): boolean {
    return this.#ofTiles === undefined && this.#wrongTiles.size === 0
  }

  /** A tile that retention has deleted, by the hash that stands for it. */
  appendDeleted(hash: Hash): void {
    this.#ofEntries.appendTile(hash, this.#compareEntries)
    this.#keepRoots()
  }

  /** A full tile that is as its entries and its hashes say. */
  appendTile(root: Hash): void {
    this.#ofEntries.appendTile(root, this.#compareEntries)
    this.#ofTiles?.appendTile(root, this.#compareTiles)
    this.#keepRoots()
  }

  #keepRoots(): void {
    const { size } = this.#ofEntries
    if (this.#pass.earlierSizes.has(size)) this.earlierRoots.set(size, this.roots())
  }

  get edge(): readonly (readonly Hash[])[] {
    return this.#ofEntries.edge
  }

  append(ofEntry: Hash, ofTile: Hash, offset: number): void {
    const index = this.#ofEntries.size
    if (ofEntry !== ofTile) {
      this.#ofTiles ??= this.#ofEntries.clone()
      if (this.#mismatches.length < MISMATCHES_MAX) this.#mismatches.push({ index, offset })
    }
    this.#pass.onLeaf?.(ofEntry)
    this.#ofEntries.append(ofEntry, this.#compareEntries)
    this.#ofTiles?.append(ofTile, this.#compareTiles)
    this.#keepRoots()
  }

  roots(): Hash[] {
    return [this.#ofEntries.root(), ...(this.#ofTiles === undefined ? [] : [this.#ofTiles.root()])]
  }

  readonly #compareEntries: OnFullTile = (level, index, hashes) => {
    const name = { level, index, width: hashes.length }
    const found = level === 0 ? undefined : readTileFile(this.#pass, name)
    const wrong = found === undefined ? -1 : firstWrong(found.bytes, hashes)
    if (wrong >= 0) this.#wrongTiles.set(tilePath(name), wrong)
  }

  /** A tile that the entries do not give is right where the tiles below it give it: then an entry was changed. */
  readonly #compareTiles: OnFullTile = (level, index, hashes) => {
    const name = { level, index, width: hashes.length }
    const found = this.#wrongTiles.has(tilePath(name)) ? readTileSync(this.#pass.dir, name) : undefined
    if (found !== undefined && firstWrong(found.bytes, hashes) < 0) this.#wrongTiles.delete(tilePath(name))
  }

  /** Compares the partial tiles at the end and says what is wrong. */
  finish(): void {
    const { findings, root } = this.#pass
    forEachPartial(this.#ofEntries, this.#compareEntries)
    if (this.#ofTiles !== undefined) forEachPartial(this.#ofTiles, this.#compareTiles)
    const [ofEntries, ofTiles] = this.roots()
    for (const { index, offset } of this.#mismatches) {
      const tile = Math.floor(index / TILE_WIDTH)
      const at = { index: tile, width: widthAt(this.#pass.size, 0, tile) }
      if (ofEntries === root) {
        const place = { file: tilePath({ level: 0, ...at }), offset: (index % TILE_WIDTH) * HASH_BYTES, index }
        findings.problem(`the hash of entry ${index} was changed; the entry itself is what the checkpoint signs`, place)
      } else {
        findings.problem(`entry ${index} is not what its hash says`, {
          file: tilePath({ level: 'entries', ...at }),
          offset,
          index,
        })
      }
    }
    for (const [file, hash] of this.#wrongTiles) {
      findings.problem('this tile does not hold the hashes of the tiles below it', { file, offset: hash * HASH_BYTES })
    }
    if (ofEntries !== root && ofTiles !== root) {
      findings.problem('the entries do not give the root that the checkpoint signs', { file: 'checkpoint' })
    }
  }
}

/** The hashes that a level-0 tile holds. */
function readHashes(pass: LogPass, index: number): Hash[] {
  const width = widthAt(pass.size, 0, index)
  const found = readTileFile(pass, { level: 0, index, width })
  if (found === undefined) return []
  const { file, bytes: tile } = found
  if (tile.length !== width * HASH_BYTES) {
    const offset = Math.min(tile.length, width * HASH_BYTES)
    pass.findings.problem(`this tile has ${tile.length} bytes instead of ${width * HASH_BYTES}`, { file, offset })
  }
  return hashesOf(tile)
}

/** Says where a bundle that holds other than `width` entries goes wrong. */
function checkFraming(findings: Findings, file: string, bundle: Buffer, first: number, width: number): number[] {
  const { bounds, rest } = boundsOf(bundle)
  const count = bounds.length / 2
  if (count < width) {
    const index = first + count
    findings.problem(`entry ${index} runs over the end of its file, or is missing`, { file, offset: rest, index })
  } else if (count > width || rest !== bundle.length) {
    findings.problem('there are bytes after the last entry', { file, offset: bounds[2 * width - 1] ?? rest })
  }
  return bounds
}

function tileOf(index: number): number {
  return Math.floor(index / TILE_WIDTH)
}

/** A tile that was found right as a whole. */
function takeTile(pass: LogPass, index: number, derivation: Derivation, { root }: CheckedTile): void {
  derivation.appendTile(root)
  if (pass.onLeaf !== undefined) for (const leaf of readHashes(pass, index)) pass.onLeaf(leaf)
}

/** Hashes one bundle against its tile. Returns false where not even a hash is left of some entry. */
function verifyTile(pass: LogPass, index: number, derivation: Derivation): boolean {
  const width = widthAt(pass.size, 0, index)
  const first = index * TILE_WIDTH
  const hashes = readHashes(pass, index)
  const found = readTileFile(pass, { level: 'entries', index, width })
  const file = found?.file ?? ''
  const bounds = found === undefined ? [] : checkFraming(pass.findings, file, found.bytes, first, width)
  const bundle = found?.bytes ?? Buffer.alloc(0)
  const text = bundle.toString('latin1')
  for (let i = 0; i < width; i += 1) {
    const start = bounds[2 * i]
    const end = bounds[2 * i + 1]
    const known = hashes[i]
    if (start !== undefined && end !== undefined) {
      const leaf = leafHash(bundle, start, end)
      derivation.append(leaf, known ?? leaf, start - 2)
      pass.sequence.see(text, start, end, { file, index: first + i, offset: start })
    } else if (known !== undefined) {
      derivation.append(known, known, 0)
    } else {
      return false
    }
  }
  return true
}

/** Brings in what retention has deleted, from the tiles above it. Returns false where one of those is missing. */
function deriveDeleted(pass: LogPass, derivation: Derivation): boolean {
  for (let index = derivation.size / TILE_WIDTH; index * TILE_WIDTH < pass.minimum;) {
    const number = Math.floor(index / TILE_WIDTH)
    const name = { level: 1, index: number, width: widthAt(pass.size, 1, number) }
    const hashes = hashesOf(readTileFile(pass, name)?.bytes ?? Buffer.alloc(0))
    for (; index * TILE_WIDTH < pass.minimum && Math.floor(index / TILE_WIDTH) === number; index += 1) {
      const hash = hashes[index % TILE_WIDTH]
      if (hash === undefined) return false
      derivation.appendDeleted(hash)
    }
  }
  return true
}

/** Lets the event loop run: a long verification can be stopped and shows its progress. */
async function pause(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}

const TILES_A_TURN = 64

/** Re-derives the log of the checkpoint. About three microseconds for each entry. */
export async function verifyLog(pass: LogPass): Promise<LogResult> {
  const derivation = new Derivation(pass)
  if (pass.resumed !== undefined) {
    pass.sequence.resume(pass.resumed.sequence)
    countLeaves(pass, pass.resumed.size)
  }
  const isWhole = deriveDeleted(pass, derivation) && (await deriveTiles(pass, derivation))
  if (isWhole) derivation.finish()
  return { isWhole, earlierRoots: derivation.earlierRoots, edge: derivation.edge }
}

async function deriveTiles(pass: LogPass, derivation: Derivation): Promise<boolean> {
  const from = derivation.size / TILE_WIDTH
  const checker = createTileChecker({
    ...{ dir: pass.dir, from, to: Math.floor(pass.size / TILE_WIDTH), startThread: pass.startThread },
    threads: availableParallelism(),
  })
  // Where a root inside of a tile is wanted, each entry of it is taken for itself.
  const parted = new Set([...pass.earlierSizes].filter((size) => size % TILE_WIDTH > 0).map(tileOf))
  let isWhole = true
  for (let index = from; index * TILE_WIDTH < pass.size && isWhole; index += 1) {
    const answer = checker.check(index)
    const checked = answer !== undefined && 'then' in answer ? await answer : answer
    if (checked === undefined || parted.has(index) || !pass.sequence.takeRuns(checked.runs))
      isWhole = verifyTile(pass, index, derivation)
    else takeTile(pass, index, derivation, checked)
    if (index % TILES_A_TURN === TILES_A_TURN - 1) await tellProgress(pass, index, derivation)
  }
  await checker.close()
  return isWhole
}

async function tellProgress(pass: LogPass, index: number, derivation: Derivation): Promise<void> {
  pass.onProgress?.((index + 1) * TILE_WIDTH)
  if (derivation.isClean && pass.findings.problems.length === 0)
    pass.onPosition?.({ size: derivation.size, edge: derivation.edge, sequence: pass.sequence.state })
  await pause()
}

/** Entries that were verified before still count as sealed: their hashes are read, not they themselves. */
function countLeaves(pass: LogPass, to: number): void {
  if (pass.onLeaf === undefined) return
  for (let index = Math.floor(pass.minimum / TILE_WIDTH); index * TILE_WIDTH < to; index += 1)
    for (const leaf of readHashes(pass, index)) pass.onLeaf(leaf)
}
