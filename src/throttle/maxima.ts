// What limits are learned from: how many keys have read at most so many people in each window, by role and day. A key that was
// ever refused is taken out again, so that an attack never trains the limit that stops it.

export const ROLES = ['session', 'address'] as const
export type Role = (typeof ROLES)[number]
const WINDOW_COUNT = 3
export const COUNT_MAX = 255
/** Today and the seven days before. */
const DAYS = 8
const DAY_MS = 86_400_000

/** One word of a cell: eight bits for each of three counts, three for the day, one for the role, one where it is withdrawn, and one where it counts. */
const WITHDRAWN = 1 << 28
const COUNTED = 1 << 29
/** Bits that belong to whoever owns the cell. */
const FOREIGN = 3 << 30

export type MaximaMemory = SharedArrayBuffer

/** Histograms, and before each day's the day that they are of. */
const DAY_WORDS = 1 + ROLES.length * WINDOW_COUNT * (COUNT_MAX + 1)

export function createMaximaMemory(): MaximaMemory {
  return new SharedArrayBuffer(DAYS * DAY_WORDS * 4)
}

export interface Maxima {
  /** The key whose word is at `at` has reached these counts. */
  raise(
    words: Int32Array,
    at: number,
    seen: { readonly role: Role; readonly wallMs: number; readonly counts: readonly number[] },
  ): void
  /** The key was refused: it no longer counts, today and whenever it comes back to this cell. */
  withdraw(words: Int32Array, at: number): void
  /** By count, how many keys of the seven days before and of today had it as their greatest. */
  histogram(role: Role, window: number, wallMs: number): Float64Array
}

export function createMaxima(memory: MaximaMemory): Maxima {
  const counts = new Int32Array(memory)

  function openDay(day: number): void {
    const start = (day % DAYS) * DAY_WORDS
    const before = Atomics.load(counts, start)
    if (before === day || Atomics.compareExchange(counts, start, before, day) !== before) return
    counts.fill(0, start + 1, start + DAY_WORDS)
  }

  function place(slot: number, role: number, window: number, count: number): number {
    return slot * DAY_WORDS + 1 + (role * WINDOW_COUNT + window) * (COUNT_MAX + 1) + count
  }

  function move(word: number, to: readonly number[] | undefined): void {
    const slot = (word >>> 24) & 7
    const role = (word >>> 27) & 1
    for (let window = 0; window < WINDOW_COUNT; window++) {
      const from = (word >>> (8 * window)) & 0xff
      const next = to?.[window]
      if (next === from) continue
      if (from > 0) Atomics.sub(counts, place(slot, role, window, from), 1)
      if (next !== undefined && next > 0) Atomics.add(counts, place(slot, role, window, next), 1)
    }
  }

  return {
    raise(words, at, { role, wallMs, counts: seen }) {
      let word = words[at] ?? 0
      if ((word & WITHDRAWN) !== 0) return
      const day = Math.floor(wallMs / DAY_MS)
      if ((word & COUNTED) === 0) {
        openDay(day)
        word = (word & FOREIGN) | COUNTED | ((day % DAYS) << 24) | (ROLES.indexOf(role) << 27)
      }
      const next = seen.map((count, window) => Math.min(COUNT_MAX, Math.max(count, (word >>> (8 * window)) & 0xff)))
      move(word, next)
      words[at] = (word & ~0xffffff) | (next[0] ?? 0) | ((next[1] ?? 0) << 8) | ((next[2] ?? 0) << 16)
    },
    withdraw(words, at) {
      const word = words[at] ?? 0
      if ((word & WITHDRAWN) !== 0) return
      if ((word & COUNTED) !== 0) move(word, undefined)
      words[at] = WITHDRAWN | (word & FOREIGN)
    },
    histogram(role, window, wallMs) {
      const sums = new Float64Array(COUNT_MAX + 1)
      const today = Math.floor(wallMs / DAY_MS)
      for (let slot = 0; slot < DAYS; slot++) {
        const day = Atomics.load(counts, slot * DAY_WORDS)
        if (day > today || day <= today - DAYS || day === 0) continue
        for (let count = 1; count <= COUNT_MAX; count++)
          sums[count] = (sums[count] ?? 0) + Math.max(0, counts[place(slot, ROLES.indexOf(role), window, count)] ?? 0)
      }
      return sums
    },
  }
}
