import { expect, test } from '@jest/globals'
import { targetKey, TargetStates } from '../../../src/adapters/net/target-states.ts'

const [ONE, TWO] = ['http://10.0.0.1:9000', 'http://10.0.0.2:9000']
const HEALTH = { path: '/up' }
const UPSTREAMS = {
  registry: { targets: [ONE], health: HEALTH },
  reports: { targets: [ONE, TWO], health: HEALTH },
  mail: { targets: [TWO] },
}

test('a target is up until something is known against it, for each upstream by itself', () => {
  const states = new TargetStates()
  expect(states.down).toEqual([])
  states.set(targetKey('reports', ONE), false)
  expect(states.down).toEqual([targetKey('reports', ONE)])
  expect(states.of(UPSTREAMS)).toEqual([
    { upstream: 'registry', target: 0, isUp: true },
    { upstream: 'reports', target: 0, isUp: false },
    { upstream: 'reports', target: 1, isUp: true },
  ])
  states.set(targetKey('reports', ONE), true)
  expect([states.down, states.isUp(targetKey('reports', ONE))]).toEqual([[], true])
})

test('after a reload a target is as it was wherever it stands now, and what is checked no more is forgotten', () => {
  const states = new TargetStates()
  for (const [upstream, origin] of [
    ['registry', ONE],
    ['reports', TWO],
    ['mail', TWO],
  ] as const)
    states.set(targetKey(upstream, origin), false)
  const next = { reports: { targets: [TWO, ONE], health: HEALTH }, registry: { targets: [ONE] } }
  states.keepOnly(next)
  expect(states.down).toEqual([targetKey('reports', TWO)])
  expect(states.of(next)).toEqual([
    { upstream: 'reports', target: 0, isUp: false },
    { upstream: 'reports', target: 1, isUp: true },
  ])
})
