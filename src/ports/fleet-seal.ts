/** What is kept is signed by the gateway's key; what is said anew again and again is authenticated by the fleet secret alone. */
type SignedType = 'receipt' | 'member' | 'refreeze' | 'asked'
export type SpokenType = 'heartbeat' | 'proof' | 'question' | 'answer' | 'counts'
export type EnvelopeType = SignedType | SpokenType

export interface OpenedEnvelope {
  /** Name that follows from the key. */
  readonly gateway: string
  /** The gateway's raw public key, base64url, for which the fleet secret vouches. */
  readonly key: string
  readonly payload: unknown
}

/**
 * Signs what this gateway says to its fleet, and checks what others say: by the key of a gateway, which the fleet secret vouches
 * for (docs/decisions/0010 and 0012). Synchronous. An envelope of one type or fleet is never taken for another.
 */
export interface FleetSeal {
  /** Name of this gateway. */
  readonly gateway: string
  /** `payload` is canonical JSON (RFC 8785). */
  seal(type: EnvelopeType, payload: string): string
  /** What an envelope says, believed by nobody yet: undefined where it says nothing. Never throws. */
  peek(envelope: string): unknown
  /** Whether the gateway's key is vouched for by the first secret, which alone vouches anew; false of one that is to be replaced. */
  isByFirst(envelope: string): boolean
  /** Undefined where anything does not hold. Never throws. */
  open(type: EnvelopeType, envelope: string): OpenedEnvelope | undefined
}
