import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readTrail } from '../../src/audit/reader.ts'
import { applyRetention } from '../../src/audit/retention.ts'
import { scanTrail } from '../../src/audit/search/scan.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import {
  appendAll,
  copyPlace,
  createPlace,
  createSigner,
  openTestLog,
  openTestSealer,
  readEntries,
  records,
  removePlaces,
  writeTrail,
} from './trail.ts'

afterAll(removePlaces)

async function indexes(dir: string, from: number, to?: number): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = []
  for await (const [index] of readTrail(dir, { from, ...(to === undefined ? {} : { to }) })) found.push(index)
  return found
}

test('entries come with their index, from and to where it was asked, across bundles', async () => {
  const place = createPlace()
  await writeTrail(place, [records('w1', 0, 600)])
  expect(await readEntries(place)).toEqual(records('w1', 0, 600))
  expect(await indexes(place.dir, 254, 259)).toEqual([254, 255, 256, 257, 258])
  expect(await indexes(place.dir, 598)).toEqual([598, 599])
  expect(await indexes(place.dir, 0, 0)).toEqual([])
  expect(await indexes(place.dir, 600)).toEqual([])
})

test('what is durable and not sealed yet comes last, once, without an index', async () => {
  const place = createPlace()
  const sealer = await openTestSealer(place)
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  await appendAll(log, records('w1', 0, 20))
  await sealer.seal()
  await appendAll(log, records('w1', 20, 5))
  expect(await readEntries(place)).toEqual(records('w1', 0, 20))
  expect(await readEntries(place, true)).toEqual(records('w1', 0, 25))
  await log.close()
  await sealer.close()
  expect(await readEntries(place, true)).toEqual(records('w1', 0, 25))
})

test('what retention deletes while a trail is read is left out, in either direction, and what somebody else deletes ends it', async () => {
  const place = createPlace()
  await writeTrail(place, [records('w1', 0, 600)])
  const copy = copyPlace(place)
  const newest = scanTrail(place.dir, {}, { newestFirst: true })
  const oldest = readTrail(place.dir)
  await newest.next()
  await oldest.next()
  await applyRetention(place.dir, { index: 512, before: 0, at: 0 }, createSigner())
  const left: (number | undefined)[] = []
  for await (const [index] of oldest) left.push(index)
  expect([left.length, left[254], left[255], left.at(-1)]).toEqual([255 + 88, 255, 512, 599])
  const found: number[] = []
  for await (const { index } of newest) found.push(index)
  expect([found.length, found.at(-1)]).toEqual([87, 512])
  rmSync(join(copy.dir, 'tile/entries/001'))
  await expect(indexes(copy.dir, 0)).rejects.toThrow('tile/entries/001 is missing')
})

test('a trail that grows while it is read gives the entries that it had', async () => {
  const place = createPlace()
  const sealer = await openTestSealer(place)
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  await appendAll(log, records('w1', 0, 300))
  await sealer.seal()
  const found: string[] = []
  for await (const [, entry] of readTrail(place.dir)) {
    found.push(entry.toString())
    if (found.length !== 10) continue
    await appendAll(log, records('w1', 300, 300))
    await sealer.seal()
  }
  expect(found).toEqual(records('w1', 0, 300))
  await log.close()
  await sealer.close()
})

test('a missing bundle is named', async () => {
  const place = createPlace()
  await writeTrail(place, [records('w1', 0, 600)])
  rmSync(join(place.dir, 'tile/entries/001'))
  await expect(indexes(place.dir, 0)).rejects.toThrow('tile/entries/001 is missing')
  expect(await indexes(createPlace().dir, 0)).toEqual([])
})

test('a long verification tells how far it is', async () => {
  const place = createPlace()
  await writeTrail(place, [Array.from({ length: 40_000 }, (_, i) => `e${i}`)])
  const seen: [number, number][] = []
  const onProgress = (done: number, total: number): void => {
    seen.push([done, total])
  }
  expect(await verifyTrail(place.dir, { onProgress })).toMatchObject({ ok: true, size: 40_000 })
  expect(seen).toEqual([
    [16_384, 40_000],
    [32_768, 40_000],
  ])
})
