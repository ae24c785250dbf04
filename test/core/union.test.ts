// Everything that opens, and everybody who signs it, in two halves of a fleet: whichever way they meet, one table follows.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { LedgerEntry } from '../../src/core/ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER, tableOf, type Ledger } from '../../src/core/ledger.ts'
import type { Order } from '../../src/core/order.ts'
import type { Responder } from '../../src/core/responder.ts'
import type { ThawPlan } from '../../src/core/thaw.ts'
import { aLockOrder, anApproval, aRelease, AUDITOR, CHIEF, DESK, GUARD, LEAD } from './desk.ts'
import { aResponder, NOON } from './fixtures.ts'

const PLAN: ThawPlan = {
  stages: [
    { passes: 'read-only', forMs: 1000 },
    { passes: 'all', forMs: 1000 },
  ],
  owner: 'lead',
  deadlineMs: 10_000,
  refreezeOn: [],
}
const THIRD = aResponder('third', 'commander')
const PEOPLE = [DESK, LEAD, CHIEF, THIRD, AUDITOR] as const
const guard = { ...GUARD, responders: [...PEOPLE] }
const NUMBERS = [0, 1, 2] as const

const locks = fc.uniqueArray(fc.constantFrom('lock-0', 'lock-1', 'freeze-0'), { minLength: 1, maxLength: 2 })
const proposal = fc.constantFrom(
  ...['release', 'exempt', 'enrol', 'retire'].flatMap((kind) => NUMBERS.map((number) => `${kind}-${number}`)),
)
const order: fc.Arbitrary<Order> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(aLockOrder(), aLockOrder({ tags: ['pii'] })) },
  { weight: 1, arbitrary: locks.map((each) => aRelease(each)) },
  { weight: 2, arbitrary: locks.map((each) => ({ ...aRelease(each), thaw: PLAN }) as Order) },
  { weight: 1, arbitrary: locks.map((each) => ({ ...aRelease(each), withdraw: true }) as Order) },
  {
    weight: 2,
    arbitrary: locks.map((each): Order => ({
      kind: 'exempt',
      locks: each,
      scope: { clients: ['app'] },
      ttlMs: 5000,
      reason: 'r',
    })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('new', 'third', 'lead'), fc.constantFrom('key-1', 'key-2'), fc.constantFrom('a', 'b'))
      .map(([name, key, keyId]): Order => ({ kind: 'enrol', name, role: 'commander', key, keyId, reason: 'r' })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('lead', 'chief', 'third', 'new'), fc.constantFrom(undefined, 'key-1', THIRD.key))
      .map(([name, key]): Order => ({ kind: 'retire', name, reason: 'r', ...(key === undefined ? {} : { key }) })),
  },
  { weight: 1, arbitrary: fc.constant<Order>({ kind: 'drill' }) },
  { weight: 10, arbitrary: proposal.map((each) => anApproval(each)) },
)

const ordered = fc
  .tuple(order, fc.constantFrom(...NUMBERS), fc.nat(30), fc.constantFrom<Responder>(...PEOPLE), fc.nat(6))
  .map(([each, number, unique, by, seconds]): LedgerEntry => {
    const id = `${each.kind}-${each.kind === 'approve' ? unique : number}`
    const at = NOON + seconds * 1000
    const statement = { iss: by.name, iat: at / 1000, jti: id, order: each }
    return { type: 'order', id, jws: id, statement, by, at, channel: 'api', guard }
  })
const entry: fc.Arbitrary<LedgerEntry> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<LedgerEntry>({ type: 'freeze', id: 'freeze-0', at: NOON, guard }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...NUMBERS), fc.nat(6), fc.constantFrom('errors', 'anomalies'))
      .map(([number, seconds, why]): LedgerEntry => {
        return { type: 'refreeze', release: `release-${number}`, why, at: NOON + seconds * 1000 }
      }),
  },
  { weight: 24, arbitrary: ordered },
)
/** One order for each id; a plan may be ended by several gateways. */
const entries = fc.uniqueArray(entry, {
  minLength: 8,
  maxLength: 40,
  selector: (each) => ('id' in each ? each.id : JSON.stringify(each)),
  size: 'max',
})

const apply = (set: readonly LedgerEntry[]): Ledger => set.reduce(applyEntry, EMPTY_LEDGER)

function essence(ledger: Ledger) {
  const { locks: table, revocations, drill } = tableOf(ledger)
  return {
    table,
    revocations,
    drill,
    released: [...ledger.released].toSorted(),
    roster: ledger.roster,
    proposals: [...ledger.proposals.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

describe('a set of entries', () => {
  test('gives one table, one roster and one state of every proposal, in any order and with any repetition', () => {
    const seen = { thaws: 0, refrozen: 0, exemptions: 0, withdrawn: 0, enrolled: 0, retired: 0 }
    fc.assert(
      fc.property(
        entries.chain((set) =>
          fc.tuple(
            fc.constant(set),
            fc.shuffledSubarray([...set], { minLength: set.length }),
            fc.array(fc.constantFrom(...set), { maxLength: 6 }),
          ),
        ),
        ([set, shuffled, again]) => {
          const ledger = apply(set)
          const one = essence(ledger)
          for (const { thaw, exemptions } of one.table) {
            if (thaw !== undefined) seen.thaws++
            if (thaw?.refrozen !== undefined) seen.refrozen++
            if (exemptions !== undefined) seen.exemptions++
          }
          for (const { done, order: each } of ledger.proposals.values())
            if (done && each.kind === 'release' && each.withdraw === true) seen.withdrawn++
          seen.enrolled += one.roster.enrolments.length
          seen.retired += one.roster.retirements.length
          expect(essence(apply([...shuffled, ...again]))).toEqual(one)
          expect(essence(apply([...again, ...shuffled]))).toEqual(one)
        },
      ),
      { numRuns: 400 },
    )
    // Not empty: each of them has happened.
    for (const [what, count] of Object.entries(seen)) expect([what, count > 3]).toEqual([what, true])
  })

  test('merges from two halves, and the epoch grows whenever the table changes', () => {
    fc.assert(
      fc.property(entries, fc.nat(), (set, bits) => {
        const half = set.filter((_each, index) => (bits >> (index % 30)) & 1)
        const rest = set.filter((each) => !half.includes(each))
        let ledger = apply(half)
        for (const each of rest) {
          const next = applyEntry(ledger, each)
          const { epoch: _before, ...before } = tableOf(ledger)
          const { epoch: _after, ...after } = tableOf(next)
          if (JSON.stringify(before) === JSON.stringify(after)) expect(next.epoch).toBeGreaterThanOrEqual(ledger.epoch)
          else expect(next.epoch).toBeGreaterThan(ledger.epoch)
          expect(applyEntry(next, each).epoch).toBe(next.epoch)
          ledger = next
        }
        expect(essence(ledger)).toEqual(essence(apply(set)))
      }),
      { numRuns: 200 },
    )
  })
})
