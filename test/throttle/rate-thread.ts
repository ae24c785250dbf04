// A thread of the rate slab's tests: counts one key as fast as it can, or dies or dawdles while it holds a set's lock.
import { parentPort, workerData } from 'node:worker_threads'
import { createRateSlab, type RateMemory } from '../../src/throttle/rate-slab.ts'
import { hashKey } from '../../src/throttle/key.ts'
import type { Limit } from '../../src/core/time.ts'

export interface HammerWork {
  readonly kind: 'hammer'
  readonly memory: RateMemory
  readonly thread: number
  readonly keys: readonly string[]
  readonly limit: Limit
  readonly tries: number
  /** Threads that are ready; all begin when all are. */
  readonly ready: SharedArrayBuffer
  readonly threads: number
}

export interface HoldWork {
  readonly kind: 'hold'
  readonly memory: RateMemory
  readonly key: string
  /** How long the lock is held while nobody else should get it. */
  readonly holdMs: number
  /** `[0]` becomes 1 once the lock is held, and 2 just before it is given back. */
  readonly state: SharedArrayBuffer
}

const work = workerData as HammerWork | HoldWork
if (work.kind === 'hammer') hammer(work)
else hold(work)

function hammer({ memory, thread, keys, limit, tries, ready, threads }: HammerWork): void {
  const slab = createRateSlab(memory, thread)
  const count = new Int32Array(ready)
  Atomics.add(count, 0, 1)
  while (Atomics.load(count, 0) < threads);
  const admitted: Record<string, number> = {}
  for (let round = 0; round < tries; round++) {
    for (const key of keys) if (slab.count(key, limit, 1_000).allowed) admitted[key] = (admitted[key] ?? 0) + 1
  }
  parentPort?.postMessage(admitted)
}

/** Takes the lock of the key's set as the slab does, stands still in it as a thread does that has lost its core, and lets go. */
function hold({ memory, key, holdMs, state }: HoldWork): void {
  const words = new Int32Array(memory.words)
  const flag = new Int32Array(state)
  const sets = memory.arrivals.byteLength / 8 / 8
  const gate = ((hashKey(key, memory.seed)[0] >>> 0) % sets) * 8 * 4 + 2
  const mine = (77 << 16) | 9
  Atomics.store(words, gate, mine)
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, holdMs)
  Atomics.store(flag, 0, 2)
  Atomics.compareExchange(words, gate, mine, 0)
}
