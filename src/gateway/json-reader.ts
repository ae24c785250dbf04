// JSON (RFC 8259) as it streams past, read in one way only: what two readers could take differently is refused, not guessed.

/** Told in the order of the document. The reader keeps nothing of it. */
export interface JsonSink {
  /** Whether the text of the next string or number is wanted; what is not is only checked. Names are always told. */
  wantsText(): boolean
  onOpen(kind: 'object' | 'array'): void
  onClose(): void
  onName(name: string): void
  /** `text`: of a string its characters, of the others as written; absent where it was not wanted, or is longer than TEXT_BYTES_MAX. */
  onScalar(kind: 'string' | 'number' | 'literal', text: string | undefined): void
}

/** `too-large`: more bytes, levels or members than are read. `malformed`: no JSON, or JSON that readers differ about. */
export interface JsonProblem {
  readonly problem: 'malformed' | 'too-large'
  readonly detail: string
}

export interface JsonLimits {
  readonly bytesMax: number
}

const DEPTH_MAX = 64
/** Of one object: its names are kept, so that none is taken twice. */
const MEMBERS_MAX = 10_000
export const TEXT_BYTES_MAX = 4_096
const NAME_BYTES_MAX = 1_024
const NUMBER_BYTES_MAX = 512

type Expect = 'value' | 'value-or-end' | 'name' | 'name-or-end' | 'colon' | 'comma-or-end' | 'nothing'

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const ESCAPABLE = new Set(Buffer.from('"\\/bfnrt'))

/** Feed `write` until it returns false or the bytes end, then call `end`. */
export class JsonReader {
  readonly #sink: JsonSink
  readonly #bytesMax: number
  #problem: JsonProblem | undefined
  #bytes = 0
  #expect: Expect = 'value'
  /** The names of each open object; of an array none. */
  readonly #open: (Set<string> | undefined)[] = []
  /** Within a string, or a number or literal. */
  #within: 'string' | 'bare' | undefined
  #isName = false
  #isWanted = false
  /** The bytes of the open text, where they are wanted. */
  #parts: Buffer[] = []
  #length = 0
  #hasEscape = false
  /** Bytes of an escape that are still to come: 1 for its kind, then up to four digits. */
  #escape = 0
  #digits = 0
  /** Continuation bytes that are still to come, and the bounds of the next one. */
  #more = 0
  #low = 0x80
  #high = 0xbf

  constructor(sink: JsonSink, { bytesMax }: JsonLimits) {
    this.#sink = sink
    this.#bytesMax = bytesMax
  }

  get problem(): JsonProblem | undefined {
    return this.#problem
  }

  /** Returns false once there is a problem: nothing more is read. */
  write(chunk: Buffer): boolean {
    if (this.#problem !== undefined) return false
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) return this.#fail('too-large', `more than ${this.#bytesMax} bytes`)
    let at = 0
    while (at < chunk.length && this.#isWell()) {
      if (this.#within === 'string') at = this.#readString(chunk, at)
      else if (this.#within === 'bare') at = this.#readBare(chunk, at)
      else at = this.#readStructure(chunk, at)
    }
    return this.#isWell()
  }

  #isWell(): boolean {
    return this.#problem === undefined
  }

  /** No more bytes come: a problem, or undefined where it was one whole JSON text. */
  end(): JsonProblem | undefined {
    if (this.#problem !== undefined) return this.#problem
    if (this.#within === 'bare') this.#endBare()
    if (this.#isWell() && (this.#expect !== 'nothing' || this.#within === 'string'))
      this.#fail('malformed', 'the text ends before its value does')
    return this.#problem
  }

  #fail(problem: JsonProblem['problem'], detail: string): false {
    this.#problem ??= { problem, detail }
    return false
  }

  #readStructure(chunk: Buffer, at: number): number {
    const byte = chunk[at] as number
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return at + 1
    switch (this.#expect) {
      case 'value':
      case 'value-or-end':
        return this.#startValue(byte, at)
      case 'name':
      case 'name-or-end':
        this.#readNameOrEnd(byte)
        return at + 1
      case 'colon':
        if (byte === 0x3a) this.#expect = 'value'
        else this.#fail('malformed', 'a member without a colon')
        return at + 1
      case 'comma-or-end':
        this.#readCommaOrEnd(byte)
        return at + 1
      case 'nothing':
        this.#fail('malformed', 'more than one value')
        return at + 1
    }
  }

  /** Returns where to go on. */
  #startValue(byte: number, at: number): number {
    if (byte === 0x22) this.#startString(false)
    else if (byte === 0x7b) this.#openOne('object')
    else if (byte === 0x5b) this.#openOne('array')
    else if (byte === 0x5d && this.#expect === 'value-or-end') this.#close()
    else if (isBare(byte)) {
      this.#within = 'bare'
      this.#startText(this.#sink.wantsText())
      return at
    } else this.#fail('malformed', 'no value where one must stand')
    return at + 1
  }

  #openOne(kind: 'object' | 'array'): void {
    if (this.#open.length >= DEPTH_MAX) {
      this.#fail('too-large', `more than ${DEPTH_MAX} levels`)
      return
    }
    this.#open.push(kind === 'object' ? new Set() : undefined)
    this.#expect = kind === 'object' ? 'name-or-end' : 'value-or-end'
    this.#sink.onOpen(kind)
  }

  #close(): void {
    this.#open.pop()
    this.#expect = this.#open.length === 0 ? 'nothing' : 'comma-or-end'
    this.#sink.onClose()
  }

