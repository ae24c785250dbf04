// A clock that stands still until the test moves it.
import type { Clock } from '../../src/ports/clock.ts'

export interface FakeClock extends Clock {
  advance(ms: number): void
}

/** 2026-11-24T12:00:00Z. */
export const NOON = Date.UTC(2026, 10, 24, 12)

export function createFakeClock(start = NOON): FakeClock {
  let passedMs = 0
  return {
    now: () => start + passedMs,
    monotonicMs: () => 1_000 + passedMs,
    advance: (ms) => {
      passedMs += ms
    },
  }
}
