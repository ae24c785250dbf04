// The orders that the journal has kept, put back where they can be delivered from.
import type { LedgerEntry } from '../../core/ledger-entry.ts'
import type { FleetEntry } from '../../ports/fleet-store.ts'
import { entryText, refreezeText } from './entry-text.ts'
import type { Shelf } from './shelf.ts'

/** As it travels; undefined for what never does: flags, FREEZE, recoveries, and what somebody orders whom only a recovery has enrolled. */
export function shelve(shelf: Shelf, entry: LedgerEntry): FleetEntry | undefined {
  if ((entry.type !== 'order' && entry.type !== 'refreeze') || entry.receipt === undefined) return undefined
  const text =
    entry.type === 'order'
      ? entryText(entry.id, entry.receipt, { jws: entry.jws, receipt: entry.receipt.text })
      : refreezeText(entry.release, entry.receipt)
  shelf.put(entry.receipt, text)
  return text
}
