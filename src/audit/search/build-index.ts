// Which files the index of a trail should have: one for each stretch of closed entries, named by what those hash to, so that a file
// of another trail, or of one that was changed, is never asked.
import type { IndexPart, Span, TrailIndex } from '../../ports/trail-index.ts'
import { type Files, nodeFiles } from '../files.ts'
import { type Hash, sha256 } from '../merkle.ts'
import { type Extent, readExtent } from '../reader.ts'
import { hexOf } from '../seal-state.ts'
import { readTile } from '../tile-reader.ts'
import { hashesOf, TILE_WIDTH, widthAt } from '../tiles.ts'
import { writeLines } from './lines.ts'

/** Entries under one hash of the second level of tiles: a stretch that never changes again. */
export const STRETCH = TILE_WIDTH ** 2
/** One file takes up to so many stretches where several wait. */
const STRETCHES_MAX = 8

/** More entries than this are not written out as lines for one question: reading the trail is as fast. */
const TAIL_MAX = 8 * STRETCH

const NAME = /^(\d+)-(\d+)-([0-9a-f]+)$/

/** The hash of the entries from `from` to `to`, both multiples of a stretch. */
async function hashOf(files: Files, dir: string, size: number, { from, to }: Span): Promise<string> {
  const hashes: Hash[] = []
  for (let at = from / STRETCH; at < to / STRETCH; at += 1) {
    const index = Math.floor(at / TILE_WIDTH)
    const tile = await readTile(files, dir, { level: 2, index, width: widthAt(size, 2, index) })
    const hash = hashesOf(tile ?? Buffer.alloc(0))[at % TILE_WIDTH]
    if (hash === undefined) throw new Error(`the tile of entry ${at * STRETCH} at level 2 is missing`)
    hashes.push(hash)
  }
  return hexOf(sha256(Buffer.from(hashes.join(''), 'latin1'))).slice(0, 32)
}

export interface IndexState {
  readonly extent: Extent
  /** Files that are of this trail, without overlap. */
  readonly files: readonly (Span & { readonly name: string })[]
  /** Stretches that are closed and in no file. */
  readonly missing: readonly Span[]
  /** Files that are of no use. */
  readonly stale: readonly string[]
}

export async function readIndexState(
  dir: string,
  index: Pick<TrailIndex, 'files'>,
  files: Files = nodeFiles,
  stretchesMax = STRETCHES_MAX,
): Promise<IndexState> {
  const extent = await readExtent(dir, files)
  const fine: (Span & { readonly name: string })[] = []
  const stale: string[] = []
  for (const name of await index.files()) {
    const span = await spanOf(name, dir, extent, files)
    if (span !== undefined && span.from >= (fine.at(-1)?.to ?? 0)) fine.push({ ...span, name })
    else stale.push(name)
  }
  return { extent, files: fine, missing: missingOf(extent, fine, stretchesMax * STRETCH), stale }
}

/** What a file of this name covers; undefined where it is not of this trail as it is now. */
async function spanOf(name: string, dir: string, extent: Extent, files: Files): Promise<Span | undefined> {
  const [, from = '', to = '', hash] = NAME.exec(name) ?? []
  const span = { from: Number(from), to: Number(to) }
  const isSpan = span.from % STRETCH === 0 && span.to % STRETCH === 0 && span.from < span.to
  if (!isSpan || span.to > extent.size || span.to <= extent.minimum) return undefined
  return (await hashOf(files, dir, extent.size, span).catch(() => '')) === hash ? span : undefined
}

function missingOf(extent: Extent, fine: readonly Span[], most: number): readonly Span[] {
  const closed = Math.floor(extent.size / STRETCH) * STRETCH
  const missing: Span[] = []
  // Of a stretch that retention has begun to delete the rest is taken in.
  let at = Math.floor(extent.minimum / STRETCH) * STRETCH
  for (const next of [...fine, { from: closed, to: closed }]) {
    for (; at < next.from; at = Math.min(next.from, at + most))
      missing.push({ from: at, to: Math.min(next.from, at + most) })
    at = Math.max(at, next.to)
  }
  return missing
}

export interface BuildOptions {
  readonly files?: Files
  readonly onProgress?: (done: number, total: number) => void
  /** Of one file; default 8. */
  readonly stretchesMax?: number
  /** Asked before each file: false ends the work. */
  readonly mayGoOn?: () => boolean
}

/** Brings the index up to what is closed. `scratch`: a path for a file of lines. Resolves with the entries that were taken in. */
export async function buildIndex(
  dir: string,
  index: TrailIndex,
  scratch: string,
  options: BuildOptions = {},
): Promise<number> {
  const files = options.files ?? nodeFiles
  const { extent, missing, stale } = await readIndexState(dir, index, files, options.stretchesMax)
  for (const name of stale) await index.remove(name)
  const total = missing.reduce((sum, { from, to }) => sum + to - from, 0)
  let done = 0
  for (const span of missing) {
    if (options.mayGoOn?.() === false) break
    try {
      await writeLines(dir, { from: Math.max(span.from, extent.minimum), to: span.to }, scratch, files)
      await index.add(scratch, `${span.from}-${span.to}-${await hashOf(files, dir, extent.size, span)}`)
    } finally {
      await files.remove(scratch)
    }
    done += span.to - span.from
    options.onProgress?.(done, total)
  }
  return done
}

/** All that a question must read: the index's files, and from a file of lines what none of them has. */
export async function openPart(
  dir: string,
  index: TrailIndex,
  scratch: string,
  files: Files = nodeFiles,
): Promise<IndexPart & { readonly fromIndex: number }> {
  const state = await readIndexState(dir, index, files)
  const { minimum, size } = state.extent
  // From the newest stretch without a file on, all is read as lines; with an index that is kept up this is one stretch at most.
  const first = state.missing[0]
  const start = Math.max(minimum, first?.from ?? state.files.at(-1)?.to ?? minimum)
  const used = state.files.filter(({ to }) => to <= start)
  const head = Math.min(used[0]?.from ?? start, start)
  if (head > minimum) throw new Error('the index does not begin where the trail does: build it anew')
  if (size - start > TAIL_MAX)
    throw new Error(`it lacks ${size - start} entries: portcullis audit index brings it up to date`)
  await writeLines(dir, { from: start, to: size }, scratch, files)
  const names = used.map(({ name }) => name)
  return { files: names, tail: scratch, from: minimum, before: size, fromIndex: start - minimum }
}
