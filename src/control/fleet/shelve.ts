// The orders that the journal has kept, put back where they can be delivered from.
import type { LedgerEntry } from '../../core/ledger-entry.ts'
import type { FleetEntry } from '../../ports/fleet-store.ts'
import { entryText } from './entry-text.ts'
import type { Shelf } from './shelf.ts'

/** As it travels; undefined for what never does. */
export function shelve(shelf: Shelf, entry: LedgerEntry): FleetEntry | undefined {
  if (entry.type !== 'order' || entry.receipt === undefined) return undefined
  const text = entryText(entry.id, entry.receipt, { jws: entry.jws, receipt: entry.receipt.text })
  shelf.put(entry.receipt, text)
  return text
}
