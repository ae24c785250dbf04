import type { Responder } from '../core/responder.ts'

export type VerifiedOrder =
  | {
      /** SHA-256 of the signing input, base64url. */
      readonly id: string
      readonly by: Responder
      readonly payload: unknown
    }
  /** `malformed` is a 400, `unknown-signer` (no such kid, or its key did not sign this) a 401. */
  | { readonly refused: 'malformed' | 'unknown-signer'; readonly detail: string }

/**
 * Verifies a compact JWS (RFC 7515) with `alg: EdDSA` (Ed25519, RFC 8037) and the given `typ`, signed by the responder
 * named in `kid`; or with `+webauthn` in place of `+jwt`, an assertion of the responder's passkey (docs/decisions/0019) for a signature. Non-canonical base64url is refused. Nothing in the header chooses the key beyond `kid`.
 */
export interface OrderVerifier {
  verify(jws: string, typ: string, responders: readonly Responder[]): Promise<VerifiedOrder>
}
