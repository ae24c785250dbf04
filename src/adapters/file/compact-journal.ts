// The journal on the disk without what no longer counts. What a machine writes (flags that an editor flips, epochs that peers raise)
// would otherwise let it grow for as long as the gateway lives; what people sign stays.
import { compactEntries } from '../../core/compact-entries.ts'
import type { LedgerEntry } from '../../core/ledger-entry.ts'
import { openJournalFile, rewriteJournalFile } from './journal-file.ts'

/** Fewer are not worth a new file. */
const DROPPED_MIN = 256

/** True where there is a smaller one now, under the same name. Throws where it could not be written; the one before then stays. */
export function compactJournal(file: string): boolean {
  const journal = openJournalFile(file)
  journal.close()
  const entries = journal.entries.map(({ payload }) => JSON.parse(payload) as LedgerEntry)
  const machineMade = entries.filter(({ type }) => type === 'flags' || type === 'epoch').length
  // Reckoning costs as much as a start: only where half of them could go.
  if (machineMade < DROPPED_MIN || machineMade * 2 < entries.length) return false
  const compact = compactEntries(entries)
  if (entries.length - compact.length < DROPPED_MIN) return false
  rewriteJournalFile(
    file,
    compact.map((entry) => JSON.stringify(entry)),
  )
  return true
}
