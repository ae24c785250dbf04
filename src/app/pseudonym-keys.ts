// The key that people are named by from this start on: the newest whose day has come. Never while the gateway runs, since what it
// remembers of people is by their names; and not while a lock names somebody by an older one, since it would cover nobody.
import { createOrderVerifier } from '../adapters/jose/order-verifier.ts'
import { loadPseudonymRing, type PseudonymKey } from '../adapters/node/pseudonyms.ts'
import type { Config } from '../config/config.ts'
import { replayJournal } from '../control/replay-journal.ts'
import type { LedgerEntry } from '../core/ledger-entry.ts'
import { tableOf } from '../core/ledger.ts'
import { chooseKey, keysInUse } from '../core/pseudonym-keys.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'

export interface PseudonymKeys {
  readonly pseudonymKey: PseudonymKey
  readonly pseudonymKeys: readonly PseudonymKey[]
}

/** Rejects with an Error of one line where the file cannot be used. */
export async function openPseudonymKeys(
  { audit }: Pick<Config, 'audit'>,
  entries: readonly LedgerEntry[],
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<PseudonymKeys> {
  const ring = loadPseudonymRing(audit.pseudonymKeyFile)
  const [first] = ring
  if (first === undefined) throw new Error(`${audit.pseudonymKeyFile}: there is no key in it`)
  if (ring.length === 1) return { pseudonymKey: first, pseudonymKeys: ring }
  // Whether recoveries hold is judged later, with the trail's key: here they only tell who is named.
  const ledger = await replayJournal(entries, createOrderVerifier(), () => true)
  const now = clock.now()
  const { id, waiting } = chooseKey(ring, keysInUse(tableOf(ledger), now), now)
  if (waiting !== undefined)
    logger.warn('a new pseudonym key waits: locks or revocations in force name people by the one before', {
      key: id,
      waiting,
    })
  return { pseudonymKey: ring.find((key) => key.id === id) ?? first, pseudonymKeys: ring }
}
