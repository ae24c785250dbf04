// The system's random source: request ids, nonces and jitter.
import { randomBytes, randomFillSync } from 'node:crypto'
import type { Randomness } from '../../ports/clock.ts'

const POOL_BYTES = 4096
const ID_BYTES = 16
const FRACTION_BYTES = 6

/** Ids, hex and fractions are cut from a pool of random bytes that is used once: a call into the kernel for each would cost more than the id. */
export function createRandomness(): Randomness {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  let used = POOL_BYTES
  const take = (bytes: number): number => {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    const at = used
    used += bytes
    return at
  }
  return {
    requestId: () => {
      const at = take(ID_BYTES)
      // The first of 22 characters is a letter then: a command line takes what begins with a dash for an option.
      pool[at] = (pool[at] ?? 0) & 0x7f
      return pool.toString('base64url', at, at + ID_BYTES)
    },
    hex: (bytes) => {
      if (bytes > POOL_BYTES) return randomBytes(bytes).toString('hex')
      const at = take(bytes)
      return pool.toString('hex', at, at + bytes)
    },
    fraction: () => pool.readUIntBE(take(FRACTION_BYTES), FRACTION_BYTES) / 2 ** 48,
  }
}
