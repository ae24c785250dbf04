// Sketches that gateways of a fleet send each other: of client stacks by the hour, and of keys that read more people than a table
// holds. The union of two is a sketch of the union: sent twice, late or in any order they count nobody twice.
import type { Engine } from './engine.ts'
import { HLL_WORDS, REGISTERS } from './hyperloglog.ts'
import { HOUR_SECONDS } from './cohort.ts'
import type { Key } from './key.ts'
import { WIDE_MINUTES } from './wide-counts.ts'

/** The key, which sketch of it, the sketch. */
export const SKETCH_WORDS = 3 + HLL_WORDS
const COHORT = -1
/** Sketches whose last state is known; more are sent again. */
const SENT_MAX = 50_000

export interface SketchPost {
  /** Those that have changed since the last time. */
  collect(second: number): Int32Array<ArrayBuffer>
  /** What another gateway has collected at `then`. Of another turn of the window it is left out. */
  merge(words: Int32Array, second: number, then: number): void
}

export function createSketchPost({ cohorts, wide }: Pick<Engine, 'cohorts' | 'wide'>): SketchPost {
  const sent = new Map<string, number>()

  function isNew(key: Key, which: number, sketch: Int32Array): boolean {
    const name = `${key.high}.${key.low}.${which}`
    const sum = sumOf(sketch)
    if (sent.get(name) === sum) return false
    if (sent.size >= SENT_MAX) sent.clear()
    sent.set(name, sum)
    return true
  }

  return {
    collect(second) {
      const words: number[] = []
      const take = (key: Key, which: number, sketch: Uint8Array): void => {
        const registers = new Int32Array(sketch.slice().buffer)
        if (registers.some((each) => each !== 0) && isNew(key, which, registers))
          words.push(key.high, key.low, which, ...registers)
      }
      cohorts.each(second, (key, sketch) => {
        take(key, COHORT, sketch)
      })
      wide.each(second, (key, window, sketch) => {
        take(key, window, sketch)
      })
      return Int32Array.from(words)
    },
    merge(words, second, then) {
      for (let at = 0; at + SKETCH_WORDS <= words.length; at += SKETCH_WORDS) {
        const [high = 0, low = 0, which = 0] = words.subarray(at, at + 3)
        const span = which === COHORT ? HOUR_SECONDS : 60 * (WIDE_MINUTES[which] ?? 0)
        if (low === 0 || span === 0 || Math.floor(second / span) !== Math.floor(then / span)) continue
        const sketch = Uint8Array.from(new Uint8Array(words.buffer, words.byteOffset + 4 * (at + 3), REGISTERS))
        if (which === COHORT) cohorts.merge({ high, low }, second, sketch)
        else wide.merge({ high, low }, second, which, sketch)
      }
    },
  }
}

/** FNV-1a over words. */
function sumOf(words: Int32Array): number {
  let sum = 0x811c9dc5
  for (const word of words) sum = Math.imul(sum ^ word, 0x01000193)
  return sum
}
