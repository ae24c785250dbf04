// The data plane's server: its listener, the limits of connections, timeouts, canaries and drain.
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { checkBeforeWrites } from '../http1/write-turn.ts'
import { askForNoCertificate, CanaryDoor, createCanaryPorts } from './canary-door.ts'
import { rawSocketOf, resetConnection } from './connection.ts'
import { ConnectionCount, type ConnectionLimits } from './connection-count.ts'
import { Downstream, type DownstreamEvents } from './downstream.ts'
import type { DownstreamLimits } from './downstream-sinks.ts'
import type { Gateway } from './gateway.ts'
import { handleRequest } from './handle-request.ts'
import { shareReads, type SharedRead } from './shared-read.ts'
import { refuseUnparsed } from './unparsed.ts'

export interface ServerLimits extends ConnectionLimits, DownstreamLimits {
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Bytes a second that a body must come at, once it has had `graceMs`; 0: none. */
  readonly minimumRate: { readonly bytesPerSecond: number; readonly graceMs: number }
}

const SWEEP_MS = 1_000
/** Places beyond the limit for a canary by a unix socket, which is not known for one before it has asked. */
const RESERVED_MAX = 4

export class GatewayServer {
  readonly #gateway: Gateway
  #limits: ServerLimits
  readonly #listener: net.Server
  /** Whose TLS handshake is not over. */
  readonly #handshaking = new Set<Duplex>()
  readonly #connections = new Set<Downstream>()
  readonly #count = new ConnectionCount()
  readonly #events: DownstreamEvents
  /** The way in for canaries of this worker. */
  readonly canaries: CanaryDoor
  /** Raw sockets of canaries whose TLS handshake is not over. */
  readonly #arriving = new WeakSet<Duplex>()
  #reserved = 0
  #sweep: ReturnType<typeof setInterval> | undefined
  readonly #stopChecking: () => void
  #onEmpty: (() => void) | undefined

