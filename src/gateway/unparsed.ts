// What came and never became a request. It is answered, recorded and counted as well.
import { STATUS_CODES } from 'node:http'
import type { Downstream } from './downstream.ts'
import type { Gateway } from './gateway.ts'

/** Answers and ends the connection: whatever follows has no known beginning. Never throws. */
export function refuseUnparsed(gateway: Gateway, downstream: Downstream, status: number, detail: string): void {
  try {
    const id = gateway.randomness.requestId()
    if (!downstream.isCanary) recordUnparsed(gateway, downstream, status, id)
    if (downstream.socket.writable) downstream.socket.write(answerText(status, detail, id), 'latin1')
  } catch (error) {
    gateway.logger.error('what was no request could not be refused', { error: String(error) })
  } finally {
    downstream.end()
  }
}

function recordUnparsed(gateway: Gateway, downstream: Downstream, status: number, id: string): void {
  gateway.trail.append({
    kind: 'request',
    phase: 'outcome',
    time: gateway.clock.now(),
    id,
    client: downstream.peer,
    method: 'OTHER',
    path: '',
    decision: 'rejected',
    reason: 'malformed-request',
    epoch: gateway.view.epoch,
    status,
    bytes: 0,
    durationMs: 0,
  })
  gateway.telemetry.settled({ route: 'none', method: 'OTHER', status, decision: 'rejected', durationMs: 0 })
}

function answerText(status: number, detail: string, id: string): string {
  const title = STATUS_CODES[status] ?? 'Bad Request'
  const body = JSON.stringify({ type: 'urn:portcullis:problem:malformed-request', title, status, detail, instance: id })
  return (
    `HTTP/1.1 ${String(status)} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${String(body.length)}\r\n` +
    `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n${body}`
  )
}
