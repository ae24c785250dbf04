import { expect, test } from '@jest/globals'
import { every } from '../../src/control/every.ts'
import { createFakeLogger } from '../support/control-ports.ts'

test('looks one after the other, goes on after a failure, and ends when it is stopped', async () => {
  const logger = createFakeLogger()
  let running = 0
  let most = 0
  let count = 0
  await new Promise<void>((resolve) => {
    const stop = every(
      1,
      async () => {
        most = Math.max(most, ++running)
        await new Promise((done) => setImmediate(done))
        running--
        if (++count === 2) throw new Error('the disk is away')
        if (count === 4) {
          stop()
          resolve()
        }
      },
      logger,
    )
  })
  expect([most, count, logger.lines]).toEqual([1, 4, ['error a look at the files failed']])
})

test('looks at once where that is asked for, and does not wait for the first period', async () => {
  await new Promise<void>((resolve) => {
    const stop = every(
      3_600_000,
      async () => {
        stop()
        resolve()
      },
      createFakeLogger(),
      0,
    )
  })
}, 10_000)
