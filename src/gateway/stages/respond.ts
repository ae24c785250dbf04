// Stage 5, for refusals and failures: the ONE map from reasons to statuses, answered as application/problem+json (RFC 9457).
import { isSafeMethod } from '../../core/policy.ts'
import type { Denial, DenialReason } from '../../core/decision.ts'
import type { UpstreamFailure } from '../../ports/upstream-client.ts'
import type { Exchange } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { rateLimitFields } from '../headers.ts'
import { publicMessage } from '../messages.ts'
import { recordOutcome } from './settle.ts'

interface Answer {
  readonly status: number
  readonly title: string
}

/** A reason without an answer does not compile. */
const ANSWERS = {
  'malformed-target': { status: 400, title: 'Ambiguous request target' },
  'malformed-request': { status: 400, title: 'Malformed request' },
  'near-miss': { status: 404, title: 'Not found' },
  'no-route': { status: 404, title: 'Not found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  expectation: { status: 417, title: 'Expectation failed' },
  'headers-too-large': { status: 431, title: 'Request header fields too large' },
  'body-too-large': { status: 413, title: 'Content too large' },
  locked: { status: 503, title: 'Locked' },
  'view-stale': { status: 503, title: 'Locked' },
  'no-session': { status: 401, title: 'A session is required' },
  'invalid-token': { status: 401, title: 'The session is not valid' },
  'insufficient-authentication': { status: 401, title: 'A fresh one-time password is required' },
  'not-owner': { status: 403, title: 'Not your record' },
  throttled: { status: 429, title: 'Too many requests' },
  'audit-unavailable': { status: 503, title: 'Audit trail unavailable' },
  'sessions-unavailable': { status: 503, title: 'Sessions cannot be verified' },
} as const satisfies Record<DenialReason, Answer>

const FAILURES = {
  timeout: { status: 504, title: 'The upstream did not answer in time' },
  refused: { status: 502, title: 'The upstream cannot be reached' },
  reset: { status: 502, title: 'The upstream ended the connection' },
  malformed: { status: 502, title: 'The upstream answered with a malformed response' },
  aborted: { status: 502, title: 'The exchange was ended' },
  overloaded: { status: 503, title: 'The upstream is overloaded' },
} as const satisfies Record<UpstreamFailure['failure'], Answer>

const INTERNAL: Answer = { status: 500, title: 'Internal error' }

/** Writes the answer of a refusal or failure, once its outcome is recorded as the route demands. */
export async function respond(
  exchange: Exchange,
  cause: Denial | UpstreamFailure | 'internal',
  gateway: Gateway,
): Promise<void> {
  const { response } = exchange
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const reply = replyTo(exchange, cause, gateway)
  exchange.status = reply.status
  exchange.bytesSent = exchange.method === 'HEAD' ? 0 : Buffer.byteLength(reply.body)
  const recorded = await recordOutcome(exchange, gateway)
  // A lock's refusal tells nothing and is given even where the trail cannot be written.
  const final =
    recorded || exchange.decision === 'locked'
      ? reply
      : replyTo(exchange, { denied: 'audit-unavailable', retryAfterMs: 5_000 }, gateway)
  exchange.status = final.status
  send(exchange, final, gateway)
}

interface Reply {
  readonly status: number
  readonly headers: string[]
  readonly body: string
}

function replyTo(exchange: Exchange, cause: Denial | UpstreamFailure | 'internal', gateway: Gateway): Reply {
  if (cause === 'internal') return problem(exchange, INTERNAL, 'internal', {}, [])
  if ('failure' in cause) return problem(exchange, FAILURES[cause.failure], `upstream-${cause.failure}`, {}, [])
  const answer = ANSWERS[cause.denied]
  const headers: string[] = []
  if (cause.allow !== undefined) headers.push('Allow', cause.allow.join(', '))
  const challenge = challengeOf(cause)
  if (challenge !== undefined) headers.push('WWW-Authenticate', challenge)
  if (cause.denied === 'throttled') headers.push(...rateLimitFields(exchange))
  const locked = cause.denied === 'locked' || cause.denied === 'view-stale'
  const retryAfterMs = cause.retryAfterMs ?? (locked ? LOCK_RETRY_MS : undefined)
  // Jittered, so that callers do not come back in one wave.
  if (retryAfterMs !== undefined)
    headers.push(
      'Retry-After',
      String(Math.max(1, Math.ceil((retryAfterMs * (1 + gateway.randomness.fraction())) / 1000))),
    )
  if (!locked)
    return problem(exchange, answer, cause.denied, cause.detail === undefined ? {} : { detail: cause.detail }, headers)
  const message = publicMessage(cause.lock, exchange.request.headers['accept-language'])
  headers.push('Content-Language', message.language, 'Vary', 'Accept-Language')
  const lock = cause.lock === undefined ? {} : { lock: { id: cause.lock.id, epoch: exchange.epoch } }
  return problem(
    exchange,
    { ...answer, status: cause.lock?.status ?? answer.status },
    'locked',
    { detail: message.text, ...lock },
    headers,
  )
}

const LOCK_RETRY_MS = 30_000

function problem(
  exchange: Exchange,
  answer: Answer,
  type: string,
  members: Readonly<Record<string, unknown>>,
  headers: string[],
): Reply {
  const body = JSON.stringify({
    type: `urn:portcullis:problem:${type}`,
    title: answer.title,
    status: answer.status,
    ...members,
    instance: exchange.id,
  })
  return { status: answer.status, headers, body }
}

/** RFC 6750, 3 and RFC 9470, 3. */
function challengeOf(denial: Denial): string | undefined {
  switch (denial.denied) {
    case 'no-session':
      return 'Bearer realm="portcullis"'
    case 'invalid-token':
      return 'Bearer realm="portcullis", error="invalid_token", error_description="The session has expired, was revoked, or is not valid"'
    case 'insufficient-authentication': {
      const age = denial.maxAgeSeconds === undefined ? '' : `, max_age="${denial.maxAgeSeconds}"`
      return `Bearer realm="portcullis", error="insufficient_user_authentication", error_description="A fresh one-time password is required"${age}`
    }
    case 'not-owner':
      return 'Bearer realm="portcullis", error="insufficient_scope", error_description="The session does not own this record"'
    default:
      return undefined
  }
}

function send(exchange: Exchange, reply: Reply, gateway: Gateway): void {
  const { request, response } = exchange
  const headers = [
    ...reply.headers,
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(Buffer.byteLength(reply.body)),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    'X-Request-Id',
    exchange.id,
  ]
  // An unread body would be taken for the next request by some peers (golang/go#67555): the connection ends with the answer.
  if (gateway.draining || mayHaveBody(request)) headers.push('Connection', 'close')
  response.writeHead(reply.status, headers)
  response.end(exchange.method === 'HEAD' ? undefined : reply.body)
}

function mayHaveBody(request: Exchange['request']): boolean {
  const { headers } = request
  if (headers['transfer-encoding'] !== undefined || headers.expect !== undefined) return true
  return (
    Number(headers['content-length'] ?? 0) > 0 ||
    (headers.upgrade !== undefined && !isSafeMethod(request.method ?? 'GET'))
  )
}
