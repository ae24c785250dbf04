// A disk that fills up: the room that was kept is given up for what must be recorded, and for nothing else.
import { afterAll, expect, test } from '@jest/globals'
import { ballastOf, createTrailGuard } from '../../src/app/trail-guard.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { createPlace, openTestSealer, removePlaces } from '../audit/trail.ts'
import { createFakeLogger } from '../support/control-ports.ts'

afterAll(removePlaces)

const RESERVE = 1 << 20

test('until the room is kept anew, what its giving up has freed does not count as free', async () => {
  const place = createPlace()
  const sealer = await openTestSealer(place)
  let free = 10 * RESERVE
  let problem: string | undefined
  let nowMs = 0
  const files = { ...nodeFiles, free: () => Promise.resolve(free) }
  const ballast = ballastOf(place.dir, RESERVE, files)
  const clock = { now: () => nowMs, monotonicMs: () => nowMs }
  const guard = await createTrailGuard(
    {
      dir: place.dir,
      reserveBytes: RESERVE,
      sealer,
      clock,
      logger: createFakeLogger(),
      logProblem: () => problem,
      files,
    },
    ballast,
  )
  const tick = async (): Promise<boolean> => {
    nowMs += 500
    await guard.tick()
    await ballast.keep()
    return guard.isLow
  }
  expect([await tick(), ballast.isHeld]).toEqual([false, true])
  free = 0
  problem = 'ENOSPC: no space left on device, write'
  expect(await tick()).toBe(true)
  expect(ballast.isHeld).toBe(false)
  free = RESERVE + RESERVE / 2
  problem = undefined
  expect([await tick(), ballast.isHeld]).toEqual([true, false])
  free = 10 * RESERVE
  expect([await tick(), ballast.isHeld]).toEqual([false, true])
  free = RESERVE + RESERVE / 2
  expect(await tick()).toBe(false)
  await sealer.close()
})
