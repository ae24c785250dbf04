// Stage 4: a Permit becomes an upstream request, streamed both ways, and is cut when a lock lands.
import { Transform, type Readable } from 'node:stream'
import type { Denial } from '../../core/decision.ts'
import { isSafeMethod } from '../../core/policy.ts'
import type { Permit } from '../../core/permit.ts'
import type { UpstreamCall, UpstreamFailure, UpstreamSink } from '../../ports/upstream-client.ts'
import type { Exchange } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { downstreamHeaders, fieldValue, rateLimitFields, upstreamHeaders } from '../headers.ts'
import { recordOutcome } from './settle.ts'

/** `done`: the response has left, or both sides have been cut. `stale`: the permit's epoch has passed, back to admit. */
export type ForwardEnd = 'done' | 'stale' | Denial | UpstreamFailure

/** Bytes of response kept back while the decision's commit runs; more pauses the upstream. */
const HELD_BYTES_MAX = 256 * 1024

export function forward(exchange: Exchange, permit: Permit, gateway: Gateway): Promise<ForwardEnd> {
  return new Promise((resolve) => {
    new Relay(exchange, permit, gateway, resolve).start()
  })
}

class Relay implements UpstreamSink {
  readonly #exchange: Exchange
  readonly #permit: Permit
  readonly #gateway: Gateway
  readonly #resolve: (end: ForwardEnd) => void
  readonly #strict: boolean
  #call: UpstreamCall | undefined
  #finished = false
  /** Closed until the decision record is durable: nothing of the response leaves before. */
  #gateOpen = false
  #upstreamEnded = false
  #statusText = ''
  #headers: readonly string[] = []
  #held: Buffer[] = []
  #heldBytes = 0
  /** Body bytes still to come, where the upstream has said how many. */
  #remaining: number | undefined

  constructor(exchange: Exchange, permit: Permit, gateway: Gateway, resolve: (end: ForwardEnd) => void) {
    this.#exchange = exchange
    this.#permit = permit
    this.#gateway = gateway
    this.#resolve = resolve
    this.#strict = permit.route.policy.audit === 'strict'
  }

