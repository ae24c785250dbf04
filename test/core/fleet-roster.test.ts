// Members of a fleet: whom a gateway waits for, and whom it reads at each beat.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Heartbeat, Member } from '../../src/core/fleet-messages.ts'
import { FleetRoster } from '../../src/core/fleet-roster.ts'

const member = (gateway: string, seq = 1, state: Member['state'] = 'live', at = 1000): Member => ({
  gateway,
  seq,
  state,
  at,
  version: '1',
})
const beat = (gateway: string, run: number, number: number): Heartbeat => ({
  ...{ gateway, run, beat: number, at: 1, nonce: 'n', epoch: 1, table: 't', founded: true, have: {} },
  ...{ isPartial: false, seen: {}, lease: 1, workers: [] },
})
const at = (ms: number) => ({ monotonicMs: ms, wallMs: ms })

describe('members', () => {
  test('the newer record counts, whatever comes last', () => {
    const roster = new FleetRoster('me')
    expect([
      roster.take(member('a', 2)),
      roster.take(member('a', 1, 'left')),
      roster.take(member('a', 2, 'left')),
    ]).toEqual([true, false, false])
    expect(roster.counts('a')).toBe(true)
    expect(roster.take(member('a', 3, 'left'))).toBe(true)
    expect([roster.counts('a'), roster.isAlone]).toEqual([false, true])
  })

  test('live while it is heard, then missing, and never gone by itself', () => {
    const roster = new FleetRoster('me', [member('a')])
    expect(roster.stateOf('a', at(0), 1000)).toBe('missing')
    roster.hear(beat('a', 1, 1), at(0))
    expect([roster.stateOf('a', at(1000), 1000), roster.stateOf('a', at(1001), 1000)]).toEqual(['live', 'missing'])
    expect(roster.stateOf('a', at(1e12), 1000)).toBe('missing')
    expect(roster.isAlone).toBe(false)
  })

  test('an older heartbeat is not heard, of an older run neither', () => {
    const roster = new FleetRoster('me', [member('a')])
    expect(
      [beat('a', 2, 5), beat('a', 2, 5), beat('a', 2, 4), beat('a', 1, 99), beat('a', 2, 6), beat('a', 3, 1)].map(
        (each) => roster.hear(each, at(0)),
      ),
    ).toEqual([true, false, false, false, true, true])
  })

  test('forgotten by an order, it comes back by a later record of its own alone', () => {
    const roster = new FleetRoster('me', [member('a', 1, 'live', 1000)])
    roster.forget('a', 2000)
    expect([roster.stateOf('a', at(0), 1000), roster.counts('a')]).toEqual(['forgotten', false])
    roster.take(member('a', 2, 'live', 2000))
    expect(roster.counts('a')).toBe(false)
    roster.take(member('a', 3, 'live', 2001))
    expect(roster.counts('a')).toBe(true)
  })
})

describe('neighbours', () => {
  test('in a small fleet everybody reads everybody', () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const roster = new FleetRoster(
      'c',
      names.map((name) => member(name)),
    )
    expect(roster.neighbours).toEqual(['a', 'b', 'd', 'e'])
  })

  test('in any fleet: eight at most, never oneself, and who reads is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), (size) => {
        const names = Array.from({ length: size }, (_, index) => `g${String(index).padStart(2, '0')}`)
        const rosters = new Map(
          names.map((own) => [
            own,
            new FleetRoster(
              own,
              names.map((name) => member(name)),
            ),
          ]),
        )
        for (const [own, { neighbours }] of rosters) {
          expect(neighbours.length).toBe(Math.min(8, size - 1))
          expect(new Set(neighbours).size).toBe(neighbours.length)
          expect(neighbours).not.toContain(own)
          for (const other of neighbours) expect(rosters.get(other)?.neighbours).toContain(own)
        }
      }),
    )
  })

  test('what one of a thousand knows has reached all of them after a dozen beats', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `g${String(index).padStart(3, '0')}`)
    const members = names.map((name) => member(name))
    const read = new Map(names.map((own) => [own, new FleetRoster(own, members).neighbours]))
    const knows = new Set(['g500'])
    let beats = 0
    for (; knows.size < names.length && beats < 1000; beats += 1) {
      const news = names.filter((name) => !knows.has(name) && read.get(name)?.some((each) => knows.has(each)))
      for (const name of news) knows.add(name)
    }
    expect(knows.size).toBe(1000)
    // Next to each other it would take 125.
    expect(beats).toBeLessThanOrEqual(12)
  })
})
