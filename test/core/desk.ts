// A gateway's desk without signatures: orders in, a verdict or a new ledger out.
import { judgeOrder, type OrderContext } from '../../src/core/judge-order.ts'
import type { Guard, LedgerEntry } from '../../src/core/ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER, type Ledger } from '../../src/core/ledger.ts'
import type { OrderRefusal } from '../../src/core/order-refusal.ts'
import type { Order, SeenCheckpoint, Statement } from '../../src/core/order.ts'
import type { Responder } from '../../src/core/responder.ts'
import { respondersOf } from '../../src/core/roster.ts'
import type { Route } from '../../src/core/route.ts'
import { aResponder, aRoute, NOON } from './fixtures.ts'

export const DESK = aResponder('night-desk', 'responder')
export const LEAD = aResponder('lead', 'commander')
export const CHIEF = aResponder('chief', 'commander')
export const AUDITOR = aResponder('auditor', 'auditor')
export const GUARD: Guard = { responders: [DESK, LEAD, CHIEF, AUDITOR], approvals: 2 }

export const ROUTES: readonly Route[] = [
  aRoute('/records/{id}', { id: 'record', tags: ['pii'] }),
  aRoute('/records', { id: 'list', tags: ['pii'] }),
  aRoute('/news', { id: 'news', upstream: 'cms' }),
]

export const aLockOrder = (scope: Extract<Order, { kind: 'lock' }>['scope'] = { all: true }): Order => ({
  kind: 'lock',
  scope,
  mode: 'deny',
  reason: 'leak suspected',
  incident: 'INC-7',
  onExpiry: 'stay',
  status: 503,
  message: {},
})
export const aRelease = (locks: readonly string[], epoch?: number): Order => ({
  kind: 'release',
  locks,
  reason: 'closed',
  ...(epoch === undefined ? {} : { epoch }),
})
export const anApproval = (release: string, epoch?: number): Order => ({
  kind: 'approve',
  release,
  ...(epoch === undefined ? {} : { epoch }),
})

export interface Desk {
  ledger: Ledger
  now: number
  guard: Guard
  /** Of the gateway's own trail. */
  checkpoint?: SeenCheckpoint
  readonly entries: LedgerEntry[]
  /** Judges the order and applies it where it is accepted. */
  give(id: string, order: Order, by: Responder, fields?: Partial<Statement>): OrderRefusal | undefined
  apply(entry: LedgerEntry): void
  freeze(id: string): void
}

export function aDesk(): Desk {
  const desk: Desk = {
    ledger: EMPTY_LEDGER,
    now: NOON,
    guard: GUARD,
    entries: [],
    give(id, order, by, fields = {}) {
      const statement: Statement = { iss: by.name, iat: desk.now / 1000, jti: id, order, ...fields }
      const guard = { ...desk.guard, responders: respondersOf(desk.guard.responders, desk.ledger.roster) }
      const context: OrderContext = { now: desk.now, routes: ROUTES, guard, checkpoint: desk.checkpoint }
      const refusal = judgeOrder(desk.ledger, id, statement, by, context)
      if (refusal === undefined) {
        desk.apply({ type: 'order', id, jws: id, statement, by, at: desk.now, channel: 'api', guard })
      }
      return refusal
    },
    apply(entry) {
      desk.entries.push(entry)
      desk.ledger = applyEntry(desk.ledger, entry)
    },
    freeze(id) {
      desk.apply({ type: 'freeze', id, at: desk.now, guard: desk.guard })
    },
  }
  return desk
}
