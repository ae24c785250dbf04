// The arithmetic of a lease: from before the request was sent, by the larger of two clocks.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FleetLease, elapsedMs, type Moment } from '../../src/core/fleet-lease.ts'

const at = (monotonicMs: number, wallMs = monotonicMs): Moment => ({ monotonicMs, wallMs })

describe('a lease of 2000 ms', () => {
  test('has not begun before an answer', () => {
    const lease = new FleetLease(2000)
    lease.sent('n1', at(0))
    expect([lease.remainingMs(at(1)), lease.ends]).toEqual([0, undefined])
  })

  test('counts from the sending, whenever the answer comes', () => {
    const lease = new FleetLease(2000)
    lease.sent('n1', at(100))
    expect(lease.answered('n1')).toBe(true)
    expect([lease.remainingMs(at(1600)), lease.remainingMs(at(2099)), lease.remainingMs(at(2100))]).toEqual([500, 1, 0])
    expect(lease.ends).toEqual(at(2100))
  })

  test('an answer to an older request does not shorten it', () => {
    const lease = new FleetLease(2000)
    lease.sent('n1', at(0))
    lease.sent('n2', at(500))
    lease.answered('n2')
    lease.answered('n1')
    expect(lease.remainingMs(at(500))).toBe(2000)
  })

  test('a nonce that was never sent, or is long ago, renews nothing', () => {
    const lease = new FleetLease(2000)
    expect(lease.answered('n')).toBe(false)
    for (let count = 0; count < 65; count += 1) lease.sent(`n${count}`, at(count))
    expect([lease.answered('n0'), lease.answered('n1')]).toEqual([false, true])
  })

  test('the wall clock stepped forward by an hour ends it, as a machine that slept does', () => {
    const lease = new FleetLease(2000)
    lease.sent('n1', at(0, 1_000_000))
    lease.answered('n1')
    expect(lease.remainingMs(at(10, 1_000_000 + 3_600_000))).toBe(0)
  })

  test('the wall clock stepped back by an hour does not lengthen it', () => {
    const lease = new FleetLease(2000)
    lease.sent('n1', at(0, 10_000_000))
    lease.answered('n1')
    expect(lease.remainingMs(at(1999, 6_400_000))).toBe(1)
    expect(lease.remainingMs(at(2000, 6_400_000))).toBe(0)
  })

  test('ended, it stays so until an answer', () => {
    const lease = new FleetLease(2000)
    lease.sent('n1', at(0))
    lease.answered('n1')
    lease.end()
    expect([lease.remainingMs(at(1)), lease.ends]).toEqual([0, undefined])
    lease.sent('n2', at(2))
    lease.answered('n2')
    expect(lease.remainingMs(at(2))).toBe(2000)
  })

  test('never runs longer than a lease after the last request that was answered, on either clock', () => {
    const moment = fc.record({ monotonicMs: fc.nat(10_000), wallMs: fc.integer({ min: -10_000, max: 10_000 }) })
    fc.assert(
      fc.property(moment, moment, (sent, now) => {
        const lease = new FleetLease(2000)
        lease.sent('n', sent)
        lease.answered('n')
        const isOver = now.monotonicMs - sent.monotonicMs >= 2000 || now.wallMs - sent.wallMs >= 2000
        expect(lease.remainingMs(now) === 0).toBe(isOver)
        expect(elapsedMs(sent, now)).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})
