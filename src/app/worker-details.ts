// A worker's keys for what its routes record in detail.
import { DetailSealer } from '../audit/detail/detail-sealer.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { DetailSeal } from '../ports/detail-seal.ts'
import type { Logger } from '../ports/logger.ts'
import type { WorkerStart } from './worker-start.ts'

/** No file is opened before a route records in detail. */
export function openDetails({ config, name, erasures }: WorkerStart, logger: Logger): DetailSealer {
  return new DetailSealer({
    ...{ dir: config.audit.details.dir, writer: name, erasures: new Int32Array(erasures) },
    onFailure: (problem) => {
      logger.error('detail of a request was not recorded: its key could not be kept', { problem })
    },
  })
}

/** What waits for a record waits for the keys of its detail too: else it would be recorded, and unreadable after a power cut. */
export function withKeys(trail: AuditTrail, details: Pick<DetailSeal, 'durable'>): AuditTrail {
  return {
    ...(trail.receipts === undefined ? {} : { receipts: trail.receipts }),
    append: (record) => trail.append(record),
    get healthy() {
      return trail.healthy
    },
    durable(ticket) {
      const keys = details.durable()
      return keys === undefined
        ? trail.durable(ticket)
        : Promise.all([trail.durable(ticket), keys]).then(() => undefined)
    },
    onDurable(ticket, told) {
      const keys = details.durable()
      if (keys === undefined) trail.onDurable(ticket, told)
      else
        Promise.all([trail.durable(ticket), keys]).then(() => {
          told(undefined)
        }, told)
    },
  }
}
