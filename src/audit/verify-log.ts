// The log itself, re-derived: every entry to its hash, every hash to its tile, every tile to the root.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from './files.ts'
import type { Findings } from './findings.ts'
import { type Hash, leafHash } from './merkle.ts'
import type { RecordSequence } from './record-sequence.ts'
import { type OnFullTile, TileTree } from './tile-tree.ts'
import { boundsOf, HASH_BYTES, hashesOf, TILE_WIDTH, tilePath, widthAt } from './tiles.ts'

export interface LogPass {
  readonly dir: string
  readonly size: number
  readonly root: Hash
  readonly findings: Findings
  readonly sequence: RecordSequence
  /** Called with each entry's hash, in order. */
  readonly onLeaf: ((leaf: Hash) => void) | undefined
  /** A smaller size whose root is wanted. */
  readonly earlierSize: number | undefined
  readonly onProgress: ((done: number) => void) | undefined
}

export interface LogResult {
  /** Everything was there to be hashed. */
  readonly isWhole: boolean
  /** Root of the first `earlierSize` entries: by the entries, and where that differs by the tiles. */
  readonly earlierRoots: readonly Hash[]
  /** The last, partial tile of each level. */
  readonly edge: readonly (readonly Hash[])[]
}

/** An entry that is not what its tile says. */
interface Mismatch {
  readonly index: number
  readonly offset: number
}

export function readIfThere(dir: string, path: string, findings: Findings): Buffer | undefined {
  try {
    return readFileSync(join(dir, path))
  } catch (error) {
    findings.problem(
      codeOf(error) === 'ENOENT' ? 'this file is missing' : `this file cannot be read: ${codeOf(error)}`,
      { file: path },
    )
    return undefined
  }
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
  readonly #ofEntries = new TileTree()
  #ofTiles: TileTree | undefined
  /** Tiles above level 0 that do not hold what was derived, and the first hash that differs. */
  readonly #wrongTiles = new Map<string, number>()
  readonly earlierRoots: Hash[] = []

  constructor(pass: LogPass) {
    this.#pass = pass
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
    if (index + 1 === this.#pass.earlierSize) this.earlierRoots.push(...this.roots())
  }

  roots(): Hash[] {
    return [this.#ofEntries.root(), ...(this.#ofTiles === undefined ? [] : [this.#ofTiles.root()])]
  }

  readonly #compareEntries: OnFullTile = (level, index, hashes) => {
    const file = tilePath({ level, index, width: hashes.length })
    const bytes = level === 0 ? undefined : readIfThere(this.#pass.dir, file, this.#pass.findings)
    const wrong = bytes === undefined ? -1 : firstWrong(bytes, hashes)
    if (wrong >= 0) this.#wrongTiles.set(file, wrong)
  }

  /** A tile that the entries do not give is right where the tiles below it give it: then an entry was changed. */
  readonly #compareTiles: OnFullTile = (level, index, hashes) => {
    const file = tilePath({ level, index, width: hashes.length })
    if (!this.#wrongTiles.has(file)) return
    if (firstWrong(readFileSync(join(this.#pass.dir, file)), hashes) < 0) this.#wrongTiles.delete(file)
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
function readHashes({ dir, size, findings }: LogPass, index: number): Hash[] {
  const width = widthAt(size, 0, index)
  const file = tilePath({ level: 0, index, width })
  const tile = readIfThere(dir, file, findings)
  if (tile === undefined) return []
  if (tile.length !== width * HASH_BYTES) {
    const offset = Math.min(tile.length, width * HASH_BYTES)
    findings.problem(`this tile has ${tile.length} bytes instead of ${width * HASH_BYTES}`, { file, offset })
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

/** Hashes one bundle against its tile. Returns false where not even a hash is left of some entry. */
function verifyTile(pass: LogPass, index: number, derivation: Derivation): boolean {
  const width = widthAt(pass.size, 0, index)
  const first = index * TILE_WIDTH
  const file = tilePath({ level: 'entries', index, width })
  const hashes = readHashes(pass, index)
  const found = readIfThere(pass.dir, file, pass.findings)
  const bounds = found === undefined ? [] : checkFraming(pass.findings, file, found, first, width)
  const bundle = found ?? Buffer.alloc(0)
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

/** Lets the event loop run: a long verification can be stopped and shows its progress. */
async function pause(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}

/** Re-derives the log of the checkpoint. About a microsecond for each entry. */
export async function verifyLog(pass: LogPass): Promise<LogResult> {
  const derivation = new Derivation(pass)
  let isWhole = true
  for (let index = 0; index * TILE_WIDTH < pass.size && isWhole; index += 1) {
    isWhole = verifyTile(pass, index, derivation)
    if (index % 64 !== 63) continue
    pass.onProgress?.((index + 1) * TILE_WIDTH)
    await pause()
  }
  if (isWhole) derivation.finish()
  return { isWhole, earlierRoots: derivation.earlierRoots, edge: derivation.edge }
}
