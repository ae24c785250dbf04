// What may be used once (RFC 9449, 11.1): a set in memory that all workers share, with no lock, that forgets by time.

/** Neighbours that are looked at; where all of them are taken the set is full, and nothing is let through unseen. */
const PROBES = 32
/** A slot: 24 bits of the second in which its entry ends, 40 bits of its name beside those that chose the slot. */
const NAME_BITS = 40n
const NAME_MASK = (1n << NAME_BITS) - 1n
const TIME_MODULUS = 1 << 24

export type ReplayMemory = SharedArrayBuffer

/** `slots`: a power of two, eight bytes each; as many uses as half of it are told apart at one time. */
export function createReplayMemory(slots: number): ReplayMemory {
  return new SharedArrayBuffer(slots * 8)
}

export interface ReplaySlab {
  /**
   * `first`: nobody has used the name before, and it is taken until the second `until`. `full`: it cannot be told. Two names are
   * taken for one with a chance of 2^-40 for each of the neighbours; then a first use is refused, never a second one let through.
   */
  use(name: Uint8Array, now: number, until: number): 'first' | 'again' | 'full'
}

/** `name`: a hash of at least 12 bytes. Times in seconds, at most 97 days ahead. */
export function createReplaySlab(memory: ReplayMemory): ReplaySlab {
  const slots = new BigInt64Array(memory)
  const mask = slots.length - 1

  const isOver = (slot: bigint, now: number): boolean => {
    if (slot === 0n) return true
    const left = (Number(BigInt.asUintN(24, slot >> NAME_BITS)) - (now % TIME_MODULUS) + TIME_MODULUS) % TIME_MODULUS
    return left === 0 || left > TIME_MODULUS / 2
  }

  const scan = (first: number, own: bigint, now: number) => {
    let free: { readonly at: number; readonly was: bigint } | undefined
    for (let probe = 0; probe < PROBES; probe++) {
      const at = (first + probe) & mask
      const slot = Atomics.load(slots, at)
      if (isOver(slot, now)) free ??= { at, was: slot }
      else if ((slot & NAME_MASK) === own) return 'again'
    }
    return free ?? 'full'
  }

  return {
    use: (name, now, until) => {
      const view = new DataView(name.buffer, name.byteOffset, name.byteLength)
      const [second, end] = [Math.floor(now), Math.ceil(until) + 1]
      const first = view.getUint32(0) & mask
      const own = view.getBigUint64(4) & NAME_MASK
      const entry = BigInt.asIntN(64, (BigInt(end % TIME_MODULUS) << NAME_BITS) | own)
      for (;;) {
        const found = scan(first, own, second)
        if (typeof found === 'string') return found
        // Another thread was faster: perhaps with this very name.
        if (Atomics.compareExchange(slots, found.at, found.was, entry) === found.was) return 'first'
      }
    },
  }
}
