import type { Session } from '../core/session.ts'
import type { Instant } from '../core/time.ts'

export type Verification =
  | { readonly session: Session }
  /** `invalid`: the token is none of ours, expired, or its signature does not hold. `unavailable`: no key could be had to judge it. */
  | { readonly refused: 'invalid' | 'unavailable'; readonly detail: string }

/**
 * Judges a bearer token: signature by a pinned issuer's key, issuer, audience, `exp`, `nbf`, `iat`. Nothing in the token
 * chooses its key or algorithm. A token that has been verified before is answered in the same turn, without a Promise;
 * memory is bounded. Never rejects. What it returns is not judged against routes, locks or revocations.
 */
export interface TokenVerifier {
  verify(token: string, now: Instant): Verification | Promise<Verification>
}
