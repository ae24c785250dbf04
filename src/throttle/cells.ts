// Memory of a detector that counts by key: equal cells of a few words, set-associative, shared by all workers under a lock a set.
import type { Key } from './key.ts'
import { acquire, holdingOf, release } from './set-lock.ts'

const WAYS = 8
/** Words of a cell that are not the detector's: the key, when it was last used and until when it is flagged, in seconds. */
const HEADER_WORDS = 4
const SEEN = 2
const FLAGGED = 3

export interface CellShape {
  readonly cells: number
  /** Words of 32 bits that the detector keeps of a key. */
  readonly words: number
  /** A key that is not used for so long begins anew. */
  readonly ttlSeconds: number
}

export interface CellMemory extends CellShape {
  readonly buffer: SharedArrayBuffer
  readonly locks: SharedArrayBuffer
}

export function createCellMemory(shape: CellShape): CellMemory {
  const sets = Math.ceil(shape.cells / WAYS)
  const bytes = sets * WAYS * (HEADER_WORDS + shape.words) * 4
  // A lock a set, and whether any cell was ever taken.
  return { ...shape, buffer: new SharedArrayBuffer(bytes), locks: new SharedArrayBuffer((sets + 1) * 4) }
}

export interface Cells {
  readonly words: Int32Array
  /**
   * Runs `use` with the place of the key's first own word, under the lock of its set. Where the key is new its words are zero. It
   * takes an empty cell, one that is past its time, or the one of its set that was not used for longest, never a flagged one: where
   * all eight are flagged there is none for it, `use` is not run and the result is undefined.
   */
  with<T>(key: Key, nowSeconds: number, use: (at: number) => T): T | undefined
  /** As `with`, but a key that has no cell gets none. */
  peek<T>(key: Key, nowSeconds: number, use: (at: number) => T): T | undefined
  /** Nobody has ever had a cell. Many detectors remember only those who did wrong: until somebody does, nobody is looked up. */
  readonly isUntouched: boolean
  /** Inside `with`: the key keeps its cell until then, whoever comes. */
  flag(at: number, untilSeconds: number): void
  /** All cells in use, for what is merged or saved off the request path; the set is locked meanwhile. */
  each(nowSeconds: number, visit: (key: Key, at: number) => void): void
}

export function createCells(memory: CellMemory, thread: number): Cells {
  const words = new Int32Array(memory.buffer)
  const locks = new Int32Array(memory.locks)
  const { ttlSeconds } = memory
  const size = HEADER_WORDS + memory.words
  const sets = locks.length - 1
  let holdings = 0

  const isLive = (cell: number, now: number): boolean =>
    words[cell + 1] !== 0 && (now - (words[cell + SEEN] ?? 0) <= ttlSeconds || (words[cell + FLAGGED] ?? 0) > now)

  function find(first: number, key: Key, now: number, mayTake: boolean): number {
    let victim = -1
    let oldest = Number.MAX_SAFE_INTEGER
    for (let cell = first; cell < first + WAYS * size; cell += size) {
      if (words[cell + 1] === key.low && words[cell] === key.high) {
        if (isLive(cell, now)) return cell
        victim = cell
        break
      }
      const seen = words[cell + 1] === 0 ? -1 : (words[cell + SEEN] ?? 0)
      if (seen < oldest && (words[cell + FLAGGED] ?? 0) <= now) {
        oldest = seen
        victim = cell
      }
    }
    if (victim === -1 || !mayTake) return -1
    words.fill(0, victim, victim + size)
    Atomics.store(locks, sets, 1)
    words[victim] = key.high
    words[victim + 1] = key.low
    return victim
  }

  function under<T>(key: Key, now: number, mayTake: boolean, use: (at: number) => T): T | undefined {
    const set = (key.high >>> 0) % sets
    const mine = holdingOf(thread, ++holdings)
    acquire(locks, set, mine)
    try {
      const cell = find(set * WAYS * size, key, now, mayTake)
      if (cell === -1) return undefined
      words[cell + SEEN] = now
      return use(cell + HEADER_WORDS)
    } finally {
      release(locks, set, mine)
    }
  }

  return {
    words,
    with: (key, now, use) => under(key, now, true, use),
    peek: (key, now, use) => (Atomics.load(locks, sets) === 0 ? undefined : under(key, now, false, use)),
    get isUntouched() {
      return Atomics.load(locks, sets) === 0
    },
    flag(at, until) {
      const place = at - HEADER_WORDS + FLAGGED
      words[place] = Math.max(words[place] ?? 0, until)
    },
    each(now, visit) {
      for (let set = 0; set < sets; set++) {
        const mine = holdingOf(thread, ++holdings)
        acquire(locks, set, mine)
        try {
          for (let cell = set * WAYS * size; cell < (set + 1) * WAYS * size; cell += size)
            if (isLive(cell, now)) visit({ high: words[cell] ?? 0, low: words[cell + 1] ?? 0 }, cell + HEADER_WORDS)
        } finally {
          release(locks, set, mine)
        }
      }
    },
  }
}
