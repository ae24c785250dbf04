// The table as the workers get it, with the hash by which gateways compare theirs.
import { createHash } from 'node:crypto'
import { tableOf, type Ledger } from '../core/ledger.ts'
import type { LockTable } from '../core/lock-table.ts'
import { tableLines } from '../core/table-lines.ts'

/** A ledger is never edited: its hash is reckoned once. */
const hashes = new WeakMap<Ledger, string>()

/** SHA-256, base64url, over the table's lines. */
export function tableHash(ledger: Ledger): string {
  const known = hashes.get(ledger)
  if (known !== undefined) return known
  const hash = createHash('sha256').update(tableLines(ledger).join('\n')).digest('base64url')
  hashes.set(ledger, hash)
  return hash
}

export function hashedTable(ledger: Ledger): LockTable {
  return { ...tableOf(ledger), hash: tableHash(ledger) }
}
