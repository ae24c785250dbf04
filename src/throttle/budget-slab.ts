// What has been spent of each one-time password, in memory that all workers share: which people and routes it was used for.
import { hashKey } from './key.ts'
import { acquire, holdingOf, release } from './set-lock.ts'

const WAYS = 8
/** Words ahead of the entries: two of the key, one of the set's lock, one of how many entries. */
const HEAD = 4
const ENTRY = 2
/** What all cells may take together; untouched pages cost nothing. */
const BYTES_MAX = 64 * 1024 * 1024
const CELLS_MAX = 1 << 17

export interface BudgetMemory {
  readonly words: SharedArrayBuffer
  /** When each cell was last used, by the monotonic clock that threads share. */
  readonly used: SharedArrayBuffer
  readonly entriesMax: number
  readonly seed: number
}

/** `entriesMax`: people and routes together that one OTP may buy. */
export function createBudgetMemory(entriesMax: number, seed: number): BudgetMemory {
  const cellBytes = (HEAD + ENTRY * entriesMax) * 4
  const cells = Math.max(WAYS, Math.min(CELLS_MAX, 2 ** Math.floor(Math.log2(BYTES_MAX / cellBytes))))
  return {
    words: new SharedArrayBuffer(cells * cellBytes),
    used: new SharedArrayBuffer(cells * 8),
    entriesMax,
    seed,
  }
}

export interface BudgetSlab {
  /** How many entries a cell has room for. */
  readonly entriesMax: number
  /**
   * Adds those of `items` that the OTP has not been used for; of each kind (`people`, `routes`) no more than its limit. Returns
   * whether all fitted; where one did not, none is added.
   */
  spend(otp: string, items: readonly Item[], limits: Limits, nowMs: number): boolean
}

export interface Item {
  readonly kind: keyof Limits
  readonly name: string
}

interface Limits {
  readonly people: number
  readonly routes: number
}

/**
 * Set-associative like the rate limiter's: an OTP lives in one of eight neighbouring cells, a new one takes the one that was
 * used the longest ago. Names are kept as 63-bit hashes, whose lowest bit tells people from routes.
 */
export function createBudgetSlab(memory: BudgetMemory, thread: number): BudgetSlab {
  const words = new Int32Array(memory.words)
  const used = new Float64Array(memory.used)
  const { entriesMax, seed } = memory
  const cellWords = HEAD + ENTRY * entriesMax
  const sets = used.length / WAYS
  let holdings = 0
  return {
    entriesMax,
    spend(otp, items, limits, nowMs) {
      const [high, low] = hashKey(otp, seed)
      const first = ((high >>> 0) % sets) * WAYS
      const gate = first * cellWords + 2
      const mine = holdingOf(thread, ++holdings)
      acquire(words, gate, mine)
      try {
        const cell = findCell({ words, used, cellWords }, first, high, low)
        used[cell] = nowMs
        return addAll(words, cell * cellWords, entriesMax, items, { limits, seed })
      } finally {
        release(words, gate, mine)
      }
    },
  }
}

interface Cells {
  readonly words: Int32Array
  readonly used: Float64Array
  readonly cellWords: number
}

function findCell({ words, used, cellWords }: Cells, first: number, high: number, low: number): number {
  let oldest = first
  for (let cell = first; cell < first + WAYS; cell++) {
    const at = cell * cellWords
    if (words[at] === high && words[at + 1] === low) return cell
    if ((used[cell] ?? 0) < (used[oldest] ?? 0)) oldest = cell
  }
  const at = oldest * cellWords
  words[at] = high
  words[at + 1] = low
  words[at + 3] = 0
  return oldest
}

function addAll(
  words: Int32Array,
  at: number,
  entriesMax: number,
  items: readonly Item[],
  { limits, seed }: { readonly limits: Limits; readonly seed: number },
): boolean {
  const before = words[at + 3] ?? 0
  let count = before
  const counts = { people: 0, routes: 0 }
  for (let entry = 0; entry < before; entry++) {
    counts[(words[at + HEAD + ENTRY * entry + 1] ?? 0) & 1 ? 'people' : 'routes'] += 1
  }
  for (const { kind, name } of items) {
    const [high, odd] = hashKey(`${kind}\0${name}`, seed)
    const low = kind === 'people' ? odd : odd & ~1
    if (has(words, at, count, high, low)) continue
    counts[kind] += 1
    // What has been written beyond the count is nothing.
    if (counts[kind] > limits[kind] || count >= entriesMax) return false
    words[at + HEAD + ENTRY * count] = high
    words[at + HEAD + ENTRY * count + 1] = low
    count += 1
  }
  words[at + 3] = count
  return true
}

function has(words: Int32Array, at: number, count: number, high: number, low: number): boolean {
  for (let entry = 0; entry < count; entry++) {
    if (words[at + HEAD + ENTRY * entry] === high && words[at + HEAD + ENTRY * entry + 1] === low) return true
  }
  return false
}
