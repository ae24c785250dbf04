// The last stage: every exchange ends here, whatever became of it.
import { methodLabel } from '../../core/policy.ts'
import { committed } from '../commit.ts'
import type { Exchange } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { settlePeople } from '../people.ts'
import { appendRecord } from './record.ts'

/**
 * Appends the outcome, once. False, or a promise of it that never rejects, where a strict route's outcome did not become durable
 * within `waitMs`: then the last byte of the response must not leave.
 */
export function recordOutcome(exchange: Exchange, gateway: Gateway, waitMs: number): boolean | Promise<boolean> {
  const due = appendOutcome(exchange, gateway)
  return typeof due === 'boolean' ? due : waitMs > 0 && committed(gateway, due, waitMs)
}

/** The same up to the wait: true where there is nothing to wait for, false where it was not taken, else the ticket to wait for. */
export function appendOutcome(exchange: Exchange, gateway: Gateway): boolean | number {
  if (exchange.outcomeRecorded || exchange.isCanary) return true
  exchange.outcomeRecorded = true
  const duty = exchange.route?.policy.audit ?? 'best-effort'
  if (duty === 'off' || isOnlyCounted(exchange, gateway)) return true
  const ticket = appendRecord(exchange, 'outcome', gateway)
  if (duty !== 'strict') return true
  return ticket ?? false
}

/** A refusal of an address that has had many in this second: nothing was forwarded, and nothing but its number is new. */
function isOnlyCounted(exchange: Exchange, { refusals }: Gateway): boolean {
  const { decision, decisionRecorded, upstreamStartedMs } = exchange
  if (decision === 'allow' || decisionRecorded || upstreamStartedMs !== undefined) return false
  return !refusals.isOwn(exchange.address, decision, exchange.startedMs)
}

/** Never throws: the exchange has been answered. */
export function settle(exchange: Exchange, gateway: Gateway): void {
  gateway.inFlight.leave(exchange)
  if (exchange.isCanary) return
  try {
    void recordOutcome(exchange, gateway, 0)
  } catch (error) {
    report(error, exchange, gateway)
  }
  try {
    if (exchange.facts !== undefined) settlePeople(exchange, gateway)
    gateway.cohorts?.count(exchange)
    gateway.telemetry.settled({
      route: exchange.route?.id ?? 'none',
      method: methodLabel(exchange.method),
      status: exchange.status,
      decision: exchange.decision,
      durationMs: gateway.clock.monotonicMs() - exchange.startedMs,
      upstreamMs: exchange.upstreamMs,
      people: peopleRead(exchange),
      byOtp: exchange.session?.byOtp === true,
    })
  } catch (error) {
    report(error, exchange, gateway)
  }
}

/** As the outcome's record names them. */
function peopleRead({ decision, subjects, returned }: Exchange): number {
  if (decision !== 'allow') return 0
  return returned.length === 0 ? subjects.length : new Set([...subjects, ...returned]).size
}

function report(error: unknown, exchange: Exchange, gateway: Gateway): void {
  try {
    gateway.logger.error('an exchange could not be settled', { id: exchange.id, error: String(error) })
  } catch {
    // Nothing is left to tell it to.
  }
}
