// The ledger that the journal tells of. Signatures are checked again: whoever can write the file still cannot give an order.
import type { LedgerEntry, RecoveryEntry } from '../core/ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER, type Ledger } from '../core/ledger.ts'
import { parseStatement } from '../core/parse-statement.ts'
import type { OrderVerifier } from '../ports/order-verifier.ts'

export const ORDER_TYP = 'portcullis-order+jwt'

/** Rejects with an Error of one line where an entry does not hold: the gateway must not start on half of its orders. */
export async function replayJournal(
  entries: readonly LedgerEntry[],
  verifier: OrderVerifier,
  isRecovered: (entry: RecoveryEntry) => boolean,
): Promise<Ledger> {
  let ledger = EMPTY_LEDGER
  for (const [index, entry] of entries.entries()) {
    ledger = applyEntry(ledger, await checked(entry, index, verifier, isRecovered))
  }
  return ledger
}

async function checked(
  entry: LedgerEntry,
  index: number,
  verifier: OrderVerifier,
  isRecovered: (entry: RecoveryEntry) => boolean,
): Promise<LedgerEntry> {
  const refuse = (why: string): Error => new Error(`the order journal does not hold at entry ${index + 1}: ${why}`)
  switch (entry.type) {
    case 'flags':
    case 'freeze':
    case 'refreeze':
    case 'epoch':
      return entry
    case 'recovery':
      if (!isRecovered(entry)) throw refuse('a recovery that this gateway has not signed')
      return entry
    case 'order': {
      // The key is the one that was enrolled then: people leave, their orders stay. The times are not judged again (contract, 4).
      const verified = await verifier.verify(entry.jws, ORDER_TYP, [entry.by])
      if ('refused' in verified) throw refuse(`order ${entry.id}: ${verified.detail}`)
      if (verified.id !== entry.id) throw refuse(`order ${entry.id} has the words of another, ${verified.id}`)
      const statement = parseStatement(verified.payload)
      if ('problems' in statement) throw refuse(`order ${entry.id}: ${statement.problems.join('; ')}`)
      // The signed words count, not the copy beside them.
      return { ...entry, statement }
    }
    default:
      throw refuse('its type is not known to this version')
  }
}