  /** `secure`: it speaks TLS, from its start to its end; see `renewCertificates`. `canaries`: where other workers share the port. */
  constructor(gateway: Gateway, limits: ServerLimits, secure?: tls.TlsOptions, canaries?: CanaryDoor) {
    this.#gateway = gateway
    this.#limits = limits
    this.canaries = canaries ?? new CanaryDoor(createCanaryPorts(), 0, gateway.randomness)
    this.#listener = this.#createListener(secure)
    this.#events = {
      onRequest: (request, response, downstream) => {
        if (this.canaries.isAwaiting) this.canaries.recognise(request, downstream)
        return handleRequest(request, response, downstream, gateway)
      },
      onOver: () => {
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
      limits: () => this.#limits,
    }
    // A table that has come since a write was held is taken first: it destroys what it covers.
    this.#stopChecking = checkBeforeWrites(() => {
      gateway.view.beforeWrites(gateway.clock)
    })
    this.useLimits(limits)
  }

  get listener(): net.Server {
    return this.#listener
  }

  get connections(): number {
    return this.#connections.size
  }

  /** From now on, also for connections that are open. */
  useLimits(limits: ServerLimits): void {
    const { headersTimeoutMs, requestTimeoutMs, idleTimeoutMs, minimumRate } = limits
    this.#limits = limits
    const least = Math.min(headersTimeoutMs, requestTimeoutMs, idleTimeoutMs, minimumRate.graceMs)
    clearInterval(this.#sweep)
    this.#sweep = setInterval(this.#expire, Math.max(10, Math.min(SWEEP_MS, least / 4))).unref()
  }

  /** For the handshakes to come; what is open stays as it is. Nothing where the listener speaks no TLS. */
  renewCertificates(secure: tls.TlsOptions): void {
    const listener = this.#listener
    if (!(listener instanceof tls.Server)) return
    listener.setSecureContext(secure)
    // What setSecureContext leaves as it was: whether every client must show a certificate.
    const { requestCert = false, rejectUnauthorized = true } = secure
    Object.assign(listener, { requestCert, rejectUnauthorized })
  }

  #createListener(secure: tls.TlsOptions | undefined): net.Server {
    // Half-open: the caller's end must not take the answer of a connection that we are ending.
    if (secure === undefined) {
      return net.createServer({ noDelay: true, allowHalfOpen: true }, (accepted) => {
        const read = shareReads(accepted)
        const socket = read?.socket ?? accepted
        const who = this.canaries.look(socket)
        if (who === 'caller' ? this.#mayEnter(socket) : this.#letIn(socket, who))
          this.accept(socket, who === 'ours', read)
      })
    }
    // But not before a handshake is over: whoever goes then would hold its place until its time is over.
    const listener = tls.createServer({ noDelay: true, ...secure }, (socket) => {
      socket.allowHalfOpen = true
      const raw = rawSocketOf(socket)
      this.#handshaking.delete(raw)
      this.accept(socket, this.#arriving.has(raw))
    })
    // A canary shows no certificate: it is asked for none, by the listener's own handler, which comes between these two.
    let askAgain: (() => void) | undefined
    listener.prependListener('connection', (socket: net.Socket) => {
      if (this.canaries.look(socket) !== 'ours') return
      this.#arriving.add(socket)
      askAgain = askForNoCertificate(listener)
    })
    // Counted as they come: a handshake costs more than most requests, and who is slow in it holds a place all the same.
    listener.on('connection', (socket: net.Socket) => {
      askAgain?.()
      askAgain = undefined
      const who = this.#arriving.has(socket) ? 'ours' : this.canaries.look(socket)
      if (who === 'caller' ? this.#mayEnter(socket) : this.#letIn(socket, who)) this.#awaitHandshake(socket)
    })
    // A bare tls.Server tells of a failed or late handshake, and ends nothing.
    listener.on('tlsClientError', (_error, socket) => {
      socket.destroy()
    })
    return listener
  }

  #awaitHandshake(socket: net.Socket): void {
    this.#handshaking.add(socket)
    socket.once('close', () => {
      this.#handshaking.delete(socket)
    })
  }

  /** A canary is counted nowhere; another worker's is sent back at once, and tries another port. */
  #letIn(socket: net.Socket, who: 'ours' | 'siblings'): boolean {
    if (who === 'ours') return true
    socket.on('error', () => undefined)
    resetConnection(socket)
    return false
  }

  /** Counts who comes in; who may not is gone already. */
  #mayEnter(socket: net.Socket): boolean {
    if (this.#isNobodys(socket)) {
      socket.on('error', () => undefined)
      socket.destroy()
      return false
    }
    const beyond = this.#count.enter(socket, this.#countedBy(socket), this.#limits)
    if (beyond === undefined || this.#isReserved(socket)) return true
    socket.on('error', () => undefined)
    resetConnection(socket)
    this.#gateway.telemetry.connectionRefused(beyond)
    return false
  }

  /** Whether one of the places that are kept for a canary is given to it, while one is awaited that cannot be told from a caller. */
  #isReserved(socket: net.Socket): boolean {
    if (!this.canaries.isAwaiting || this.#reserved >= RESERVED_MAX) return false
    this.#reserved += 1
    socket.once('close', () => {
      this.#reserved -= 1
    })
    return true
  }

  /** A proxy stands for all of its callers; a unix socket has no address. */
  #countedBy({ remoteAddress = '' }: net.Socket): string | undefined {
    const { addresses, settings } = this.#gateway
    try {
      const address = addresses.parse(remoteAddress)
      return address === undefined || settings.isTrustedProxy(address) ? undefined : addresses.aggregate(address)
    } catch {
      // Receive meets the same failure, and refuses.
      return undefined
    }
  }

  /**
   * Who has no address had reset the connection before it was accepted (on a unix socket nobody has one): locks by network,
   * limits and the trail could not judge it.
   */
  #isNobodys(socket: Duplex): boolean {
    const { remoteAddress = '' } = socket as Partial<net.Socket>
    return remoteAddress === '' && typeof this.#listener.address() !== 'string'
  }

  /** Requests may come; `isCanary`: the other end is ours, and what comes by it is never traffic. `read`: its bytes are lent. */
  accept(socket: Duplex, isCanary = false, read?: SharedRead): void {
    if (!isCanary && this.#isNobodys(socket)) {
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    this.#connections.add(new Downstream(socket, isCanary, this.#events, read))
  }

  /** Ends the connections on which nothing is open. */
  readonly closeIdle = (): void => {
    for (const downstream of this.#connections) {
      if (downstream.phase === 'idle' || (downstream.phase === 'head' && !downstream.hasBegun)) downstream.end()
    }
  }

  closeAll(): void {
    for (const socket of this.#handshaking) socket.destroy()
    for (const downstream of this.#connections) downstream.socket.destroy()
  }

  /** Accepts nothing more; resolves once every connection has ended. */
  close(): Promise<void> {
    this.#listener.close()
    // Nothing has been asked on these.
    for (const socket of this.#handshaking) socket.destroy()
    return new Promise((resolve) => {
      this.#onEmpty = () => {
        clearInterval(this.#sweep)
        this.#stopChecking()
        resolve()
      }
      if (this.#connections.size === 0) this.#onEmpty()
    })
  }

  readonly #onClose = (downstream: Downstream): void => {
    this.#connections.delete(downstream)
    if (this.#connections.size === 0) this.#onEmpty?.()
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
    const { bytesPerSecond, graceMs } = this.#limits.minimumRate
    const tookMs = now - bodySince
    return tookMs > graceMs && bodyBytes < (bytesPerSecond * tookMs) / 1000
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
