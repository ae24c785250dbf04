// Arrival times of the rate limiter in memory that all workers share, so that a limit holds across threads.
import type { Limit } from '../core/time.ts'
import { gcra, type GcraVerdict } from '../core/gcra.ts'
import { hashKey } from './key.ts'
import { acquire, holdingOf, release } from './set-lock.ts'

const WAYS = 8
/** Two words of key, one of lock, one of padding; the arrival time stands beside in a Float64Array. */
const WORDS = 4

/** Memory for `cells` counters, at least eight and a power of two; 24 bytes a cell. */
export interface RateMemory {
  readonly words: SharedArrayBuffer
  readonly arrivals: SharedArrayBuffer
  readonly seed: number
}

export function createRateMemory(cells: number, seed: number): RateMemory {
  if (!Number.isInteger(Math.log2(cells)) || cells < WAYS)
    throw new RangeError(`cells must be a power of two from ${WAYS}`)
  return { words: new SharedArrayBuffer(cells * WORDS * 4), arrivals: new SharedArrayBuffer(cells * 8), seed }
}

export interface RateSlab {
  /** Counts one request of `key` under `limit` at `nowMs` of the shared monotonic clock; each `scope` counts by itself. */
  count(key: string, limit: Limit, nowMs: number, scope?: string): GcraVerdict
}

/**
 * Set-associative: a key lives in one of eight neighbouring cells. A new key takes an empty cell or the one whose allowance
 * has been whole for longest, so that a flood of new keys evicts those who are idle before those who are limited. A set's
 * lock names its thread, so that the lock of a thread that died in it is broken by the next that comes.
 */
export function createRateSlab(memory: RateMemory, thread: number): RateSlab {
  const words = new Int32Array(memory.words)
  const arrivals = new Float64Array(memory.arrivals)
  const sets = arrivals.length / WAYS
  let holdings = 0
  return {
    count(key, limit, nowMs, scope = '') {
      const [high, low] = hashKey(key, memory.seed, scope)
      const first = ((high >>> 0) % sets) * WAYS
      const gate = first * WORDS + 2
      const mine = holdingOf(thread, ++holdings)
      acquire(words, gate, mine)
      try {
        const cell = findCell(words, arrivals, first, high, low)
        const verdict = gcra(limit, arrivals[cell] ?? 0, nowMs)
        arrivals[cell] = verdict.arrivalMs
        return verdict
      } finally {
        release(words, gate, mine)
      }
    },
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
