// Keys that read more people than a table holds: two HyperLogLogs a window, which slide over each other.
import type { Key } from './key.ts'
import { createCellMemory, createCells, type CellMemory } from './cells.ts'
import { hllAdd, hllEstimate, hllMerge, HLL_WORDS, REGISTERS } from './hyperloglog.ts'

/** The windows that can be counted beyond 48, in minutes. */
export const WIDE_MINUTES = [15, 60, 1440] as const

/** Of each window: which turn of it is counted, then this turn's sketch and the one before. */
const WINDOW_WORDS = 1 + 2 * HLL_WORDS

export function createWideMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: WIDE_MINUTES.length * WINDOW_WORDS, ttlSeconds: 2 * 86_400 })
}

export interface WideCounts {
  /** Counts one, as opened `ageMinutes` ago. */
  add(key: Key, second: number, hash: number, ageMinutes: number): void
  /** How many different ones within the window, to 6.5 %; undefined where the key is not counted here. */
  within(key: Key, second: number, minutes: number): number | undefined
  /** Adds what another gateway has counted of this turn. */
  merge(key: Key, second: number, window: number, sketch: Uint8Array): void
  each(second: number, visit: (key: Key, window: number, sketch: Uint8Array) => void): void
}

export function createWideCounts(memory: CellMemory, thread: number): WideCounts {
  const cells = createCells(memory, thread)
  const { words } = cells
  const bytes = new Uint8Array(words.buffer)

  /** Where the window's current sketch begins, in words, after turning it to the present. */
  function turn(at: number, window: number, second: number): number {
    const start = at + window * WINDOW_WORDS
    const now = Math.floor(second / (60 * (WIDE_MINUTES[window] ?? 1)))
    const counted = words[start] ?? 0
    const current = start + 1
    if (counted !== now) {
      if (counted === now - 1) words.copyWithin(current + HLL_WORDS, current, current + HLL_WORDS)
      else words.fill(0, current + HLL_WORDS, current + 2 * HLL_WORDS)
      words.fill(0, current, current + HLL_WORDS)
      words[start] = now
    }
    return current
  }

  return {
    add(key, second, hash, ageMinutes) {
      cells.with(key, second, (at) => {
        WIDE_MINUTES.forEach((minutes, window) => {
          if (ageMinutes <= minutes) hllAdd(bytes, 4 * turn(at, window, second), hash)
        })
      })
    },
    within(key, second, minutes) {
      const window = WIDE_MINUTES.findIndex((each) => each >= minutes)
      if (window === -1) return undefined
      return cells.peek(key, second, (at) => {
        const current = 4 * turn(at, window, second)
        const span = 60 * (WIDE_MINUTES[window] ?? 1)
        const share = 1 - (second % span) / span
        return Math.round(hllEstimate(bytes, current) + share * hllEstimate(bytes, current + REGISTERS))
      })
    },
    merge(key, second, window, sketch) {
      cells.with(key, second, (at) => {
        hllMerge(bytes, 4 * turn(at, window, second), sketch, 0)
      })
    },
    each(second, visit) {
      cells.each(second, (key, at) => {
        WIDE_MINUTES.forEach((_minutes, window) => {
          const current = 4 * turn(at, window, second)
          visit(key, window, bytes.slice(current, current + REGISTERS))
        })
      })
    },
  }
}
