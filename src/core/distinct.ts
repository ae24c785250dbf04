// How many different values there were, from the least of their hashes: exact while they are few, an estimate beyond, and the union of
// two counts is the count of the union, whoever counted (Bar-Yossef et al., "Counting distinct elements in a data stream", 2002).

/** Hashes of the values, ascending, DISTINCT_MAX at most. */
export type Distinct = readonly number[]

/** Some 4 % of error beyond so many. */
export const DISTINCT_MAX = 512

const SPACE = 2 ** 53

export class DistinctCount {
  readonly #hashes = new Set<number>()
  /** Nothing from here on is among the least. */
  #limit = Infinity

  add(value: string): void {
    const hash = hashOf(value)
    if (hash >= this.#limit || this.#hashes.has(hash)) return
    this.#hashes.add(hash)
    // Cut now and then, not with each: a cut sorts.
    if (this.#hashes.size >= 2 * DISTINCT_MAX) this.#cut()
  }

  get least(): Distinct {
    this.#cut()
    return [...this.#hashes].toSorted((a, b) => a - b)
  }

  #cut(): void {
    if (this.#hashes.size <= DISTINCT_MAX) return
    const sorted = [...this.#hashes].toSorted((a, b) => a - b)
    for (const hash of sorted.splice(DISTINCT_MAX)) this.#hashes.delete(hash)
    this.#limit = sorted.at(-1) ?? Infinity
  }
}

export function unionOf(counts: readonly Distinct[]): Distinct {
  return [...new Set(counts.flat())].toSorted((a, b) => a - b).slice(0, DISTINCT_MAX)
}

export function sizeOf(distinct: Distinct): number {
  const last = distinct[DISTINCT_MAX - 1]
  return last === undefined ? distinct.length : Math.round(((DISTINCT_MAX - 1) * SPACE) / last)
}

/** cyrb53: 53 bits, spread evenly. It keeps nothing secret, and need not: what is hashed here is a pseudonym or no person's. */
function hashOf(text: string): number {
  let [a, b] = [0xdeadbeef, 0x41c6ce57]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}
