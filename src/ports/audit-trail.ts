import type { AuditRecord } from '../core/audit-record.ts'

/**
 * The writer's end of the trail, one for each thread.
 *
 * `append` is synchronous and cheap: it gives the record its place in this writer's sequence and queues it. It returns a
 * ticket, or undefined where the record was not accepted (queue full, disk failing): a strict route then answers
 * `audit-unavailable`. `durable` resolves once the record survives power loss, and rejects where that failed.
 */
export interface AuditTrail {
  append(record: AuditRecord): number | undefined
  durable(ticket: number): Promise<void>
  /** False from the moment a write has failed until one succeeds again. */
  readonly healthy: boolean
}
