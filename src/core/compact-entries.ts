// A journal without what no longer counts: of the flags of each source only the last set, of raised epochs only what the entries
// between them do not count themselves. Orders, FREEZE, ended plans and recoveries all stay: they are people's words, and they are few.
import type { LedgerEntry } from './ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER, type Ledger } from './ledger.ts'

/** Gives the very same ledger, epochs included; the entries as they are where it would not. */
export function compactEntries(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const last = { file: lastFlags(entries, 'file'), config: lastFlags(entries, 'config') }
  const kept: LedgerEntry[] = []
  let [whole, compact] = [EMPTY_LEDGER, EMPTY_LEDGER]
  const catchUp = (at: number): void => {
    if (compact.epoch >= whole.epoch) return
    const raise: LedgerEntry = { type: 'epoch', epoch: whole.epoch, at }
    kept.push(raise)
    compact = applyEntry(compact, raise)
  }
  for (const [index, entry] of entries.entries()) {
    const isDropped = entry.type === 'epoch' || (entry.type === 'flags' && index !== last[entry.source])
    if (!isDropped) {
      catchUp(entry.at)
      kept.push(entry)
      compact = applyEntry(compact, entry)
    }
    whole = applyEntry(whole, entry)
  }
  catchUp(entries.at(-1)?.at ?? 0)
  return textOf(compact) === textOf(whole) ? kept : entries
}

/** Where the set that stands now first came: repeating it changed nothing. */
function lastFlags(entries: readonly LedgerEntry[], source: 'file' | 'config'): number {
  let found = -1
  let text = ''
  for (const [index, entry] of entries.entries()) {
    if (entry.type !== 'flags' || entry.source !== source) continue
    const locks = JSON.stringify(entry.locks)
    if (found < 0 || locks !== text) found = index
    text = locks
  }
  return found
}

function textOf(ledger: Ledger): string {
  return JSON.stringify(ledger, (_key, value: unknown) =>
    value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value,
  )
}
