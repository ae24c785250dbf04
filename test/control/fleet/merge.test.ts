// Two halves of a fleet that cannot see each other accept orders of their own; whichever way they meet, they end with one table.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createOrderVerifier } from '../../../src/adapters/jose/order-verifier.ts'
import { replayJournal } from '../../../src/control/replay-journal.ts'
import { tableLines } from '../../../src/core/table-lines.ts'
import { people } from '../../support/control-desk.ts'
import { createFleet, newMemory, settle, type Fleet, type Member } from '../../support/fleet-rig.ts'

type Step =
  | { readonly do: 'lock'; readonly who: number; readonly ttl: boolean }
  | { readonly do: 'revoke'; readonly who: number }
  | { readonly do: 'release' | 'approve'; readonly who: number; readonly pick: number }
  | { readonly do: 'again'; readonly who: number; readonly pick: number }
  | { readonly do: 'beats' }

const who = fc.nat(3)
const pick = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('lock' as const), who, ttl: fc.boolean() }),
  fc.record({ do: fc.constant('revoke' as const), who }),
  fc.record({ do: fc.constantFrom('release' as const, 'approve' as const), who, pick }),
  // The very same signed order is delivered to another gateway too, in whichever half.
  fc.record({ do: fc.constant('again' as const), who, pick }),
  fc.constant({ do: 'beats' as const }),
)

interface Run {
  readonly fleet: Fleet
  readonly all: readonly Member[]
  readonly jws: string[]
  readonly locks: string[]
  readonly releases: string[]
}

async function submit(run: Run, index: number, jws: string): Promise<string | undefined> {
  const result = await run.all[index]?.desk.submit(jws, 'api')
  return result !== undefined && 'id' in result ? result.id : undefined
}

async function carryOut(run: Run, each: Step): Promise<void> {
  const { fleet, all } = run
  fleet.clock.advance(7)
  const sign = async (index: number, person: (typeof people)['lead'], order: unknown): Promise<string | undefined> => {
    const jws = fleet.sign(person, order)
    run.jws.push(jws)
    return submit(run, index, jws)
  }
  switch (each.do) {
    case 'lock': {
      const ttl = each.ttl ? { ttl: '1h', onExpiry: 'read-only' } : {}
      const id = await sign(each.who, people.desk, {
        kind: 'lock',
        scope: { all: true },
        reason: 'r',
        incident: 'I',
        ...ttl,
      })
      if (id !== undefined) run.locks.push(id)
      return
    }
    case 'revoke':
      await sign(each.who, people.desk, { kind: 'revoke', client: 'partner', reason: 'r', incident: 'I' })
      return
    case 'release': {
      const lock = run.locks[each.pick % Math.max(1, run.locks.length)]
      if (lock === undefined) return
      const id = await sign(each.who, people.lead, { kind: 'release', locks: [lock], reason: 'over' })
      if (id !== undefined) run.releases.push(id)
      return
    }
    case 'approve': {
      const release = run.releases[each.pick % Math.max(1, run.releases.length)]
      if (release !== undefined) await sign(each.who, people.chief, { kind: 'approve', release })
      return
    }
    case 'again': {
      const jws = run.jws[each.pick % Math.max(1, run.jws.length)]
      if (jws !== undefined) await submit(run, each.who, jws)
      return
    }
    case 'beats':
      await fleet.rounds(1, all)
  }
}

async function tables(all: readonly Member[]): Promise<ReadonlySet<string>> {
  await settle()
  return new Set(all.map(({ desk }) => tableLines(desk.ledger).join('\n')))
}

describe('a partition', () => {
  test('two halves that each accepted orders converge, whichever way they meet; epochs only grow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 14 }),
        fc.constantFrom('left', 'right', 'fresh'),
        async (steps, store) => {
          const fleet = await createFleet(4)
          await fleet.found()
          const all = [...fleet.members]
          const other = newMemory()
          const run: Run = { fleet, all, jws: [], locks: [], releases: [] }
          for (const member of all) member.link.peers = false
          for (const member of all.slice(2)) member.link.store = other.open(member.name)
          const epochs = all.map(({ desk }) => desk.ledger.epoch)
          for (const each of steps) {
            await carryOut(run, each)
            for (const [index, { desk }] of all.entries()) {
              expect(desk.ledger.epoch).toBeGreaterThanOrEqual(epochs[index] ?? 0)
              epochs[index] = desk.ledger.epoch
            }
          }
          // Into one of the two stores, or into a third that was just emptied.
          const met = store === 'left' ? fleet.memory : store === 'right' ? other : newMemory()
          for (const member of all) member.link.store = met.open(member.name)
          await fleet.rounds(8)
          expect((await tables(all)).size).toBe(1)
          expect(new Set(all.map(({ desk }) => desk.ledger.epoch)).size).toBe(1)
          expect(all.every(({ parts }) => parts.link.leaseRemainingMs > 0)).toBe(true)
          // And what each has on its disk says the same.
          for (const { journal, desk } of all) {
            const again = await replayJournal(journal.kept, createOrderVerifier(), () => false)
            expect([again.epoch, tableLines(again)]).toEqual([desk.ledger.epoch, tableLines(desk.ledger)])
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  test('two responders at once: both locks hold everywhere, and neither undoes the other', async () => {
    const fleet = await createFleet(2)
    await fleet.found()
    const [a, b] = fleet.members
    if (a === undefined || b === undefined) throw new Error()
    const ids = await Promise.all([a.lock('one'), b.lock('two')])
    await fleet.rounds(4)
    expect(a.held).toEqual(ids.toSorted())
    expect(b.held).toEqual(ids.toSorted())
    expect(a.desk.ledger.epoch).toBe(b.desk.ledger.epoch)
  })

  test('an order that was taken while the store was away is delivered when it is back', async () => {
    const fleet = await createFleet(2)
    await fleet.found()
    const [a, b] = fleet.members
    if (a === undefined || b === undefined) throw new Error()
    a.link.store = undefined
    a.link.peers = false
    const id = await a.lock()
    await fleet.rounds(4)
    expect(b.held).toEqual([])
    a.link.store = fleet.memory.open(a.name)
    await fleet.rounds(8)
    expect(b.held).toEqual([id])
  })

  test('while the store is away peers are told directly', async () => {
    const fleet = await createFleet(3)
    await fleet.found()
    const [a, ...others] = fleet.members
    for (const member of fleet.members) member.link.store = undefined
    const id = await a?.lock()
    await settle()
    expect(others.map(({ held }) => held)).toEqual([[id], [id]])
  })
})
