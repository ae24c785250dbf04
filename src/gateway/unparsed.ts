// Requests that never became one: what Node's parser refused, and CONNECT. They are answered, recorded and counted as well.
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { afterTurn, endLingering, isClosing, resetConnection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'

export interface Unparsed {
  readonly status: number
  readonly reason: 'malformed-request' | 'malformed-target'
  readonly method: string
}

/** The parser stays broken, and tells of it again with every byte: each connection is refused once. */
const refused = new WeakSet<Duplex>()

/**
 * Answers on the bare socket and ends it: whatever follows has no known beginning. Where an exchange is open on it, either
 * its own body is at fault, and it ends here; or what follows it is, and its answer is let out first.
 */
export function refuseUnparsed(gateway: Gateway, socket: Duplex, unparsed: Unparsed): void {
  if (refused.has(socket)) return
  refused.add(socket)
  const open = gateway.inFlight.on(socket)
  if (open !== undefined && !open.request.complete) {
    endExchange(open, unparsed)
    if (open.response.headersSent) resetConnection(socket)
    else answer(socket, unparsed, open.id)
    return
  }
  afterTurn(socket, () => {
    if (isClosing(socket) || socket.destroyed) return
    const id = gateway.randomness.requestId()
    recordUnparsed(gateway, socket, unparsed, id)
    answer(socket, unparsed, id)
  })
}

function endExchange(exchange: Exchange, unparsed: Unparsed): void {
  exchange.answeredRaw = true
  // For the stage that has not begun yet.
  exchange.refusal ??= { denied: unparsed.reason }
  exchange.decision = 'rejected'
  exchange.reason = unparsed.reason
  if (!exchange.response.headersSent) exchange.status = unparsed.status
  exchange.outcomeRecorded = false
  exchange.interrupt?.()
}

function recordUnparsed(gateway: Gateway, socket: Duplex, unparsed: Unparsed, id: string): void {
  const { status, reason, method } = unparsed
  gateway.trail.append({
    kind: 'request',
    phase: 'outcome',
    time: gateway.clock.now(),
    id,
    client: gateway.addresses.parse((socket as Partial<Socket>).remoteAddress ?? '') ?? 'unknown',
    method,
    path: '',
    decision: 'rejected',
    reason,
    epoch: gateway.view.epoch,
    status,
    bytes: 0,
    durationMs: 0,
  })
  gateway.telemetry.settled({ route: 'none', method, status, decision: 'rejected', durationMs: 0 })
}

function answer(socket: Duplex, { status, reason }: Unparsed, id: string): void {
  const title = STATUS_CODES[status] ?? 'Bad Request'
  const detail = 'The request cannot be read in one way only.'
  const body = JSON.stringify({ type: `urn:portcullis:problem:${reason}`, title, status, detail, instance: id })
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
        `Cache-Control: no-store\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n${body}`,
    )
  }
  endLingering(socket)
}
