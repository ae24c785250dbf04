// What an accepted change is, as it stands in the journal and travels from gateway to gateway.
import type { Lock } from './lock.ts'
import type { OrderNumber } from './order-numbers.ts'
import type { Statement } from './order.ts'
import type { Responder } from './responder.ts'
import type { Instant } from './time.ts'

/** What stood when a lock landed: it is released only by these keys, under no fewer approvals. */
export interface Guard {
  readonly responders: readonly Responder[]
  readonly approvals: number
}

/** One change, as it is written to the journal. */
export type LedgerEntry =
  | {
      readonly type: 'order'
      /** SHA-256 of the order's signing input, base64url: nobody can swap what is approved. */
      readonly id: string
      readonly jws: string
      readonly statement: Statement
      readonly by: Responder
      readonly at: Instant
      readonly channel: OrderChannel
      readonly guard: Guard
      /** In a fleet: the number and epoch that the accepting gateway gave it, signed. `at` and `guard` are the receipt's. */
      readonly receipt?: OrderReceipt
      /** When it came from another gateway; absent where it was accepted here. */
      readonly heardAt?: Instant
    }
  | { readonly type: 'freeze'; readonly id: string; readonly at: Instant; readonly guard: Guard }
  /** The whole set of locks that a source of flags (locks.yaml, the config's routes) holds. */
  | {
      readonly type: 'flags'
      readonly source: 'file' | 'config'
      readonly locks: readonly Lock[]
      readonly at: Instant
    }
  /** A gateway has ended a thaw plan early: the locks of the release hold again. */
  | {
      readonly type: 'refreeze'
      readonly release: string
      readonly why: string
      readonly at: Instant
      /** In a fleet: the number and epoch that the gateway gave it that ended the plan; it then holds at every gateway. */
      readonly receipt?: OrderReceipt
      /** When it came from another gateway. */
      readonly heardAt?: Instant
    }
  | RecoveryEntry
  /** A peer that has what is here counts further. */
  | { readonly type: 'epoch'; readonly epoch: number; readonly at: Instant }

export interface OrderReceipt extends OrderNumber {
  readonly epoch: number
  /** The envelope (docs/decisions/0010). */
  readonly text: string
}

/**
 * A responder whom this gateway enrolled by itself, offline, when the keys were lost. It is signed by the gateway's own key,
 * counts at this gateway alone, and is never passed on.
 */
export interface RecoveryEntry extends RecoveryWords {
  readonly type: 'recovery'
  /** Ed25519 over the canonical words, base64url. */
  readonly signature: string
}

export interface RecoveryWords {
  readonly id: string
  readonly gateway: string
  readonly responder: Responder
  readonly reason: string
  readonly at: Instant
}

export type OrderChannel = 'api' | 'file' | 'redis' | 'peer'

export type RefreezeEntry = Extract<LedgerEntry, { type: 'refreeze' }>

export type OrderEntry = Extract<LedgerEntry, { type: 'order' }>
