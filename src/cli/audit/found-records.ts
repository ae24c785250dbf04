// Records of one trail, or of a fleet's in the order of their times, as they come: page after page, a page of each at once at most.
import type { TrailHead } from '../../core/people-lines.ts'
import type { Query } from '../../core/trail-query.ts'
import { mergeByTime } from './merge.ts'
import { orMissing } from './trail-access.ts'
import type { DetailedPage, FoundRecord, TrailAccess, Trails } from './trails.ts'

const PAGE = 1000

export interface Paging {
  /** 0 is all. */
  readonly limit: number
  readonly newestFirst: boolean
  readonly detail?: true
}

export interface FoundRecords {
  readonly records: AsyncIterable<FoundRecord>
  /** The checkpoints under which all of them stand, by gateway; whole once the records have ended. */
  readonly heads: ReadonlyMap<string, TrailHead>
}

export function findRecords(opened: Trails, query: Query, paging: Paging): FoundRecords {
  const heads = new Map<string, TrailHead>()
  const streams = opened.trails.map((trail) => recordsOf(opened, trail, { query, paging, heads }))
  const [only] = streams
  const records =
    streams.length === 1 && only !== undefined ? only : firstOf(mergeByTime(streams, paging.newestFirst), paging.limit)
  return { records, heads }
}

async function* recordsOf(
  opened: Trails,
  trail: TrailAccess,
  { query, paging, heads }: { query: Query; paging: Paging; heads: Map<string, TrailHead> },
): AsyncGenerator<FoundRecord> {
  for await (const { hits, gateway, size, root } of pagesOf(opened, trail, query, paging)) {
    if (gateway !== undefined && root !== undefined) heads.set(gateway, { gateway, size, root })
    for (const hit of hits) yield { ...hit, ...(gateway === undefined ? {} : { gateway }) }
  }
}

async function* pagesOf(
  opened: Trails,
  trail: TrailAccess,
  query: Query,
  { limit, newestFirst, detail }: Paging,
): AsyncGenerator<DetailedPage> {
  let left = limit === 0 ? Infinity : limit
  let after: number | undefined
  while (left > 0) {
    const request = {
      ...{ limit: Math.min(PAGE, left), newestFirst },
      ...(after === undefined ? {} : { after }),
      ...(detail === undefined ? {} : { detail }),
    }
    const page = await orMissing(opened, trail, () => trail.page(query, request))
    if (page === undefined) return
    yield page
    left -= page.hits.length
    if (page.next === undefined) return
    after = page.next
  }
}

async function* firstOf(found: AsyncIterable<FoundRecord>, limit: number): AsyncGenerator<FoundRecord> {
  let left = limit === 0 ? Infinity : limit
  for await (const each of found) {
    yield each
    left -= 1
    if (left === 0) return
  }
}
