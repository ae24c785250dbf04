// The data plane's HTTP server: limits, timeouts, what Node's parser refuses, canaries and drain.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { endLingering, inTurn, isClosing } from './connection.ts'
import type { Gateway } from './gateway.ts'
import { handleRequest } from './handle-request.ts'
import { respondBare } from './stages/respond.ts'
import { refuseUnparsed, type Unparsed } from './unparsed.ts'

export interface ServerLimits {
  readonly headerBytesMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
}

/** Of one worker: each costs a file descriptor and some ten KiB; more are turned away at once. */
const CONNECTIONS_MAX = 16_384

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
    // Receive refuses what has no Host: Node's own refusal would be neither recorded nor counted.
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  })
  // Past its limit Node drops fields in silence; receive counts and refuses instead.
  server.maxHeadersCount = 0
  server.maxConnections = CONNECTIONS_MAX
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    takeRequest(server, gateway, request, response)
  }
  server.on('request', take)
  // No 100 Continue before the decision: forward sends it in the turn in which the upstream is called.
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    takeTunnel(gateway, socket, request.method ?? 'CONNECT')
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    takeParserError(gateway, socket, error.code ?? '')
  })
  return server
}

function takeRequest(server: Server, gateway: Gateway, request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request
  // Writing to a caller that has just gone is no fault of ours.
  response.on('error', () => undefined)
  if (isClosing(socket)) return
  inTurn(socket, async () => {
    try {
      await handleRequest(request, response, gateway, canaries.has(socket))
    } catch {
      respondBare(response)
    }
    // A connection that has become idle while the server drains would be waited for until its timeout.
    if (gateway.draining) setImmediate(closeIdle, server)
  })
}

function closeIdle(server: Server): void {
  server.closeIdleConnections()
}

/** CONNECT: Node has let go of the socket, so an exchange ahead of it can no longer be answered well. */
function takeTunnel(gateway: Gateway, socket: Duplex, method: string): void {
  socket.on('error', () => undefined)
  if (gateway.inFlight.on(socket) !== undefined) {
    socket.destroy()
    return
  }
  socket.resume()
  refuse(gateway, socket, { status: 400, reason: 'malformed-target', method })
}

function takeParserError(gateway: Gateway, socket: Duplex, code: string): void {
  const timedOut = code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!timedOut && !code.startsWith('HPE_')) {
    // The connection has failed: nothing was asked.
    socket.destroy()
    return
  }
  const status = timedOut ? 408 : code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  refuse(gateway, socket, { status, reason: 'malformed-request', method: 'OTHER' })
}

function refuse(gateway: Gateway, socket: Duplex, unparsed: Unparsed): void {
  try {
    refuseUnparsed(gateway, socket, unparsed)
  } catch {
    endLingering(socket)
  }
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
