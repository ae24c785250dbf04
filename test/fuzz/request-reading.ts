// An independent, narrow reading of a stream of requests (RFC 9112), to hold the gateway's own reading against.
import { BodyReading, Fault, framingOf, Inlet, isToken, readField, valuesOf, type Field } from './message-lines.ts'

export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly fields: readonly Field[]
  readonly framing: 'chunked' | number | undefined
  /** What has come of it so far. */
  readonly body: Buffer
  readonly isComplete: boolean
  /** Why it must be refused though its end is known. */
  readonly problem: string | undefined
}

class Message implements ReadRequest {
  readonly method: string
  readonly target: string
  readonly minor: string
  readonly fields: Field[] = []
  framing: 'chunked' | number | undefined
  problem: string | undefined
  reading: BodyReading | undefined

  constructor(line: string, isPatient: boolean) {
    const [method = '', target = '', version = '', ...more] = line.split(' ')
    if (more.length > 0) throw new Fault('a request line of more than three words')
    if (!isToken(method)) throw new Fault('a method that is not a token')
    if (target === '') throw new Fault('no target')
    if (!/^[\x21-\x7e]+$/.test(target)) this.problem = 'a byte in the target that cannot stand there'
    const found = (isPatient ? /^HTTP\/1\.([01])$/ : /^HTTP\/1\.(1)$/).exec(version)
    if (found === null) throw new Fault('a version that is not HTTP/1.1')
    this.method = method
    this.target = target
    this.minor = found[1] ?? ''
  }

  get body(): Buffer {
    return this.reading?.body ?? Buffer.alloc(0)
  }

  get isComplete(): boolean {
    return this.reading?.isDone ?? false
  }

  endHead(isPatient: boolean): void {
    const hosts = valuesOf(this.fields, 'host').length
    if (hosts > 1 || (hosts === 0 && this.minor === '1')) this.problem = 'not exactly one Host'
    if (this.problem !== undefined && !isPatient) throw new Fault(this.problem)
    this.framing = framingOf(this.fields)
    if (this.framing === 'chunked' && this.minor === '0') throw new Fault('chunked in HTTP/1.0')
    this.reading = new BodyReading(this.framing ?? 0, isPatient)
  }
}

export interface ReadingEvents {
  onHead?(request: ReadRequest): void
  onEnd?(request: ReadRequest): void
}

/**
 * `upstream` reads what a gateway has written: not a byte more than the grammar needs is taken. `caller` also takes what a
 * recipient is asked to take: empty lines ahead, HTTP/1.0, chunk extensions, trailers.
 */
export class RequestReading {
  readonly #isPatient: boolean
  readonly #events: ReadingEvents
  readonly #inlet = new Inlet()
  #open: Message | undefined
  /** What no further byte can mend. */
  fault: string | undefined

  constructor(side: 'upstream' | 'caller', events: ReadingEvents) {
    this.#isPatient = side === 'caller'
    this.#events = events
  }

  /** Nothing of another message has come. */
  get isBetween(): boolean {
    return this.#open === undefined && this.#inlet.length === 0
  }

  push(chunk: Buffer): void {
    if (this.fault !== undefined) return
    this.#inlet.push(chunk)
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.fault = error.message
    }
  }

  #step(): boolean {
    const open = this.#open
    if (open?.reading !== undefined) {
      open.reading.read(this.#inlet)
      if (!open.reading.isDone) return false
      this.#open = undefined
      this.#events.onEnd?.(open)
      return true
    }
    const line = this.#inlet.line()
    if (line === undefined) return false
    if (open === undefined) {
      if (line === '' && this.#isPatient) return true
      this.#open = new Message(line, this.#isPatient)
    } else if (line === '') {
      open.endHead(this.#isPatient)
      this.#events.onHead?.(open)
    } else open.fields.push(readField(line))
    return true
  }
}

/** Every request whose head has come to its end, and what was wrong then. */
export function readRequests(bytes: Buffer): {
  readonly requests: readonly ReadRequest[]
  readonly fault: string | undefined
} {
  const requests: ReadRequest[] = []
  const reading = new RequestReading('caller', { onHead: (request) => void requests.push(request) })
  reading.push(bytes)
  return { requests, fault: reading.fault }
}
