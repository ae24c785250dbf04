// A lock of one set of cells in shared memory, held for less than a microsecond by the thread that it names.

const SPINS_MAX = 1_000
/** A lock that is held through this many sleeps of a millisecond is a dead thread's: a live one needs a microsecond. */
const SLEEPS_MAX = 100
/** Bits of a lock that name its thread; those above count, so that no two holdings of a lock look the same. */
const THREAD_BITS = 16

/** The value that a thread writes into a lock for its holding number `holdings`. */
export function holdingOf(thread: number, holdings: number): number {
  return ((holdings & 0x7fff) << THREAD_BITS) | ((thread % 0xffff) + 1)
}

/**
 * Spinning comes first; a holder that lost its core in the middle is given up to a tenth of a second, in which the same
 * holding must stand, before it is taken for dead.
 */
export function acquire(words: Int32Array, gate: number, mine: number): void {
  let spins = 0
  let sleeps = 0
  let holder = 0
  for (;;) {
    const found = Atomics.compareExchange(words, gate, 0, mine)
    if (found === 0) return
    if (++spins < SPINS_MAX) continue
    if (found !== holder) {
      holder = found
      sleeps = 0
    } else if (++sleeps > SLEEPS_MAX && Atomics.compareExchange(words, gate, holder, mine) === holder) return
    Atomics.wait(words, gate, found, 1)
  }
}

/** Not a plain store: whoever broke this lock meanwhile holds it now. */
export function release(words: Int32Array, gate: number, mine: number): void {
  Atomics.compareExchange(words, gate, mine, 0)
}
