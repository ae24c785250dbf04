// What a member could not keep when it came is tried again by its own rounds, though nothing else is lacking.
import { afterEach, expect, jest, test } from '@jest/globals'
import { startFleetRounds, type FleetRounds } from '../../../src/control/fleet/rounds.ts'
import { people } from '../../support/control-desk.ts'
import { createFleet, LEASE_MS } from '../../support/fleet-rig.ts'

let rounds: FleetRounds | undefined
afterEach(() => {
  rounds?.stop()
  jest.useRealTimers()
})

test('a release that a slow disk refused opens once the disk takes it', async () => {
  const fleet = await createFleet(2)
  await fleet.found()
  const [a, b] = fleet.members
  if (a === undefined || b === undefined) throw new Error()
  const lock = await a.lock()
  await fleet.rounds(2)
  expect(b.held).toEqual([lock])
  b.journal.mode = 'fail'
  const proposed = await a.order(people.lead, { kind: 'release', locks: [lock], reason: 'over' })
  if (proposed.outcome !== 'pending') throw new Error(JSON.stringify(proposed))
  await a.order(people.chief, { kind: 'approve', release: proposed.id })
  await fleet.rounds(3)
  expect([a.held, b.held]).toEqual([[], [lock]])
  b.journal.mode = 'ok'
  // Nothing that locks is lacking, and nobody sends it again.
  expect(b.parts.link.lacking).toEqual([])
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] })
  rounds = startFleetRounds(b.parts)
  for (let looks = 0; looks < 4 && b.held.length > 0; looks += 1) {
    await jest.advanceTimersByTimeAsync(LEASE_MS)
    fleet.clock.advance(LEASE_MS)
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(b.held).toEqual([])
})
