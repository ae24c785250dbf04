// The last stage: every exchange ends here, whatever became of it.
import type { Exchange } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { requestRecord } from './record.ts'

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
])

/**
 * Appends the outcome, once. Resolves to false where a strict route's outcome could not be made durable: then the last byte
 * of the response must not leave.
 */
export async function recordOutcome(exchange: Exchange, gateway: Gateway): Promise<boolean> {
  if (exchange.outcomeRecorded || exchange.isCanary) return true
  exchange.outcomeRecorded = true
  const duty = exchange.route?.policy.audit ?? 'best-effort'
  if (duty === 'off') return true
  const ticket = gateway.trail.append(requestRecord(exchange, 'outcome', gateway))
  if (duty !== 'strict') return true
  if (ticket === undefined) return false
  try {
    await gateway.trail.durable(ticket)
    return true
  } catch {
    return false
  }
}

export function settle(exchange: Exchange, gateway: Gateway): void {
  gateway.inFlight.leave(exchange)
  if (exchange.isCanary) return
  void recordOutcome(exchange, gateway)
  gateway.telemetry.settled({
    route: exchange.route?.id ?? 'none',
    method: METHODS.has(exchange.method) ? exchange.method : 'OTHER',
    status: exchange.status,
    decision: exchange.decision,
    durationMs: gateway.clock.monotonicMs() - exchange.startedMs,
    ...(exchange.upstreamMs === undefined ? {} : { upstreamMs: exchange.upstreamMs }),
  })
}
