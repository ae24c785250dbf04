// One connection to an upstream: one exchange at a time, and kept for the next only where it is proven clean.
import type net from 'node:net'
import { BodyReader } from '../../http1/body-reader.ts'
import { hasConnectionOption, responseFraming } from '../../http1/framing.ts'
import { isMalformed, parseResponseHead, type ResponseHead } from '../../http1/head.ts'
import { afterWrites, holdWrites, release } from '../../http1/write-turn.ts'
import type { UpstreamFailure, UpstreamRequest } from '../../ports/upstream-client.ts'
import type { ConnectionSink } from './connection-sink.ts'
import { hasUnusualBody, headText, isHopeless, mentionsBody } from './upstream-heads.ts'

const HEAD_END = Buffer.from('\r\n\r\n', 'latin1')
/** Longer fields than these are an attack on us, not an answer. */
const HEAD_BYTES_MAX = 65_536
/** Interim responses ahead of one answer; more are a flood. */
const INTERIM_MAX = 16
/** What libuv reads at once. */
const READ_BYTES = 65_536
const ONE_WRITE_MAX = 16_384

/** The target that keeps it. */
interface ConnectionEvents {
  /** The exchange is over and the connection may take another one. */
  onIdle(connection: UpstreamConnection): void
  onClose(connection: UpstreamConnection): void
}

export class UpstreamConnection {
  readonly #socket: net.Socket
  readonly #host: string
  /** What is decrypted comes in pieces of its own. */
  readonly #isSecure: boolean
  readonly #events: ConnectionEvents
  #sink: ConnectionSink | undefined
  #request: UpstreamRequest | undefined
  #unread: Buffer | undefined
  #reader: BodyReader | undefined
  #interim = 0
  #isSwitched = false
  /** The request has not left yet (http1/write-turn). */
  #isHeld = false
  /** Whether the request's body has been sent to its end. */
  #isSent = true
  #isReusable = false
  /** Whether any byte of the answer has come. */
  isHeard = false
  /** Answers that it has carried. */
  served = 0
  /** When the upstream was last heard of or spoken to, by the monotonic clock of whoever looks for timeouts. */
  touchedMs = 0
  /** What is waited for: the answer's head, or more of its body. */
  waitsFor: 'head' | 'body' | 'nothing' = 'nothing'

  /** `host`: the Host field of what is sent on it. */
  constructor(socket: net.Socket, host: string, events: ConnectionEvents) {
    this.#socket = socket
    this.#host = host
    this.#isSecure = 'encrypted' in socket
    this.#events = events
    // Not where the connector hands over what it reads: there the event never comes, and the listener lets the end be seen.
    socket.on('data', this.take)
    socket.on('end', this.#onSocketEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.on('drain', this.#onDrain)
  }

  /** Bytes have come since the last answer, or its end: no request may follow on it. */
  get isUsable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable && this.#unread === undefined
  }

  /** Nothing is due from the upstream: its bytes wait for the caller, or it waits for the caller's. */
  get isHeld(): boolean {
    return this.#socket.isPaused() || (!this.#isSent && !this.#socket.writableNeedDrain)
  }

