// The rate slab: exact across threads, not stopped by a dead one, and not emptied by a flood.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { gcra } from '../../src/core/gcra.ts'
import { createRateMemory, createRateSlab, type RateMemory } from '../../src/throttle/rate-slab.ts'
import { hashKey } from '../../src/throttle/key.ts'
import type { HammerWork, HoldWork } from './rate-thread.ts'

const SCRIPT = new URL('./rate-thread.ts', import.meta.url)

/** The word of a key's lock. */
function gateOf(memory: RateMemory, key: string): number {
  const sets = memory.arrivals.byteLength / 8 / 8
  return ((hashKey(key, memory.seed)[0] >>> 0) % sets) * 8 * 4 + 2
}

describe('across threads', () => {
  test('four threads that hammer the same keys admit exactly the limit of each', async () => {
    const memory = createRateMemory(8, 7)
    const [keys, limit, threads] = [['one', 'two', 'three'], { count: 5_000, periodMs: 60_000 }, 4]
    const ready = new SharedArrayBuffer(4)
    const counts = await Promise.all(
      Array.from({ length: threads }, async (_each, thread) => {
        const work: HammerWork = { kind: 'hammer', memory, thread, keys, limit, tries: 6_000, ready, threads }
        const worker = new Worker(SCRIPT, { workerData: work })
        const [admitted] = (await once(worker, 'message')) as [Readonly<Record<string, number>>]
        return admitted
      }),
    )
    for (const key of keys) {
      expect([key, counts.reduce((sum, admitted) => sum + (admitted[key] ?? 0), 0)]).toEqual([key, limit.count])
    }
    expect(new Int32Array(memory.words)[gateOf(memory, 'one')]).toBe(0)
  })

  test('the lock of a thread that lost its core in the middle is waited for, not broken', async () => {
    const memory = createRateMemory(8, 7)
    const state = new SharedArrayBuffer(4)
    const flag = new Int32Array(state)
    const work: HoldWork = { kind: 'hold', memory, key: 'held', holdMs: 25, state }
    const worker = new Worker(SCRIPT, { workerData: work })
    const exited = once(worker, 'exit')
    Atomics.wait(flag, 0, 0, 10_000)
    expect(Atomics.load(flag, 0)).toBe(1)
    createRateSlab(memory, 1).count('held', { count: 1, periodMs: 1_000 }, 0)
    expect(Atomics.load(flag, 0)).toBe(2)
    await exited
  })

  test('the lock of a thread that died in it is broken, and the set counts on', () => {
    const memory = createRateMemory(8, 7)
    const words = new Int32Array(memory.words)
    const slab = createRateSlab(memory, 1)
    const limit = { count: 2, periodMs: 1_000 }
    expect(slab.count('key', limit, 0).allowed).toBe(true)
    for (const dead of [9, (5 << 16) | 9, -1, (1 << 16) | 2]) {
      words[gateOf(memory, 'key')] = dead
      const started = performance.now()
      slab.count('key', limit, 0)
      expect(performance.now() - started).toBeLessThan(2_000)
      expect(words[gateOf(memory, 'key')]).toBe(0)
    }
    expect(slab.count('key', limit, 0).allowed).toBe(false)
  })

  test('who lost a lock does not give back the lock of whoever broke it', () => {
    const memory = createRateMemory(8, 7)
    const words = new Int32Array(memory.words)
    const gate = gateOf(memory, 'key')
    const slab = createRateSlab(memory, 1)
    let seen: number | undefined
    // The limit is read while the lock is held: here another thread breaks it and takes it.
    const limit = {
      get count() {
        seen ??= words[gate]
        words[gate] = 4242
        return 2
      },
      periodMs: 1_000,
    }
    slab.count('key', limit, 0)
    expect(seen).not.toBe(0)
    expect(words[gate]).toBe(4242)
  })

  test('no thread number makes an empty lock, and no two holdings look the same', () => {
    for (const thread of [0, 1, 65_534, 65_535, 65_536, 1_000_000]) {
      const memory = createRateMemory(8, 7)
      const words = new Int32Array(memory.words)
      const slab = createRateSlab(memory, thread)
      const seen: unknown[] = []
      const limit = {
        get count() {
          seen.push(words[gateOf(memory, 'key')])
          return 1e9
        },
        periodMs: 1_000,
      }
      for (let holding = 0; holding < 3; holding++) slab.count('key', limit, 0)
      expect(new Set(seen).size).toBe(3)
      expect(seen).not.toContain(0)
    }
  })

  test('two threads never hold a lock under the same mark', () => {
    const memory = createRateMemory(8, 7)
    const words = new Int32Array(memory.words)
    const seen: unknown[] = []
    const limit = {
      get count() {
        seen.push(words[gateOf(memory, 'key')])
        return 1e9
      },
      periodMs: 1_000,
    }
    for (const thread of [0, 1, 2, 3]) createRateSlab(memory, thread).count('key', limit, 0)
    expect(new Set(seen).size).toBe(4)
  })
})

