import type { Instant } from '../core/time.ts'

/** What a proof must be of. */
export interface ProofFacts {
  readonly method: string
  /** Public URLs of the target without query and fragment, of which one must be the proof's `htu`. */
  readonly urls: readonly string[]
  /** The token that came with it. */
  readonly token: string
  /** Thumbprint of the key that the token is bound to. */
  readonly jkt: string
  readonly now: Instant
}

/** `nonce`: the proof is well but for its nonce. `unavailable`: too many are being verified, or its first use cannot be told. */
export type ProofVerdict = 'ok' | 'invalid' | 'nonce' | 'unavailable'

/**
 * Judges DPoP proofs (RFC 9449, 4.3): header and claims, signature by the key that the token is bound to, freshness, first use.
 * Never rejects.
 */
export interface ProofVerifier {
  verify(proof: string, facts: ProofFacts): Promise<ProofVerdict>
  /** A nonce to tell the caller, where proofs must hold one. */
  nonce(now: Instant): string | undefined
  /** JWS algorithms, for the challenge. */
  readonly algorithms: readonly string[]
  /** Public origins of the gateway; empty: as the request says. */
  readonly origins: readonly string[]
}
