// Stage 3: the decision goes to the trail before it takes effect, as far as the route's duty says.
import { isDenial, labelOf, type Decision } from '../../core/decision.ts'
import type { RequestRecord } from '../../core/audit-record.ts'
import { committed } from '../commit.ts'
import type { Exchange } from '../exchange.ts'
import { PATIENCE, type Gateway } from '../gateway.ts'
import { overtakenBy } from '../in-flight.ts'
import { recordedPath } from '../subjects.ts'

const UNAVAILABLE: Decision = { denied: 'audit-unavailable', retryAfterMs: 5_000 }

/**
 * On a strict route a permit for an unsafe method waits here until its record is durable; for a safe one the first byte of
 * the response waits (stages/forward), so that commit and upstream overlap. A refusal has one record, its outcome. Where the
 * trail cannot be written the decision becomes `audit-unavailable`; a lock's refusal stays what it is.
 */
export async function record(exchange: Exchange, judged: Decision, gateway: Gateway): Promise<Decision> {
  const decision = isDenial(judged) ? judged : (overtakenBy(exchange) ?? judged)
  exchange.decision = labelOf(decision)
  if (isDenial(decision)) {
    exchange.reason = decision.denied
    exchange.lock = decision.lock
    return decision
  }
  exchange.reason = undefined
  const duty = decision.route.policy.audit
  if (duty === 'off' || exchange.isCanary) return decision
  const ticket = gateway.trail.append(requestRecord(exchange, 'decision', gateway))
  if (duty === 'best-effort') return decision
  if (ticket === undefined) return record(exchange, UNAVAILABLE, gateway)
  if (exchange.isSafe) {
    exchange.decisionTicket = ticket
    return decision
  }
  const held = await interruptible(
    exchange,
    committed(gateway, ticket, (gateway.settings.patience ?? PATIENCE).trailMs),
  )
  const overtaken = overtakenBy(exchange)
  if (overtaken !== undefined) return record(exchange, overtaken, gateway)
  return held ? decision : record(exchange, UNAVAILABLE, gateway)
}

/** A lock that lands while the record is being written is answered at once, also where the trail hangs. */
function interruptible(exchange: Exchange, wait: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (held: boolean): void => {
      exchange.interrupt = undefined
      resolve(held)
    }
    exchange.interrupt = () => {
      end(false)
    }
    void wait.then(end)
  })
}

/** One phase of an exchange, built from named fields: people appear by pseudonym alone. */
export function requestRecord(exchange: Exchange, phase: RequestRecord['phase'], gateway: Gateway): RequestRecord {
  const { session, route } = exchange
  const base = {
    kind: 'request',
    phase,
    time: phase === 'decision' ? exchange.startedAt : gateway.clock.now(),
    id: exchange.id,
    client: exchange.address,
    method: exchange.method.slice(0, 32),
    ...(route === undefined ? {} : { route: route.id }),
    path: recordedPath(exchange, gateway.pseudonyms),
    ...(session === undefined
      ? {}
      : {
          principal: session.principal,
          session: session.session,
          issuer: gateway.pseudonyms.of('issuer', session.issuer),
        }),
    ...(exchange.subjects.length === 0 ? {} : { subjects: exchange.subjects }),
    decision: exchange.decision,
    ...(exchange.reason === undefined ? {} : { reason: exchange.reason }),
    ...(exchange.lock === undefined ? {} : { lock: exchange.lock.id }),
    epoch: exchange.epoch,
  } as const
  if (phase === 'decision') return base
  return {
    ...base,
    status: exchange.status,
    bytes: exchange.bytesSent,
    ...(exchange.upgrade === undefined ? {} : { received: exchange.bytesReceived }),
    durationMs: rounded(gateway.clock.monotonicMs() - exchange.startedMs),
    ...(exchange.upstreamMs === undefined ? {} : { upstreamMs: rounded(exchange.upstreamMs) }),
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
