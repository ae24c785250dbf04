// The short form of `npm run torture`: nothing acknowledged is lost, nothing that is done to the log goes unseen.
import { afterAll, expect, test } from '@jest/globals'
import { removePlaces } from '../audit/trail.ts'
import { cutPower } from './power.ts'
import { ATTACKS, attack, flip } from './attacks.ts'
import { failDisk } from './faults.ts'

afterAll(removePlaces)

test.each(ATTACKS)('$name: found in ours', async (each) => {
  const { found, tried } = await attack('portcullis', each)
  expect(tried).toBeGreaterThan(0)
  expect(found).toBe(tried)
})

test('the power cut: what was acknowledged is there', async () => {
  expect(await cutPower('portcullis')).toEqual({ acknowledged: 500, lost: 0 })
})

test('a changed byte is found, wherever it is', async () => {
  const { found, located, tried } = await flip('portcullis', 41, () => undefined)
  expect(tried).toBeGreaterThan(50)
  expect([found, located]).toEqual([tried, tried])
})

test('of plain lines hardly any of it is: the comparison is not rigged by a checker that finds nothing', async () => {
  const broken = await flip('ndjson', 7, () => undefined)
  expect(broken.found).toBeGreaterThan(0)
  expect(broken.found).toBeLessThan(broken.tried)
  expect(await attack('ndjson', ATTACKS[0]!)).toEqual({ found: 0, tried: 1 })
})

test.each([1, 2, 3, 4, 5, 6])(
  'a disk that fails now and then (%i): nothing acknowledged is lost, and the log verifies',
  async (seed) => {
    const { acknowledged, lost, refused, faults, problems } = await failDisk('portcullis', seed)
    expect([lost, problems]).toEqual([0, []])
    expect(acknowledged).toBeGreaterThan(50)
    // It did fail, in each of its ways.
    for (const count of [refused, faults.short, faults.failed, faults.forgotten]) expect(count).toBeGreaterThan(0)
  },
)

test('plain lines lose on the same disk', async () => {
  expect((await failDisk('ndjson', 1)).lost).toBeGreaterThan(0)
  expect((await failDisk('buffered', 1)).lost).toBeGreaterThan(0)
})
