// How the client library gets its sockets: each is screened, byte by byte, before anything reads from it.
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, SentinelConnector, type Redis, type RedisOptions } from 'ioredis'
import { ReplyScreen, type ReplyLimits } from './reply-screen.ts'

/** How long an orderly end of a connection may take, where a paused Redis never answers it. */
const DISCONNECT_TIMEOUT_MS = 200

/** Whatever the socket reads goes through the screen; what fails it is never read, and ends the connection. */
function screen<S extends Socket>(socket: S, limits: ReplyLimits): S {
  const replies = new ReplyScreen(limits)
  const push = socket.push.bind(socket)
  // `push` is where bytes enter a stream: before any listener, of this library or of ours, and in every state of the handshake.
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const problem = chunk instanceof Uint8Array ? replies.judge(chunk) : undefined
    if (problem === undefined) return push(chunk, encoding)
    socket.destroy(new Error(`redis was cut off: ${problem}`))
    return false
  }
  return socket
}

type Connector = NonNullable<RedisOptions['Connector']>

/** A connector for one Redis, or for one node of a cluster. */
export function screenedConnector(limits: ReplyLimits): Connector {
  class Screened extends AbstractConnector {
    readonly #options: RedisOptions
    constructor(options: RedisOptions) {
      super(DISCONNECT_TIMEOUT_MS)
      this.#options = options
    }

    // Async, so that an address that is none (a cluster's nodes are what Redis says) is an error of this connection alone.
    override async connect(): Promise<Socket> {
      this.connecting = true
      const { host, port, tls } = this.#options
      const to = { host, port } as NetConnectOpts
      const socket = isSet(tls) ? connectTls({ ...to, ...tls }) : connectTcp(to)
      socket.once('error', (error) => {
        this.firstError = error
      })
      this.stream = screen(socket, limits)
      return this.stream
    }
  }
  return Screened as unknown as Connector
}

export interface SentinelReplyLimits {
  /** Of the connection that asks where the primary is. */
  readonly questions: ReplyLimits
  /** Of the connections that wait for a failover. */
  readonly events: ReplyLimits
}

/** A connector that asks Sentinels where the primary is; the conversations with the Sentinels are screened as well. */
export function screenedSentinelConnector(limits: ReplyLimits, sentinels: SentinelReplyLimits): Connector {
  class Screened extends SentinelConnector {
    constructor(options: RedisOptions) {
      super(options)
      // The library offers no way to say how a Sentinel is connected to, and names this method nowhere in its types.
      const own = this as unknown as { connectToSentinel(endpoint: unknown, options?: RedisOptions): Redis }
      const connectToSentinel = own.connectToSentinel.bind(this)
      own.connectToSentinel = (endpoint, options) => {
        // Those that stay, to tell of a failover, come with options.
        const toBeUsed = options === undefined ? sentinels.questions : sentinels.events
        const client = connectToSentinel(endpoint, { ...options, Connector: screenedConnector(toBeUsed) })
        // They have nobody who listens for their errors: the library would print them.
        return client.on('error', () => undefined)
      }
    }

    override async connect(emitter: (type: string, error: Error) => void): Promise<Socket> {
      return screen(await super.connect(emitter), limits)
    }
  }
  return Screened as unknown as Connector
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined
}
