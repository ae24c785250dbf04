// The trail's records of orders and of changes by file.
import type { OrderRecord } from '../core/audit-record.ts'
import type { LedgerEntry } from '../core/ledger-entry.ts'
import type { Ledger } from '../core/ledger.ts'
import { writerGateway } from '../core/order-numbers.ts'
import type { Order } from '../core/order.ts'
import type { Proposal } from '../core/proposal.ts'
import { keyNameOf } from '../core/responder.ts'

/** A longer JWS is left out of its record, whose id names it: the journal has it whole. */
const JWS_IN_RECORD_MAX = 8192
/** An audit entry has at most 32 KiB: of a long list the record keeps the first. */
const LOCKS_IN_RECORD_MAX = 100

export function orderRecord(entry: LedgerEntry, outcome: OrderRecord['outcome'], ledger: Ledger): OrderRecord {
  const common = { time: entry.at, kind: 'order', outcome, epoch: ledger.epoch } as const
  switch (entry.type) {
    case 'flags': {
      const [first] = entry.locks
      const word = first === undefined ? {} : { reason: first.reason, incident: first.incident }
      return {
        ...common,
        order: 'flags',
        channel: entry.source,
        locks: firstOf(entry.locks.map((lock) => lock.id)),
        ...word,
      }
    }
    case 'freeze':
      return { ...common, order: 'freeze', channel: 'file', id: entry.id, locks: [entry.id], incident: 'FREEZE' }
    case 'refreeze':
      return {
        ...common,
        order: 'refreeze',
        channel: 'gateway',
        id: entry.release,
        locks: firstOf(ledger.proposals.get(entry.release)?.locks ?? []),
        reason: entry.why,
      }
    case 'recovery':
      return {
        ...common,
        order: 'recovery',
        channel: 'host',
        id: entry.id,
        responder: keyNameOf(entry.responder),
        reason: entry.reason,
      }
    case 'epoch':
      return { ...common, order: 'epoch', channel: 'fleet' }
    case 'order': {
      const { order } = entry.statement
      const jws = entry.jws.length > JWS_IN_RECORD_MAX ? {} : { jws: entry.jws }
      return {
        ...common,
        order: order.kind,
        channel: entry.channel,
        id: entry.id,
        by: entry.by.name,
        ...details(entry.id, order, ledger),
        ...(entry.receipt === undefined ? {} : { acceptedBy: writerGateway(entry.receipt.writer) }),
        ...jws,
      }
    }
  }
}

type Details = Pick<OrderRecord, 'locks' | 'reason' | 'incident' | 'action' | 'responder' | 'withdrawn' | 'forgotten'>

function details(id: string, order: Order, ledger: Ledger): Details {
  switch (order.kind) {
    case 'drill':
      return order.reason === undefined ? {} : { reason: order.reason }
    case 'incident':
      return { incident: order.incident, reason: order.reason, action: order.action }
    case 'genesis':
      return { reason: order.reason }
    case 'forget':
      return { forgotten: order.gateway, reason: order.reason }
    case 'enrol':
      return { responder: keyNameOf(order), reason: order.reason }
    case 'retire':
      return { responder: order.name, reason: order.reason }
    case 'exempt':
      return { locks: firstOf(order.locks), reason: order.reason }
    case 'lock':
      return { locks: [id], reason: order.reason, incident: order.incident }
    case 'revoke':
      return { reason: order.reason, incident: order.incident }
    case 'release':
      return {
        locks: firstOf(order.locks),
        reason: order.reason,
        ...(order.withdraw === undefined ? {} : { withdrawn: order.withdraw }),
      }
    case 'approve':
      return approved(ledger.proposals.get(order.release))
  }
}

function approved(proposal: Proposal | undefined): Details {
  if (proposal === undefined) return {}
  const { order, locks } = proposal
  if (order.kind === 'enrol' || order.kind === 'retire') return { responder: keyNameOf(order) }
  return { locks: firstOf(locks) }
}

function firstOf(ids: readonly string[]): readonly string[] {
  return ids.slice(0, LOCKS_IN_RECORD_MAX)
}
