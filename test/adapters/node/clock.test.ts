// The clocks: wall time in milliseconds, and one monotonic clock for all threads.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import { createClock } from '../../../src/adapters/node/clock.ts'

test('wall time is epoch milliseconds', () => {
  const before = Date.now()
  const now = createClock().now()
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})

test('monotonic time only grows, in milliseconds', () => {
  const { monotonicMs } = createClock()
  let last = monotonicMs()
  for (let turn = 0; turn < 1000; turn++) {
    const next = monotonicMs()
    expect(next).toBeGreaterThanOrEqual(last)
    last = next
  }
})

test('all threads of the process share the origin of monotonic time', async () => {
  const { monotonicMs } = createClock()
  const clock = JSON.stringify(new URL('../../../src/adapters/node/clock.ts', import.meta.url).href)
  const before = monotonicMs()
  const worker = new Worker(
    `import(${clock}).then(({ createClock }) => require('node:worker_threads').parentPort.postMessage(createClock().monotonicMs()))`,
    { eval: true },
  )
  // Both at once: a thread that ends may say so in the same turn as what it posted.
  const [[there]] = (await Promise.all([once(worker, 'message'), once(worker, 'exit')])) as [[number], unknown]
  expect(there).toBeGreaterThan(before)
  expect(there).toBeLessThan(monotonicMs())
})
