import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pickTarget, REFUSED_MS, TargetHealth, type Candidate } from '../../../src/adapters/net/pick-target.ts'

const up = (pending: number): Candidate => ({ pending, isDown: false })
const down = (pending: number): Candidate => ({ pending, isDown: true })

describe('a target is picked', () => {
  test('with the least pending', () => {
    const targets = [up(2), up(1), up(3)]
    for (let turn = 0; turn < 6; turn++) expect(pickTarget(targets, turn)).toBe(targets[1])
  })

  test('in turn where they are equal', () => {
    const targets = [up(1), up(1), up(2), up(1)]
    expect([0, 1, 2, 3, 4].map((turn) => targets.indexOf(pickTarget(targets, turn) ?? up(0)))).toEqual([0, 1, 3, 3, 0])
  })

  test('that is up, however much is pending there', () => {
    const targets = [down(0), up(9), down(1)]
    for (let turn = 0; turn < 6; turn++) expect(pickTarget(targets, turn)).toBe(targets[1])
  })

  test('of those that are down, where all are: the last target is never taken out', () => {
    expect(pickTarget([down(5)], 3)).toEqual(down(5))
    const targets = [down(2), down(1)]
    expect(pickTarget(targets, 0)).toBe(targets[1])
  })

  test('of none there is none', () => {
    expect(pickTarget([], 0)).toBeUndefined()
  })

  test('always one of the best, for any targets and any turn', () => {
    const candidate = fc.record({ pending: fc.nat(5), isDown: fc.boolean() })
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 8 }), fc.nat(), (targets, turn) => {
        const picked = pickTarget(targets, turn)
        const standing = targets.filter(({ isDown }) => !isDown)
        const eligible = standing.length === 0 ? targets : standing
        expect(eligible).toContain(picked)
        expect(picked?.pending).toBe(Math.min(...eligible.map(({ pending }) => pending)))
      }),
    )
  })

  test('evenly: a thousand picks of three idle targets', () => {
    const targets = [up(0), up(0), up(0)]
    const counts = [0, 0, 0]
    for (let turn = 0; turn < 999; turn++) counts[targets.indexOf(pickTarget(targets, turn) ?? up(0))]! += 1
    expect(counts).toEqual([333, 333, 333])
  })
})

describe('a target is down', () => {
  test('for five seconds after it refused a connection', () => {
    const health = new TargetHealth()
    expect(health.isDown(1_000)).toBe(false)
    health.refused(1_000)
    expect([health.isDown(1_000), health.isDown(1_000 + REFUSED_MS - 1)]).toEqual([true, true])
    expect(health.isDown(1_000 + REFUSED_MS)).toBe(false)
    expect(REFUSED_MS).toBe(5_000)
  })

  test('from the last refusal on, not the first', () => {
    const health = new TargetHealth()
    health.refused(1_000)
    health.refused(4_000)
    expect([health.isDown(8_999), health.isDown(9_000)]).toEqual([true, false])
  })

  test('while its checks say so', () => {
    let isUp = false
    const health = new TargetHealth(() => isUp)
    expect(health.isDown(0)).toBe(true)
    isUp = true
    expect(health.isDown(0)).toBe(false)
  })
})
