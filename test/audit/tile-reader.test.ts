// What a checkpoint covers stays readable as it was, whatever the trail has grown to since.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { compressedPath } from '../../src/audit/bundle-file.ts'
import { type Files, nodeFiles } from '../../src/audit/files.ts'
import { findLeaf, readEntry } from '../../src/audit/locate.ts'
import { createConsistencyProof, createInclusionProof, leafHash } from '../../src/audit/merkle.ts'
import { compressOld } from '../../src/audit/retention.ts'
import { createTileReader, readTile } from '../../src/audit/tile-reader.ts'
import { type TileName, tilePath, widthAt } from '../../src/audit/tiles.ts'
import { appendAll, createPlace, openTestLog, openTestSealer, type Place, records, removePlaces } from './trail.ts'

afterAll(removePlaces)

/** Seals at each of the sizes in turn, and tells of each. */
async function grow(place: Place, sizes: readonly number[], onSealed: (size: number) => void): Promise<void> {
  const sealer = await openTestSealer(place)
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  for (const size of sizes) {
    await appendAll(log, records('w1', sealer.size, size - sealer.size))
    await sealer.seal()
    onSealed(size)
  }
  await log.close()
  await sealer.close()
}

const SIZES = [3, 4, 255, 256, 300, 513, 700]

test('partial tiles and bundles of each earlier checkpoint are found in what they have grown to', async () => {
  const place = createPlace()
  const kept: { name: TileName; bytes: Buffer }[] = []
  await grow(place, SIZES, (size) => {
    for (const level of ['entries', 0] as const)
      for (let index = 0; widthAt(size, level, index) > 0; index += 1) {
        const name: TileName = { level, index, width: widthAt(size, level, index) }
        kept.push({ name, bytes: readFileSync(join(place.dir, tilePath(name))) })
      }
  })
  expect(kept.length).toBe(24)
  for (const { name, bytes } of kept) expect([name, await readTile(nodeFiles, place.dir, name)]).toEqual([name, bytes])
})

test('the same where the full bundle was compressed since', async () => {
  const place = createPlace()
  let partial = Buffer.alloc(0)
  const name: TileName = { level: 'entries', index: 0, width: 200 }
  await grow(place, [200, 600], (size) => {
    if (size === 200) partial = readFileSync(join(place.dir, tilePath(name)))
  })
  expect(await compressOld(place.dir, { from: 0, cutoff: Infinity, bundlesMax: 1 })).toBe(1)
  expect(readFileSync(join(place.dir, compressedPath(0))).length).toBeGreaterThan(0)
  expect(await readTile(nodeFiles, place.dir, name)).toEqual(partial)
})

test('proofs under an earlier checkpoint are the same after it has grown', async () => {
  const place = createPlace()
  const proofsAt = (size: number): unknown => {
    const read = createTileReader(place.dir, size)
    return [0, 2, size - 1].map((index) => createInclusionProof(read, index, size))
  }
  const consistencyAt = (size: number): unknown => createConsistencyProof(createTileReader(place.dir, size), 3, size)
  const before = new Map<number, unknown>()
  await grow(place, SIZES, (size) => before.set(size, [proofsAt(size), consistencyAt(size)]))
  for (const size of SIZES)
    expect([size, proofsAt(size), consistencyAt(size)]).toEqual([size, ...(before.get(size) as [])])
})

test('an entry is found by its hash whatever the trail has grown to since its checkpoint was read', async () => {
  const place = createPlace()
  let before = Buffer.alloc(0)
  await grow(place, [300, 400], (size) => {
    if (size === 300) before = readFileSync(join(place.dir, 'checkpoint'))
  })
  let looks = 0
  const files: Files = {
    ...nodeFiles,
    read: async (path) => (path.endsWith('checkpoint') && (looks += 1) === 1 ? before : nodeFiles.read(path)),
  }
  const entry = await readEntry(place.dir, 290)
  expect(await findLeaf(place.dir, leafHash(entry), 0, files)).toBe(290)
})

test('what the trail never had, or has lost, is not made up', async () => {
  const place = createPlace()
  await grow(place, [300], () => undefined)
  expect(await readTile(nodeFiles, place.dir, { level: 0, index: 1, width: 45 })).toBeUndefined()
  expect(await readTile(nodeFiles, place.dir, { level: 'entries', index: 2, width: 256 })).toBeUndefined()
  rmSync(join(place.dir, 'tile/0/001.p/44'))
  expect(await readTile(nodeFiles, place.dir, { level: 0, index: 1, width: 12 })).toBeUndefined()
  expect(() => createTileReader(place.dir, 270)(0, 260)).toThrow('tile/0/001.p/14')
})
