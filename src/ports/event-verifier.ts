import type { Instant } from '../core/time.ts'

export type EventVerification =
  | {
      /** Who sent it, and its name there. */
      readonly transmitter: string
      readonly jti: string
      /** Issuers of whose sessions it may speak. */
      readonly speaksFor: readonly string[]
      readonly claims: Readonly<Record<string, unknown>>
    }
  /** Codes of RFC 8935, 2.4; `unavailable`: its key could not be had, to be sent again. */
  | {
      readonly refused: 'invalid_request' | 'invalid_key' | 'invalid_issuer' | 'invalid_audience' | 'unavailable'
      readonly detail: string
    }

/** Judges security event tokens (RFC 8417): type, transmitter, audience, signature by a pinned key. Never rejects. */
export interface EventVerifier {
  verify(token: string, now: Instant): Promise<EventVerification>
}