  /**
   * Writes the request's head. Its body, where it has one, follows by `write` and `endBody`. Throws a TypeError, with not a
   * byte written, where the request cannot be written.
   */
  send(request: UpstreamRequest, sink: ConnectionSink): void {
    const head = headText(request, this.#host)
    this.isHeard = false
    this.#sink = sink
    this.#request = request
    this.#interim = 0
    this.#reader = undefined
    this.#isSent = request.body === 0
    this.waitsFor = 'head'
    this.#isHeld = true
    holdWrites(this.#socket)
    afterWrites(this.#onWritten)
    this.#socket.write(head, 'latin1')
  }

  write(chunk: Buffer): boolean {
    const isChunked = this.#request?.body === 'chunked' && !this.#isSwitched
    const before = isChunked ? `${chunk.length.toString(16)}\r\n` : ''
    const after = isChunked ? '\r\n' : ''
    holdWrites(this.#socket)
    if (chunk.length <= ONE_WRITE_MAX)
      return this.#socket.write(before + chunk.toString('latin1', 0, chunk.length) + after, 'latin1')
    if (before !== '') this.#socket.write(before, 'latin1')
    let flows = this.#socket.write(chunk)
    if (after !== '') flows = this.#socket.write(after, 'latin1')
    release(this.#socket)
    return flows
  }

  endBody(): void {
    if (this.#isSwitched) {
      this.#socket.end()
      return
    }
    this.#isSent = true
    if (this.#request?.body === 'chunked') this.#socket.write('0\r\n\r\n', 'latin1')
  }

  resume(): void {
    this.#socket.resume()
  }

  /** No answer will be read any more. */
  destroy(): void {
    this.#sink = undefined
    this.#socket.destroy()
  }

  fail(failure: UpstreamFailure): void {
    const sink = this.#sink
    this.destroy()
    sink?.onFailure(failure)
  }

  readonly #onWritten = (): void => {
    this.#isHeld = false
  }

  /** Takes what has been read, in memory that may be anybody's after this turn. */
  readonly take = (chunk: Buffer): void => {
    if (this.#sink === undefined || this.#isHeld) {
      // Bytes that no request asked for: whoever came next would take them for its answer.
      this.fail({ failure: 'reset', detail: 'bytes that were not asked for' })
      return
    }
    // Of a head the whole is waited for: one that comes byte by byte is late all the same.
    if (this.waitsFor !== 'head') this.touchedMs = -1
    this.isHeard = true
    if (this.#isSwitched) this.#pass(chunk)
    else if (this.#reader === undefined) this.#takeHead(chunk)
    else this.#takeBody(chunk, 0)
  }

  #takeHead(chunk: Buffer): void {
    const bytes = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk])
    this.#unread = undefined
    const end = bytes.indexOf(HEAD_END)
    if ((end === -1 ? bytes.length : end) > HEAD_BYTES_MAX) {
      this.#malformed('a header section that is too large')
      return
    }
    if (end === -1) {
      if (isHopeless(bytes)) this.#malformed('no HTTP/1.1 response')
      else this.#unread = bytes === chunk ? Buffer.from(bytes) : bytes
      return
    }
    const head = parseResponseHead(bytes.toString('latin1', 0, end + 2))
    if (isMalformed(head)) this.#malformed(head.malformed)
    else if (head.status < 200) this.#takeInterim(head, bytes, end + 4)
    else this.#begin(head, bytes, end + 4)
  }

  #takeInterim(head: ResponseHead, bytes: Buffer, at: number): void {
    if (head.status === 101) {
      this.#switch(head, bytes, at)
      return
    }
    this.#interim += 1
    // Nobody asks for a 100: Expect is answered here and never forwarded (RFC 9110, 15.2).
    if (head.status === 100 || this.#interim > INTERIM_MAX || head.minor === 0) {
      this.#malformed('an interim response that was not asked for')
    } else if (head.fields.has('content-length') || head.fields.has('transfer-encoding')) {
      // What follows would be the answer to us and a body to another (RFC 9110, 8.6 and RFC 9112, 6.1 forbid both fields).
      this.#malformed('an interim response with a body')
    } else if (at < bytes.length) {
      this.#takeHead(bytes.subarray(at))
    }
  }

  #switch(head: ResponseHead, bytes: Buffer, at: number): void {
    const asked = this.#request?.upgrade
    const isAsked =
      asked !== undefined &&
      head.minor === 1 &&
      hasConnectionOption(head.fields, 'upgrade') &&
      head.fields.joined('upgrade')?.toLowerCase() === asked
    if (!isAsked) {
      this.#malformed('a switch of protocols that was not asked for')
      return
    }
    this.#isSwitched = true
    this.waitsFor = 'nothing'
    this.#sink?.onSwitch(head)
    if (at < bytes.length) this.#pass(bytes.subarray(at))
  }

  #begin(head: ResponseHead, bytes: Buffer, at: number): void {
    const framing = responseFraming(head, this.#request?.method === 'HEAD')
    if (typeof framing === 'object') {
      this.#malformed(framing.malformed)
      return
    }
    // Where the fields tell of a body that may not come, some send it all the same: it must not answer the next request.
    const isPlain = framing !== 0 || !mentionsBody(head)
    this.#isReusable =
      framing !== 'close' &&
      isPlain &&
      head.minor === 1 &&
      !hasConnectionOption(head.fields, 'close') &&
      !(this.#request !== undefined && hasUnusualBody(this.#request))
    this.waitsFor = 'body'
    this.touchedMs = -1
    const isWhole = framing === bytes.length - at
    this.#sink?.onHead(head, framing, isWhole)
    if (this.#sink === undefined) return
    if (isWhole) this.#takeWhole(bytes, at)
    else {
      this.#reader = new BodyReader(framing, this.#onBody)
      this.#takeBody(bytes, at)
    }
  }

  /** The body came with its head, and nothing behind it: nearly every answer of an API. */
  #takeWhole(bytes: Buffer, at: number): void {
    if (at < bytes.length) this.#pass(bytes.subarray(at))
    if (this.#sink !== undefined) this.#over(true, bytes.length)
  }

  readonly #onBody = (chunk: Buffer): void => {
    this.#pass(chunk)
  }

  #pass(chunk: Buffer): void {
    // Whoever takes it may keep it.
    if (this.#sink?.onData(this.#isSecure ? chunk : Buffer.from(chunk)) === false) this.#socket.pause()
  }

  #takeBody(bytes: Buffer, at: number): void {
    const reader = this.#reader
    if (reader === undefined) return
    const end = reader.read(bytes, at)
    if (this.#sink === undefined) return
    if (reader.malformed !== undefined) this.#malformed(reader.malformed)
    else if (reader.isComplete) this.#over(end === bytes.length, bytes.length)
  }

  /** The answer is whole. `isClean`: nothing came behind it, in a read of so many bytes. */
  #over(isClean: boolean, readBytes: number): void {
    const sink = this.#sink
    this.#sink = undefined
    this.#reader = undefined
    this.served += 1
    this.waitsFor = 'nothing'
    if (isClean && this.#isReusable && this.#isSent && this.#socket.writable) {
      if (this.#socket.isPaused()) this.#socket.resume()
      // A full read may not have been the last one: what it left comes in this same turn.
      if (readBytes < READ_BYTES && !this.#isSecure) this.#events.onIdle(this)
      else setImmediate(this.#rest)
    } else {
      this.#socket.destroy()
    }
    sink?.onEnd()
  }

  readonly #rest = (): void => {
    if (this.isUsable && this.#sink === undefined) this.#events.onIdle(this)
  }

  #malformed(detail: string): void {
    this.fail({ failure: 'malformed', detail })
  }

  readonly #onDrain = (): void => {
    this.touchedMs = -1
    this.#sink?.onDrain()
  }

  readonly #onSocketEnd = (): void => {
    if (this.#sink === undefined) {
      this.#socket.destroy()
    } else if (this.#isSwitched || (this.#reader !== undefined && this.#isDelimitedByClose)) {
      this.#over(false, 0)
    } else {
      this.fail({ failure: 'reset', detail: 'the connection ended before the answer did' })
    }
  }

  get #isDelimitedByClose(): boolean {
    return this.#reader !== undefined && this.#reader.untilClose
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.fail({ failure: 'reset', detail: error.message })
  }

  readonly #onClose = (): void => {
    this.#events.onClose(this)
    this.fail({ failure: 'reset', detail: 'the connection was closed' })
  }
}
