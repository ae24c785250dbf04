import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { gathered } from '../../src/app/gathered.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

test('what comes within the time is passed on together and in its order, the first of it in time', () => {
  const passed: (readonly number[])[] = []
  const { add } = gathered<number>((items) => passed.push(items), 50)
  add(1)
  jest.advanceTimersByTime(30)
  add(2)
  jest.advanceTimersByTime(19)
  expect(passed).toEqual([])
  jest.advanceTimersByTime(1)
  expect(passed).toEqual([[1, 2]])
  add(3)
  jest.advanceTimersByTime(50)
  expect(passed).toEqual([[1, 2], [3]])
})

test('flushed, it keeps nothing back and passes nothing on twice', () => {
  const passed: (readonly number[])[] = []
  const { add, flush } = gathered<number>((items) => passed.push(items), 50)
  flush()
  add(1)
  flush()
  flush()
  jest.advanceTimersByTime(1_000)
  expect(passed).toEqual([[1]])
})
