// When commits begin: fake timers, and commits that end when the test says so.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { CommitPace, type CommitPaceOptions } from '../../src/audit/commit-pace.ts'

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

type Demand = ReturnType<CommitPaceOptions['demand']>

/** A log that counts its commits; each ends at `end`. */
function aLog(options: Partial<CommitPaceOptions> = {}) {
  let ending: PromiseWithResolvers<boolean> | undefined
  const log = {
    begun: 0,
    demand: 'urgent' as Demand,
    end: async (tookMs = 0, isWell = true): Promise<void> => {
      await jest.advanceTimersByTimeAsync(tookMs)
      ending?.resolve(isWell)
      await jest.advanceTimersByTimeAsync(0)
    },
  }
  const pace = new CommitPace({
    ...{ now: () => Date.now(), lingerMs: 1, gatherMs: 20, retryAfterMs: 250 },
    demand: () => log.demand,
    commit: () => {
      log.begun += 1
      ending = Promise.withResolvers()
      return ending.promise
    },
    ...options,
  })
  return { log, pace }
}

test('all entries of a turn share one commit, and those that come while it runs wait for the next', async () => {
  const { log, pace } = aLog()
  pace.schedule()
  pace.schedule()
  expect([log.begun, pace.isUnderWay]).toEqual([0, true])
  await jest.advanceTimersByTimeAsync(0)
  pace.schedule()
  await jest.advanceTimersByTimeAsync(1000)
  expect(log.begun).toBe(1)
})

test.each([
  { tookMs: 0, restMs: 1 },
  { tookMs: 3, restMs: 3 },
  { tookMs: 400, restMs: 5 },
])('after a commit of $tookMs ms the log rests for $restMs ms', async ({ tookMs, restMs }) => {
  const { log, pace } = aLog()
  void pace.hurry()
  await log.end(tookMs)
  await jest.advanceTimersByTimeAsync(restMs - 1)
  expect([log.begun, pace.isUnderWay]).toEqual([1, true])
  // The next begins by itself, as something is queued still.
  await jest.advanceTimersByTimeAsync(2)
  expect(log.begun).toBe(2)
})

test('after a rest in which nothing came it is idle, and the next commit is not delayed', async () => {
  const { log, pace } = aLog()
  void pace.hurry()
  log.demand = 'none'
  await log.end()
  await jest.advanceTimersByTimeAsync(10)
  expect([log.begun, pace.isUnderWay]).toEqual([1, false])
  log.demand = 'urgent'
  pace.schedule()
  await jest.advanceTimersByTimeAsync(0)
  expect(log.begun).toBe(2)
})

test('what nobody waits for gathers, until somebody does', async () => {
  const { log, pace } = aLog()
  log.demand = 'gathering'
  pace.schedule()
  pace.schedule()
  await jest.advanceTimersByTimeAsync(19)
  expect([log.begun, pace.isUnderWay]).toEqual([0, false])
  await jest.advanceTimersByTimeAsync(1)
  expect(log.begun).toBe(1)
  await log.end()
  // Its rest is over, and what is queued gathers again.
  await jest.advanceTimersByTimeAsync(15)
  expect(log.begun).toBe(1)
  log.demand = 'urgent'
  pace.schedule()
  await jest.advanceTimersByTimeAsync(0)
  expect(log.begun).toBe(2)
  // The gathering that was cut short begins no commit of its own.
  log.demand = 'none'
  await log.end()
  await jest.advanceTimersByTimeAsync(100)
  expect(log.begun).toBe(2)
})

test('after a failure nothing begins by itself until its time, but one may be hurried', async () => {
  const { log, pace } = aLog()
  void pace.hurry()
  await log.end(0, false)
  expect(pace.isUnderWay).toBe(false)
  await jest.advanceTimersByTimeAsync(249)
  pace.schedule()
  expect(pace.isUnderWay).toBe(false)
  void pace.hurry()
  expect(log.begun).toBe(2)
  await log.end(0, false)
  await jest.advanceTimersByTimeAsync(250)
  pace.schedule()
  await jest.advanceTimersByTimeAsync(0)
  expect(log.begun).toBe(3)
  // All is forgotten with the first that succeeds.
  await log.end()
  await jest.advanceTimersByTimeAsync(2)
  expect(log.begun).toBe(4)
})

test('without a rest one commit follows the other', async () => {
  const { log, pace } = aLog({ lingerMs: 0 })
  void pace.hurry()
  await log.end(3)
  expect(log.begun).toBe(2)
})

test.each(['gathering', 'urgent'] as const)('a closed log begins nothing by itself: %s', async (demand) => {
  const { log, pace } = aLog()
  log.demand = demand
  pace.schedule()
  pace.close()
  await jest.advanceTimersByTimeAsync(100)
  pace.schedule()
  await jest.advanceTimersByTimeAsync(100)
  expect(log.begun).toBe(0)
  const hurried = pace.hurry()
  await log.end()
  await hurried
  expect([log.begun, pace.current]).toEqual([1, undefined])
})
