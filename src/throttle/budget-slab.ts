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
  /** For who counts together with other gateways: what of `items` is new here, and what is not; undefined where nothing is new. */
  look(otp: string, items: readonly Item[], nowMs: number): Looked | undefined
  /** Adds what has been granted together, as far as the cell has room. */
  merge(otp: string, entries: readonly string[], nowMs: number): void
}

/** Entries as text: 16 hexadecimal digits, of which the last is odd for people and even for routes. The seed is one for a fleet. */
export interface Looked {
  readonly held: readonly string[]
  readonly fresh: readonly string[]
}

export function kindOf(entry: string): keyof Limits {
  return Number.parseInt(entry.slice(-1), 16) & 1 ? 'people' : 'routes'
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
  /** The OTP's cell, held for as long as `run` takes. */
  const hold = <T>(otp: string, nowMs: number, run: (at: number) => T): T => {
    const [high, low] = hashKey(otp, seed)
    const first = ((high >>> 0) % sets) * WAYS
    const gate = first * cellWords + 2
    const mine = holdingOf(thread, ++holdings)
    acquire(words, gate, mine)
    try {
      const cell = findCell({ words, used, cellWords }, first, high, low)
      used[cell] = nowMs
      return run(cell * cellWords)
    } finally {
      release(words, gate, mine)
    }
  }
  return {
    entriesMax,
    spend: (otp, items, limits, nowMs) =>
      hold(otp, nowMs, (at) => addAll(words, at, entriesMax, items, { limits, seed })),
    look: (otp, items, nowMs) => hold(otp, nowMs, (at) => lookAt(words, at, items, seed)),
    merge(otp, entries, nowMs) {
      hold(otp, nowMs, (at) => {
        for (const entry of entries) addEntry(words, at, entriesMax, entry)
      })
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
  for (const item of items) {
    const { kind } = item
    const [high, low] = hashItem(item, seed)
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

function hashItem({ kind, name }: Item, seed: number): readonly [high: number, low: number] {
  const [high, odd] = hashKey(`${kind}\0${name}`, seed)
  return [high, kind === 'people' ? odd : odd & ~1]
}

function lookAt(words: Int32Array, at: number, items: readonly Item[], seed: number): Looked | undefined {
  const count = words[at + 3] ?? 0
  const fresh = new Set<string>()
  for (const item of items) {
    const [high, low] = hashItem(item, seed)
    if (!has(words, at, count, high, low)) fresh.add(textOf(high, low))
  }
  if (fresh.size === 0) return undefined
  const held = Array.from({ length: count }, (_, entry) => {
    const word = at + HEAD + ENTRY * entry
    return textOf(words[word] ?? 0, words[word + 1] ?? 0)
  })
  return { held, fresh: [...fresh] }
}

function textOf(high: number, low: number): string {
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
  return hex(high) + hex(low)
}

function addEntry(words: Int32Array, at: number, entriesMax: number, entry: string): void {
  const [high, low] = [Number.parseInt(entry.slice(0, 8), 16) | 0, Number.parseInt(entry.slice(8), 16) | 0]
  const count = words[at + 3] ?? 0
  if (count >= entriesMax || has(words, at, count, high, low)) return
  words[at + HEAD + ENTRY * count] = high
  words[at + HEAD + ENTRY * count + 1] = low
  words[at + 3] = count + 1
}

function has(words: Int32Array, at: number, count: number, high: number, low: number): boolean {
  for (let entry = 0; entry < count; entry++) {
    if (words[at + HEAD + ENTRY * entry] === high && words[at + HEAD + ENTRY * entry + 1] === low) return true
  }
  return false
}
