// Randomness: ids that nobody meets twice, hex, and fractions.
import { expect, test } from '@jest/globals'
import { createRandomness } from '../../../src/adapters/node/randomness.ts'

test('request ids are 22 characters of base64url, a letter first, and never come twice, also beyond one pool', () => {
  const { requestId } = createRandomness()
  const ids = new Set(Array.from({ length: 20_000 }, requestId))
  expect(ids.size).toBe(20_000)
  for (const id of ids) expect(id).toMatch(/^[A-Za-f][A-Za-z0-9_-]{20}[AQgw]$/)
})

test('two sources share no id', () => {
  const [one, other] = [createRandomness(), createRandomness()]
  expect(one.requestId()).not.toBe(other.requestId())
})

test('hex has two characters a byte', () => {
  expect(createRandomness().hex(12)).toMatch(/^[0-9a-f]{24}$/)
})

test('fractions lie from 0 up to 1 and spread evenly', () => {
  const { fraction } = createRandomness()
  const tenths = new Array<number>(10).fill(0)
  for (let turn = 0; turn < 10_000; turn++) {
    const value = fraction()
    expect(value).toBeGreaterThanOrEqual(0)
    expect(value).toBeLessThan(1)
    const tenth = Math.floor(value * 10)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  for (const count of tenths) expect(count).toBeGreaterThan(800)
})
