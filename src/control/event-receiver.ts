// Receiver of security events by push (RFC 8935): what an issuer reports becomes an order of the receiver's own key, and goes the
// way of every order: verified by each gateway, durable, through the fleet.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { parseSecurityEvent, type EndedSessions } from '../core/security-event.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventVerification, EventVerifier } from '../ports/event-verifier.ts'
import type { Logger } from '../ports/logger.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { OrderDesk } from './order-desk.ts'

const EVENTS_PATH = '/events'

export interface EventReceiverDeps {
  readonly verifier: EventVerifier
  readonly pseudonyms: Pseudonyms
  /** A signed statement of the receiver over the order. */
  readonly sign: (order: Readonly<Record<string, unknown>>) => string
  readonly desk: Pick<OrderDesk, 'submit'>
  readonly clock: Clock
  readonly logger: Logger
}

const BODY_BYTES_MAX = 65_536
const TYPE = /^application\/secevent\+jwt *(?:;|$)/i
/** Events that were taken: one that is sent again is acknowledged, and makes no second order. */
const TAKEN_MAX = 10_000
/** Each order stays in the ledger for good: more than these a minute are put off, and are sent again. */
const ORDERS_PER_MINUTE = 600
const MINUTE_MS = 60_000

export function createEventReceiver(deps: EventReceiverDeps): RequestListener {
  const memory: Memory = { taken: new Set(), minute: 0, orders: 0 }
  return (request, response) => {
    answer(request, response, memory, deps).catch((error: unknown) => {
      deps.logger.error('the receiver of events failed to answer', {
        error: error instanceof Error ? error.message : 'unknown',
      })
      if (!response.headersSent) send(response, 500)
    })
  }
}

interface Memory {
  readonly taken: Set<string>
  minute: number
  orders: number
}

function isPutOff(memory: Memory, now: number): boolean {
  const minute = Math.floor(now / MINUTE_MS)
  if (minute !== memory.minute) Object.assign(memory, { minute, orders: 0 })
  memory.orders += 1
  return memory.orders > ORDERS_PER_MINUTE
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  memory: Memory,
  deps: EventReceiverDeps,
): Promise<void> {
  if (request.url !== EVENTS_PATH) {
    send(response, 404)
    return
  }
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST')
    send(response, 405)
    return
  }
  if (!TYPE.test(request.headers['content-type'] ?? '')) {
    refuse(response, 'invalid_request', 'the body must be application/secevent+jwt')
    return
  }
  const body = await readBody(request)
  if (body === undefined) {
    refuse(response, 'invalid_request', `a token has at most ${BODY_BYTES_MAX} bytes`)
    return
  }
  const verified = await deps.verifier.verify(body.toString('latin1').trim(), deps.clock.now())
  if ('refused' in verified) {
    deps.logger.warn('a security event was refused', { error: verified.refused, detail: verified.detail })
    if (verified.refused === 'unavailable') send(response, 503)
    else refuse(response, verified.refused, verified.detail)
    return
  }
  await take(verified, response, memory, deps)
}

/** Undefined where it is longer than it may be. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

type Verified = Exclude<EventVerification, { refused: unknown }>

async function take(
  event: Verified,
  response: ServerResponse,
  memory: Memory,
  { clock, desk, logger, ...deps }: EventReceiverDeps,
): Promise<void> {
  const name = JSON.stringify([event.transmitter, event.jti])
  const { taken } = memory
  const effect = taken.has(name) ? 'nothing' : parseSecurityEvent(event.claims, clock.now())
  if (effect !== 'nothing') {
    if ('problem' in effect) {
      refuse(response, 'invalid_request', effect.problem)
      return
    }
    const orders = ordersOf(effect.ends, event, deps.pseudonyms)
    if (orders.length === 0) {
      refuse(response, 'invalid_issuer', 'it speaks of sessions of another issuer')
      return
    }
    if (isPutOff(memory, clock.now())) {
      send(response, 429)
      return
    }
    for (const order of orders) {
      const result = await desk.submit(deps.sign(order), 'api')
      if (result.outcome === 'accepted') continue
      logger.error('a security event could not be carried out', {
        transmitter: event.transmitter,
        problems: 'problems' in result ? result.problems.join('; ') : result.outcome,
      })
      send(response, 503)
      return
    }
  }
  if (taken.size >= TAKEN_MAX) taken.clear()
  taken.add(name)
  send(response, 202)
}

/** None where the transmitter may not speak for the issuer. Nobody's name leaves this function but as a pseudonym. */
function ordersOf(
  ends: EndedSessions,
  { speaksFor, transmitter }: Verified,
  pseudonyms: Pseudonyms,
): readonly Readonly<Record<string, unknown>>[] {
  if (ends.issuer !== undefined && !speaksFor.includes(ends.issuer)) return []
  const common = { kind: 'revoke', reason: `session-revoked, reported by ${transmitter}`, incident: 'CAEP' }
  if ('principal' in ends) {
    const subject = pseudonyms.of('principal', ends.principal)
    return [{ ...common, subject, before: new Date(ends.before).toISOString() }]
  }
  const issuers = ends.issuer === undefined ? speaksFor : [ends.issuer]
  return issuers.map((issuer) => ({ ...common, session: pseudonyms.of('session', `${issuer}#${ends.session}`) }))
}

/** RFC 8935, 2.4. */
function refuse(response: ServerResponse, err: string, description: string): void {
  response.setHeader('Content-Type', 'application/json')
  send(response, 400, JSON.stringify({ err, description }))
}

function send(response: ServerResponse, status: number, body = ''): void {
  response.setHeader('Cache-Control', 'no-store')
  if (status >= 400) response.setHeader('Connection', 'close')
  if (status === 503 || status === 429) response.setHeader('Retry-After', status === 429 ? '60' : '5')
  response.writeHead(status, { 'Content-Length': Buffer.byteLength(body) }).end(body)
}
