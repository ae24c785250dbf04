// A request's body on its way to the upstream: not one byte is taken before the call has leave to start, none past the limit.
import { Readable } from 'node:stream'
import type { IncomingMessage } from 'node:http'

/**
 * Reads the request only after `begin`, so that a call that never starts leaves it whole for the next one. Destroying it
 * stops the reading and leaves the connection alone, so that the caller can still be answered. Trailers end here: they
 * are never forwarded (RFC 9110, 6.5.1).
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #bytesMax: number
  readonly #mayPass: () => boolean
  readonly #onTooLarge: () => void
  #bytes = 0
  #begun = false
  #wanted = false

  constructor(
    request: IncomingMessage,
    options: { readonly bytesMax: number; readonly mayPass: () => boolean; readonly onTooLarge: () => void },
  ) {
    super()
    this.#request = request
    this.#bytesMax = options.bytesMax
    this.#mayPass = options.mayPass
    this.#onTooLarge = options.onTooLarge
    // It may be ended after its reader has gone: then nobody is left to hear of it.
    this.on('error', () => undefined)
  }

  begin(): void {
    if (this.#begun || this.destroyed) return
    this.#begun = true
    this.#request.on('data', this.#onData).once('end', this.#onEnd).once('close', this.#onClose)
    if (this.#request.destroyed) this.#onClose()
    else if (this.#wanted) this.#request.resume()
    else this.#request.pause()
  }

  override _read(): void {
    this.#wanted = true
    if (this.#begun) this.#request.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#request.removeListener('data', this.#onData).removeListener('end', this.#onEnd)
    this.#request.removeListener('close', this.#onClose)
    this.#request.pause()
    done(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) this.#onTooLarge()
    else if (this.#mayPass() && !this.push(chunk)) {
      this.#wanted = false
      this.#request.pause()
    }
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }

  readonly #onClose = (): void => {
    // Where it closed before its end the upstream must see an aborted request, never a complete one.
    if (!this.#request.readableEnded) this.destroy(new Error('the request ended before its body did'))
  }
}
