// Stage 5, for refusals and failures: the ONE map from reasons to statuses, answered as application/problem+json (RFC 9457).
import { STATUS_CODES } from 'node:http'
import { labelOf, type Denial, type DenialReason } from '../../core/decision.ts'
import type { UpstreamFailure } from '../../ports/upstream-client.ts'
import type { Downstream } from '../downstream.ts'
import type { Exchange } from '../exchange.ts'
import { PATIENCE, type Gateway } from '../gateway.ts'
import { httpDate, rateLimitLines, receiptLine } from '../headers.ts'
import { fieldLine } from '../../http1/write-head.ts'
import { publicMessage } from '../messages.ts'
import { lockedBody, problemBody } from '../problem-body.ts'
import type { Request } from '../request.ts'
import type { Response } from '../response.ts'
import { recordOutcome } from './settle.ts'

interface Answer {
  readonly status: number
  readonly title: string
  /** Told where the denial has no words of its own. */
  readonly detail: string
  /** The problem type where it is not the reason's own name. */
  readonly type?: string
}

/** A near miss is answered as a path that does not exist: a prober learns nothing of the guard. */
const NOT_FOUND = { status: 404, title: 'Not found', detail: 'Nothing is served at this path.', type: 'not-found' }
const LOCKED = { status: 503, title: 'Locked', detail: 'This is paused for now.', type: 'locked' }

/** A reason without an answer does not compile. */
const ANSWERS = {
  'malformed-target': {
    status: 400,
    title: 'Ambiguous request target',
    detail: 'The request target can be read in more than one way.',
  },
  'malformed-request': {
    status: 400,
    title: 'Malformed request',
    detail: 'The request cannot be read in one way only.',
  },
  'near-miss': NOT_FOUND,
  'no-route': NOT_FOUND,
  'method-not-allowed': { status: 405, title: 'Method not allowed', detail: 'The path takes other methods only.' },
  expectation: {
    status: 417,
    title: 'Expectation failed',
    detail: 'The only expectation that can be met is 100-continue.',
  },
  'headers-too-large': { status: 431, title: 'Request header fields too large', detail: 'Too many header fields.' },
  'request-timeout': { status: 408, title: 'Request timeout', detail: 'The request did not come in time.' },
  'body-too-large': {
    status: 413,
    title: 'Content too large',
    detail: 'The request body is larger than this gateway takes.',
  },
  'unsupported-body': {
    status: 415,
    title: 'Unsupported media type',
    detail: 'This takes a JSON body (application/json) in UTF-8, without a content coding.',
  },
  locked: LOCKED,
  'view-stale': LOCKED,
  'no-session': { status: 401, title: 'A session is required', detail: 'Present a bearer token.' },
  'invalid-token': {
    status: 401,
    title: 'The session is not valid',
    detail: 'The session has expired, was revoked, or is not valid.',
  },
  'invalid-proof': {
    status: 401,
    title: 'A proof of possession is required',
    detail: 'The token must be shown with a proof that holds.',
  },
  'insufficient-authentication': {
    status: 401,
    title: 'A fresh one-time password is required',
    detail: 'Authenticate again by a one-time password.',
  },
  'not-owner': {
    status: 403,
    title: 'Not your record',
    detail: 'The session does not own the record that was asked for.',
  },
  'response-unjudged': {
    status: 502,
    title: 'The answer cannot be judged',
    detail: 'Whose record it is cannot be told, so it is not given.',
  },
  'otp-refused': {
    status: 401,
    title: 'The code is not taken',
    detail: 'It is wrong, was used, or is too old: ask for a new one.',
  },
  throttled: { status: 429, title: 'Too many requests', detail: 'Slow down, and try again later.' },
  'audit-unavailable': {
    status: 503,
    title: 'Audit trail unavailable',
    detail: 'The request cannot be recorded now, so it is not served.',
  },
  'sessions-unavailable': {
    status: 503,
    title: 'Sessions cannot be verified',
    detail: 'No key could be had to judge the session.',
  },
} as const satisfies Record<DenialReason, Answer>

const FAILURES = {
  timeout: { status: 504, title: 'The upstream did not answer in time', detail: 'Try again later.' },
  refused: { status: 502, title: 'The upstream cannot be reached', detail: 'Try again later.' },
  reset: { status: 502, title: 'The upstream ended the connection', detail: 'No whole answer came.' },
  malformed: {
    status: 502,
    title: 'The upstream answered with a malformed response',
    detail: 'The answer cannot be passed on.',
  },
  aborted: { status: 502, title: 'The exchange was ended', detail: 'No whole answer came.' },
  overloaded: { status: 503, title: 'The upstream is overloaded', detail: 'Too many requests wait for it already.' },
} as const satisfies Record<UpstreamFailure['failure'], Answer>

