// What may be used once: once by whichever thread, again after its time, and never unseen.
import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { createReplayMemory, createReplaySlab } from '../../src/throttle/replay-slab.ts'

const name = (n: number): Buffer => createHash('sha256').update(String(n)).digest()
const NOW = 1_700_000_000

test('a name is taken once, by all who share the memory, until its time is over', () => {
  const memory = createReplayMemory(1024)
  const [one, two] = [createReplaySlab(memory), createReplaySlab(memory)]
  expect(one.use(name(1), NOW, NOW + 60)).toBe('first')
  expect(one.use(name(1), NOW, NOW + 60)).toBe('again')
  expect(two.use(name(1), NOW + 60, NOW + 120)).toBe('again')
  expect(two.use(name(2), NOW, NOW + 60)).toBe('first')
  expect(two.use(name(1), NOW + 62, NOW + 120)).toBe('first')
  expect(one.use(name(1), NOW + 62, NOW + 120)).toBe('again')
})

test('also where the second wraps around, and with a clock that was set back', () => {
  const slab = createReplaySlab(createReplayMemory(1024))
  const wrap = (1 << 24) * 101 - 10
  expect(slab.use(name(1), wrap, wrap + 60)).toBe('first')
  expect(slab.use(name(1), wrap + 30, wrap + 90)).toBe('again')
  expect(slab.use(name(1), wrap - 3_600, wrap + 60)).toBe('again')
  expect(slab.use(name(1), wrap + 70, wrap + 130)).toBe('first')
})

test('half of it can be taken, no name is lost, and a full one says so', () => {
  const slots = 4096
  const slab = createReplaySlab(createReplayMemory(slots))
  let taken = 0
  for (let n = 0; n < slots / 2; n++) if (slab.use(name(n), NOW, NOW + 60) === 'first') taken += 1
  expect(taken).toBe(slots / 2)
  for (let n = 0; n < taken; n++) expect(slab.use(name(n), NOW, NOW + 60)).toBe('again')
  const rest = Array.from({ length: 2 * slots }, (_, n) => slab.use(name(slots + n), NOW, NOW + 60))
  expect(rest).toContain('full')
  for (let n = 0; n < taken; n++) expect(slab.use(name(n), NOW, NOW + 60)).toBe('again')
  expect(slab.use(name(1_000_000), NOW + 62, NOW + 120)).toBe('first')
})
