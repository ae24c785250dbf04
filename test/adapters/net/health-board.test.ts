import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import { HealthBoard, healthMemory } from '../../../src/adapters/net/health-board.ts'

const UPSTREAMS = {
  registry: { targets: ['http://10.0.0.1:9000'] },
  reports: { targets: ['http://10.0.0.2:9000', 'http://10.0.0.3:9000'] },
  mail: { targets: ['http://10.0.0.4:9000'] },
}

test('each target has a place of its own, and is up until something else is known', () => {
  const board = new HealthBoard(healthMemory(UPSTREAMS), UPSTREAMS)
  board.set('reports', 0, false)
  board.set('mail', 0, false)
  expect(board.states(['registry', 'reports', 'mail', 'nowhere'])).toEqual([
    { upstream: 'registry', target: 0, isUp: true },
    { upstream: 'reports', target: 0, isUp: false },
    { upstream: 'reports', target: 1, isUp: true },
    { upstream: 'mail', target: 0, isUp: false },
  ])
  board.set('reports', 0, true)
  expect(board.reader('reports', 0)()).toBe(true)
})

test('what one board writes another one over the same memory reads', () => {
  const memory = healthMemory(UPSTREAMS)
  const isUp = new HealthBoard(structuredClone(memory), UPSTREAMS).reader('reports', 1)
  new HealthBoard(memory, UPSTREAMS).set('reports', 1, false)
  expect(isUp()).toBe(false)
})

test('what is not laid out is up, and writing it changes nothing', () => {
  const board = new HealthBoard(healthMemory(UPSTREAMS), UPSTREAMS)
  for (const [upstream, target] of [
    ['registry', 1],
    ['registry', -1],
    ['nowhere', 0],
  ] as const) {
    board.set(upstream, target, false)
    expect(board.reader(upstream, target)()).toBe(true)
  }
  expect(board.states(['registry', 'reports']).every(({ isUp }) => isUp)).toBe(true)
})

test('after a reload the same target of the same upstream is as it was, wherever it stands now', () => {
  const before = new HealthBoard(healthMemory(UPSTREAMS), UPSTREAMS)
  before.set('reports', 1, false)
  before.set('registry', 0, false)
  const next = { reports: { targets: ['http://10.0.0.3:9000', 'http://10.0.0.9:9000'] }, other: UPSTREAMS.registry }
  const board = new HealthBoard(healthMemory(next), next)
  board.adopt(before)
  expect(board.states(['reports', 'other'])).toEqual([
    { upstream: 'reports', target: 0, isUp: false },
    { upstream: 'reports', target: 1, isUp: true },
    { upstream: 'other', target: 0, isUp: true },
  ])
})

test('crosses threads', async () => {
  const memory = healthMemory(UPSTREAMS)
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads'); Atomics.store(new Int32Array(workerData), 2, 1)`,
    { eval: true, workerData: memory },
  )
  await new Promise((resolve) => worker.once('exit', resolve))
  expect(new HealthBoard(memory, UPSTREAMS).reader('reports', 1)()).toBe(false)
})
