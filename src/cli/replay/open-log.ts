// A log file or a trail's directory as events, one after the other; broken lines are counted, named by their number, and skipped.
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { readTrail } from '../../audit/reader.ts'
import type { RequestRecord } from '../../core/audit-record.ts'
import type { LogEvent } from '../../throttle/replay/event.ts'
import {
  parseColumnMap,
  parseCombined,
  parseFields,
  splitRow,
  type ColumnMap,
  type Fields,
  type Parsed,
} from '../../throttle/replay/parse-line.ts'
import { Option } from 'commander'
import { usageFailure } from '../failure.ts'

const LOG_FORMATS = ['auto', 'combined', 'ndjson', 'csv', 'tsv', 'trail'] as const
type LogFormat = (typeof LOG_FORMATS)[number]

export interface LogOptions {
  readonly format: string
  readonly columns?: string
}

export interface Log {
  readonly format: LogFormat
  readonly broken: { count: number; readonly lines: number[]; readonly why: string[] }
  /** Bytes read so far and in all, for progress. */
  readonly read: { done: number; readonly total: number }
  events(): AsyncGenerator<LogEvent>
}

export function formatOption(): Option {
  return new Option('--format <format>', 'format of the log').choices(LOG_FORMATS).default('auto')
}

/** Named lines are kept to the first of them. */
const NAMED_MAX = 10

/** Throws a usage failure where the file, the format or the column map is no good. */
export function openLog(file: string, options: LogOptions): Log {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) throw usageFailure(`${file}: there is no such file`)
  const format = LOG_FORMATS.find((each) => each === options.format)
  if (format === undefined) throw usageFailure(`--format ${options.format}: must be one of ${LOG_FORMATS.join(', ')}`)
  const map = parseColumnMap(options.columns ?? '')
  if ('problem' in map) throw usageFailure(`--columns ${map.problem}`)
  const broken = { count: 0, lines: [], why: [] } as Log['broken']
  const read = { done: 0, total: stat.size }
  const found = format === 'auto' ? guessFormat(file, stat.isDirectory()) : format
  const take = (parsed: Parsed, line: number): LogEvent | undefined => {
    if (!('problem' in parsed)) return parsed
    broken.count += 1
    if (broken.lines.length < NAMED_MAX) {
      broken.lines.push(line)
      broken.why.push(parsed.problem)
    }
    return undefined
  }
  return {
    ...{ format: found, broken, read },
    events: () => (found === 'trail' ? trailEvents(file, take) : lineEvents(file, found, map, { take, read })),
  }
}

type Take = (parsed: Parsed, line: number) => LogEvent | undefined

function guessFormat(file: string, isDirectory: boolean): LogFormat {
  if (isDirectory) return 'trail'
  const name = file.replace(/[.]gz$/, '')
  if (name.endsWith('.csv')) return 'csv'
  if (name.endsWith('.tsv')) return 'tsv'
  if (/[.](ndjson|jsonl|json)$/.test(name)) return 'ndjson'
  if (file.endsWith('.gz')) return 'combined'
  const head = Buffer.alloc(64)
  const handle = openSync(file, 'r')
  readSync(handle, head)
  closeSync(handle)
  return head.toString().trimStart().startsWith('{') ? 'ndjson' : 'combined'
}

async function* lineEvents(
  file: string,
  format: LogFormat,
  map: ColumnMap,
  { take, read }: { take: Take; read: Log['read'] },
): AsyncGenerator<LogEvent> {
  const raw = createReadStream(file, { highWaterMark: 1 << 18 })
  raw.on('data', (chunk) => {
    read.done += chunk.length
  })
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  const parse = parserOf(format, map)
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    number += 1
    if (line.trim() === '') continue
    const parsed = parse(line)
    const event = parsed === 'header' || parsed === SKIPPED ? undefined : take(parsed, number)
    if (event !== undefined) yield event
  }
}

function parserOf(format: LogFormat, map: ColumnMap): (line: string) => Parsed | 'header' {
  if (format === 'combined') return parseCombined
  if (format === 'ndjson') return (line) => parseJson(line, map)
  const separator = format === 'tsv' ? '\t' : ','
  let names: readonly string[] | undefined
  return (line) => {
    const values = splitRow(line, separator)
    if (names === undefined) {
      names = values.map((each) => each.trim())
      return 'header'
    }
    // A line may have fewer columns: the last ones are empty then.
    if (values.length > names.length + 2) return { problem: 'has more columns than the header' }
    return parseFields(Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])), map)
  }
}

function parseJson(line: string, map: ColumnMap): Parsed {
  try {
    const fields: unknown = JSON.parse(line)
    if (typeof fields !== 'object' || fields === null) return { problem: 'is no JSON object' }
    const record = fields as Fields
    return record.kind === undefined ? parseFields(record, map) : parseRecord(record)
  } catch {
    return { problem: 'is no JSON' }
  }
}

const SKIPPED: Parsed = { problem: '' }

/** A record of the trail: of each exchange its outcome alone. */
function parseRecord(fields: Fields): Parsed {
  if (fields.kind !== 'request' || fields.phase !== 'outcome') return SKIPPED
  const record = fields as unknown as RequestRecord
  return {
    ...{ time: record.time, address: record.client, method: record.method, subjects: record.subjects ?? [] },
    status: record.status ?? 0,
    ...(record.route === undefined ? {} : { route: record.route }),
    ...(record.session === undefined ? {} : { session: record.session }),
    ...(record.principal === undefined ? {} : { account: record.principal }),
    ...(record.reason === 'not-owner' ? { notOwner: true } : {}),
  }
}

async function* trailEvents(dir: string, take: Take): AsyncGenerator<LogEvent> {
  let number = 0
  for await (const [index, entry] of readTrail(dir, { unsealed: true })) {
    number = index ?? number + 1
    const parsed = parseJson(entry.toString(), {})
    if (parsed === SKIPPED) continue
    const event = take(parsed, number)
    if (event !== undefined) yield event
  }
}
