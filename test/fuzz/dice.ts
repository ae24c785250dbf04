// Chance that can be thrown again: one seed, one case.

export interface Dice {
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number
  /** True `times` times in `of`. */
  chance(times: number, of: number): boolean
  pick<T>(from: readonly T[]): T
  /** So many hexadecimal digits. */
  hex(digits: number): string
}

/** mulberry32: 32 bits of state, enough to reach every case that a 32-bit seed can name. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  // The first throws of neighbouring seeds are alike.
  next()
  const below = (limit: number): number => Math.floor((next() / 0x1_0000_0000) * limit)
  return {
    below,
    chance: (times, of) => below(of) < times,
    pick: (from) => {
      if (from.length === 0) throw new Error('nothing to pick from')
      return from[below(from.length)] as (typeof from)[number]
    },
    hex: (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join(''),
  }
}

/** Bytes as a line of text that can be pasted into a test. */
export function escaped(bytes: Buffer, max = 4_000): string {
  const text = bytes
    .toString('latin1')
    .replaceAll('\\', '\\\\')
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replaceAll(/[\x00-\x1f\x7f-\xff']/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return text.length > max ? `'${text.slice(0, max)}' ... (${text.length - max} more)` : `'${text}'`
}
