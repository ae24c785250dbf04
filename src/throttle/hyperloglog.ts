// How many different ones there were, from 256 bytes (Flajolet et al. 2007; standard error 1.04 / sqrt(256) = 6.5 %).

export const REGISTERS = 256
export const HLL_WORDS = REGISTERS / 4
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)

/** Counts a 32-bit hash; true where that changed anything. */
export function hllAdd(bytes: Uint8Array, from: number, hash: number): boolean {
  const spread = mix(hash)
  const place = from + (spread & (REGISTERS - 1))
  const rank = Math.clz32(spread >>> 8) - 7
  if ((bytes[place] ?? 0) >= rank) return false
  bytes[place] = rank
  return true
}

/** Small counts are told by empty registers (linear counting), which is nearly exact below a hundred. */
export function hllEstimate(bytes: Uint8Array, from: number): number {
  let sum = 0
  let empty = 0
  for (let place = from; place < from + REGISTERS; place++) {
    const rank = bytes[place] ?? 0
    if (rank === 0) empty += 1
    sum += INVERSE[rank] ?? 0
  }
  const raw = (ALPHA * REGISTERS * REGISTERS) / sum
  return raw <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw
}

/** The union of two sketches is a sketch of the union: how gateways of a fleet add up without counting twice. */
export function hllMerge(into: Uint8Array, at: number, from: Uint8Array, start: number): void {
  for (let place = 0; place < REGISTERS; place++) {
    const rank = from[start + place] ?? 0
    if (rank > (into[at + place] ?? 0)) into[at + place] = rank
  }
}

const INVERSE: readonly number[] = Array.from({ length: 33 }, (_none, rank) => 2 ** -rank)

/** The finaliser of MurmurHash3: every bit of the input moves half of those of the output. */
function mix(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
