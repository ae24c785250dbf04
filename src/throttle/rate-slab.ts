// Arrival times of the rate limiter in memory that all workers share, so that a limit holds across threads.
import type { Limit } from '../core/time.ts'
import { gcra, type GcraVerdict } from '../core/gcra.ts'

const WAYS = 8
/** Two words of key, one of lock, one of padding; the arrival time stands beside in a Float64Array. */
const WORDS = 4
const SPINS_MAX = 1_000

/** Memory for `cells` counters, a power of two; 24 bytes a cell. */
export interface RateMemory {
  readonly words: SharedArrayBuffer
  readonly arrivals: SharedArrayBuffer
  readonly seed: number
}

export function createRateMemory(cells: number, seed: number): RateMemory {
  return { words: new SharedArrayBuffer(cells * WORDS * 4), arrivals: new SharedArrayBuffer(cells * 8), seed }
}

export interface RateSlab {
  /** Counts one request of `key` under `limit` at `nowMs` of the shared monotonic clock. */
  count(key: string, limit: Limit, nowMs: number): GcraVerdict
}

/**
 * Set-associative: a key lives in one of eight neighbouring cells. A new key takes an empty cell or the one whose allowance
 * has been whole for longest, so that a flood of new keys evicts those who are idle before those who are limited. A cell's
 * lock holds the thread's number plus one: the lock of a thread that died is broken after a bounded spin.
 */
export function createRateSlab(memory: RateMemory, thread: number): RateSlab {
  const words = new Int32Array(memory.words)
  const arrivals = new Float64Array(memory.arrivals)
  const sets = arrivals.length / WAYS
  const mine = thread + 1
  return {
    count(key, limit, nowMs) {
      const [high, low] = hashKey(key, memory.seed)
      const first = ((high >>> 0) % sets) * WAYS
      const gate = first * WORDS + 2
      acquire(words, gate, mine)
      try {
        const cell = findCell(words, arrivals, first, high, low)
        const verdict = gcra(limit, arrivals[cell] ?? 0, nowMs)
        arrivals[cell] = verdict.arrivalMs
        return verdict
      } finally {
        Atomics.store(words, gate, 0)
      }
    },
  }
}

// One lock a set: the first cell's. Held for nanoseconds, so spinning is cheaper than sleeping.
function acquire(words: Int32Array, gate: number, mine: number): void {
  for (let spins = 0; Atomics.compareExchange(words, gate, 0, mine) !== 0; spins++) {
    if (spins === SPINS_MAX) {
      Atomics.store(words, gate, mine)
      return
    }
  }
}

function findCell(words: Int32Array, arrivals: Float64Array, first: number, high: number, low: number): number {
  let oldest = first
  for (let cell = first; cell < first + WAYS; cell++) {
    if (words[cell * WORDS] === high && words[cell * WORDS + 1] === low) return cell
    if ((arrivals[cell] ?? 0) < (arrivals[oldest] ?? 0)) oldest = cell
  }
  words[oldest * WORDS] = high
  words[oldest * WORDS + 1] = low
  arrivals[oldest] = 0
  return oldest
}

/** 64 bits by two multiply-xor lanes over UTF-16 units, seeded so that nobody outside can aim at a set. */
export function hashKey(key: string, seed: number): readonly [high: number, low: number] {
  let a = 0xdeadbeef ^ seed
  let b = 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1)
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index)
    a = Math.imul(a ^ unit, 0x9e3779b1)
    b = Math.imul(b ^ unit, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  // Zero marks an empty cell.
  return [a | 0, b | 1]
}
