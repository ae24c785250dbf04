// How long the store waits before it tries again.
import { expect, test } from '@jest/globals'
import { backoffMs } from '../../../src/adapters/redis/settings.ts'

test('waits twice as long each time, a second at most, the half of it chance', () => {
  const span = (attempt: number): readonly number[] => [backoffMs(attempt, () => 0), backoffMs(attempt, () => 1)]
  expect([1, 2, 3, 5, 6, 1000].map(span)).toEqual([
    [25, 50],
    [50, 100],
    [100, 200],
    [400, 800],
    [500, 1000],
    [500, 1000],
  ])
})
