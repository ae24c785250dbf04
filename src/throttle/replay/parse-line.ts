// One line of a log in any of the usual formats. What is wrong with a line is said in a few words, without the line.
import { BENIGN, type LogEvent } from './event.ts'
import type { Attempt } from '../../core/policy.ts'

export type Parsed = LogEvent | { readonly problem: string }

/** A line as its format has it: names to texts. */
export type Fields = Readonly<Record<string, unknown>>

/** Which of a log's names stand for what; several joined by `+` are put together with a space. */
export type ColumnMap = Readonly<Partial<Record<ColumnName, string>>>

const COLUMN_NAMES = [
  'time',
  'address',
  'session',
  'account',
  'partner',
  'method',
  'path',
  'route',
  'subject',
  'status',
  'stack',
  'attempt',
  'target',
  'verified',
  'label',
] as const
type ColumnName = (typeof COLUMN_NAMES)[number]

/** What logs call these where nobody says otherwise. */
const USUAL: Readonly<Record<ColumnName, readonly string[]>> = {
  time: ['time', 'timestamp', '@timestamp', 'ts', 'date+time', 'datetime', 'date'],
  address: ['address', 'client', 'ip', 'host', 'remote_addr', 'client_ip', 'remote_host', 'clientip'],
  session: ['session', 'session_id'],
  account: ['account', 'principal', 'user_id', 'sub'],
  partner: ['partner', 'azp', 'client_id'],
  method: ['method', 'request_method', 'verb'],
  path: ['path', 'url', 'uri', 'request_uri', 'request'],
  route: ['route'],
  subject: ['subjects', 'subject', 'record'],
  status: ['status', 'code', 'response', 'status_code'],
  stack: ['stack', 'user_agent', 'userAgent', 'http_user_agent', 'browser', 'agent', 'ua'],
  attempt: ['attempt'],
  target: ['target'],
  verified: ['verified'],
  label: ['label', 'class'],
}

/** `time=date+time,address=ip,subject=cik`, or what is wrong with it. */
export function parseColumnMap(text: string): ColumnMap | { readonly problem: string } {
  const map: Partial<Record<ColumnName, string>> = {}
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [name, column] = part.split('=').map((each) => each.trim())
    const known = COLUMN_NAMES.find((each) => each === name)
    if (known === undefined || column === undefined || column === '')
      return { problem: `"${part.trim()}": must be NAME=COLUMN, with NAME one of ${COLUMN_NAMES.join(', ')}` }
    map[known] = column
  }
  return map
}

const COMBINED =
  /^(\S+) \S+ (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (?:\d+|-)(?: "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)")?/

/** Apache's and nginx's common and combined formats. */
export function parseCombined(line: string): Parsed {
  const found = COMBINED.exec(line)
  if (found === null) return { problem: 'is not in the combined format' }
  const [, address = '', who = '-', stamp = '', request = '', status = '', agent] = found
  const time = parseStamp(stamp)
  if (Number.isNaN(time)) return { problem: 'has no time' }
  const [method = '', path = ''] = request.split(' ')
  return {
    ...{ time, address, method, path, status: Number(status), subjects: [] },
    ...(who === '-' ? {} : { account: who }),
    ...(agent === undefined || agent === '-' ? {} : { stack: agent }),
  }
}

/** `10/Oct/2000:13:55:36 -0700`. */
function parseStamp(stamp: string): number {
  const found = /^(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d)(?: ([+-]\d\d)(\d\d))?$/.exec(stamp)
  if (found === null) return Number.NaN
  const [, day = '', month = '', year = '', time = '', hours = '+00', minutes = '00'] = found
  return Date.parse(`${day} ${month} ${year} ${time} ${hours}${minutes}`)
}

/** A line that already is names and values, of NDJSON or CSV. */
export function parseFields(fields: Fields, map: ColumnMap = {}): Parsed {
  const text = (name: ColumnName): string | undefined => textOf(read(fields, name, map))
  const time = parseTime(read(fields, 'time', map))
  if (time === undefined) return { problem: 'has no time' }
  const [address, session, account] = [text('address'), text('session'), text('account')]
  const who = address ?? session ?? account
  if (who === undefined) return { problem: 'has neither address nor session' }
  const status = Number(text('status') ?? 200)
  if (!Number.isFinite(status)) return { problem: 'has a status that is no number' }
  const label = text('label')
  const optional = {
    session,
    account,
    partner: text('partner'),
    method: text('method'),
    path: text('path'),
    route: text('route'),
    stack: text('stack'),
    target: text('target'),
    attempt: text('attempt') as Attempt | undefined,
  }
  const verified = text('verified')
  return {
    ...{ time, address: who, status, subjects: listOf(read(fields, 'subject', map)) },
    ...present(optional),
    ...(verified === undefined ? {} : { verified: verified === 'true' || verified === '1' }),
    ...(label === undefined ? {} : { label: /^(0|benign|human|normal|false|legit)$/i.test(label) ? BENIGN : label }),
  }
}

function present<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}

function read(fields: Fields, name: ColumnName, map: ColumnMap): unknown {
  const given = map[name]
  for (const column of given === undefined ? USUAL[name] : [given]) {
    const parts = column.split('+').map((each) => fields[each])
    if (parts.every((each) => each !== undefined && each !== null && each !== ''))
      return parts.length === 1 ? parts[0] : parts.join(' ')
  }
  return undefined
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function listOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String)
  const text = textOf(value)
  return text === undefined ? [] : [text]
}

/** Epoch seconds or milliseconds, or any date that JavaScript reads; without a zone it is UTC. */
function parseTime(value: unknown): number | undefined {
  const text = textOf(value)
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isFinite(number)) return number > 1e11 ? number : number * 1000
  const plain = text.trim()
  const found = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(plain) ? plain : `${plain.replace(' ', 'T')}Z`)
  return Number.isNaN(found) ? undefined : found
}

/** The values of a line of CSV (RFC 4180), or of tab-separated values. */
export function splitRow(line: string, separator: string): readonly string[] {
  if (!line.includes('"')) return line.split(separator)
  const values: string[] = []
  let value = ''
  let isQuoted = false
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? ''
    if (isQuoted && char === '"' && line[at + 1] === '"') value += line[++at] ?? ''
    else if (char === '"') isQuoted = !isQuoted
    else if (char === separator && !isQuoted) {
      values.push(value)
      value = ''
    } else value += char
  }
  values.push(value)
  return values
}
