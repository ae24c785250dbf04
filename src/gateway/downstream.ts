// One downstream connection: its requests one after the other, each read whole or refused, and never one byte of the next.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BodyReader } from '../http1/body-reader.ts'
import { hasConnectionOption, requestFraming } from '../http1/framing.ts'
import { isMalformed, parseRequestHead } from '../http1/head.ts'
import { writeNow } from '../http1/write-turn.ts'
import { afterEmptyLines, isHopeless, isTargetLonger } from './begun-head.ts'
import { endLingering, resetConnection } from './connection.ts'
import type { BodySink, DownstreamLimits, TunnelSink } from './downstream-sinks.ts'
import { Request } from './request.ts'
import { Response } from './response.ts'
import type { SharedRead } from './shared-read.ts'

const HEAD_END = Buffer.from('\r\n\r\n', 'latin1')
/** Bytes that wait while an exchange is open (the next requests, or a body that nobody reads yet); more pauses the caller. */
const UNREAD_MAX = 65_536
/** A tunnel may be silent for hours: a caller that is gone without a word is found by TCP's own probes. */
const PROBE_AFTER_MS = 15_000

/** The one exchange that is open on a connection. */
interface OpenExchange {
  /** The caller has gone. */
  readonly onDownstreamClose: (() => void) | undefined
}

/** What a connection needs of its server. */
export interface DownstreamEvents {
  /** Resolves, and never rejects, once the exchange is over; undefined where it is over already. */
  readonly onRequest: (request: Request, response: Response, downstream: Downstream) => Promise<void> | undefined
  /** An exchange is over, and its connection has moved on. */
  readonly onOver: () => void
  /** What came is no request that is taken: `status` is 400, 408, 414 or 431. The connection ends with the answer. */
  readonly onUnparsed: (downstream: Downstream, status: number, detail: string) => void
  readonly onClose: (downstream: Downstream) => void
  readonly peerOf: (socket: Duplex) => string
  readonly now: () => number
  /** A reload replaces them. */
  readonly limits: () => DownstreamLimits
}

/** `idle`: between requests; `head`: within one's head; `exchange`: being answered; `ending`: what comes is thrown away. */
export type DownstreamPhase = 'idle' | 'head' | 'exchange' | 'ending'

export class Downstream {
  readonly socket: Duplex
  /** The other end is this worker's own; over a unix socket that shows with its first request. */
  isCanary: boolean
  readonly #events: DownstreamEvents
  phase: DownstreamPhase = 'head'
  /** When the phase began, by the monotonic clock. */
  since: number
  exchange: OpenExchange | undefined
  /** An answer with `Connection: close` is on its way: no further request is taken. */
  isClosing = false
  /** Bytes of the open request's body that have been read, and when reading began. */
  bodyBytes = 0
  bodySince = 0
  #request: Request | undefined
  /** What comes meanwhile waits, until the next request may be taken. */
  #response: Response | undefined
  #sink: BodySink | undefined
  #tunnel: TunnelSink | undefined
  #isPaused = false
  #unread: Buffer | undefined
  /** Bytes of `#unread` that hold no end of a head. */
  #searched = 0
  #requests = 0
  #peer: string | undefined

  constructor(socket: Duplex, isCanary: boolean, events: DownstreamEvents, read?: SharedRead) {
    this.socket = socket
    this.isCanary = isCanary
    this.#events = events
    this.since = events.now()
    if (read === undefined) socket.on('data', this.#onData)
    else {
      read.take = this.#onLent
      // Nobody listens for data: its end is told all the same.
      socket.resume()
    }
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onClose)
    // A connection that fails closes.
    socket.on('error', ignore)
  }

