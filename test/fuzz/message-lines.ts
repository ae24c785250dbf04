// The parts of RFC 9112 that requests and answers share, read as narrowly as it can be done. Nothing here is taken from src/.

export type Field = readonly [name: string, value: string]

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// Visible characters, obs-text, and blanks between them.
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/

export class Fault extends Error {}

/** Takes what comes in any pieces, and gives it out by lines and lengths. */
export class Inlet {
  #bytes: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
  }

  get length(): number {
    return this.#bytes.length
  }

  /** The next line without its CRLF; undefined where it has not come to its end. */
  line(): string | undefined {
    const end = this.#bytes.indexOf(0x0a)
    const text = this.#bytes.toString('latin1', 0, end === -1 ? this.#bytes.length : end)
    const crs = text.indexOf('\r')
    // A CR that is the very last byte may be half of a CRLF.
    if (crs !== -1 && crs !== text.length - 1) throw new Fault('a bare CR')
    if (text.includes('\0')) throw new Fault('a NUL')
    if (end === -1) return undefined
    if (crs === -1) throw new Fault('a bare LF')
    this.#bytes = this.#bytes.subarray(end + 1)
    return text.slice(0, -1)
  }

  /** As much as there is of so many bytes. */
  take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(taken.length)
    return taken
  }
}

export function readField(line: string): Field {
  if (line.startsWith(' ') || line.startsWith('\t')) throw new Fault('a folded line')
  const colon = line.indexOf(':')
  if (colon === -1) throw new Fault('a field line without a colon')
  const name = line.slice(0, colon)
  if (!TOKEN.test(name)) throw new Fault('a field name that is not a token')
  const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
  if (!VALUE.test(value)) throw new Fault('a control byte in a field')
  return [name, value]
}

export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

export function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

/** How the fields say that the body is delimited; `undefined`: they do not say. */
export function framingOf(fields: readonly Field[]): 'chunked' | number | undefined {
  const codings = valuesOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length > 0) {
    if (lengths.length > 0) throw new Fault('both Transfer-Encoding and Content-Length')
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') throw new Fault('a coding that is not chunked')
    return 'chunked'
  }
  if (lengths.length === 0) return undefined
  const [length = ''] = lengths
  if (lengths.length > 1) throw new Fault('two Content-Lengths')
  if (!/^[0-9]{1,15}$/.test(length)) throw new Fault('a Content-Length that is not a number')
  return Number(length)
}

/** Reads one body, piece by piece. */
export class BodyReading {
  readonly #pieces: Buffer[] = []
  readonly #isChunked: boolean
  /** Whether chunk extensions and trailers are taken, which every recipient must be able to pass over. */
  readonly #isPatient: boolean
  #left: number
  #state: 'size' | 'data' | 'data-end' | 'trailers' | 'done'

  constructor(framing: 'chunked' | number, isPatient: boolean) {
    this.#isChunked = framing === 'chunked'
    this.#isPatient = isPatient
    this.#left = framing === 'chunked' ? 0 : framing
    this.#state = framing === 'chunked' ? 'size' : framing === 0 ? 'done' : 'data'
  }

  get isDone(): boolean {
    return this.#state === 'done'
  }

  get body(): Buffer {
    return this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces)
  }

  read(from: Inlet): void {
    while (this.#state !== 'done') {
      if (this.#state === 'data') {
        const piece = from.take(this.#left)
        if (piece.length > 0) this.#pieces.push(piece)
        this.#left -= piece.length
        if (this.#left > 0) return
        this.#state = this.#isChunked ? 'data-end' : 'done'
      } else {
        const line = from.line()
        if (line === undefined) return
        this.#takeLine(line)
      }
    }
  }

  #takeLine(line: string): void {
    if (this.#state === 'data-end') {
      if (line !== '') throw new Fault('no CRLF after chunk data')
      this.#state = 'size'
    } else if (this.#state === 'size') {
      const found = (
        this.#isPatient ? /^0*([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/ : /^([0-9A-Fa-f]{1,12})$/
      ).exec(line)
      if (found === null) throw new Fault('a chunk size that is not a number')
      this.#left = parseInt(found[1] ?? '', 16)
      this.#state = this.#left === 0 ? 'trailers' : 'data'
    } else if (line === '') this.#state = 'done'
    else if (!this.#isPatient) throw new Fault('a trailer')
    else readField(line)
  }
}
