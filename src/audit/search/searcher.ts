// The one way to search a trail: through its index where there is one, else by reading it. Both give the same answers.
import { join } from 'node:path'
import {
  matchesQuery,
  type Query,
  type SessionsAnswer,
  type SessionsQuery,
  type WhoseAnswer,
  type WhoseQuery,
} from '../../core/trail-query.ts'
import type { PeopleLine, TrailHead } from '../../core/people-lines.ts'
import type { IndexPart, TrailIndex } from '../../ports/trail-index.ts'
import { type Files, messageOf, nodeFiles } from '../files.ts'
import { parseRecord } from '../locate.ts'
import { type Bundle, entryAt, readBundle, readExtent, readHead } from '../reader.ts'
import { TILE_WIDTH } from '../tiles.ts'
import { openPart } from './build-index.ts'
import { type Hit, scanTrail } from './scan.ts'
import { sessionsByScan } from './sessions.ts'
import { locksByScan, peopleByScan, whoseByScan } from './whose.ts'

export interface SearcherOptions {
  /** The trail. */
  readonly dir: string
  /** With a directory for its scratch files. */
  readonly index?: { readonly index: TrailIndex; readonly scratchDir: string }
  /** Told where the index could not be used, and why: the trail itself is read then. */
  readonly onFallback?: (why: string) => void
  readonly onProgress?: (done: number, total: number) => void
  readonly files?: Files
}

interface PageOptions {
  readonly newestFirst?: boolean
  /** The entry where the page before has ended. */
  readonly after?: number
  readonly limit: number
}

interface Page extends Partial<TrailHead> {
  readonly hits: readonly Hit[]
  /** Where the next page goes on; undefined where there is nothing more. */
  readonly next?: number
  /** Entries of the trail that were looked at. */
  readonly size: number
}

export interface Searcher {
  page(query: Query, options: PageOptions): Promise<Page>
  whose(query: WhoseQuery, limit: number): Promise<WhoseAnswer & { readonly size: number }>
  /** The same as lines in the order of names, for one answer over several trails (core/people-lines). */
  people(query: WhoseQuery): AsyncGenerator<PeopleLine>
  sessions(query: SessionsQuery, limit: number): Promise<SessionsAnswer & { readonly size: number }>
  close(): Promise<void>
}

let scratchNumber = 0

export function createSearcher(options: SearcherOptions): Searcher {
  const files = options.files ?? nodeFiles
  const { dir } = options
  const parts = createParts(options, files)
  return {
    async page(query, page) {
      const head = await readHead(dir, files).catch(() => NO_TRAIL)
      const { size } = head
      const range = rangeOf(page, size)
      const hits = await parts.use(
        async (index, part) => {
          const locks = query.incidents === undefined ? [] : await index.locksOf(query.incidents, part)
          const found = await index.search({
            ...{ query, locksOfIncidents: locks, newestFirst: page.newestFirst === true, limit: page.limit },
            ...part,
            from: Math.max(part.from, range.from ?? 0),
            before: Math.min(part.before, range.before),
          })
          return readHits(files, dir, found, query, new Set(locks))
        },
        async () => {
          const locks = await locksByScanIf(options, query)
          const found: Hit[] = []
          for await (const hit of scanTrail(dir, query, {
            ...{ files, ...range, locksOfIncidents: locks, newestFirst: page.newestFirst === true },
            ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
          })) {
            found.push(hit)
            if (found.length >= page.limit) break
          }
          return found
        },
      )
      const last = hits.at(-1)
      return { hits, ...head, ...(last === undefined || hits.length < page.limit ? {} : { next: last.index }) }
    },
    async whose(query, limit) {
      const { size } = await readExtent(dir, files)
      const answer = await parts.use(
        (index, part) => index.whose({ ...part, query, limit }),
        () =>
          whoseByScan(dir, query, limit, {
            files,
            ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
          }),
      )
      return { ...answer, size }
    },
    people: (query) => peopleLines(options, files, parts, query),
    async sessions(query, limit) {
      const { size } = await readExtent(dir, files)
      const answer = await parts.use(
        (index, part) => index.sessions({ ...part, query, limit }),
        () => sessionsByScan(dir, query, limit, { files }),
      )
      return { ...answer, size }
    },
    close: () => parts.close(),
  }
}