  /** The other end of the socket; `unix` where it has no address. */
  get peer(): string {
    return (this.#peer ??= this.#events.peerOf(this.socket))
  }

  /** Whether the body of the open request is being waited for. */
  get isReading(): boolean {
    return this.#sink !== undefined && !this.#isPaused && this.#request?.isComplete === false
  }

  /** Whether part of a head has come. */
  get hasBegun(): boolean {
    return this.#unread !== undefined
  }

  /** From here on the open request's body goes to the sink. */
  readBody(sink: BodySink): void {
    if (this.#request?.body === undefined || this.#sink !== undefined) return
    this.#sink = sink
    this.bodySince = this.#events.now()
    const unread = this.#takeUnread()
    if (unread !== undefined) this.#feed(unread)
    this.#flow()
  }

  /** From here on everything goes to the sink, and the connection ends with the exchange. */
  openTunnel(sink: TunnelSink): void {
    this.isClosing = true
    this.#tunnel = sink
    const { setKeepAlive } = this.socket as Partial<Socket>
    setKeepAlive?.call(this.socket, true, PROBE_AFTER_MS)
    const unread = this.#takeUnread()
    if (unread !== undefined) sink.onData(unread)
    this.#flow()
  }

  pauseBody(): void {
    this.#isPaused = true
    this.socket.pause()
  }

  resumeBody(): void {
    this.#isPaused = false
    // The minimum rate is judged over what the caller could send.
    this.bodySince = this.#events.now()
    this.bodyBytes = 0
    const unread = this.#sink === undefined ? undefined : this.#takeUnread()
    if (unread !== undefined) this.#feed(unread)
    this.#flow()
  }

  /** Unless whoever took the last bytes has asked for a pause again, or as much waits for its turn as may. */
  #flow(): void {
    const isFull = this.phase === 'exchange' && (this.#unread?.length ?? 0) > UNREAD_MAX
    if (!isFull && !this.#isPaused && !this.socket.readableFlowing) this.socket.resume()
  }

  /** The caller takes too long to send what it has begun. */
  expireBody(): void {
    this.#sink?.onBroken(undefined)
  }

  /** The sink is given nothing more. */
  stopBody(): void {
    this.#sink = undefined
  }

  /** Answers nothing more: what the caller still sends is thrown away for a while. */
  end(): void {
    if (this.phase === 'ending') return
    this.#enter('ending')
    this.#unread = undefined
    this.#sink = undefined
    this.#tunnel = undefined
    endLingering(this.socket)
  }

  reset(): void {
    // On TLS it closes in this same turn, and the exchange must not take that for the caller's doing.
    this.exchange = undefined
    resetConnection(this.socket)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.phase === 'ending') return
    if (this.#tunnel !== undefined) this.#tunnel.onData(chunk)
    else if (this.#response === undefined) this.#takeHead(this.#unread === undefined ? chunk : this.#joined(chunk))
    else if (this.#sink !== undefined && this.#unread === undefined && !this.#isPaused) this.#feed(chunk)
    else this.#keep(chunk)
  }

  /** Bytes in memory that is the next read's: nearly always a whole head, of which nothing is kept. */
  readonly #onLent = (chunk: Buffer): void => {
    if (this.phase === 'ending') return
    const isAwaited = this.#response === undefined && this.#unread === undefined
    if (isAwaited && this.#tunnel === undefined) this.#takeHead(chunk, true)
    else this.#onData(Buffer.from(chunk))
  }

  #keep(chunk: Buffer): void {
    this.#unread = this.#joined(chunk)
    if (this.#unread.length > UNREAD_MAX) this.socket.pause()
  }

  #joined(chunk: Buffer): Buffer {
    return this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk])
  }

  #takeUnread(): Buffer | undefined {
    const unread = this.#unread
    this.#unread = undefined
    return unread
  }

  /** Body bytes up to the body's end; what follows waits for its turn. */
  #feed(bytes: Buffer): void {
    const body = this.#request?.body
    if (body === undefined || body.isComplete) {
      this.#keep(bytes)
      return
    }
    const end = body.read(bytes, 0)
    this.bodyBytes += end
    if (end < bytes.length) this.#keep(bytes.subarray(end))
    const sink = this.#sink
    if (body.malformed !== undefined) sink?.onBroken(body.malformed)
    else if (this.#request?.isComplete === true) sink?.onEnd()
  }

  /** `isLent`: what is kept of the bytes is copied. */
  #takeHead(bytes: Buffer, isLent = false): void {
    this.#unread = undefined
    const at = afterEmptyLines(bytes)
    const end = bytes.indexOf(HEAD_END, Math.max(at, this.#searched - 3))
    const { headerBytesMax, urlBytesMax } = this.#events.limits()
    // What has come last may be of the empty line that ends it: where a read ends makes no head longer.
    const length = (end === -1 ? bytes.length - HEAD_END.length + 1 : end) - at
    if (length > urlBytesMax && isTargetLonger(bytes, at, urlBytesMax)) {
      this.#refuse(414, 'The request target is longer than this gateway takes.')
    } else if (length > headerBytesMax) {
      this.#refuse(431, 'The header section is larger than this gateway takes.')
    } else if (end === -1) {
      this.#awaitHead(isLent ? Buffer.from(bytes) : bytes, at)
    } else {
      this.#searched = 0
      const head = parseRequestHead(bytes.toString('latin1', at, end + 2))
      if (isMalformed(head)) {
        this.#refuse(400, head.malformed)
        return
      }
      if (end + 4 < bytes.length) {
        const rest = bytes.subarray(end + 4)
        this.#unread = isLent ? Buffer.from(rest) : rest
      }
      const framing = requestFraming(head)
      const hasBody = framing === 'chunked' || (typeof framing === 'number' && framing > 0)
      this.#begin(new Request(head, framing, hasBody ? new BodyReader(framing, this.#onBody) : undefined))
    }
  }

  readonly #onBody = (chunk: Buffer): void => {
    this.#sink?.onData(chunk)
  }

  #awaitHead(bytes: Buffer, at: number): void {
    if (this.phase === 'idle') this.#enter('head')
    if (isHopeless(bytes.toString('latin1', at), Math.max(0, this.#searched - at - 1))) {
      this.#refuse(400, 'What came is no HTTP/1.1 request.')
      return
    }
    this.#searched = bytes.length
    this.#unread = bytes
  }

  #begin(request: Request): void {
    this.#requests += 1
    this.#enter('exchange')
    this.bodyBytes = 0
    this.#request = request
    const response = (this.#response = new Response(this.socket))
    const { fields, minor, method } = request
    // HTTP/1.0 has no persistence that two layers agree on (RFC 9112, 9.3 and C.2.2).
    const isLast =
      minor === 0 || method === 'CONNECT' || this.#requests >= this.#events.limits().requestsPerConnectionMax
    if (isLast || hasConnectionOption(fields, 'close')) this.isClosing = true
    const underWay = this.#events.onRequest(request, response, this)
    // Never within this call: requests that came together would each stand on the stack of the one before.
    if (underWay === undefined) queueMicrotask(this.#onOver)
    else void underWay.then(this.#onOver)
  }

  /** The exchange is over: the next request is read, or the connection ends. */
  readonly #onOver = (): void => {
    this.#moveOn()
    this.#events.onOver()
  }

  #moveOn(): void {
    const request = this.#request
    const response = this.#response
    this.exchange = undefined
    this.#request = undefined
    this.#sink = undefined
    this.#isPaused = false
    if (this.socket.destroyed || this.phase === 'ending') return
    if (response?.isOver !== true) {
      // Nothing more will be said of it: the caller must see an abort, never an answer that ends well.
      this.reset()
      return
    }
    if (this.isClosing || request?.isComplete !== true) {
      this.end()
      return
    }
    this.#enter('idle')
    // Not on top of answers that the caller does not take, which lie in memory; and one in each turn of the event loop, which
    // is everybody's.
    if (this.socket.writableNeedDrain) this.socket.once('drain', this.#takeNext)
    else if (this.#unread !== undefined) setImmediate(this.#takeNext)
    else this.#takeNext()
  }

  readonly #takeNext = (): void => {
    if (this.phase !== 'idle' || this.socket.destroyed) return
    this.#response = undefined
    const unread = this.#takeUnread()
    if (unread !== undefined) this.#takeHead(unread)
    this.#flow()
  }

  #refuse(status: number, detail: string): void {
    this.#events.onUnparsed(this, status, detail)
  }

  #enter(phase: DownstreamPhase): void {
    this.phase = phase
    this.since = this.#events.now()
  }

  /** The caller has sent its end: of an open exchange that is an abort, as at nginx and Node. */
  readonly #onEnd = (): void => {
    if (this.phase === 'ending') return
    if (this.#tunnel !== undefined) this.#tunnel.onEnd()
    else if (this.exchange === undefined) this.end()
    else {
      // What answered the requests before has been recorded as given.
      writeNow(this.socket)
      this.socket.destroy()
    }
  }

  readonly #onClose = (): void => {
    this.#events.onClose(this)
    this.exchange?.onDownstreamClose?.()
  }
}

function ignore(): void {
  // The close that follows tells.
}
