// Memory fakes of the ports that the control plane uses, each with the controls that a test needs to fail, hold or watch it.
import type { LedgerEntry } from '../../src/core/ledger.ts'
import type { Logger } from '../../src/ports/logger.ts'

const silent = (): void => undefined
export const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent }

/** A journal entry that can be told from others by its number. */
export function flagsEntry(number: number): LedgerEntry {
  return { type: 'flags', source: 'file', locks: [], at: number }
}
