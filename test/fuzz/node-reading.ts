// Node's own parser (llhttp) as another reader of the same bytes, strict or as lenient as it can be made.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Duplex } from 'node:stream'

export interface NodeReader {
  /** A reading of one more stream of bytes. `onRequest` is called for each head, in order. */
  read(events: NodeEvents): NodeReading
}

export interface NodeEvents {
  onRequest(method: string, target: string, id: string | undefined): void
  onFault(fault: string): void
}

export interface NodeReading {
  push(chunk: Buffer): void
  /** The stream has ended. */
  end(): void
}

/** One end of a wire: what is pushed is read by the server, what the server writes is nobody's. */
class Wire extends Duplex {
  override _read(): void {
    // Bytes are pushed as they come.
  }

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }
}

export function createNodeReader(isLenient: boolean): NodeReader {
  const events = new WeakMap<Duplex, NodeEvents>()
  const server: Server = createServer({ insecureHTTPParser: isLenient, requireHostHeader: false, keepAliveTimeout: 0 })
  server.maxHeadersCount = 0
  const take = (request: IncomingMessage): NodeEvents | undefined => {
    const id = request.headers['x-request-id']
    const listener = events.get(request.socket)
    listener?.onRequest(request.method ?? '', request.url ?? '', typeof id === 'string' ? id : undefined)
    return listener
  }
  const answer = (request: IncomingMessage, response: { end(): unknown }): void => {
    take(request)
    request.resume()
    response.end()
  }
  server.on('request', answer)
  server.on('checkContinue', answer)
  server.on('checkExpectation', answer)
  server.on('connect', (request: IncomingMessage) => take(request)?.onFault('CONNECT'))
  server.on('clientError', (error: Error & { code?: string }, wire: Duplex) => {
    // A stream that ends within a request is one that the gateway has cut.
    if (error.code !== 'HPE_INVALID_EOF_STATE') events.get(wire)?.onFault(error.code ?? error.message)
    wire.destroy()
  })
  return {
    read(listener) {
      const wire = new Wire()
      wire.on('error', () => undefined)
      events.set(wire, listener)
      server.emit('connection', wire)
      return {
        push: (chunk) => void (wire.destroyed || wire.push(chunk)),
        end: () => void (wire.destroyed || wire.push(null)),
      }
    },
  }
}