  #readNameOrEnd(byte: number): void {
    if (byte === 0x22) this.#startString(true)
    else if (byte === 0x7d && this.#expect === 'name-or-end') this.#close()
    else this.#fail('malformed', 'a member without a name')
  }

  #readCommaOrEnd(byte: number): void {
    const isObject = this.#open.at(-1) !== undefined
    if (byte === 0x2c) this.#expect = isObject ? 'name' : 'value'
    else if (byte === (isObject ? 0x7d : 0x5d)) this.#close()
    else this.#fail('malformed', 'neither a comma nor an end')
  }

  #startString(isName: boolean): void {
    this.#within = 'string'
    this.#isName = isName
    this.#hasEscape = false
    this.#startText(isName || this.#sink.wantsText())
  }

  #startText(isWanted: boolean): void {
    this.#isWanted = isWanted
    this.#parts = []
    this.#length = 0
  }

  #readString(chunk: Buffer, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (this.#escape > 0) this.#readEscape(byte)
      else if (this.#more > 0) this.#readContinuation(byte)
      else if (byte === 0x22) {
        this.#keep(chunk, from, at)
        this.#endString()
        return at + 1
      } else if (byte === 0x5c) {
        this.#hasEscape = true
        this.#escape = 1
      } else if (byte < 0x20) this.#fail('malformed', 'a control character in a string')
      else if (byte >= 0x80) this.#startSequence(byte)
      if (this.#problem !== undefined) return at
    }
    this.#keep(chunk, from, at)
    return at
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    this.#length += to - from
    if (this.#isName && this.#length > NAME_BYTES_MAX) this.#fail('too-large', 'a member with a very long name')
    if (!this.#isWanted || from === to) return
    if (this.#length > TEXT_BYTES_MAX) {
      this.#isWanted = false
      this.#parts = []
    } else this.#parts.push(chunk.subarray(from, to))
  }

  #readEscape(byte: number): void {
    if (this.#digits > 0) {
      if (!isHex(byte)) this.#fail('malformed', 'an escape that is none')
      this.#digits -= 1
      if (this.#digits === 0) this.#escape = 0
    } else if (byte === 0x75) this.#digits = 4
    else if (ESCAPABLE.has(byte)) this.#escape = 0
    else this.#fail('malformed', 'an escape that is none')
  }

  /** UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing beyond U+10FFFF; a lenient reader takes what follows for a part of it. */
  #startSequence(lead: number): void {
    this.#low = 0x80
    this.#high = 0xbf
    if (lead >= 0xc2 && lead <= 0xdf) this.#more = 1
    else if (lead >= 0xe0 && lead <= 0xef) {
      this.#more = 2
      if (lead === 0xe0) this.#low = 0xa0
      if (lead === 0xed) this.#high = 0x9f
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      this.#more = 3
      if (lead === 0xf0) this.#low = 0x90
      if (lead === 0xf4) this.#high = 0x8f
    } else this.#fail('malformed', 'bytes that are no UTF-8')
  }

  #readContinuation(byte: number): void {
    if (byte < this.#low || byte > this.#high) this.#fail('malformed', 'bytes that are no UTF-8')
    this.#low = 0x80
    this.#high = 0xbf
    this.#more -= 1
  }

  #endString(): void {
    this.#within = undefined
    const text = this.#isWanted ? textOf(this.#parts, this.#hasEscape) : undefined
    if (this.#isName) this.#takeName(text ?? '')
    else this.#endScalar('string', text)
  }

  #takeName(name: string): void {
    const names = this.#open.at(-1)
    // Half a character becomes U+FFFD at some readers and so another name; a NUL ends the name at others.
    if (!name.isWellFormed() || name.includes('\0')) this.#fail('malformed', 'a member whose name is no text')
    else if (names?.has(name)) this.#fail('malformed', 'a member that stands twice')
    else if (names !== undefined && names.size >= MEMBERS_MAX)
      this.#fail('too-large', `an object of more than ${MEMBERS_MAX} members`)
    else {
      names?.add(name)
      this.#expect = 'colon'
      this.#sink.onName(name)
    }
  }

  #readBare(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && isBare(chunk[at] as number)) at++
    this.#length += at - from
    // Always kept: it can only be judged whole.
    this.#parts.push(chunk.subarray(from, at))
    if (this.#length > NUMBER_BYTES_MAX) this.#fail('too-large', 'a very long number')
    else if (at < chunk.length) this.#endBare()
    return at
  }

  #endBare(): void {
    this.#within = undefined
    const text = textOf(this.#parts, false)
    const isLiteral = text === 'true' || text === 'false' || text === 'null'
    if (isLiteral || NUMBER.test(text)) this.#endScalar(isLiteral ? 'literal' : 'number', text)
    else this.#fail('malformed', 'a value that is none')
  }

  #endScalar(kind: 'string' | 'number' | 'literal', text: string | undefined): void {
    this.#expect = this.#open.length === 0 ? 'nothing' : 'comma-or-end'
    this.#sink.onScalar(kind, this.#isWanted ? text : undefined)
  }
}

function textOf(parts: readonly Buffer[], hasEscape: boolean): string {
  const text = parts.length === 1 ? (parts[0] as Buffer).toString('utf8') : Buffer.concat(parts).toString('utf8')
  return hasEscape ? (JSON.parse(`"${text}"`) as string) : text
}

/** What numbers and literals are made of. */
function isBare(byte: number): boolean {
  return BARE[byte] === 1
}

const BARE = new Uint8Array(256)
for (const byte of Buffer.from('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-.')) BARE[byte] = 1

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46)
}
