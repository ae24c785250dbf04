// The system's clocks: the one place where time is read.
import type { Clock } from '../../ports/clock.ts'

/** Wall time in epoch milliseconds, and hrtime in milliseconds: its origin is the machine's, so all threads share it. */
export function createClock(): Clock {
  // performance.now() costs a third of hrtime.bigint(), but counts from each thread's own start.
  const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  return {
    now: () => Date.now(),
    monotonicMs: () => originMs + performance.now(),
  }
}
