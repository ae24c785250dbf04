// Records as CSV (RFC 4180) that a spreadsheet can open without running anything of it.
import type { AnyRecord } from '../../core/trail-query.ts'

const COLUMNS = [
  'time',
  'kind',
  'phase',
  'id',
  'gateway',
  'worker',
  'seq',
  'client',
  'application',
  'otp',
  'method',
  'route',
  'path',
  'principal',
  'subjects',
  'session',
  'issuer',
  'decision',
  'reason',
  'lock',
  'epoch',
  'status',
  'bytes',
  'durationMs',
  'upstreamMs',
  'order',
  'outcome',
  'action',
  'by',
  'channel',
  'locks',
  'incident',
  'lost',
] as const

export const CSV_HEADING = `${['index', ...COLUMNS].join(',')},more\r\n`

/** One line. What has no column of its own stands in the last one, as JSON. */
export function toCsv(index: number, record: AnyRecord): string {
  const cells = COLUMNS.map((name) => (name === 'time' ? timeOf(record.time) : textOf(record[name])))
  const more = Object.entries(record).filter(([name]) => !(COLUMNS as readonly string[]).includes(name))
  const rest = more.length === 0 ? '' : JSON.stringify(Object.fromEntries(more))
  return `${[String(index), ...cells, rest].map(cell).join(',')}\r\n`
}

function timeOf(time: unknown): string {
  return typeof time === 'number' && Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : textOf(time)
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(' ')
  return JSON.stringify(value)
}

/**
 * What a spreadsheet would take for a formula or a command (OWASP, CSV injection): also behind blanks, and in the full-width forms
 * that some read as the plain ones. An apostrophe in front makes it a text.
 */
const FORMULA = /^[\s\u00a0\u200b\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20\t\r\n]/u

function cell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe
}
