// A request's body on its way to the upstream: not one byte is read before the call has leave to start, none past the limit.
import type { Denial } from '../core/decision.ts'
import type { UpstreamCall } from '../ports/upstream-client.ts'
import type { BodySink } from './downstream-sinks.ts'
import type { Exchange } from './exchange.ts'

interface BodyEvents {
  readonly bytesMax: number
  /** Asked with each chunk. */
  readonly mayPass: () => boolean
  /** The request is at fault: no more of its body comes. */
  readonly onRefused: (refusal: Denial) => void
}

/** A request's body on its way: `begin` each time that a head has been written. */
export interface OutgoingBody {
  begin(call: UpstreamCall): void
  resume(): void
  stop(): void
}

/** Undefined where the request has none. */
export function outgoingBody(exchange: Exchange, events: BodyEvents): OutgoingBody | undefined {
  if (exchange.body !== undefined) return new HeldBody(exchange.body.chunks)
  return exchange.request.body === undefined ? undefined : new RequestBody(exchange, events)
}

/** A body that has been read before, so that it could be judged. */
class HeldBody implements OutgoingBody {
  readonly #chunks: readonly Buffer[]

  constructor(chunks: readonly Buffer[]) {
    this.#chunks = chunks
  }

  /** Of bounded size: the socket holds what the upstream does not take at once. */
  begin(call: UpstreamCall): void {
    for (const chunk of this.#chunks) call.write(chunk)
    call.endBody()
  }

  resume(): void {
    // Nothing waits.
  }

  stop(): void {
    // Nothing is read.
  }
}

/** Trailers end at the reader: they are never forwarded (RFC 9110, 6.5.1). */
class RequestBody implements BodySink, OutgoingBody {
  readonly #exchange: Exchange
  readonly #events: BodyEvents
  #call: UpstreamCall | undefined
  #bytes = 0

  constructor(exchange: Exchange, events: BodyEvents) {
    this.#exchange = exchange
    this.#events = events
  }

  begin(call: UpstreamCall): void {
    this.#call = call
    this.#exchange.downstream.readBody(this)
  }

  /** The upstream takes bytes again. */
  resume(): void {
    if (this.#call !== undefined) this.#exchange.downstream.resumeBody()
  }

  stop(): void {
    this.#call = undefined
    this.#exchange.downstream.stopBody()
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#events.bytesMax) this.#events.onRefused({ denied: 'body-too-large' })
    else if (this.#events.mayPass()) {
      this.#exchange.detail?.takeBody(chunk)
      if (this.#call?.write(chunk) === false) this.#exchange.downstream.pauseBody()
    }
  }

  onEnd(): void {
    this.#call?.endBody()
  }

  onBroken(detail: string | undefined): void {
    this.#events.onRefused(
      detail === undefined ? { denied: 'request-timeout' } : { denied: 'malformed-request', detail },
    )
  }
}
