// portcullis audit search: records by time, route, decision, session, client, lock, incident, and by people.
import type { Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { plain, table } from '../print.ts'
import { addClientOptions } from '../client.ts'
import { repeatable } from '../repeatable.ts'
import { mergeByTime } from './merge.ts'
import { addQueryOptions, queryOf, type QueryFlags } from './query-options.ts'
import { addAccessOptions, openAccess, type AccessFlags, type FoundEntry, type TrailAccess } from './trail-access.ts'

interface SearchFlags extends QueryFlags, AccessFlags {
  readonly limit?: string
  readonly newest?: boolean
  readonly ndjson?: boolean
  readonly detail?: boolean
  readonly keys?: string
  readonly alsoDir?: readonly string[]
}

const PAGE = 1000
const LIMIT = 1000

export const define: Define = (command, context) => {
  const search: Command = command.command('search').description('find records, by what they say or by whom they are of')
  addQueryOptions(search)
  addAccessOptions(search)
    .addOption(
      repeatable(
        '--also-dir <dir>',
        'with --dir: the trail of another gateway of the fleet; all in order of their times',
      ),
    )
    .option('--limit <n>', `as many at most; 0 is all (default: ${LIMIT}, with --ndjson all)`)
    .option('--newest', 'the newest first')
    .option('--detail', 'open what routes have recorded in detail, where its keys are still there')
    .option('--keys <dir>', 'with --dir and --detail: the keys (default: DIR.keys, beside the trail)')
    .option('--ndjson', 'print each record as the trail has it, one a line, as they come')
  addClientOptions(search)
  examples(
    search,
    'portcullis audit search --route record.read --decision forbidden --since 2d',
    'portcullis audit search --dir ./gate-1 --also-dir ./gate-2 --incident INC-7',
    'portcullis audit search --dir ./data/audit --subject --pseudonym-key ./data/pseudonym.key < numbers.txt',
  )
  search.action(async (flags: SearchFlags) => {
    context.finish(await searchTrail(flags, context))
  })
}

async function searchTrail(flags: SearchFlags, context: Context): Promise<ExitCode> {
  const limit = limitOf(flags.limit, flags.ndjson === true ? 0 : LIMIT)
  const query = await queryOf(flags, flags.dir, context)
  const isDetailed = flags.detail === true
  if (isDetailed && flags.ndjson === true)
    throw usageFailure(
      '--ndjson prints records byte for byte as the trail has them: with --detail print a table, or --json',
    )
  const told = isDetailed ? { ...query, detail: true } : query
  const opened: TrailAccess[] = []
  let count = 0
  try {
    for (const dir of dirsOf(flags)) opened.push(await openAccess({ ...flags, ...dir }, 'search', told, context))
    const newestFirst = flags.newest === true
    const streams = opened.map((access) =>
      pagesOf(access, query, { limit, newestFirst, ...(isDetailed ? { detail: true } : {}) }),
    )
    const [only] = streams
    const found = streams.length === 1 && only !== undefined ? only : firstOf(mergeByTime(streams, newestFirst), limit)
    count = flags.json === true ? await printJson(found, query, context) : await printRows(found, flags, limit, context)
  } finally {
    for (const access of opened) await access.close(count)
  }
  return EXIT.done
}

/** One trail, or several of a fleet. */
function dirsOf({ dir, alsoDir = [], index, indexDir }: SearchFlags): readonly { readonly dir?: string }[] {
  if (alsoDir.length === 0) return [dir === undefined ? {} : { dir }]
  if (dir === undefined) throw usageFailure('--also-dir goes with --dir: the first trail')
  if (indexDir !== undefined && index !== false)
    throw usageFailure('--index-dir names one index: with --also-dir each trail has its own beside it')
  return [dir, ...alsoDir].map((each) => ({ dir: each }))
}

/** `limit` 0 is all. */
async function* firstOf(found: AsyncIterable<FoundEntry>, limit: number): AsyncGenerator<FoundEntry> {
  let left = limit === 0 ? Infinity : limit
  for await (const each of found) {
    yield each
    left -= 1
    if (left === 0) return
  }
}

/** Returns how many there were, as the next one does. */
async function printJson(found: AsyncIterable<FoundEntry>, query: object, { printer }: Context): Promise<number> {
  const records: object[] = []
  for await (const { index, entry, detail } of found)
    records.push({ index, record: JSON.parse(entry) as unknown, ...(detail === undefined ? {} : { detail }) })
  printer.json({ query, records })
  return records.length
}

async function printRows(
  found: AsyncIterable<FoundEntry>,
  { ndjson = false, detail: isDetailed = false }: SearchFlags,
  limit: number,
  { printer }: Context,
): Promise<number> {
  let count = 0
  const rows: string[][] = []
  for await (const { index, entry, detail } of found) {
    count += 1
    if (ndjson) printer.document(`${entry}\n`)
    else rows.push([...rowOf(index, entry), ...(isDetailed ? [detailText(detail)] : [])])
  }
  if (!ndjson) for (const line of table(isDetailed ? [...HEADING, 'detail'] : HEADING, rows)) printer.out(...line)
  printer.note(`${count} records${limit > 0 && count >= limit ? `: the first ${limit}, see --limit` : ''}`)
  return count
}

export function limitOf(text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault
  if (!/^\d{1,9}$/.test(text)) throw usageFailure(`--limit ${text}: give a number; 0 is all`)
  return Number(text)
}

/** Page after page, each as it comes; `limit` 0 is all. */
export async function* pagesOf(
  access: Pick<TrailAccess, 'page'>,
  query: Parameters<TrailAccess['page']>[0],
  { limit, newestFirst, detail }: { readonly limit: number; readonly newestFirst: boolean; readonly detail?: true },
): AsyncGenerator<FoundEntry> {
  let left = limit === 0 ? Infinity : limit
  let after: number | undefined
  while (left > 0) {
    const { hits, next } = await access.page(query, {
      ...{ limit: Math.min(PAGE, left), newestFirst },
      ...(after === undefined ? {} : { after }),
      ...(detail === undefined ? {} : { detail }),
    })
    yield* hits
    left -= hits.length
    if (next === undefined) return
    after = next
  }
}

function detailText(detail: FoundEntry['detail']): string {
  if (detail === undefined) return ''
  if (typeof detail === 'string') return detail
  return plain(
    Object.entries(detail)
      .map(([place, values]) => `${place}=${Array.isArray(values) ? values.join(',') : String(values)}`)
      .join(' '),
  )
}

const HEADING = ['entry', 'time', 'kind', 'what', 'decision', 'client', 'people']

function rowOf(index: number, entry: string): string[] {
  const record = JSON.parse(entry) as Record<string, unknown>
  const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '')
  const time = typeof record.time === 'number' ? new Date(record.time).toISOString() : ''
  const what =
    record.kind === 'request'
      ? `${text('method')} ${text('route') || text('path')}`
      : [text('order'), text('outcome'), text('incident')].filter((each) => each !== '').join(' ')
  const status = typeof record.status === 'number' ? ` ${record.status}` : ''
  const people = Array.isArray(record.subjects) ? record.subjects.map(String) : []
  const client = text('application') === '' ? text('client') : `${text('application')} ${text('client')}`
  return [
    String(index),
    time,
    text('kind'),
    what,
    `${text('decision')}${status}`,
    client,
    people.slice(0, 2).join(' '),
  ].map(plain)
}
