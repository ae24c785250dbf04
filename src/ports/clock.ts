// The only time and randomness in the product.
import type { Instant } from '../core/time.ts'

export interface Clock {
  /** Wall clock, epoch milliseconds. */
  now(): Instant
  /** Milliseconds that only grow, from one origin for all threads of the process (hrtime). */
  monotonicMs(): number
}

export interface Randomness {
  /** A request id: 22 characters of base64url, a letter first, unguessable. */
  requestId(): string
  /** Lower-case hex of `bytes` random bytes. */
  hex(bytes: number): string
  /** A number from 0 up to 1, for jitter. */
  fraction(): number
}
