// A WebSocket's two directions after the upstream's 101: bytes as they are, counted, and cut with a close code.
import type { Fields } from '../http1/fields.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { downstreamLines, receiptLine } from './headers.ts'
import { closeFrame, FrameTracker } from './websocket-frames.ts'

/** RFC 6455, 7.4 and IANA's registry: "try again later". */
const TRY_AGAIN_LATER = 1013
/** For the close frame to leave before the reset: well within the 100 ms that a freeze has. */
const FAREWELL_MS = 25

export class Tunnel {
  readonly #exchange: Exchange
  readonly #gateway: Gateway
  readonly #mayPass: () => boolean
  readonly #frames = new FrameTracker()

  /** `mayPass` is asked with each chunk, in both directions. */
  constructor(exchange: Exchange, gateway: Gateway, mayPass: () => boolean) {
    this.#exchange = exchange
    this.#gateway = gateway
    this.#mayPass = mayPass
  }

  open(fields: Fields): void {
    const exchange = this.#exchange
    const { response, downstream, id } = exchange
    exchange.status = 101
    const receipt = receiptLine(exchange, this.#gateway.trail)
    const lines = `${downstreamLines(fields, false, id, exchange.nonce)}${receipt}Connection: Upgrade\r\nUpgrade: websocket\r\n`
    response.sendHead(101, 'Switching Protocols', lines, 'close')
    response.flush()
    downstream.openTunnel({
      onData: (chunk) => {
        exchange.bytesReceived += chunk.length
        if (this.#mayPass() && exchange.call?.write(chunk) === false) downstream.pauseBody()
      },
      onEnd: () => {
        exchange.call?.endBody()
      },
    })
  }

  /** Bytes of the upstream. Returns false where the caller is slower than they come. */
  takeData(chunk: Buffer): boolean {
    const exchange = this.#exchange
    exchange.bytesSent += chunk.length
    exchange.gave(chunk.length, this.#gateway.view)
    this.#frames.see(chunk)
    if (exchange.response.write(chunk)) return true
    exchange.response.onceDrained(() => {
      exchange.call?.resume()
    })
    return false
  }

  /** The upstream takes bytes again. */
  resume(): void {
    this.#exchange.downstream.resumeBody()
  }

  /** Nothing more passes: the caller is told by a close frame where one may stand, and cut. */
  sever(): void {
    const { response, downstream } = this.#exchange
    if (!this.#frames.isBetween || response.unwrittenBytes > 0) {
      downstream.reset()
      return
    }
    response.write(closeFrame(TRY_AGAIN_LATER))
    downstream.end()
    setTimeout(() => {
      downstream.reset()
    }, FAREWELL_MS)
  }
}
