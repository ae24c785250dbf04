// Reads one body out of a connection's bytes, and not one byte more (RFC 9112, 6 and 7).
import { Fields, parseFields } from './fields.ts'
import type { Framing } from './framing.ts'

/** Chunk extensions are read over, never forwarded; more than this in one body is an attack (CVE-2023-39326). */
const EXTENSION_BYTES_MAX = 4_096
/** Trailer fields end here; they are parsed, so that nothing else hides in them, and dropped. */
const TRAILER_BYTES_MAX = 8_192
/** Thirteen hexadecimal digits stay exact in a double; a longer size is an attack. */
const SIZE_DIGITS_MAX = 13

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"'
/** chunk-size and chunk-ext, as RFC 9112, 7.1 has them; its "bad" white space is let pass (7.1.1: a recipient must parse it). */
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]+)((?:[ \\t]*;[ \\t]*${TOKEN}(?:[ \\t]*=[ \\t]*(?:${TOKEN}|${QUOTED}))?)*)$`)
/** Fields that would frame or route the message anew (RFC 9110, 6.5.1). */
const NEVER_IN_TRAILERS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])

export class BodyReader {
  readonly #onData: (chunk: Buffer) => void
  readonly #isChunked: boolean
  /** Bytes still to come: of the body, or of the chunk. */
  #left: number
  #state: 'size' | 'data' | 'data-end' | 'trailers' | 'over'
  /** A line that has not ended yet. */
  #line = ''
  #extensionBytes = 0
  #trailers = ''
  /** The end of the connection is its end. */
  readonly untilClose: boolean
  /** What is wrong: then nothing more is read. */
  malformed: string | undefined

  constructor(framing: Framing, onData: (chunk: Buffer) => void) {
    this.#onData = onData
    this.#isChunked = framing === 'chunked'
    this.untilClose = framing === 'close'
    this.#left = typeof framing === 'number' ? framing : framing === 'close' ? Infinity : 0
    this.#state = this.#isChunked ? 'size' : this.#left === 0 ? 'over' : 'data'
  }

  get isComplete(): boolean {
    return this.#state === 'over'
  }

  /** Takes what belongs to the body from `at` on, and returns where it stopped: the end of `bytes`, or of the body. */
  read(bytes: Buffer, at: number): number {
    while (at < bytes.length && this.#state !== 'over' && this.malformed === undefined) {
      at = this.#state === 'data' ? this.#readData(bytes, at) : this.#readLine(bytes, at)
    }
    return at
  }

  #readData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    if (this.#left === 0) this.#state = this.#isChunked ? 'data-end' : 'over'
    this.#onData(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
    return end
  }

  /** A line ends with CRLF and nothing else (golang/go CVE-2025-22871: a bare LF in a size line parts two layers). */
  #readLine(bytes: Buffer, at: number): number {
    const feed = bytes.indexOf(0x0a, at)
    const end = feed === -1 ? bytes.length : feed + 1
    this.#line += bytes.toString('latin1', at, end)
    const bytesMax = this.#state === 'trailers' ? TRAILER_BYTES_MAX : EXTENSION_BYTES_MAX
    if (this.#line.length > bytesMax) this.malformed = 'A line of the chunked coding that is too long.'
    else if (feed !== -1) this.#takeLine()
    else if (hasBareReturn(this.#line)) this.malformed = 'A line of the chunked coding that does not end with CRLF.'
    else if (this.#state === 'data-end' && this.#line !== '\r') this.malformed = AFTER_CHUNK
    return end
  }

  #takeLine(): void {
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r\n')) this.malformed = 'A line of the chunked coding that does not end with CRLF.'
    else if (this.#state === 'size') this.#takeSize(line.slice(0, -2))
    else if (this.#state === 'trailers') this.#takeTrailer(line)
    else if (line === '\r\n') this.#state = 'size'
    else this.malformed = AFTER_CHUNK
  }

  #takeSize(line: string): void {
    const found = SIZE_LINE.exec(line)
    const digits = found?.[1]?.replace(/^0+(?=.)/, '') ?? ''
    if (digits === '' || digits.length > SIZE_DIGITS_MAX) {
      this.malformed = 'A chunk size that is none.'
      return
    }
    this.#extensionBytes += found?.[2]?.length ?? 0
    if (this.#extensionBytes > EXTENSION_BYTES_MAX) {
      this.malformed = 'Chunk extensions that are too long.'
      return
    }
    this.#left = parseInt(digits, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'data'
  }

  #takeTrailer(line: string): void {
    if (line !== '\r\n') {
      this.#trailers += line
      if (this.#trailers.length > TRAILER_BYTES_MAX) this.malformed = 'A trailer section that is too long.'
      return
    }
    this.malformed = problemOf(this.#trailers)
    if (this.malformed === undefined) this.#state = 'over'
  }
}

function hasBareReturn(line: string): boolean {
  const at = line.indexOf('\r')
  return at !== -1 && at < line.length - 1
}

function problemOf(trailers: string): string | undefined {
  if (trailers === '') return undefined
  if (TRAILER_FORBIDDEN.test(trailers)) return 'A control character in a trailer section.'
  const fields = new Fields()
  const problem = parseFields(trailers, 0, fields)
  if (problem !== undefined) return problem
  return fields.names.some((name) => NEVER_IN_TRAILERS.has(name)) ? 'A field that may not be a trailer.' : undefined
}

const AFTER_CHUNK = 'A chunk that is longer than its size.'
const TRAILER_FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)/
