// Requests that never became one: what Node's parser refused, and CONNECT. They are answered, recorded and counted as well.
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import type { Gateway } from './gateway.ts'

export interface Unparsed {
  readonly status: number
  readonly reason: 'malformed-request' | 'malformed-target'
  readonly method: string
}

export function refuseUnparsed(gateway: Gateway, socket: Duplex, unparsed: Unparsed): void {
  const { status, reason, method } = unparsed
  const id = gateway.randomness.requestId()
  const now = gateway.clock.now()
  gateway.trail.append({
    kind: 'request',
    phase: 'outcome',
    time: now,
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
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const title = STATUS_CODES[status] ?? 'Bad Request'
  const body = JSON.stringify({ type: `urn:portcullis:problem:${reason}`, title, status, instance: id })
  // The socket ends with the answer: whatever follows on it has no known beginning.
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n${body}`,
  )
}
