import type { AuditRecord } from '../core/audit-record.ts'

/**
 * The writer's end of the trail, one for each thread.
 *
 * `append` is synchronous and cheap: it gives the record its place in this writer's sequence and queues it. It returns a
 * ticket, or undefined where the record was not accepted (queue full, disk failing): a strict route then answers
 * `audit-unavailable`. `durable` resolves once the record survives power loss, and rejects where that failed; `onDurable` tells
 * the same, later than in its own call and once, without a promise.
 */
export interface AuditTrail {
  /** Absent where no receipts are given. */
  readonly receipts?: Receipts
  append(record: AuditRecord): number | undefined
  durable(ticket: number): Promise<void>
  onDurable(ticket: number, told: OnDurable): void
  /** False from the moment a write has failed until one succeeds again. */
  readonly healthy: boolean
}

/** Without a problem the record is durable. Never throws. */
export type OnDurable = (problem: Error | undefined) => void

/** What a caller is given for a record: it can be exchanged for a proof that the record is in the log. */
interface Receipts {
  /** The record that was appended last, as the bytes that are hashed: to be taken in the turn of its `append`. */
  readonly last: string
  /** The receipt for such a record: a structured field value (RFC 9651). Costs one SHA-256. */
  of(entry: string): string
}
