// portcullis audit search: records by time, route, decision, session, client, lock, incident, and by people.
import type { Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import type { TrailHead } from '../../core/people-lines.ts'
import { usageFailure, type ExitCode } from '../failure.ts'
import { plain, table, type Printer } from '../print.ts'
import { addClientOptions } from '../client.ts'
import { findRecords, type FoundRecords, type Paging } from './found-records.ts'
import { exitCodeOf, printMissing } from './missing.ts'
import { addQueryOptions, queryOf, type QueryFlags } from './query-options.ts'
import { addAccessOptions, openTrails } from './trail-access.ts'
import type { AccessFlags, FoundEntry, Trails } from './trails.ts'

interface SearchFlags extends QueryFlags, AccessFlags {
  readonly limit?: string
  readonly newest?: boolean
  readonly ndjson?: boolean
  readonly detail?: boolean
  readonly keys?: string
}

const LIMIT = 1000

export const define: Define = (command, context) => {
  const search: Command = command.command('search').description('find records, by what they say or by whom they are of')
  addQueryOptions(search)
  addAccessOptions(search)
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
  const opened = await openTrails(flags, 'search', told, context)
  let count = 0
  try {
    const paging = { limit, newestFirst: flags.newest === true, ...(isDetailed ? { detail: true as const } : {}) }
    const found = findRecords(opened, query, paging)
    count = await (flags.json === true
      ? printJson(found, query, opened, context)
      : printRows(found, flags, paging, context))
    printMissing(opened, context.printer)
  } finally {
    await opened.close(count)
  }
  return exitCodeOf(opened)
}

/** Returns how many there were, as the next one does. */
async function printJson(
  { records, heads }: FoundRecords,
  query: object,
  { missing }: Trails,
  { printer }: Context,
): Promise<number> {
  const found: object[] = []
  for await (const { index, entry, detail, gateway } of records)
    found.push({
      ...{ index, record: JSON.parse(entry) as unknown },
      ...(gateway === undefined ? {} : { gateway }),
      ...(detail === undefined ? {} : { detail }),
    })
  printer.json({ query, records: found, trails: [...heads.values()], missing })
  return found.length
}

async function printRows(
  { records, heads }: FoundRecords,
  { ndjson = false, detail: isDetailed = false }: SearchFlags,
  { limit }: Paging,
  { printer }: Context,
): Promise<number> {
  let count = 0
  const rows: string[][] = []
  for await (const { index, entry, detail, gateway = '' } of records) {
    count += 1
    if (ndjson) printer.document(`${entry}\n`)
    else rows.push([plain(gateway), ...rowOf(index, entry), ...(isDetailed ? [detailText(detail)] : [])])
  }
  const heading = ['gateway', ...HEADING, ...(isDetailed ? ['detail'] : [])]
  // Of one trail the gateway says nothing.
  const from = heads.size > 1 ? 0 : 1
  if (!ndjson) {
    for (const line of table(
      heading.slice(from),
      rows.map((row) => row.slice(from)),
    ))
      printer.out(...line)
    if (heads.size > 1) printTrails([...heads.values()], printer)
  }
  printer.note(`${count} records${limit > 0 && count >= limit ? `: the first ${limit}, see --limit` : ''}`)
  return count
}

/** Under which checkpoint of each trail all that was found stands. */
function printTrails(heads: readonly TrailHead[], printer: Printer): void {
  const rows = heads.map(({ gateway, size, root }) => [plain(gateway), String(size), root])
  for (const line of table(['trail', 'entries', 'root of its checkpoint'], rows)) printer.out(...line)
}

export function limitOf(text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault
  if (!/^\d{1,9}$/.test(text)) throw usageFailure(`--limit ${text}: give a number; 0 is all`)
  return Number(text)
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
