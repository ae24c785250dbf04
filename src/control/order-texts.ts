// The orders themselves, as they were signed: for whoever wants to see what was ordered, and by whom.
import type { LedgerEntry } from '../core/ledger-entry.ts'

export interface OrderTexts {
  /** Keeps the order of each entry, and passes the entry on. */
  noting(then: ((entry: LedgerEntry) => void) | undefined): (entry: LedgerEntry) => void
  /** The compact JWS; undefined where it is no order, or too long ago. */
  of(id: string): string | undefined
}

/** Certificates are kept of 256 epochs; an order has some 500 bytes. */
const TEXTS_MAX = 4096

export function createOrderTexts(entries: readonly LedgerEntry[]): OrderTexts {
  const texts = new Map<string, string>()
  const note = (entry: LedgerEntry): void => {
    if (entry.type !== 'order') return
    texts.set(entry.id, entry.jws)
    const [oldest] = texts.keys()
    if (texts.size > TEXTS_MAX && oldest !== undefined) texts.delete(oldest)
  }
  for (const entry of entries) note(entry)
  return {
    noting: (then) => (entry) => {
      note(entry)
      then?.(entry)
    },
    of: (id) => texts.get(id),
  }
}
