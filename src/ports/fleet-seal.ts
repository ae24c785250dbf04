export type EnvelopeType = 'receipt' | 'heartbeat' | 'member' | 'proof'

export interface OpenedEnvelope {
  /** Name that follows from the key that signed. */
  readonly gateway: string
  readonly payload: unknown
}

/**
 * Signs what this gateway says to its fleet, and checks what others say: by the key of a gateway, which the fleet secret vouches
 * for (docs/decisions/0010). Synchronous. An envelope of one type or fleet is never taken for another.
 */
export interface FleetSeal {
  /** Name of this gateway. */
  readonly gateway: string
  /** `payload` is canonical JSON (RFC 8785). */
  seal(type: EnvelopeType, payload: string): string
  /** Undefined where anything does not hold. Never throws. */
  open(type: EnvelopeType, envelope: string): OpenedEnvelope | undefined
}
