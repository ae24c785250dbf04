// Stage 3: the decision goes to the trail before it takes effect, as far as the route's duty says.
import { isDenial, labelOf, type Decision } from '../../core/decision.ts'
import { methodLabel } from '../../core/policy.ts'
import type { RequestRecord } from '../../core/audit-record.ts'
import type { Session } from '../../core/session.ts'
import { detailOf } from '../detail.ts'
import { committed } from '../commit.ts'
import type { Exchange } from '../exchange.ts'
import { PATIENCE, type Gateway } from '../gateway.ts'
import { overtakenBy } from '../in-flight.ts'
import { recordedPath } from '../subjects.ts'

const UNAVAILABLE: Decision = { denied: 'audit-unavailable', retryAfterMs: 5_000 }

/**
 * A permit for an unsafe method has its decision record here, and on a strict route waits until it is durable. That of a safe
 * one is written when the answer does not come whole (stages/forward): one that does leaves after its outcome is durable, and
 * has that record alone, as a refusal has. Where the trail cannot be written the decision becomes `audit-unavailable`; a lock's
 * refusal stays what it is.
 */
export function record(exchange: Exchange, judged: Decision, gateway: Gateway): Decision | Promise<Decision> {
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
  if (decision.route.policy.detail !== undefined) exchange.detail ??= detailOf(exchange, decision.route, gateway)
  if (duty === 'strict' && !gateway.trail.healthy) return record(exchange, UNAVAILABLE, gateway)
  if (exchange.isSafe) return decision
  const ticket = recordDecision(exchange, gateway)
  if (duty === 'best-effort') return decision
  return ticket === undefined ? record(exchange, UNAVAILABLE, gateway) : durably(exchange, decision, ticket, gateway)
}

/** Appends the decision; undefined where the trail does not take it. */
export function recordDecision(exchange: Exchange, gateway: Gateway): number | undefined {
  exchange.decisionRecorded = true
  return appendRecord(exchange, 'decision', gateway)
}

/** Appends a phase of the exchange; on a strict route its receipt is of what was appended last. */
export function appendRecord(exchange: Exchange, phase: RequestRecord['phase'], gateway: Gateway): number | undefined {
  const { trail } = gateway
  const ticket = trail.append(requestRecord(exchange, phase, gateway))
  if (exchange.route?.policy.audit === 'strict')
    exchange.receiptEntry = ticket === undefined ? undefined : trail.receipts?.last
  return ticket
}

async function durably(exchange: Exchange, decision: Decision, ticket: number, gateway: Gateway): Promise<Decision> {
  const { trailMs } = gateway.settings.patience ?? PATIENCE
  const held = await interruptible(exchange, committed(gateway, ticket, trailMs))
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
function requestRecord(exchange: Exchange, phase: RequestRecord['phase'], gateway: Gateway): RequestRecord {
  const { session, route, subjects, reason, lock } = exchange
  const record: Writable<RequestRecord> = {
    kind: 'request',
    phase,
    time: phase === 'decision' ? exchange.startedAt : gateway.clock.now(),
    id: exchange.id,
    client: exchange.address,
    // Where no route matched it is a word of the caller's.
    method: route === undefined ? methodLabel(exchange.method) : exchange.method,
    path: (exchange.recordedPath ??= recordedPath(exchange, gateway.pseudonyms)),
    decision: exchange.decision,
    epoch: exchange.epoch,
  }
  if (route !== undefined) record.route = route.id
  if (session !== undefined) nameSession(record, session, gateway)
  if (subjects.length > 0) record.subjects = subjects
  if (reason !== undefined) record.reason = reason
  if (lock !== undefined) record.lock = lock.id
  if (phase === 'outcome') addOutcome(record, exchange, gateway)
  return record
}

function addOutcome(record: Writable<RequestRecord>, exchange: Exchange, gateway: Gateway): void {
  const { subjects, upstreamMs } = exchange
  if (exchange.returned.length > 0 && exchange.decision === 'allow') {
    record.returned = exchange.returned.length
    record.subjects = [...new Set([...subjects, ...exchange.returned])].slice(0, SUBJECTS_MAX)
  }
  record.status = exchange.status
  record.bytes = exchange.bytesSent
  if (exchange.upgrade !== undefined) record.received = exchange.bytesReceived
  record.durationMs = rounded(gateway.clock.monotonicMs() - exchange.startedMs)
  if (upstreamMs !== undefined) record.upstreamMs = rounded(upstreamMs)
  if (exchange.pii !== undefined) record.pii = exchange.pii.seen()
  if (exchange.detail !== undefined) record.detail = exchange.detail.seal(record.time)
}

function nameSession(record: Writable<RequestRecord>, session: Session, { pseudonyms }: Gateway): void {
  record.principal = session.principal
  record.session = session.session
  record.issuer = pseudonyms.of('issuer', session.issuer)
  record.otp = session.byOtp
  const [application] = session.clients
  if (application !== undefined) record.application = application
}

/** More pseudonyms than these are a count: a record is one entry of the trail. */
const SUBJECTS_MAX = 256

type Writable<T> = { -readonly [K in keyof T]: T[K] }

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