describe('a key', () => {
  test('is counted as the algorithm alone would count it', () => {
    const keys = ['a', 'b', 'c']
    const step = fc.tuple(fc.constantFrom(...keys), fc.nat(400))
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(1_000),
        (steps, count, seed) => {
          const slab = createRateSlab(createRateMemory(64, seed), 0)
          const limit = { count, periodMs: 1_000 }
          const arrivals = new Map<string, number>()
          let nowMs = 1
          for (const [key, wait] of steps) {
            nowMs += wait
            const expected = gcra(limit, arrivals.get(key) ?? 0, nowMs)
            arrivals.set(key, expected.arrivalMs)
            expect(slab.count(key, limit, nowMs)).toEqual(expected)
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  test('is known to every slab over the same memory', () => {
    const memory = createRateMemory(64, 7)
    const limit = { count: 1, periodMs: 1_000 }
    expect(createRateSlab(memory, 0).count('key', limit, 5).allowed).toBe(true)
    expect(createRateSlab(memory, 1).count('key', limit, 5).allowed).toBe(false)
  })

  test('that is limited is not evicted by a flood of new keys', () => {
    const slab = createRateSlab(createRateMemory(64, 7), 0)
    const limit = { count: 60, periodMs: 60_000 }
    for (let request = 0; request < 60; request++) slab.count('limited', limit, 1_000)
    for (let number = 0; number < 20_000; number++) {
      slab.count(`flood-${number}`, limit, 1_000 + number / 2)
      if (number % 1_000 === 0) expect(slab.count('limited', limit, 1_000).allowed).toBe(false)
    }
    expect(slab.count('limited', limit, 1_000).allowed).toBe(false)
  })

  test('that is idle gives its place to a new one', () => {
    const slab = createRateSlab(createRateMemory(8, 7), 0)
    const limit = { count: 2, periodMs: 1_000 }
    for (let number = 0; number < 8; number++) slab.count(`old-${number}`, limit, 1_000 + number)
    for (const nowMs of [5_000, 5_000]) expect(slab.count('new', limit, nowMs).allowed).toBe(true)
    expect(slab.count('new', limit, 5_000).allowed).toBe(false)
    // The oldest has gone; the next oldest is still there.
    expect(slab.count('old-7', limit, 1_008).remaining).toBe(0)
  })
})

describe('a set that is full of limited keys', () => {
  test('gives a new key an allowance of its own, not what another has used up', () => {
    const slab = createRateSlab(createRateMemory(8, 7), 0)
    const limit = { count: 2, periodMs: 60_000 }
    for (let number = 0; number < 8; number++)
      for (const _request of [1, 2]) slab.count(`full-${number}`, limit, 1_000 + number)
    expect(slab.count('new', limit, 2_000)).toMatchObject({ allowed: true, remaining: 1 })
  })
})

describe('the memory', () => {
  test.each([0, 1, 4, 7, 12, 100, -8, 8.5, NaN, Infinity])('of %d cells is refused', (cells) => {
    expect(() => createRateMemory(cells, 7)).toThrow(RangeError)
  })

  test.each([8, 16, 65_536])('of %d cells has 24 bytes for each', (cells) => {
    const { words, arrivals } = createRateMemory(cells, 7)
    expect(words.byteLength + arrivals.byteLength).toBe(24 * cells)
  })
})

describe('the hash of a key', () => {
  test('tells keys apart, spreads them, and depends on the seed', () => {
    const keys = Array.from({ length: 20_000 }, (_each, number) => `route\0k1.${number.toString(36)}`)
    const hashes = keys.map((key) => hashKey(key, 7))
    expect(new Set(hashes.map((pair) => pair.join())).size).toBe(keys.length)
    const perSet = new Map<number, number>()
    for (const [high] of hashes) perSet.set((high >>> 0) % 64, (perSet.get((high >>> 0) % 64) ?? 0) + 1)
    expect(Math.max(...perSet.values())).toBeLessThan((1.4 * keys.length) / 64)
    const moved = keys.filter(
      (key, index) => (hashKey(key, 8)[0] >>> 0) % 64 !== ((hashes[index]?.[0] ?? 0) >>> 0) % 64,
    )
    expect(moved.length).toBeGreaterThan(keys.length * 0.9)
  })

  test('is never that of an empty cell', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), (key, seed) => {
        expect(hashKey(key, seed)[1] & 1).toBe(1)
      }),
    )
  })
})
