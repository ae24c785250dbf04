// Request and response heads (RFC 9112, 2 to 5), read in one way only: what two layers might read differently is malformed.
import { Fields, isToken, parseFields } from './fields.ts'

export interface RequestHead {
  readonly method: string
  /** The request target exactly as sent, bytes as Latin-1. */
  readonly target: string
  /** HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1
  readonly fields: Fields
}

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  readonly minor: 0 | 1
  readonly fields: Fields
}

export interface Malformed {
  /** What is wrong, in words that can be shown. */
  readonly malformed: string
}

/** Lines of anything but controls, TAB apart, each with its CRLF. RFC 9112, 2.2: a bare CR is invalid, a bare LF we refuse. */
const LINES = /^(?:[^\0-\x08\x0a-\x1f\x7f]*\r\n)*$/

const METHOD_MAX = 32

/**
 * Parses a request's head. `text` is the section as Latin-1, each line with its CRLF, without the empty line that ends it.
 */
export function parseRequestHead(text: string): RequestHead | Malformed {
  if (!LINES.test(text)) return malformed('A control character, or a line end that is not CRLF.')
  const end = text.indexOf('\r\n')
  const first = text.indexOf(' ')
  const second = text.indexOf(' ', first + 1)
  if (first < 1 || second <= first + 1 || second > end)
    return malformed('The request line is not method, target and version.')
  const method = text.slice(0, first)
  if (method.length > METHOD_MAX || !isToken(method)) return malformed('The method is not a token.')
  const minor = minorOf(text, second + 1, end)
  if (minor === undefined) return malformed('The protocol version is not HTTP/1.0 or HTTP/1.1.')
  const fields = new Fields()
  const problem = parseFields(text, end + 2, fields)
  if (problem !== undefined) return malformed(problem)
  return { method, target: text.slice(first + 1, second), minor, fields }
}

/** Parses a response's head, given as in `parseRequestHead`. The reason may be absent, and its space with it. */
export function parseResponseHead(text: string): ResponseHead | Malformed {
  if (!LINES.test(text)) return malformed('a control character, or a line end that is not CRLF')
  const end = text.indexOf('\r\n')
  const minor = minorOf(text, 0, 8)
  const status = statusAt(text)
  const isWhole = text.charCodeAt(8) === 0x20 && (end === 12 || text.charCodeAt(12) === 0x20)
  if (minor === undefined || status === undefined || !isWhole) return malformed('a status line that is none')
  const fields = new Fields()
  const problem = parseFields(text, end + 2, fields)
  if (problem !== undefined) return malformed(problem)
  return { status, reason: text.slice(13, end), minor, fields }
}

/** The version between `from` and `to`, exactly (RFC 9112, 2.3: its name is case-sensitive). */
function minorOf(text: string, from: number, to: number): 0 | 1 | undefined {
  if (to - from !== 8 || !text.startsWith('HTTP/1.', from)) return undefined
  const digit = text.charCodeAt(from + 7)
  return digit === 0x31 ? 1 : digit === 0x30 ? 0 : undefined
}

function statusAt(text: string): number | undefined {
  let status = 0
  for (let index = 9; index < 12; index++) {
    const digit = text.charCodeAt(index) - 0x30
    if (!(digit >= 0 && digit <= 9)) return undefined
    status = status * 10 + digit
  }
  return status >= 100 && status <= 599 ? status : undefined
}

function malformed(what: string): Malformed {
  return { malformed: what }
}

export function isMalformed(parsed: object): parsed is Malformed {
  return 'malformed' in parsed
}
