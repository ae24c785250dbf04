// Which way an order goes: what locks is carried out at once, what opens, or may open later, is durable first.
import type { OrderKind } from '../../core/responder.ts'

export function isLocking(kind: OrderKind): boolean {
  return kind === 'lock' || kind === 'revoke' || kind === 'drill'
}
