// The trail read through, bundle by bundle: slow and exact, and needing nothing but the trail.
import { type Files, nodeFiles } from '../files.ts'
import { parseRecord } from '../locate.ts'
import { type Bundle, entryAt, readExtent, readKeptBundle } from '../reader.ts'
import { TILE_WIDTH } from '../tiles.ts'
import { type AnyRecord, LISTS, matchesQuery, type Query } from '../../core/trail-query.ts'

export interface Hit {
  readonly index: number
  readonly record: AnyRecord
  /** The exact bytes that are hashed. */
  readonly entry: Buffer
}

export interface ScanOptions {
  /** Only entries from this one, and before `before`. Default: all under the checkpoint. */
  readonly from?: number
  readonly before?: number
  readonly newestFirst?: boolean
  readonly locksOfIncidents?: ReadonlySet<string>
  readonly onProgress?: (done: number, total: number) => void
  readonly files?: Files
}

const NO_LOCKS: ReadonlySet<string> = new Set()
/** How often other work of the thread gets its turn. */
const BUNDLES_A_TURN = 16

/** All records that answer the query, in the order of the log or against it. */
export async function* scanTrail(dir: string, query: Query, options: ScanOptions = {}): AsyncGenerator<Hit> {
  const files = options.files ?? nodeFiles
  const { minimum, size } = await readExtent(dir, files)
  const from = Math.max(minimum, options.from ?? 0)
  const before = Math.min(size, options.before ?? size)
  const locks = options.locksOfIncidents ?? NO_LOCKS
  const words = wordsOf(query, locks)
  const first = Math.floor(from / TILE_WIDTH)
  const count = Math.max(0, Math.ceil(before / TILE_WIDTH) - first)
  for (let i = 0; i < count; i += 1) {
    const number = options.newestFirst === true ? first + count - 1 - i : first + i
    const bundle = await readKeptBundle(files, dir, number, size)
    if (bundle !== undefined)
      yield* hitsOf(bundle, query, { from, before, locks, words, newestFirst: options.newestFirst === true })
    if (i % BUNDLES_A_TURN !== BUNDLES_A_TURN - 1) continue
    options.onProgress?.(Math.min(before - from, (i + 1) * TILE_WIDTH), before - from)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

interface Range {
  readonly from: number
  readonly before: number
  readonly locks: ReadonlySet<string>
  readonly words: readonly (readonly Buffer[])[]
  readonly newestFirst: boolean
}

function* hitsOf(bundle: Bundle, query: Query, range: Range): Generator<Hit> {
  const holdsAll = (bytes: Buffer): boolean => range.words.every((each) => each.some((word) => bytes.includes(word)))
  if (!holdsAll(bundle.bytes)) return
  const count = bundle.bounds.length / 2
  for (let i = 0; i < count; i += 1) {
    const index = bundle.first + (range.newestFirst ? count - 1 - i : i)
    if (index < range.from || index >= range.before) continue
    const entry = entryAt(bundle, index)
    if (!holdsAll(entry)) continue
    const record = parseRecord(entry)
    if (record !== undefined && matchesQuery(query, record, range.locks))
      yield { index, record, entry: Buffer.from(entry) }
  }
}

/**
 * Words of which each dimension's records hold at least one: where a bundle holds none of a dimension, none of its records can
 * answer. Values stand in records as JSON writes them.
 */
function wordsOf(query: Query, locksOfIncidents: ReadonlySet<string>): readonly (readonly Buffer[])[] {
  return LISTS.flatMap((name) => {
    const values = query[name]
    if (values === undefined) return []
    const all = name === 'incidents' ? [...values, ...locksOfIncidents] : values
    return [all.map((each) => Buffer.from(JSON.stringify(each)))]
  })
}
