// What an accepted order is to the data plane: a lock, or a revocation.
import type { LedgerEntry, OrderEntry } from './ledger-entry.ts'
import type { Lock } from './lock.ts'
import type { Revocation } from './session.ts'

export function lockOf(entry: OrderEntry): Lock {
  const { order } = entry.statement
  if (order.kind !== 'lock') throw new TypeError('not a lock order')
  return {
    id: entry.id,
    scope: order.scope,
    mode: order.mode,
    source: 'order',
    since: entry.at,
    reason: order.reason,
    incident: order.incident,
    by: entry.by.name,
    onExpiry: order.onExpiry,
    status: order.status,
    message: order.message,
    ...(order.ttlMs === undefined ? {} : { until: entry.at + order.ttlMs }),
    ...(order.limit === undefined ? {} : { limit: order.limit }),
  }
}

export function freezeLock(entry: Extract<LedgerEntry, { type: 'freeze' }>): Lock {
  return {
    id: entry.id,
    scope: { all: true },
    mode: 'deny',
    source: 'freeze',
    since: entry.at,
    reason: 'a file named FREEZE was put into the store directory',
    incident: 'FREEZE',
    onExpiry: 'stay',
    status: 503,
    message: {},
  }
}

/** Refuses every canary of its own drill, and nothing else. */
export function drillLockOf(entry: OrderEntry): Lock {
  return {
    id: entry.id,
    scope: { all: true },
    mode: 'deny',
    source: 'drill',
    since: entry.at,
    reason: 'a drill',
    incident: 'DRILL',
    by: entry.by.name,
    onExpiry: 'stay',
    status: 503,
    message: {},
  }
}

export function revocationOf(entry: OrderEntry): Revocation {
  const { order } = entry.statement
  if (order.kind !== 'revoke') throw new TypeError('not a revoke order')
  return {
    id: entry.id,
    // One session is ended for good; a person or a client may open a new one after the order.
    before: order.before ?? (order.session === undefined ? entry.at : Number.MAX_SAFE_INTEGER),
    reason: order.reason,
    incident: order.incident,
    by: entry.by.name,
    since: entry.at,
    ...(order.subject === undefined ? {} : { subject: order.subject }),
    ...(order.session === undefined ? {} : { session: order.session }),
    ...(order.client === undefined ? {} : { client: order.client }),
  }
}
