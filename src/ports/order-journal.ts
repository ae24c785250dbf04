import type { LedgerEntry } from '../core/ledger-entry.ts'

/**
 * The ledger's entries on this gateway's own disk, in the order in which they were accepted. Written by a thread of its own
 * with synchronous writes into preallocated space, so that hung file calls elsewhere never delay a freeze.
 *
 * `append` resolves once the entry survives power loss; it rejects where that failed, and the entry is then not there. With
 * `limitMs` it rejects also where that took longer, and the entry is then withdrawn: it takes two writes to count, and the
 * second is made only where the first was durable in time. Only a crash inside that second write can leave a withdrawn entry
 * that counts. A torn last entry, which was never acknowledged, is dropped at open; any other damage refuses to open, naming
 * file and offset.
 */
export interface OrderJournal {
  /** Entries found at open. */
  readonly entries: readonly LedgerEntry[]
  append(entry: LedgerEntry, limitMs?: number): Promise<void>
  close(): Promise<void>
}
