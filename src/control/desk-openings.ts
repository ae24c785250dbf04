// What one person, or one host, has opened: it is said aloud, in the log and in the trail.
import type { Ledger } from '../core/ledger.ts'
import type { Statement } from '../core/order.ts'
import { keyNameOf, type Responder } from '../core/responder.ts'
import { isRetiredBy } from '../core/roster.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { OrderJournal } from '../ports/order-journal.ts'
import { orderRecord } from './desk-records.ts'

interface Told {
  readonly journal: OrderJournal
  readonly trail: AuditTrail
  readonly clock: Clock
  readonly logger: Logger
}

/** At each start, until the key is retired: whoever reads the trail must not have to look for the one time. */
export function sayRecovered({ journal, trail, clock, logger }: Told, ledger: Ledger): void {
  for (const entry of journal.entries) {
    if (entry.type !== 'recovery' || isRetiredBy(ledger.roster, entry.responder, clock.now())) continue
    trail.append({ ...orderRecord(entry, 'accepted', ledger), time: clock.now() })
    logger.error('RECOVERED: a key was enrolled on this host, offline, and can release what is locked here', {
      responder: keyNameOf(entry.responder),
      role: entry.responder.role,
      id: entry.id,
      reason: entry.reason,
    })
  }
}

/** One person has opened what that person had locked. */
export function sayWithdrawn(
  logger: Logger,
  { order, by, id }: { readonly order: Statement['order']; readonly by: Responder; readonly id: string },
  epoch: number,
): void {
  if (order.kind !== 'release' || order.withdraw !== true) return
  logger.warn('A LOCK WAS WITHDRAWN by the one who had ordered it, alone', {
    locks: order.locks,
    by: by.name,
    order: id,
    epoch,
  })
}
