// What came and never became a request. It is answered, recorded and counted as well.
import { STATUS_CODES } from 'node:http'
import type { DenialReason } from '../core/decision.ts'
import type { Downstream } from './downstream.ts'
import type { Gateway } from './gateway.ts'

interface Refusal {
  readonly reason: DenialReason
  /** The problem type. */
  readonly type: string
}

/** As stages/respond answers and records them. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  408: { reason: 'request-timeout', type: 'request-timeout' },
  414: { reason: 'malformed-target', type: 'target-too-long' },
  431: { reason: 'headers-too-large', type: 'headers-too-large' },
}
const MALFORMED: Refusal = { reason: 'malformed-request', type: 'malformed-request' }

/** Answers and ends the connection: whatever follows has no known beginning. Never throws. */
export function refuseUnparsed(gateway: Gateway, downstream: Downstream, status: number, detail: string): void {
  try {
    const id = gateway.randomness.requestId()
    const { reason, type } = REFUSALS[status] ?? MALFORMED
    if (!downstream.isCanary) settleUnparsed(gateway, downstream, status, reason, id)
    if (downstream.socket.writable) downstream.socket.write(answerText(status, type, detail, id), 'latin1')
  } catch (error) {
    gateway.logger.error('what was no request could not be refused', { error: String(error) })
  } finally {
    downstream.end()
  }
}

function settleUnparsed(
  gateway: Gateway,
  downstream: Downstream,
  status: number,
  reason: DenialReason,
  id: string,
): void {
  gateway.telemetry.settled({ route: 'none', method: 'OTHER', status, decision: 'rejected', durationMs: 0 })
  if (!gateway.refusals.isOwn(downstream.peer, 'rejected', gateway.clock.monotonicMs())) return
  gateway.trail.append({
    kind: 'request',
    phase: 'outcome',
    time: gateway.clock.now(),
    id,
    client: downstream.peer,
    method: 'OTHER',
    path: '',
    decision: 'rejected',
    reason,
    epoch: gateway.view.epoch,
    status,
    bytes: 0,
    durationMs: 0,
  })
}

function answerText(status: number, type: string, detail: string, id: string): string {
  const title = STATUS_CODES[status] ?? 'Bad Request'
  const body = JSON.stringify({ type: `urn:portcullis:problem:${type}`, title, status, detail, instance: id })
  return (
    `HTTP/1.1 ${String(status)} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${String(body.length)}\r\n` +
    `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n${body}`
  )
}
