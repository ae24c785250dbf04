// Nothing counts as recorded before the keys of its detail are on the disk.
import { expect, test } from '@jest/globals'
import { withKeys } from '../../src/app/worker-details.ts'
import { createMemoryTrail } from '../support/memory-trail.ts'

test('a record is durable once its keys are; where none wait nothing is added', async () => {
  const memory = createMemoryTrail()
  let keys: PromiseWithResolvers<undefined> | undefined = Promise.withResolvers<undefined>()
  const trail = withKeys(memory, { durable: () => keys?.promise })
  const ticket = trail.append({ kind: 'start', time: 1, version: '1', epoch: 0 }) ?? -1
  const seen: string[] = []
  const durable = trail.durable(ticket).then(() => seen.push('durable'))
  await memory.durable(ticket)
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual([])
  keys.resolve(undefined)
  await durable
  keys = Promise.withResolvers<undefined>()
  keys.reject(new Error('EIO'))
  await expect(trail.durable(ticket)).rejects.toThrow('EIO')
  keys = undefined
  await trail.durable(ticket)
  expect([trail.healthy, memory.records.length]).toEqual([memory.healthy, 1])
})
