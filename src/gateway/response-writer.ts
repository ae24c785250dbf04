// The response on its way to the caller: held until it may leave, at the caller's own pace, its last byte apart.
import { hasNoBody } from '../http1/framing.ts'
import { Fields } from '../http1/fields.ts'
import type { Exchange } from './exchange.ts'
import { PATIENCE, type Gateway } from './gateway.ts'
import { downstreamLines, httpDate, rateLimitLines, receiptLine } from './headers.ts'
import { PiiScan } from './pii-scan.ts'
import type { ResponseFraming } from './response.ts'

/** Bytes kept back while the decision's commit runs; more pauses the upstream. */
const HELD_BYTES_MAX = 256 * 1024

export interface WriterEvents {
  /** The caller takes bytes again. */
  readonly onDrain: () => void
  /** The caller has stopped reading: it would hold its upstream connection for ever. */
  readonly onStalled: () => void
}

const NO_FIELDS = new Fields()
const PLAIN = /^[\t\x20-\x7e]*$/

export class ResponseWriter {
  readonly #exchange: Exchange
  readonly #gateway: Gateway
  readonly #events: WriterEvents
  /** Whether the last bytes wait for `end`, because their record is not durable before. */
  readonly #keepsLast: boolean
  #isOpen = false
  #statusText = ''
  #fields = NO_FIELDS
  /** Body bytes still to come, where the upstream has said how many. */
  #remaining: number | undefined
  #held: Buffer[] = []
  #heldBytes = 0
  #stalled: ReturnType<typeof setTimeout> | undefined

  constructor(exchange: Exchange, gateway: Gateway, keepsLast: boolean, events: WriterEvents) {
    this.#exchange = exchange
    this.#gateway = gateway
    this.#keepsLast = keepsLast
    this.#events = events
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** `length`: bytes of the body, or undefined where its end will tell. */
  takeHead(status: number, statusText: string, fields: Fields, length: number | undefined): void {
    this.#exchange.status = status
    // RFC 9112, 4: nobody reads it, and bytes beyond ASCII in it mean something else to each who does.
    this.#statusText = PLAIN.test(statusText) ? statusText : ''
    this.#fields = fields
    this.#remaining = length
    this.#exchange.detail?.takeHead(fields)
    if (this.#exchange.route?.policy.pii !== true) return
    this.#exchange.pii = new PiiScan()
    this.#exchange.pii.takeHead(fields)
  }

  /** Returns false where the upstream should pause. */
  takeData(chunk: Buffer): boolean {
    if (this.#remaining !== undefined) this.#remaining -= chunk.length
    this.#exchange.pii?.write(chunk)
    this.#exchange.detail?.takeAnswer(chunk)
    // The last chunk of a known length waits for the outcome's commit; of an unknown one it is the end mark that waits.
    if (!this.#isOpen || (this.#keepsLast && this.#remaining === 0)) {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      return this.#heldBytes < HELD_BYTES_MAX
    }
    this.#sendHead()
    return this.#write(chunk)
  }

  /** Lets bytes leave from now on, the last ones excepted. Returns false where the caller is slower than they come. */
  open(): boolean {
    this.#isOpen = true
    if (this.#remaining === 0) return true
    // A body of unknown length may be a stream of events: its head leaves at once.
    if (this.#remaining === undefined || this.#held.length > 0) this.#sendHead()
    let flows = true
    for (const chunk of this.#takeHeld()) flows = this.#write(chunk) && flows
    if (this.#remaining === undefined) this.#exchange.response.flush()
    return flows
  }

  /** The last bytes leave; `done` is called once the kernel has them. */
  end(done: () => void): void {
    const { response } = this.#exchange
    this.#sendHead()
    this.#exchange.gave(this.#heldBytes, this.#gateway.view)
    const held = this.#takeHeld()
    const last = held.pop()
    for (const chunk of held) response.write(chunk)
    response.end(last, done, () => {
      this.#watchReader()
    })
  }

  dispose(): void {
    this.#held = []
    if (this.#stalled === undefined) return
    clearTimeout(this.#stalled)
    this.#exchange.response.removeDrained(this.#onDrain)
  }

  #takeHeld(): Buffer[] {
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    return held
  }

  #sendHead(): void {
    const exchange = this.#exchange
    const { request, response, downstream, status } = exchange
    if (response.headSent) return
    const framing = this.#framing()
    let lines = downstreamLines(this.#fields, framing !== 'chunked' && status !== 204, exchange.id, exchange.nonce)
    lines += rateLimitLines(exchange) + receiptLine(exchange, this.#gateway.trail)
    if (!this.#fields.has('date')) lines += `Date: ${httpDate(this.#gateway.clock.now())}\r\n`
    // An answer that comes before the request's end ends the connection: what follows has no known beginning.
    if (this.#gateway.draining || !request.isComplete || framing === 'close') downstream.isClosing = true
    if (downstream.isClosing) lines += 'Connection: close\r\n'
    response.sendHead(status, this.#statusText, lines, framing)
  }

  #framing(): ResponseFraming {
    const { request, method, status } = this.#exchange
    if (method === 'HEAD' || hasNoBody(status)) return 'none'
    if (this.#fields.has('content-length')) return 'length'
    // RFC 9112, 6.1: no coding for those who do not know it.
    return request.minor === 0 ? 'close' : 'chunked'
  }

  #write(chunk: Buffer): boolean {
    const { response } = this.#exchange
    if (response.isGone) return true
    this.#exchange.bytesSent += chunk.length
    this.#exchange.gave(chunk.length, this.#gateway.view)
    if (response.write(chunk)) return true
    if (this.#stalled === undefined) {
      response.onceDrained(this.#onDrain)
      this.#watchReader()
    }
    return false
  }

  #watchReader(): void {
    clearTimeout(this.#stalled)
    const { readerMs } = this.#gateway.settings.patience ?? PATIENCE
    this.#stalled = setTimeout(this.#events.onStalled, readerMs)
  }

  readonly #onDrain = (): void => {
    clearTimeout(this.#stalled)
    this.#stalled = undefined
    this.#events.onDrain()
  }
}