async function* peopleLines(
  { dir, onProgress }: SearcherOptions,
  files: Files,
  parts: Parts,
  query: WhoseQuery,
): AsyncGenerator<PeopleLine> {
  const head = await readHead(dir, files)
  // What has come since is not under the checkpoint that the head names.
  const before = head.size
  const found = await parts.use(
    (index, part) => index.people({ ...part, before: Math.min(part.before, before), query }),
    () => peopleByScan(dir, query, { files, before, ...(onProgress === undefined ? {} : { onProgress }) }),
  )
  const { counts } = found
  yield { trail: { ...head, ...counts, ...(parts.fallback === undefined ? {} : { fallback: parts.fallback }) } }
  for await (const principal of found.principals()) yield { principal }
  yield* found.people()
  yield { end: counts.principals + counts.subjects }
}

/** Nothing has been sealed yet. */
const NO_TRAIL = { size: 0 }

/** What has come since the checkpoint was read is not under it. */
function rangeOf(
  { after, newestFirst }: PageOptions,
  size: number,
): { readonly from?: number; readonly before: number } {
  if (after === undefined) return { before: size }
  return newestFirst === true ? { before: Math.min(after, size) } : { from: after + 1, before: size }
}

async function locksByScanIf({ dir }: SearcherOptions, { incidents }: Query): Promise<ReadonlySet<string>> {
  return incidents === undefined ? new Set() : locksByScan(dir, incidents)
}

/** The records that the index has named, from the trail; one that does not answer shows an index that is not of this trail. */
async function readHits(
  files: Files,
  dir: string,
  found: readonly number[],
  query: Query,
  locks: ReadonlySet<string>,
): Promise<readonly Hit[]> {
  const { size } = await readExtent(dir, files)
  const hits: Hit[] = []
  let bundle: Bundle | undefined
  for (const index of found) {
    const number = Math.floor(index / TILE_WIDTH)
    if (bundle?.first !== number * TILE_WIDTH) bundle = await readBundle(files, dir, number, size)
    const entry = Buffer.from(entryAt(bundle, index))
    const record = parseRecord(entry)
    if (record === undefined || !matchesQuery(query, record, locks))
      throw new Error(`entry ${index} is not what the index says`)
    hits.push({ index, record, entry })
  }
  return hits
}

interface Parts {
  /** Why the index is not used, where there is one. */
  readonly fallback: string | undefined
  use<T>(byIndex: (index: TrailIndex, part: IndexPart) => Promise<T>, byScan: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Keeps the file of the newest entries as long as the trail has not grown. */
function createParts({ dir, index: given, onFallback }: SearcherOptions, files: Files): Parts {
  let opened: { readonly part: IndexPart; readonly size: number } | undefined
  let fallback: string | undefined
  scratchNumber += 1
  const scratch = given === undefined ? '' : join(given.scratchDir, `tail-${process.pid}-${scratchNumber}.lines`)
  return {
    get fallback() {
      return fallback
    },
    async use(byIndex, byScan) {
      if (given === undefined || fallback !== undefined) return byScan()
      try {
        const { size } = await readExtent(dir, files)
        if (opened?.size !== size) opened = { part: await openPart(dir, given.index, scratch, files), size }
        return await byIndex(given.index, opened.part)
      } catch (error) {
        fallback = messageOf(error)
        onFallback?.(fallback)
        return byScan()
      }
    },
    async close() {
      if (given !== undefined) await files.remove(scratch)
    },
  }
}
