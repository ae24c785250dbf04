// A slow, strict reader of HTTP/1.1 requests (RFC 9112), of one piece with no engine: it says what a sequence of bytes asks for.

export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
  /** Names in lower case and values without the blanks around them, in turn, repeated ones kept. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

export interface Reading {
  /** Whole and well formed, in order. */
  readonly requests: readonly ReadRequest[]
  /**
   * `clean`: nothing stands behind them. `closed`: the last one ends the connection, and whatever stands behind it is nobody's.
   * `partial`: a message has begun that may yet be completed. `offence`: one that no completion mends.
   */
  readonly end: 'clean' | 'closed' | 'partial' | 'offence'
  /** Where the message that is not whole stopped: in its head, or in its body with a head that was well formed. */
  readonly where: 'head' | 'body' | undefined
  readonly why: string | undefined
  /** Bytes behind the last whole one. */
  readonly left: number
}

class Offence extends Error {}
/** Of what the head says of the body: an engine sees it before a byte of the body. */
class HeadOffence extends Offence {}
class Partial extends Error {}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\xff]+) HTTP\/(\d)\.(\d)$/
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff]|[ \t]+(?=[\x21-\x7e\x80-\xff]))*)[ \t]*$/
const EXTENSIONS =
  /^([ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+([ \t]*=[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"))?)*$/
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::\d*)?$/

export function readRequests(bytes: Buffer): Reading {
  const reader = new Reader(bytes)
  const requests: ReadRequest[] = []
  let where: 'head' | 'body' = 'head'
  let left = bytes.length
  try {
    for (;;) {
      left = reader.left
      reader.skipEmptyLine()
      if (reader.left === 0) return { requests, end: 'clean', where: undefined, why: undefined, left: 0 }
      where = 'head'
      const head = readHead(reader)
      where = 'body'
      requests.push({ ...head, body: readBody(reader, head) })
      if (!keepsAlive(head)) {
        return { requests, end: 'closed', where: undefined, why: undefined, left: reader.left }
      }
    }
  } catch (error) {
    if (error instanceof HeadOffence) where = 'head'
    if (error instanceof Offence) return { requests, end: 'offence', where, why: error.message, left }
    if (error instanceof Partial) return { requests, end: 'partial', where, why: error.message, left }
    throw error
  }
}

export function valuesOf(request: Pick<ReadRequest, 'fields'>, name: string): readonly string[] {
  return request.fields.filter(([each]) => each === name).map(([, value]) => value)
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** One before a request line is no fault (RFC 9112, 2.2). */
  skipEmptyLine(): void {
    if (this.#bytes.toString('latin1', this.#at, this.#at + 2) === '\r\n') this.#at += 2
  }

  /** Without its CRLF. A CR or LF that is not of a CRLF is an offence where it stands. */
  line(what: string): string {
    for (let at = this.#at; at < this.#bytes.length; at++) {
      if (this.#bytes[at] === 0x0a) throw new Offence(`bare LF in ${what}`)
      if (this.#bytes[at] !== 0x0d) continue
      if (at + 1 === this.#bytes.length) break
      if (this.#bytes[at + 1] !== 0x0a) throw new Offence(`bare CR in ${what}`)
      const line = this.#bytes.toString('latin1', this.#at, at)
      this.#at = at + 2
      return line
    }
    throw new Partial(`no end of ${what}`)
  }

  take(count: number, what: string): Buffer {
    if (this.#at + count > this.#bytes.length) throw new Partial(`too little of ${what}`)
    this.#at += count
    return Buffer.from(this.#bytes.subarray(this.#at - count, this.#at))
  }
}

type Head = Omit<ReadRequest, 'body'>

function readHead(reader: Reader): Head {
  const line = reader.line('request line')
  const [, method = '', target = '', major, minor] = REQUEST_LINE.exec(line) ?? []
  if (method === '') throw new Offence('not a request line')
  if (major !== '1' || (minor !== '0' && minor !== '1')) throw new Offence('another version of HTTP')
  const head = { method, target, version: minor === '0' ? '1.0' : '1.1', fields: readFields(reader) } as const
  const hosts = valuesOf(head, 'host')
  if (hosts.length > 1) throw new Offence('more than one Host')
  if (hosts.length === 0 && head.version === '1.1') throw new Offence('no Host')
  if (hosts[0] !== undefined && hosts[0] !== '' && !AUTHORITY.test(hosts[0])) throw new Offence('a Host that is none')
  if (target === '*' ? method !== 'OPTIONS' : !isTarget(method, target)) throw new Offence('a target in no form')
  return head
}

function isTarget(method: string, target: string): boolean {
  if (method === 'CONNECT') return true
  return target.startsWith('/') || /^[A-Za-z][A-Za-z0-9+\-.]*:\/\/[^/?#]+/.test(target)
}

function readFields(reader: Reader): Head['fields'] {
  const fields: (readonly [string, string])[] = []
  for (;;) {
    const line = reader.line('field')
    if (line === '') return fields
    const [, name = '', value = ''] = FIELD_LINE.exec(line) ?? []
    if (name === '') throw new Offence('not a field line')
    fields.push([name.toLowerCase(), value])
  }
}

function readBody(reader: Reader, head: Head): Buffer {
  const codings = valuesOf(head, 'transfer-encoding')
  const lengths = valuesOf(head, 'content-length')
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') throw new HeadOffence('a coding but chunked')
    if (lengths.length > 0) throw new HeadOffence('Content-Length and Transfer-Encoding')
    if (head.version === '1.0') throw new HeadOffence('Transfer-Encoding in HTTP/1.0')
    return readChunks(reader)
  }
  if (lengths.length > 1) throw new HeadOffence('more than one Content-Length')
  const [length = '0'] = lengths
  if (!/^\d+$/.test(length)) throw new HeadOffence('a Content-Length that is none')
  return reader.take(Number(length), 'body')
}

function readChunks(reader: Reader): Buffer {
  const parts: Buffer[] = []
  for (;;) {
    const line = reader.line('chunk size')
    const [, digits = '', extensions = ''] = /^([0-9A-Fa-f]+)(.*)$/s.exec(line) ?? []
    if (digits === '') throw new Offence('a chunk size that is none')
    if (!EXTENSIONS.test(extensions)) throw new Offence('a chunk extension that is none')
    const size = parseInt(digits, 16)
    if (size > Number.MAX_SAFE_INTEGER) throw new Offence('a chunk size that overflows')
    if (size === 0) break
    parts.push(reader.take(size, 'chunk'))
    if (reader.take(2, 'end of chunk').toString('latin1') !== '\r\n') throw new Offence('no CRLF behind a chunk')
  }
  readFields(reader)
  return Buffer.concat(parts)
}

/** HTTP/1.0 ends its connection, whatever it asks for: what stands between its ends may not keep one (RFC 9112, 9.3). */
function keepsAlive(head: Head): boolean {
  const options = valuesOf(head, 'connection').flatMap((value) => value.split(','))
  return head.version === '1.1' && !options.some((each) => each.trim().toLowerCase() === 'close')
}