const INTERNAL: Answer = {
  status: 500,
  title: 'Internal error',
  detail: 'The request could not be judged, so it is not served.',
}
const UNAVAILABLE: Denial = { denied: 'audit-unavailable', retryAfterMs: 5_000 }

type Cause = Denial | UpstreamFailure | 'internal'

/** Writes the answer of a refusal or failure, once its outcome is recorded as the route demands: where it need not wait, now. */
export function respond(exchange: Exchange, cause: Cause, gateway: Gateway): Promise<void> | undefined {
  const { response } = exchange
  if (response.headSent || response.isGone) {
    exchange.downstream.reset()
    return undefined
  }
  const refusal = take(exchange, cause, gateway)
  // Whatever has been recorded before was of an answer that did not leave.
  exchange.outcomeRecorded = false
  const recorded = recordOutcome(exchange, gateway, waitMs(cause, gateway))
  const answer = (isRecorded: boolean): void => {
    // A lock's refusal tells nothing and is given even where the trail cannot be written.
    const mayLeave = isRecorded || exchange.decision === 'locked' || cause === UNAVAILABLE
    // Only what is durable is promised.
    if (!isRecorded) exchange.receiptEntry = undefined
    send(exchange, mayLeave ? refusal : take(exchange, UNAVAILABLE, gateway), gateway)
  }
  if (typeof recorded !== 'boolean') return recorded.then(answer)
  answer(recorded)
  return undefined
}

/** No answer waits for a trail that has failed already. */
function waitMs(cause: Cause, gateway: Gateway): number {
  const { trailMs, lockTrailMs } = gateway.settings.patience ?? PATIENCE
  if (cause === 'internal' || 'failure' in cause) return trailMs
  if (cause.denied === 'audit-unavailable') return 0
  return cause.denied === 'locked' || cause.denied === 'view-stale' ? lockTrailMs : trailMs
}

interface Reply {
  readonly status: number
  /** Field lines of this answer alone. */
  readonly lines: string
  readonly body: Buffer
}

/** The reply to a cause, and the exchange marked with it. */
function take(exchange: Exchange, cause: Cause, gateway: Gateway): Reply {
  if (cause === 'internal' || 'failure' in cause) {
    exchange.decision = 'error'
    exchange.reason = cause === 'internal' ? undefined : 'upstream'
    exchange.lock = undefined
  } else {
    exchange.decision = labelOf(cause)
    exchange.reason = cause.denied
    exchange.lock = cause.lock
  }
  const answer = replyTo(exchange, cause, gateway)
  exchange.status = answer.status
  exchange.bytesSent = exchange.method === 'HEAD' ? 0 : answer.body.length
  return answer
}

function replyTo(exchange: Exchange, cause: Cause, gateway: Gateway): Reply {
  if (cause === 'internal') return reply(exchange, INTERNAL, 'internal')
  if ('failure' in cause) return reply(exchange, FAILURES[cause.failure], `upstream-${cause.failure}`)
  const answer: Answer = ANSWERS[cause.denied]
  let lines = linesOf(cause, exchange.nonce)
  if (cause.denied === 'throttled') lines += rateLimitLines(exchange)
  const locked = answer === LOCKED
  const retryAfterMs = cause.retryAfterMs ?? (locked ? LOCK_RETRY_MS : undefined)
  if (retryAfterMs !== undefined) lines += `Retry-After: ${retryAfter(retryAfterMs, cause.retrySpreadMs, gateway)}\r\n`
  if (locked) return lockedReply(exchange, cause, lines)
  const told = { ...answer, detail: cause.detail ?? answer.detail }
  const violated = cause.denied === 'throttled' ? violatedBy(cause) : undefined
  return reply(exchange, told, cause.denied, lines, violated)
}

function lockedReply(exchange: Exchange, { lock }: Denial, lines: string): Reply {
  const { text, language } = publicMessage(lock, exchange.request.fields.joined('accept-language'))
  const problem = {
    type: LOCKED.type,
    title: LOCKED.title,
    status: lock?.status ?? LOCKED.status,
    detail: text,
    lock: lock === undefined ? undefined : { id: lock.id, epoch: exchange.epoch },
  }
  return {
    status: problem.status,
    lines: `${lines}${fieldLine('Content-Language', language)}Vary: Accept-Language\r\n`,
    body: lockedBody(problem, lock, language, exchange.id),
  }
}

function reply({ id }: Exchange, answer: Answer, reason: string, lines = '', violated?: string): Reply {
  const { status, title, detail, type = reason } = answer
  return { status, lines, body: problemBody({ type, title, status, detail, violated }, id) }
}

