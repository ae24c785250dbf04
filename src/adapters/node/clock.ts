// The system's clocks: the one place where time is read.
import type { Clock } from '../../ports/clock.ts'

/** Wall time in epoch milliseconds, and hrtime in milliseconds: its origin is the machine's, so all threads share it. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  }
}
