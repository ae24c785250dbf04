// Every error of the control plane is one of these (RFC 9457, application/problem+json).
import type { Response } from 'express'
import { maskPeople } from '../core/pii.ts'

/** The closed set of what can go wrong; each has a page at /docs/problems/<code>. */
export const PROBLEMS = {
  'bad-request': { status: 400, title: 'Bad request' },
  'order-malformed': { status: 400, title: 'The order is not acceptable as it stands' },
  'order-unknown-signer': { status: 401, title: 'No enrolled responder has signed this' },
  'no-credential': { status: 401, title: 'A credential is required' },
  'invalid-credential': { status: 401, title: 'The credential does not hold' },
  'order-role': { status: 403, title: 'The signer may not give this order' },
  forbidden: { status: 403, title: 'Not allowed' },
  'foreign-origin': { status: 403, title: 'The request comes from another site' },
  'not-found': { status: 404, title: 'Not found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'order-conflict': { status: 409, title: 'The order conflicts with what stands' },
  'content-too-large': { status: 413, title: 'Content too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'misdirected-request': { status: 421, title: 'Misdirected request' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'search-failed': { status: 503, title: 'The search failed' },
  internal: { status: 500, title: 'Internal error' },
  'order-not-durable': { status: 503, title: 'The order could not be kept, and nothing has changed' },
  'audit-unavailable': { status: 503, title: 'Audit trail unavailable' },
  'too-many-listeners': { status: 503, title: 'Too many listeners' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof PROBLEMS

export const PROBLEM_TYPE = 'urn:portcullis:problem:'

/** Answers with the problem. `members` are extension members; `detail` says what would be right. */
export function sendProblem(
  response: Response,
  code: ProblemCode,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
): void {
  const { status, title } = PROBLEMS[code]
  if (status === 401)
    response.setHeader(
      'WWW-Authenticate',
      `Bearer realm="portcullis"${code === 'invalid-credential' ? ', error="invalid_token"' : ''}`,
    )
  if (status === 503) response.setHeader('Retry-After', '1')
  const instance = response.getHeader('X-Request-Id')
  response.status(status)
  response.setHeader('Content-Type', 'application/problem+json')
  response.end(JSON.stringify({ type: PROBLEM_TYPE + code, title, status, detail, instance, ...members }, masked))
}

/** What was sent may be repeated, so that it can be mended; a person's identifier in it is not. */
function masked(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? maskPeople(value) : value
}
