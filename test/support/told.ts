// What a trail of a test tells of a ticket, from its promise.
import type { AuditTrail, OnDurable } from '../../src/ports/audit-trail.ts'

export function toldBy(durable: AuditTrail['durable']): AuditTrail['onDurable'] {
  return (ticket: number, told: OnDurable) => {
    durable(ticket).then(() => {
      told(undefined)
    }, told)
  }
}
