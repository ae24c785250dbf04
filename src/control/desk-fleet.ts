// What the desk has of a fleet: a number for what is accepted here, and a way in for what was accepted elsewhere.
import type { LedgerEntry, OrderEntry, OrderReceipt, RefreezeEntry } from '../core/ledger-entry.ts'
import { applyEntry, type Ledger } from '../core/ledger.ts'
import type { Statement } from '../core/order.ts'
import { isLocking, type Responder } from '../core/responder.ts'
import type { Instant } from '../core/time.ts'
import type { LedgerKeeper } from './ledger-keeper.ts'
import type { Turns } from './turns.ts'

export interface DeskFleet {
  /** The `aud` that orders must have. */
  readonly name: string
  /** Numbers and signs what is accepted here; gives the number again where what it was given to did not take effect. */
  receipt(entry: OrderEntry, epoch: number): OrderReceipt
  /** The same for the end of a thaw plan. */
  refreezeReceipt(entry: RefreezeEntry, epoch: number): OrderReceipt
}

/** An order that another gateway has accepted, and that was checked here (control/fleet/inspect-order). */
export type AcceptedElsewhere = Pick<OrderEntry, 'id' | 'jws' | 'statement' | 'by' | 'at' | 'guard' | 'channel'> & {
  readonly receipt: OrderReceipt
}

/** What is wrong with the `aud` (RFC 7519, 4.1.3) of an order in a fleet. */
export function checkAudience({ aud }: Statement, fleet: string): string | undefined {
  return aud?.includes(fleet) === true ? undefined : `aud must be the name of the fleet, ${JSON.stringify(fleet)}`
}

/** The entry with the receipt that travels with it. */
export function withReceipt(fleet: DeskFleet | undefined, keeper: LedgerKeeper, entry: OrderEntry): OrderEntry {
  if (fleet === undefined) return entry
  return { ...entry, receipt: fleet.receipt(entry, applyEntry(keeper.ledger, entry).epoch) }
}

/** The same for the end of a thaw plan. */
export function withRefreezeReceipt(
  fleet: DeskFleet | undefined,
  keeper: LedgerKeeper,
  entry: RefreezeEntry,
): RefreezeEntry {
  if (fleet === undefined) return entry
  return { ...entry, receipt: fleet.refreezeReceipt(entry, applyEntry(keeper.ledger, entry).epoch) }
}

/**
 * Whether only this host's recovery has enrolled the signer. What they order holds here alone and never travels: no other gateway
 * knows the key, and each would wait for an order that it can never take.
 */
export function isRecoveredHere(
  { recovered, proposals }: Ledger,
  by: Responder,
  config: readonly Responder[],
): boolean {
  if (!recovered.some(({ responder }) => responder.key === by.key)) return false
  if (config.some(({ key }) => key === by.key)) return false
  return ![...proposals.values()].some(({ done, order }) => done && order.kind === 'enrol' && order.key === by.key)
}

/** Carries it out without judging its times or scope again. False where what opens could not be kept: nothing has changed. */
export async function takeElsewhere(
  { keeper, turns, now }: { readonly keeper: LedgerKeeper; readonly turns: Turns; readonly now: Instant },
  order: AcceptedElsewhere,
): Promise<boolean> {
  const entry: LedgerEntry = { ...order, type: 'order', heardAt: now }
  if (!isLocking(order.statement.order.kind))
    return turns(async () => !('unavailable' in (await keeper.open(entry, order.id))))
  keeper.land(entry, order.id)
  return true
}
