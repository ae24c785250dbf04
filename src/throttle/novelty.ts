// Whether anybody has read this person within a day or two: two Bloom filters of a day each (3 bits an entry), 512 KiB in all. Scrapers
// walk through people whom nobody has asked for; a crowd comes back to the same ones.

const BITS = 1 << 21
const WORDS = BITS / 32
const DAY_SECONDS = 86_400

export function createNoveltyMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + 2 * WORDS) * 4)
}

/** True where the hash was never seen; it is seen from then on. Errs on the side of "seen": 1 % at 200,000 people a day. */
export function createNovelty(memory: SharedArrayBuffer): (hash: number, second: number) => boolean {
  const words = new Int32Array(memory)
  return (hash, second) => {
    const day = Math.floor(second / DAY_SECONDS) + 1
    const before = Atomics.load(words, 0)
    if (before !== day && Atomics.compareExchange(words, 0, before, day) === before) {
      const start = 1 + (day & 1) * WORDS
      words.fill(0, start, start + WORDS)
      if (before !== day - 1) words.fill(0, 1 + ((day & 1) ^ 1) * WORDS, 1 + ((day & 1) ^ 1) * WORDS + WORDS)
    }
    const current = 1 + (day & 1) * WORDS
    const other = 1 + ((day & 1) ^ 1) * WORDS
    let inCurrent = true
    let inOther = true
    let step = hash
    for (let probe = 0; probe < 3; probe++) {
      step = Math.imul(step ^ (step >>> 15), 0x2c1b3c6d) + probe
      const bit = (step ^ (step >>> 13)) & (BITS - 1)
      const mask = 1 << (bit & 31)
      if (((words[other + (bit >> 5)] ?? 0) & mask) === 0) inOther = false
      if (((words[current + (bit >> 5)] ?? 0) & mask) !== 0) continue
      inCurrent = false
      Atomics.or(words, current + (bit >> 5), mask)
    }
    return !inCurrent && !inOther
  }
}
