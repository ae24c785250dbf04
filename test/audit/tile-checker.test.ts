// Tiles checked by threads: the same answers as in this thread, whatever becomes of a thread, and nothing plain where a byte differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { checkTile } from '../../src/audit/tile-check.ts'
import { createTileChecker } from '../../src/audit/tile-checker.ts'
import { TILE_WIDTH } from '../../src/audit/tiles.ts'
import { createPlace, type Place, record, removePlaces, writeTrail } from './trail.ts'

afterAll(removePlaces)

const TILES = 200
const THREAD = new URL('../../src/audit/tile-check-thread.ts', import.meta.url)

let place: Place

beforeAll(async () => {
  place = createPlace()
  const entries = Array.from({ length: TILES * TILE_WIDTH }, (_, i) => record(i % 2 === 0 ? 'w1' : 'w2', i >> 1))
  await writeTrail(place, [entries])
})

async function checkAll(options: { startThread?: () => Worker }): Promise<readonly unknown[]> {
  const checker = createTileChecker({
    ...{ dir: place.dir, from: 0, to: TILES, threads: 2, tilesMin: 1 },
    startThread: options.startThread,
  })
  const found: unknown[] = []
  for (let index = 0; index <= TILES; index += 1) found.push(await checker.check(index))
  await checker.close()
  return found
}

test('threads say what this thread says, tile after tile, with the numbers of each writer', async () => {
  let started = 0
  const startThread = (): Worker => {
    started += 1
    return new Worker(THREAD)
  }
  const alone = await checkAll({})
  expect(alone[1]).toMatchObject({
    runs: [
      { worker: 'w1', first: 128, last: 255 },
      { worker: 'w2', first: 128, last: 255 },
    ],
  })
  expect(alone.slice(0, TILES).every((each) => each !== undefined)).toBe(true)
  expect(alone[TILES]).toBeUndefined()
  expect(await checkAll({ startThread })).toEqual(alone)
  expect(started).toBe(2)
})

test('threads that die leave their tiles to this one', async () => {
  const alone = await checkAll({})
  let count = 0
  // One never begins, one ends in the middle.
  const startThread = (): Worker => {
    count += 1
    const worker = new Worker(count === 1 ? new URL('file:///nowhere.ts') : THREAD)
    if (count === 2) worker.once('message', () => void worker.terminate())
    return worker
  }
  expect(await checkAll({ startThread })).toEqual(alone)
})

test('a tile of which one byte differs is not plain, nor one whose records skip a number', () => {
  for (const file of ['tile/0/003', 'tile/entries/003']) {
    const path = join(place.dir, file)
    const bytes = readFileSync(path)
    for (let at = 0; at < bytes.length; at += 53) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      writeFileSync(path, changed)
      expect([at, checkTile(place.dir, 3)]).toEqual([at, undefined])
    }
    for (const other of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]) {
      writeFileSync(path, other)
      expect(checkTile(place.dir, 3)).toBeUndefined()
    }
    writeFileSync(path, bytes)
    expect(checkTile(place.dir, 3)).toBeDefined()
  }
})

test('numbers that skip are not plain', async () => {
  const other = createPlace()
  await writeTrail(other, [Array.from({ length: TILE_WIDTH }, (_, i) => record('w1', i < 100 ? i : i + 1))])
  expect(checkTile(other.dir, 0)).toBeUndefined()
})