/** By name, without numbers. */
function violatedBy({ detector }: Denial): string {
  return detector === undefined || detector === 'request-rate' ? 'requests' : 'subjects'
}

/** What the reason asks for besides. */
function linesOf(cause: Denial, answerNonce: string | undefined): string {
  let lines = cause.allow === undefined ? '' : fieldLine('Allow', cause.allow.join(', '))
  const challenge = challengeOf(cause)
  if (challenge !== undefined) lines += fieldLine('WWW-Authenticate', challenge)
  const nonce = cause.proof?.nonce ?? answerNonce
  return nonce === undefined ? lines : lines + fieldLine('DPoP-Nonce', nonce)
}

const LOCK_RETRY_MS = 30_000

/** Seconds (RFC 9110, 10.2.3), jittered, up to twice the time unless told, so that callers do not come back in one wave. */
function retryAfter(ms: number, spreadMs: number | undefined, gateway: Gateway): string {
  return String(Math.max(1, Math.ceil((ms + (spreadMs ?? ms) * gateway.randomness.fraction()) / 1000)))
}

/** RFC 6750, 3 and RFC 9470, 3. */
function challengeOf({ denied, maxAgeSeconds, acrValues, proof }: Denial): string | undefined {
  if (proof !== undefined) return proofChallenge(denied, proof)
  if (denied === 'no-session' || denied === 'otp-refused') return BEARER
  const challenge = CHALLENGES[denied]
  if (challenge === undefined) return undefined
  const age = maxAgeSeconds === undefined ? '' : `, max_age="${maxAgeSeconds}"`
  const acr = acrValues === undefined ? '' : `, acr_values="${quotable(acrValues.join(' '))}"`
  return `${BEARER}, error="${challenge.error}", error_description="${challenge.description}"${age}${acr}`
}

/** RFC 9449, 7.1 and 8. */
function proofChallenge(denied: DenialReason, { algorithms, nonce }: NonNullable<Denial['proof']>): string {
  if (denied === 'no-session') return `DPoP realm="portcullis", algs="${algorithms.join(' ')}"`
  const error =
    denied === 'invalid-token' ? 'invalid_token' : nonce === undefined ? 'invalid_dpop_proof' : 'use_dpop_nonce'
  return `DPoP realm="portcullis", error="${error}", algs="${algorithms.join(' ')}"`
}

/** RFC 9110, 5.6.4: what may stand in a quoted string as it is. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '')
}

const BEARER = 'Bearer realm="portcullis"'

const CHALLENGES: Partial<Record<DenialReason, { readonly error: string; readonly description: string }>> = {
  'invalid-token': {
    error: 'invalid_token',
    description: 'The session has expired, was revoked, or is not valid',
  },
  'insufficient-authentication': {
    error: 'insufficient_user_authentication',
    description: 'A fresh one-time password is required',
  },
  'not-owner': { error: 'insufficient_scope', description: 'The session does not own this record' },
}

function send(exchange: Exchange, reply: Reply, gateway: Gateway): void {
  const { request, response, downstream } = exchange
  let lines =
    `${reply.lines}Content-Type: application/problem+json\r\nContent-Length: ${String(reply.body.length)}\r\n` +
    `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ${exchange.id}\r\n` +
    `Date: ${httpDate(gateway.clock.now())}\r\n${receiptLine(exchange, gateway.trail)}`
  // An unread body would be taken for the next request by some peers (golang/go#67555): the connection ends with the answer.
  if (gateway.draining || mayHaveBody(request) || isAmbiguous(exchange)) downstream.isClosing = true
  if (downstream.isClosing) lines += 'Connection: close\r\n'
  const isHead = exchange.method === 'HEAD'
  response.sendHead(reply.status, STATUS_CODES[reply.status] ?? '', lines, isHead ? 'none' : 'length')
  response.end(isHead ? undefined : reply.body, () => undefined)
}

/** Who sends what can be read in two ways may mean the next request to be read by somebody else. */
function isAmbiguous({ reason }: Exchange): boolean {
  return reason === 'malformed-request' || reason === 'malformed-target'
}

function mayHaveBody(request: Request): boolean {
  return !request.isComplete || request.fields.has('expect') || request.fields.has('upgrade')
}

/** Where even the refusal fails: the least that can be said, with nothing of the exchange in it. Never throws. */
export function respondBare(downstream: Downstream, response: Response): void {
  try {
    if (response.headSent) throw new Error('too late')
    downstream.isClosing = true
    response.sendHead(500, 'Internal Server Error', BARE, 'none')
    response.end(undefined, () => undefined)
  } catch {
    downstream.reset()
  }
}

const BARE = 'Content-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n'
