// How a canary comes in: by a connection of its own to this worker's own listener. Over TCP it is known for ours by the port that
// it comes from, which no other connection to this listener can have at that time; over a unix socket by a nonce (docs/decisions/0019).
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Randomness } from '../ports/clock.ts'
import type { Downstream } from './downstream.ts'
import type { Request } from './request.ts'

/** For each local port, whose canary comes from it; 0: nobody's. Shared by all workers, since any of them may accept it. */
export type CanaryPorts = Uint8Array<SharedArrayBuffer>

export function createCanaryPorts(): CanaryPorts {
  return new Uint8Array(new SharedArrayBuffer(65_536))
}

/** What stands in the ports for a thread; a thread that has died leaves nothing behind (`forgetCanaries`). */
function markOf(thread: number): number {
  return 1 + (thread % 255)
}

export function forgetCanaries(ports: CanaryPorts, thread: number): void {
  for (let port = 0; port < ports.length; port += 1) Atomics.compareExchange(ports, port, markOf(thread), 0)
}

/** Who has just come: this worker's canary, another's that the kernel has given to this one, or a caller. */
export type Arrival = 'ours' | 'siblings' | 'caller'

/** A connection that this worker's own listener has accepted. */
export interface CanaryLine {
  readonly line: Duplex
  /** Fields of its first request, each with its line's end. */
  readonly fields: string
}

/** Over a unix socket, which has no ports, the first request is known by this; from a caller it means nothing. */
const CANARY_FIELD = 'portcullis-canary'
/** IANA's ports for private use (RFC 6335, 6). */
const PORTS_FROM = 49_152
const PORTS = 65_536 - PORTS_FROM
const CLAIMS_MAX = 100
/** The kernel gives a connection to one of the listeners that share the port: of 64, one of so many tries finds the own. */
const KNOCKS_MAX = 1_000
/** Another worker that is too busy to turn it away is not waited for. */
const KNOCK_MS = 100
/** An address that means all of them is reached by this one. */
const REACHED_BY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

export class CanaryDoor {
  readonly #ports: CanaryPorts
  readonly #mark: number
  readonly #randomness: Pick<Randomness, 'fraction' | 'requestId'>
  #next: number
  /** Called when it arrives here, by the port that it comes from. */
  readonly #awaited = new Map<number, () => void>()
  readonly #nonces = new Set<string>()
  /** The kernel hashes both ends: a port that has led here does so again, for as long as the same workers listen. */
  #led: number | undefined

  constructor(ports: CanaryPorts, thread: number, randomness: Pick<Randomness, 'fraction' | 'requestId'>) {
    this.#ports = ports
    this.#mark = markOf(thread)
    this.#randomness = randomness
    this.#next = Math.floor(randomness.fraction() * PORTS)
  }

  /** To be asked of each connection, before it is counted: a canary has its place whatever the limits say. */
  look(socket: net.Socket): Arrival {
    const port = socket.remotePort ?? 0
    const mark = Atomics.load(this.#ports, port)
    // Nobody outside of this host has its address, and within it the port is taken.
    if (mark === 0 || socket.remoteAddress !== socket.localAddress) return 'caller'
    const arrive = mark === this.#mark ? this.#awaited.get(port) : undefined
    arrive?.()
    return arrive === undefined ? 'siblings' : 'ours'
  }

  /** A canary by a unix socket is awaited: `recognise` must be asked of each request. */
  get isAwaiting(): boolean {
    return this.#nonces.size > 0
  }

  recognise(request: Request, downstream: Downstream): void {
    const nonce = request.fields.first(CANARY_FIELD)
    if (nonce !== undefined && this.#nonces.delete(nonce)) downstream.isCanary = true
  }

  /** A line that has come in by the listener. Undefined where none did until `isLate`. */
  async open(listener: net.Server, isLate: () => boolean): Promise<CanaryLine | undefined> {
    const address = listener.address()
    if (address === null) return undefined
    if (typeof address === 'string') return this.#openUnix(address)
    const host = REACHED_BY[address.address] ?? address.address
    for (let knocks = 0; knocks < KNOCKS_MAX && !isLate(); knocks += 1) {
      const from = this.#claim()
      if (from === undefined) return undefined
      const socket = await this.#knock(host, address.port, from)
      if (socket === undefined) {
        if (this.#led === from) this.#led = undefined
        continue
      }
      this.#led = from
      return { line: listener instanceof tls.Server ? secured(socket) : socket, fields: '' }
    }
    return undefined
  }

  /** A port that no canary uses, marked as ours before anything leaves from it. */
  #claim(): number | undefined {
    if (this.#led !== undefined && this.#take(this.#led)) return this.#led
    for (let tries = 0; tries < CLAIMS_MAX; tries += 1) {
      this.#next = (this.#next + 1) % PORTS
      if (this.#take(PORTS_FROM + this.#next)) return PORTS_FROM + this.#next
    }
    return undefined
  }

  #take(port: number): boolean {
    return Atomics.compareExchange(this.#ports, port, 0, this.#mark) === 0
  }

  /** The connection, once this worker has accepted it; undefined where another did, or nobody. */
  #knock(host: string, port: number, from: number): Promise<net.Socket | undefined> {
    return new Promise((resolve) => {
      // Half-open: it is ended by a reset, which leaves the port free at once (RFC 9293, 3.6.1).
      const socket = net.connect({
        host,
        port,
        localAddress: host,
        localPort: from,
        noDelay: true,
        allowHalfOpen: true,
      })
      // A turn later: where this thread itself was held up, what has come in meanwhile is taken first.
      const late = setTimeout(() => setImmediate(giveUp), KNOCK_MS)
      const giveUp = (): void => {
        if (this.#awaited.has(from)) socket.destroy()
      }
      this.#awaited.set(from, () => {
        clearTimeout(late)
        this.#awaited.delete(from)
        resolve(socket)
      })
      // The port may be taken by somebody else's connection: another one is tried.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        clearTimeout(late)
        this.#awaited.delete(from)
        Atomics.store(this.#ports, from, 0)
        resolve(undefined)
      })
    })
  }

  #openUnix(path: string): CanaryLine {
    const nonce = this.#randomness.requestId()
    this.#nonces.add(nonce)
    const line = net.connect(path)
    line.on('error', () => undefined)
    line.once('close', () => {
      this.#nonces.delete(nonce)
    })
    return { line, fields: `${CANARY_FIELD}: ${nonce}\r\n` }
  }
}

/** Whose certificate it is does not matter: this very thread has accepted the connection. */
function secured(socket: net.Socket): tls.TLSSocket {
  const line = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  line.on('error', () => undefined)
  return line
}

/** For the next connection that its own handler takes. Returns what makes it ask as it did. */
export function askForNoCertificate(listener: tls.Server): () => void {
  const { requestCert = false, rejectUnauthorized = true } = listener as tls.TlsOptions
  Object.assign(listener, { requestCert: false, rejectUnauthorized: false })
  return () => {
    Object.assign(listener, { requestCert, rejectUnauthorized })
  }
}