  start(): void {
    const { request, response, target, method } = this.#exchange
    const { route } = this.#permit
    const { settings, randomness } = this.#gateway
    response.once('close', this.#onDownstreamClose)
    const call = settings.upstreams.send(
      {
        upstream: route.upstream,
        method,
        target: `${target?.path ?? '/'}${target?.query ?? ''}`,
        headers: upstreamHeaders(this.#exchange, {
          scheme: settings.scheme,
          forwardAuthorization: route.policy.forwardAuthorization,
          traceparent: `00-${randomness.hex(16)}-${randomness.hex(8)}-01`,
        }),
        idempotent: isSafeMethod(method),
        ...bodyOf(request, settings.bodyBytesMax),
      },
      this,
    )
    if (!this.#finished) this.#call = call
  }

  onStart(call: UpstreamCall): boolean {
    const { view, clock } = this.#gateway
    this.#call = call
    this.#exchange.call = call
    if (this.#exchange.severedBy !== undefined || !view.isCurrent(this.#permit.epoch)) {
      this.#finish('stale')
      return false
    }
    this.#exchange.upstreamStartedMs ??= clock.monotonicMs()
    if (this.#exchange.request.headers.expect !== undefined) this.#exchange.response.writeContinue()
    return true
  }

  onHead(status: number, statusText: string, headers: readonly string[]): void {
    const exchange = this.#exchange
    exchange.status = status
    exchange.upstreamMs = this.#gateway.clock.monotonicMs() - (exchange.upstreamStartedMs ?? exchange.startedMs)
    this.#statusText = statusText
    this.#headers = headers
    const length = fieldValue(headers, 'content-length')
    this.#remaining = hasNoBody(exchange.method, status) ? 0 : length === undefined ? undefined : Number(length)
    const ticket = exchange.decisionTicket
    if (ticket === undefined) this.#openGate()
    else
      this.#gateway.trail.durable(ticket).then(
        () => {
          this.#openGate()
        },
        () => {
          this.#finish({ denied: 'audit-unavailable', retryAfterMs: 5_000 })
        },
      )
  }

  onData(chunk: Buffer): boolean {
    this.#exchange.bytesSent += chunk.length
    if (this.#remaining !== undefined) this.#remaining -= chunk.length
    // The last chunk of a known length waits for the outcome's commit; of an unknown one it is the end mark that waits.
    if (!this.#gateOpen || (this.#strict && this.#remaining === 0)) {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      return this.#heldBytes < HELD_BYTES_MAX
    }
    this.#sendHead()
    return this.#write(chunk)
  }

  onEnd(): void {
    this.#upstreamEnded = true
    void this.#complete()
  }

  onFailure(failure: UpstreamFailure): void {
    const exchange = this.#exchange
    if (exchange.severedBy !== undefined) {
      exchange.decision = 'locked'
      exchange.reason = 'severed'
      if (exchange.severedBy !== 'revoked') exchange.lock = exchange.severedBy
      this.#finish(exchange.response.headersSent ? 'done' : severedAnswer(exchange.severedBy))
      return
    }
    exchange.decision = 'error'
    exchange.reason = 'upstream'
    if (!exchange.response.headersSent) {
      this.#finish(failure)
      return
    }
    // The caller must see an abort, never a body that ends well (nginx-tests: no-last-chunk).
    exchange.response.destroy()
    this.#finish('done')
  }

  #openGate(): void {
    this.#gateOpen = true
    if (this.#finished || this.#upstreamEnded) return
    const more = this.#remaining === undefined || this.#remaining > 0
    if (!more) return
    // A body of unknown length may be a stream of events: its head leaves at once.
    if (this.#remaining === undefined || this.#held.length > 0) this.#sendHead()
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    let flowing = true
    for (const chunk of held) flowing = this.#write(chunk)
    if (flowing) this.#call?.resume()
  }

  /** Every byte has come: the outcome is recorded, then the last byte leaves. */
  async #complete(): Promise<void> {
    if (!(await recordOutcome(this.#exchange, this.#gateway))) {
      this.#abandon()
      return
    }
    if (this.#finished) return
    const { response } = this.#exchange
    this.#sendHead()
    response.once('finish', () => {
      this.#finish('done')
    })
    const last = this.#held.pop()
    for (const chunk of this.#held) response.write(chunk)
    response.end(last)
  }

  /** No response without a record: where nothing has been sent the caller is told, else the response is cut short. */
  #abandon(): void {
    this.#exchange.decision = 'error'
    if (this.#exchange.response.headersSent) {
      this.#exchange.response.destroy()
      this.#finish('done')
    } else this.#finish({ denied: 'audit-unavailable', retryAfterMs: 5_000 })
  }

  #sendHead(): void {
    const { response, status, id } = this.#exchange
    if (response.headersSent || this.#finished) return
    const headers = downstreamHeaders(this.#headers, id)
    headers.push(...rateLimitFields(this.#exchange))
    if (this.#gateway.draining) headers.push('Connection', 'close')
    if (fieldValue(headers, 'date') !== undefined) response.sendDate = false
    try {
      response.writeHead(status, this.#statusText, headers)
      if (this.#remaining === undefined) response.flushHeaders()
    } catch {
      // A field that Node will not write is the upstream's fault.
      this.#call?.abort()
      this.onFailure({ failure: 'malformed', detail: 'a header field that cannot be passed on' })
    }
  }

  #write(chunk: Buffer): boolean {
    if (this.#finished) return true
    if (this.#exchange.response.write(chunk)) return true
    this.#exchange.response.once('drain', this.#onDrain)
    return false
  }

  readonly #onDrain = (): void => {
    if (!this.#finished) this.#call?.resume()
  }

  readonly #onDownstreamClose = (): void => {
    if (this.#finished) return
    const exchange = this.#exchange
    if (exchange.severedBy !== undefined) {
      exchange.decision = 'locked'
      exchange.reason = 'severed'
      if (exchange.severedBy !== 'revoked') exchange.lock = exchange.severedBy
    } else if (!exchange.response.writableFinished) exchange.reason = 'aborted'
    this.#call?.abort()
    this.#finish('done')
  }

  #finish(end: ForwardEnd): void {
    if (this.#finished) return
    this.#finished = true
    this.#held = []
    this.#exchange.response.removeListener('close', this.#onDownstreamClose)
    this.#exchange.response.removeListener('drain', this.#onDrain)
    if (end !== 'done' && end !== 'stale') this.#call?.abort()
    this.#resolve(end)
  }
}

function severedAnswer(cause: NonNullable<Exchange['severedBy']>): Denial {
  return cause === 'revoked'
    ? { denied: 'invalid-token', detail: 'The session has ended.' }
    : { denied: 'locked', lock: cause }
}

/** RFC 9110, 6.4.1: these never have a body, whatever their fields say. */
function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

function bodyOf(request: Exchange['request'], bytesMax: number): { readonly body?: Readable } {
  const { headers } = request
  if (headers['transfer-encoding'] !== undefined) return { body: request.pipe(boundedBody(bytesMax)) }
  return Number(headers['content-length'] ?? 0) > 0 ? { body: request } : {}
}

/** A chunked body has no length to judge beforehand: past the limit it fails, and the upstream sees an aborted request. */
function boundedBody(bytesMax: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > bytesMax) done(new Error('the request body is larger than this gateway takes'))
      else done(null, chunk)
    },
  })
}
