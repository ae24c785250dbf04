// Arrival times of the rate limiter in memory that all workers share, so that a limit holds across threads.
import type { Limit } from '../core/time.ts'
import { gcra, type GcraVerdict } from '../core/gcra.ts'

const WAYS = 8
/** Two words of key, one of lock, one of padding; the arrival time stands beside in a Float64Array. */
const WORDS = 4
const SPINS_MAX = 1_000
/** A lock that is held through this many sleeps of a millisecond is a dead thread's: a live one needs a microsecond. */
const SLEEPS_MAX = 100
/** Bits of a lock that name its thread; those above count, so that no two holdings of a lock look the same. */
const THREAD_BITS = 16

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
  /** Counts one request of `key` under `limit` at `nowMs` of the shared monotonic clock. */
  count(key: string, limit: Limit, nowMs: number): GcraVerdict
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
    count(key, limit, nowMs) {
      const [high, low] = hashKey(key, memory.seed)
      const first = ((high >>> 0) % sets) * WAYS
      const gate = first * WORDS + 2
      holdings = (holdings + 1) & 0x7fff
      const mine = (holdings << THREAD_BITS) | ((thread % 0xffff) + 1)
      acquire(words, gate, mine)
      try {
        const cell = findCell(words, arrivals, first, high, low)
        const verdict = gcra(limit, arrivals[cell] ?? 0, nowMs)
        arrivals[cell] = verdict.arrivalMs
        return verdict
      } finally {
        // Not a plain store: whoever broke this lock meanwhile holds it now.
        Atomics.compareExchange(words, gate, mine, 0)
      }
    },
  }
}

/**
 * One lock a set: the first cell's. It is held for less than a microsecond, so spinning comes first; a holder that lost its core in
 * the middle is given up to a tenth of a second, in which the same holding must stand, before it is taken for dead.
 */
function acquire(words: Int32Array, gate: number, mine: number): void {
  let spins = 0
  let sleeps = 0
  let holder = 0
  for (;;) {
    const found = Atomics.compareExchange(words, gate, 0, mine)
    if (found === 0) return
    if (++spins < SPINS_MAX) continue
    if (found !== holder) {
      holder = found
      sleeps = 0
    } else if (++sleeps > SLEEPS_MAX && Atomics.compareExchange(words, gate, holder, mine) === holder) return
    Atomics.wait(words, gate, found, 1)
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
