// The short form of `npm run torture`: nothing acknowledged is lost, nothing that is done to the log goes unseen.
import { afterAll, expect, test } from '@jest/globals'
import { removePlaces } from '../audit/trail.ts'
import { cutPower } from './power.ts'
import { ATTACKS, attack, flip } from './attacks.ts'

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
  const { found, tried } = await flip('portcullis', 41, () => undefined)
  expect(tried).toBeGreaterThan(50)
  expect(found).toBe(tried)
}, 60_000)

test('of plain lines hardly any of it is: the comparison is not rigged by a checker that finds nothing', async () => {
  const broken = await flip('ndjson', 7, () => undefined)
  expect(broken.found).toBeGreaterThan(0)
  expect(broken.found).toBeLessThan(broken.tried)
  expect(await attack('ndjson', ATTACKS[0]!)).toEqual({ found: 0, tried: 1 })
})
