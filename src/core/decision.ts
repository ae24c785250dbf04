// Every way to be refused, as values. How each is answered over HTTP is gateway/stages/respond's business.
import type { Lock } from './lock.ts'
import type { Permit } from './permit.ts'

export type DenialReason =
  | 'malformed-target'
  | 'malformed-request'
  | 'near-miss'
  | 'no-route'
  | 'method-not-allowed'
  | 'expectation'
  | 'headers-too-large'
  | 'body-too-large'
  | 'unsupported-body'
  | 'request-timeout'
  | 'locked'
  | 'view-stale'
  | 'no-session'
  | 'invalid-token'
  | 'invalid-proof'
  | 'insufficient-authentication'
  | 'not-owner'
  | 'response-unjudged'
  | 'otp-refused'
  | 'throttled'
  | 'audit-unavailable'
  | 'sessions-unavailable'

export interface Denial {
  readonly denied: DenialReason
  /** Shown to the caller: never a reason, an incident, an identifier or a limit. */
  readonly detail?: string
  readonly lock?: Lock
  readonly allow?: readonly string[]
  readonly maxAgeSeconds?: number
  /** A proof of possession is asked for (RFC 9449, 7.1), with the nonce where it must hold one. */
  readonly proof?: { readonly algorithms: readonly string[]; readonly nonce?: string }
  /** Classes of authentication of which one would do (RFC 9470). */
  readonly acrValues?: readonly string[]
  readonly retryAfterMs?: number
  /** Callers come back over as much time more; absent: over as much again. */
  readonly retrySpreadMs?: number
  /** The detector or limit that throttled. */
  readonly detector?: string
}

export type Decision = Permit | Denial

export function isDenial(decision: Decision): decision is Denial {
  return 'denied' in decision
}

/** The closed set of `decision` in records and metrics (contract, 6 and 7). */
export const DECISION_LABELS = [
  'allow',
  'locked',
  'unauthenticated',
  'forbidden',
  'throttled',
  'rejected',
  'error',
] as const
export type DecisionLabel = (typeof DECISION_LABELS)[number]

const LABELS = {
  'malformed-target': 'rejected',
  'malformed-request': 'rejected',
  'near-miss': 'rejected',
  'no-route': 'rejected',
  'method-not-allowed': 'rejected',
  expectation: 'rejected',
  'headers-too-large': 'rejected',
  'body-too-large': 'rejected',
  'unsupported-body': 'rejected',
  'request-timeout': 'rejected',
  locked: 'locked',
  'view-stale': 'locked',
  'no-session': 'unauthenticated',
  'invalid-token': 'unauthenticated',
  'invalid-proof': 'unauthenticated',
  'insufficient-authentication': 'unauthenticated',
  'not-owner': 'forbidden',
  'response-unjudged': 'forbidden',
  'otp-refused': 'unauthenticated',
  throttled: 'throttled',
  'audit-unavailable': 'error',
  'sessions-unavailable': 'error',
} as const satisfies Record<DenialReason, DecisionLabel>

export function labelOf(decision: Decision): DecisionLabel {
  return isDenial(decision) ? LABELS[decision.denied] : 'allow'
}
