// A request's body on its way to the upstream: not one byte is read before the call has leave to start, none past the limit.
import type { UpstreamCall } from '../ports/upstream-client.ts'
import type { BodySink } from './downstream.ts'
import type { Exchange } from './exchange.ts'

export interface BodyEvents {
  readonly bytesMax: number
  /** Asked with each chunk. */
  readonly mayPass: () => boolean
  readonly onTooLarge: () => void
  readonly onBroken: (detail: string | undefined) => void
}

/** Trailers end at the reader: they are never forwarded (RFC 9110, 6.5.1). */
export class RequestBody implements BodySink {
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
    if (this.#bytes > this.#events.bytesMax) this.#events.onTooLarge()
    else if (this.#events.mayPass() && this.#call?.write(chunk) === false) this.#exchange.downstream.pauseBody()
  }

  onEnd(): void {
    this.#call?.endBody()
  }

  onBroken(detail: string | undefined): void {
    this.#events.onBroken(detail)
  }
}
