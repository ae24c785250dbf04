// Where a message's body ends (RFC 9112, 6): told in one way, or the message is malformed.
import type { Malformed, RequestHead, ResponseHead } from './head.ts'
import type { Fields } from './fields.ts'

/** Bytes of the body, `chunked`, or `close` where the end of the connection ends it (responses alone). */
export type Framing = number | 'chunked' | 'close'

/** Fifteen digits are exact in a double; more are an attack. */
const LENGTH = /^\d{1,15}$/

export function requestFraming({ fields, minor }: RequestHead): Framing | Malformed {
  const coded = codedFraming(fields, minor)
  return coded ?? lengthOf(fields) ?? 0
}

/** `isHead`: the answer to a HEAD has the fields of a body and none (RFC 9112, 6.3). */
export function responseFraming({ fields, minor, status }: ResponseHead, isHead: boolean): Framing | Malformed {
  const told = codedFraming(fields, minor) ?? lengthOf(fields)
  if (typeof told === 'object') return told
  if (isHead || hasNoBody(status)) return 0
  return told ?? 'close'
}

/** RFC 9110, 6.4.1: these never have a body, whatever their fields say. */
export function hasNoBody(status: number): boolean {
  return status < 200 || status === 204 || status === 304
}

/** Chunked is the one transfer coding understood, alone, once, in HTTP/1.1, and never beside a length (RFC 9112, 6.1). */
function codedFraming(fields: Fields, minor: 0 | 1): 'chunked' | Malformed | undefined {
  const coding = fields.first('transfer-encoding')
  if (coding === undefined) return undefined
  if (fields.countOf('transfer-encoding') > 1 || coding.toLowerCase() !== 'chunked')
    return { malformed: 'The only transfer coding understood is chunked.' }
  if (fields.has('content-length')) return { malformed: 'Both Content-Length and Transfer-Encoding.' }
  return minor === 0 ? { malformed: 'Transfer-Encoding in HTTP/1.0.' } : 'chunked'
}

function lengthOf(fields: Fields): number | Malformed | undefined {
  const length = fields.first('content-length')
  if (length === undefined) return undefined
  if (fields.countOf('content-length') > 1) return { malformed: 'More than one Content-Length field.' }
  return LENGTH.test(length) ? Number(length) : { malformed: 'The Content-Length field is not a number of bytes.' }
}

/** Whether a Connection field has the option (RFC 9110, 7.6.1). */
export function hasConnectionOption(fields: Fields, option: string): boolean {
  const value = fields.joined('connection')
  if (value === undefined) return false
  // What nearly all say, by one comparison.
  if (value === 'keep-alive') return option === value
  const lower = value.toLowerCase()
  return lower === option || lower.split(',').some((each) => each.trim() === option)
}
