// The response on its way to the caller: held until it may leave, at the caller's own pace, its last byte apart.
import { closeAfterAnswer } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { PATIENCE, type Gateway } from './gateway.ts'
import { downstreamHeaders, fieldValue, rateLimitFields } from './headers.ts'

/** Bytes kept back while the decision's commit runs; more pauses the upstream. */
const HELD_BYTES_MAX = 256 * 1024

export interface WriterEvents {
  /** The caller takes bytes again. */
  readonly onDrain: () => void
  /** The caller has stopped reading: it would hold its upstream connection for ever. */
  readonly onStalled: () => void
  /** A status or field that Node will not write. */
  readonly onUnsendable: () => void
}

export class ResponseWriter {
  readonly #exchange: Exchange
  readonly #gateway: Gateway
  readonly #events: WriterEvents
  /** Whether the last bytes wait for `end`, because their record is not durable before. */
  readonly #keepsLast: boolean
  #isOpen = false
  #statusText = ''
  #fields: readonly string[] = []
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

  takeHead(status: number, statusText: string, fields: readonly string[]): void {
    this.#exchange.status = status
    this.#statusText = statusText
    this.#fields = fields
    const length = fieldValue(fields, 'content-length')
    this.#remaining = hasNoBody(this.#exchange.method, status) ? 0 : length === undefined ? undefined : Number(length)
  }

  /** Returns false where the upstream should pause. */
  takeData(chunk: Buffer): boolean {
    if (this.#remaining !== undefined) this.#remaining -= chunk.length
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
    return flows
  }

  /** The last bytes leave; `done` is called once the kernel has them. */
  end(done: () => void): void {
    const { response } = this.#exchange
    this.#sendHead()
    const held = this.#takeHeld()
    const last = held.pop()
    for (const chunk of held) response.write(chunk)
    response.once('finish', done)
    response.end(last)
    if (response.writableLength > 0) this.#watchReader()
  }

  dispose(): void {
    this.#held = []
    clearTimeout(this.#stalled)
    this.#exchange.response.removeListener('drain', this.#onDrain)
  }

  #takeHeld(): Buffer[] {
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    return held
  }

  #sendHead(): void {
    const { request, response, status, id } = this.#exchange
    if (response.headersSent) return
    const fields = downstreamHeaders(this.#fields, id)
    fields.push(...rateLimitFields(this.#exchange))
    // An answer that comes before the request's end ends the connection: what follows has no known beginning.
    if (this.#gateway.draining || !request.complete) {
      fields.push('Connection', 'close')
      closeAfterAnswer(request)
    }
    if (fieldValue(fields, 'date') !== undefined) response.sendDate = false
    try {
      response.writeHead(status, plainReason(this.#statusText), fields)
      if (this.#remaining === undefined) response.flushHeaders()
    } catch {
      this.#events.onUnsendable()
    }
  }

  #write(chunk: Buffer): boolean {
    const { response } = this.#exchange
    if (!response.headersSent || response.destroyed) return true
    this.#exchange.bytesSent += chunk.length
    if (response.write(chunk)) return true
    if (this.#stalled === undefined) {
      response.once('drain', this.#onDrain)
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

/** RFC 9110, 6.4.1: these never have a body, whatever their fields say. */
function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** The upstream's reason phrase, where Node will write it. */
function plainReason(text: string): string {
  return /^[\t\x20-\x7e]*$/.test(text) ? text : ''
}
