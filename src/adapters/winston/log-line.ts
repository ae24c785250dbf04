// How one line of the log is written, such that no value can forge a line, steer a terminal, or leave a person's identifier there.
import { maskPeople } from '../../core/pii.ts'

export interface LogLine {
  readonly time: string
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

const OWN: ReadonlySet<string> = new Set(['time', 'level', 'message'])
const TEXT_MAX = 8192
const DEPTH_MAX = 6

// DEL and C1 controls, line separators, zero-width and bidirectional marks: JSON leaves them raw, and terminals obey some of them.
const UNSAFE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

export function formatJson(line: LogLine): string {
  const entries = Object.entries(line.fields).map(
    ([name, value]) => [OWN.has(name) ? `_${name}` : name, plain(value, 0)] as const,
  )
  return quote({ time: line.time, level: line.level, message: clip(line.message), ...Object.fromEntries(entries) })
}

/** `12:00:00.000 WARN  message  name=value`. */
export function formatPretty(line: LogLine): string {
  const fields = Object.entries(line.fields).filter(([, value]) => value !== undefined)
  const pairs = fields.map(([name, value]) => ` ${bare(name)}=${bare(plain(value, 0))}`).join('')
  return `${line.time.slice(11, 23)} ${line.level.toUpperCase().padEnd(5)} ${bare(line.message)}${pairs && ` ${pairs}`}`
}

function bare(value: unknown): string {
  const quoted = quote(typeof value === 'string' ? clip(value) : value)
  const inside = quoted.slice(1, -1)
  return typeof value === 'string' && !inside.includes('\\') && inside !== '' ? inside : quoted
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  return (text ?? 'null').replace(UNSAFE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function clip(text: string): string {
  return maskPeople(text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text)
}

/** A value that JSON can write: errors by name and message, bigints as text, cycles and depths cut, getters that throw left out. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return clip(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value !== 'object' || value === null) return value
  try {
    return plainObject(value, depth)
  } catch {
    return '[unreadable]'
  }
}

function plainObject(value: object, depth: number): unknown {
  if (depth >= DEPTH_MAX) return '[deep]'
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map((each) => plain(each, depth + 1))
  if (isError(value)) return errorText(value)
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each, depth + 1)]))
}

/** Also errors of another realm, which `instanceof` does not know. */
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]'
}

function errorText(error: Error): string {
  const code =
    'code' in error && typeof error.code === 'string' && !error.message.includes(error.code) ? ` (${error.code})` : ''
  const cause = isError(error.cause) ? `: ${error.cause.message}` : ''
  return clip(`${error.name}: ${error.message}${code}${cause}`)
}
