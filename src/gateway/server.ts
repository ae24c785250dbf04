// The data plane's server: its listener, the limits of connections, timeouts, canaries and drain.
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { resetConnection } from './connection.ts'
import { Downstream, type DownstreamEvents } from './downstream.ts'
import type { Gateway } from './gateway.ts'
import { handleRequest } from './handle-request.ts'
import { refuseUnparsed } from './unparsed.ts'

export interface ServerLimits {
  readonly headerBytesMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Of this worker: each costs a file descriptor and some KiB; more are turned away at once. */
  readonly connectionsMax?: number
  /** From one address to this worker. */
  readonly connectionsPerAddressMax?: number
  readonly requestsPerConnectionMax?: number
  /** Bytes a second that a body must come at, once it has had `graceMs`. */
  readonly minimumRate?: { readonly bytesPerSecond: number; readonly graceMs: number }
}

const CONNECTIONS_MAX = 16_384
const SWEEP_MS = 1_000

export class GatewayServer {
  readonly #gateway: Gateway
  readonly #limits: ServerLimits
  readonly #listener: net.Server
  readonly #connections = new Set<Downstream>()
  /** How many connections each address has. */
  readonly #byAddress = new Map<string, number>()
  readonly #events: DownstreamEvents
  readonly #sweep: ReturnType<typeof setInterval>
  #onEmpty: (() => void) | undefined

  constructor(gateway: Gateway, limits: ServerLimits, secure?: tls.TlsOptions) {
    this.#gateway = gateway
    this.#limits = limits
    // Half-open: the caller's end must not take the answer of a connection that we are ending.
    const options = { noDelay: true, allowHalfOpen: true }
    const accept = (socket: Duplex): void => {
      this.accept(socket)
    }
    this.#listener =
      secure === undefined
        ? net.createServer(options, accept)
        : tls.createServer({ ...options, ...secure, ALPNProtocols: ['http/1.1'] }, accept)
    this.#events = {
      onRequest: async (request, response, downstream) => {
        await handleRequest(request, response, downstream, gateway)
        if (gateway.draining) setImmediate(this.closeIdle)
      },
      onUnparsed: (downstream, status, detail) => {
        refuseUnparsed(gateway, downstream, status, detail)
      },
      onClose: this.#onClose,
      peerOf: (socket) => gateway.addresses.parse((socket as Partial<net.Socket>).remoteAddress ?? '') ?? 'unix',
      now: () => {
        try {
          return gateway.clock.monotonicMs()
        } catch {
          // Receive meets the same failure, and refuses.
          return 0
        }
      },
    }
    const least = Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs, limits.idleTimeoutMs)
    this.#sweep = setInterval(this.#expire, Math.max(10, Math.min(SWEEP_MS, least / 4))).unref()
  }

  get listener(): net.Server {
    return this.#listener
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Takes a connection in; `isCanary`: the other end is ours, and what comes by it is never traffic. */
  accept(socket: Duplex, isCanary = false): void {
    const { connectionsMax = CONNECTIONS_MAX, connectionsPerAddressMax = Infinity } = this.#limits
    const address = (socket as Partial<net.Socket>).remoteAddress ?? ''
    if (!isCanary && this.#isNobodys(address)) {
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    const already = this.#byAddress.get(address) ?? 0
    const isCrowded = address !== '' && already >= connectionsPerAddressMax
    if ((isCrowded || this.#connections.size >= connectionsMax) && !isCanary) {
      socket.on('error', () => undefined)
      resetConnection(socket)
      this.#gateway.telemetry.connectionRefused(isCrowded ? 'address' : 'worker')
      return
    }
    this.#byAddress.set(address, already + 1)
    socket.once('close', () => {
      this.#forget(address)
    })
    const limits = {
      headerBytesMax: this.#limits.headerBytesMax,
      requestsMax: this.#limits.requestsPerConnectionMax ?? Infinity,
    }
    this.#connections.add(new Downstream(socket, isCanary, this.#events, limits))
  }

  /**
   * Who has no address had reset the connection before it was accepted (on a unix socket nobody has one): locks by network,
   * limits and the trail could not judge it.
   */
  #isNobodys(address: string): boolean {
    return address === '' && typeof this.#listener.address() !== 'string'
  }

  /** Ends the connections on which nothing is open. */
  readonly closeIdle = (): void => {
    for (const downstream of this.#connections) {
      if (downstream.phase === 'idle' || (downstream.phase === 'head' && !downstream.hasBegun)) downstream.end()
    }
  }

  closeAll(): void {
    for (const downstream of this.#connections) downstream.socket.destroy()
  }

  /** Accepts nothing more; resolves once every connection has ended. */
  close(): Promise<void> {
    this.#listener.close()
    return new Promise((resolve) => {
      this.#onEmpty = () => {
        clearInterval(this.#sweep)
        resolve()
      }
      if (this.#connections.size === 0) this.#onEmpty()
    })
  }

  readonly #onClose = (downstream: Downstream): void => {
    this.#connections.delete(downstream)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  #forget(address: string): void {
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, left)
  }

  /** Who has taken too long, looked for now and then rather than by a timer for each. */
  readonly #expire = (): void => {
    const now = this.#gateway.clock.monotonicMs()
    for (const downstream of this.#connections) {
      const waited = now - downstream.since
      if (downstream.phase === 'idle') {
        if (waited > this.#limits.idleTimeoutMs) downstream.end()
      } else if (downstream.phase === 'head') {
        if (waited > this.#limits.headersTimeoutMs) this.#expireHead(downstream)
      } else if (downstream.phase === 'exchange' && downstream.isReading) {
        if (waited > this.#limits.requestTimeoutMs || this.#isTooSlow(downstream, now)) downstream.expireBody()
      }
    }
  }

  /** A connection on which nothing was asked is ended without a word. */
  #expireHead(downstream: Downstream): void {
    if (downstream.hasBegun) refuseUnparsed(this.#gateway, downstream, 408, 'The header section did not come in time.')
    else downstream.end()
  }

  #isTooSlow({ bodyBytes, bodySince }: Downstream, now: number): boolean {
    const { minimumRate } = this.#limits
    if (minimumRate === undefined) return false
    const tookMs = now - bodySince
    return tookMs > minimumRate.graceMs && bodyBytes < (minimumRate.bytesPerSecond * tookMs) / 1000
  }
}

/**
 * Stops accepting, lets open exchanges finish with `Connection: close`, and cuts what is left at the deadline. Resolves to
 * true where nothing had to be cut.
 */
export async function drain(server: GatewayServer, gateway: Gateway, deadline: Promise<void>): Promise<boolean> {
  gateway.draining = true
  let clean = true
  const closed = server.close()
  server.closeIdle()
  void deadline.then(() => {
    clean = gateway.inFlight.size === 0
    gateway.inFlight.abortAll()
    server.closeAll()
  })
  await closed
  return clean
}
