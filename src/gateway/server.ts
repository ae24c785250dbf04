// The data plane's HTTP server: limits, timeouts, what Node's parser refuses, canaries and drain.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Gateway } from './gateway.ts'
import { handleRequest } from './handle-request.ts'
import { refuseUnparsed } from './unparsed.ts'

export interface ServerLimits {
  readonly headerBytesMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
}

/** Sockets of our own canaries; what comes by them is never traffic. */
const canaries = new WeakSet<Duplex>()

export function createGatewayServer(gateway: Gateway, limits: ServerLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    // A timeout is noticed within this time (the default of 30 s would let a slow head live that much longer).
    connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs),
    requireHostHeader: true,
    insecureHTTPParser: false,
    noDelay: true,
  })
  // Past its limit Node drops fields in silence; receive counts and refuses instead.
  server.maxHeadersCount = 0
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    void handleRequest(request, response, gateway, canaries.has(request.socket))
  }
  server.on('request', handle)
  // No 100 Continue before the decision: forward sends it in the turn in which the upstream is called.
  server.on('checkContinue', handle)
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    void handleRequest(request, response, gateway, canaries.has(request.socket))
  })
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    refuseUnparsed(gateway, socket, { status: 400, reason: 'malformed-target', method: request.method ?? 'CONNECT' })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    refuseUnparsed(gateway, socket, { ...statusOf(error.code), reason: 'malformed-request', method: 'OTHER' })
  })
  return server
}

function statusOf(code: string | undefined): { readonly status: number } {
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431 }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408 }
  return { status: 400 }
}

/** Hands one end of an in-memory pair to the server as if a caller had connected. */
export function connectCanary(server: Server, socket: Duplex): void {
  canaries.add(socket)
  server.emit('connection', socket)
}

/**
 * Stops accepting, lets open exchanges finish with `Connection: close`, and cuts what is left at the deadline. Resolves to
 * true where nothing had to be cut.
 */
export function drain(server: Server, gateway: Gateway, deadline: Promise<void>): Promise<boolean> {
  gateway.draining = true
  return new Promise((resolve) => {
    let clean = true
    server.close(() => {
      resolve(clean)
    })
    server.closeIdleConnections()
    void deadline.then(() => {
      clean = gateway.inFlight.size === 0
      gateway.inFlight.abortAll()
      server.closeAllConnections()
    })
  })
}
