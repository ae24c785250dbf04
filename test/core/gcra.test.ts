// The generic cell rate algorithm against the definition that it is a shortcut for.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { gcra } from '../../src/core/gcra.ts'
import type { Limit } from '../../src/core/time.ts'

/** Whole milliseconds for each request, so that no rounding stands between the algorithm and its definition. */
const limits: fc.Arbitrary<Limit> = fc
  .record({ count: fc.integer({ min: 1, max: 12 }), stepMs: fc.integer({ min: 1, max: 5_000 }) })
  .map(({ count, stepMs }) => ({ count, periodMs: count * stepMs }))
const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.nat(6_000)), { maxLength: 60 })

/** By definition: of the admitted requests any run of n takes at least the time of n less one burst. */
function conforms(admitted: readonly number[], nowMs: number, { count, periodMs }: Limit): boolean {
  return admitted.every((time, index) => nowMs - time >= (admitted.length - index + 1 - count) * (periodMs / count))
}

describe('a request passes where, and only where, the definition lets it', () => {
  test('over any sequence of arrivals', () => {
    fc.assert(
      fc.property(limits, gaps, fc.nat(1e9), (limit, waits, start) => {
        const admitted: number[] = []
        let arrivalMs = 0
        let nowMs = start
        for (const wait of waits) {
          nowMs += wait
          const verdict = gcra(limit, arrivalMs, nowMs)
          expect(verdict.allowed).toBe(conforms(admitted, nowMs, limit))
          if (verdict.allowed) admitted.push(nowMs)
          else expect(verdict.arrivalMs).toBe(arrivalMs)
          arrivalMs = verdict.arrivalMs
        }
      }),
      { numRuns: 400 },
    )
  })

  test('what it tells the caller is true', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, waits) => {
        let arrivalMs = 0
        let nowMs = 1
        for (const wait of waits) {
          nowMs += wait
          const verdict = gcra(limit, arrivalMs, nowMs)
          arrivalMs = verdict.arrivalMs
          expect(passing(limit, arrivalMs, nowMs)).toBe(verdict.remaining)
          expect(passing(limit, arrivalMs, nowMs + verdict.resetMs)).toBe(limit.count)
          if (verdict.resetMs >= 1)
            expect(passing(limit, arrivalMs, nowMs + verdict.resetMs - 1)).toBeLessThan(limit.count)
          if (verdict.allowed) expect(verdict.retryAfterMs).toBe(0)
          else {
            expect(gcra(limit, arrivalMs, nowMs + verdict.retryAfterMs).allowed).toBe(true)
            expect(gcra(limit, arrivalMs, nowMs + verdict.retryAfterMs - 1).allowed).toBe(false)
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  /** How many requests pass at one instant. */
  function passing(limit: Limit, from: number, nowMs: number): number {
    let passed = 0
    for (let arrivalMs = from; passed <= limit.count; passed++) {
      const verdict = gcra(limit, arrivalMs, nowMs)
      if (!verdict.allowed) break
      arrivalMs = verdict.arrivalMs
    }
    return passed
  }
})

describe('numbers that do not divide', () => {
  test.each([
    [7, 60_000],
    [13, 1_000],
    [60, 60_000],
    [1_000_000, 1_000],
    [999_999_999_999, 86_400_000],
  ])('a burst of %i in %i ms is whole after any uptime, up to ten years', (count, periodMs) => {
    for (const nowMs of [0, 1, 1_000.123, 86_400_000.7, 3e11 + 0.3]) {
      let arrivalMs = 0
      const burst = Math.min(count, 1_000)
      for (let request = 0; request < burst; request++) {
        const verdict = gcra({ count, periodMs }, arrivalMs, nowMs)
        expect([nowMs, request, verdict.allowed]).toEqual([nowMs, request, true])
        arrivalMs = verdict.arrivalMs
      }
      if (burst === count) expect([nowMs, gcra({ count, periodMs }, arrivalMs, nowMs).allowed]).toEqual([nowMs, false])
    }
  })

  test('over a long time no more pass than the rate', () => {
    const limit = { count: 7, periodMs: 60_000 }
    let arrivalMs = 0
    let passed = 0
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 97) {
      const verdict = gcra(limit, arrivalMs, nowMs)
      if (verdict.allowed) passed++
      arrivalMs = verdict.arrivalMs
    }
    expect(passed).toBeGreaterThanOrEqual(7 * 60)
    expect(passed).toBeLessThanOrEqual(7 * 60 + 7)
  })
})
