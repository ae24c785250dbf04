// A smaller journal tells the same: every ledger that can be made of flags, epochs, FREEZE and orders is the same after it.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compactEntries } from '../../src/core/compact-entries.ts'
import type { LedgerEntry } from '../../src/core/ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER } from '../../src/core/ledger.ts'

const GUARD = { responders: [], approvals: 2 }
const ledgerOf = (entries: readonly LedgerEntry[]) => entries.reduce(applyEntry, EMPTY_LEDGER)

const flags = fc
  .record({ source: fc.constantFrom('file', 'config'), which: fc.nat(3) })
  .map(({ source, which }): LedgerEntry => ({
    ...{ type: 'flags', source, at: 1 },
    locks:
      which === 0
        ? []
        : [
            {
              ...{ id: `${source}-${which}`, scope: { routes: [`r${which}`] }, mode: 'deny', source, since: 1 },
              ...{ reason: 'x', incident: 'x', onExpiry: 'stay', status: 503, message: {} },
            },
          ],
  }))
const epoch = fc.nat(40).map((number): LedgerEntry => ({ type: 'epoch', epoch: number, at: 2 }))
const freeze = fc.nat(5).map((number): LedgerEntry => ({ type: 'freeze', id: `freeze-${number}`, at: 3, guard: GUARD }))
const revoke = fc.nat(5).map(
  (number): LedgerEntry =>
    ({
      ...{ type: 'order', id: `order-${number}`, jws: 'x', channel: 'api', at: 4, guard: GUARD },
      by: { name: 'desk', role: 'responder', key: 'k' },
      statement: {
        ...{ iss: 'desk', iat: 1, jti: `${number}` },
        order: { kind: 'revoke', subject: 's', reason: 'r', incident: 'i' },
      },
    }) as unknown as LedgerEntry,
)

test('the ledger is the very same, epochs of orders included', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(flags, epoch, freeze, revoke), { maxLength: 40 }), (entries) => {
      const compact = compactEntries(entries)
      expect(ledgerOf(compact)).toEqual(ledgerOf(entries))
      expect(compactEntries(compact)).toEqual(compact)
    }),
    { numRuns: 500 },
  )
})

test('a file that is flipped ten thousand times leaves one set of flags and one epoch', () => {
  const set = (which: number): LedgerEntry => ({ type: 'flags', source: 'file', at: which, locks: [] })
  const lock = (which: number): LedgerEntry => ({
    ...{ type: 'flags', source: 'file', at: which },
    locks: [{ id: `f${which}` }] as unknown as Extract<LedgerEntry, { type: 'flags' }>['locks'],
  })
  const entries = Array.from({ length: 10_000 }, (_, index) => (index % 2 === 0 ? lock(index) : set(index)))
  expect(compactEntries(entries).length).toBeLessThanOrEqual(3)
  expect(ledgerOf(compactEntries(entries)).epoch).toBe(10_000)
})
