// A disk that fills up, and files that somebody takes away.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { Ballast } from '../../src/audit/ballast.ts'
import { DiskForecast } from '../../src/audit/disk-forecast.ts'
import { type Files, nodeFiles } from '../../src/audit/files.ts'
import { TreeWatch } from '../../src/audit/tree-watch.ts'
import {
  appendAll,
  createPlace,
  openTestLog,
  openTestSealer,
  records,
  removePlaces,
  type Place,
  listFiles,
} from './trail.ts'

afterAll(removePlaces)

const MIB = 1_048_576

describe('the forecast', () => {
  test('says when the disk is full at the pace of the last minute, and holds early', () => {
    const disk = new DiskForecast(64 * MIB)
    expect([disk.problem, disk.fullInSeconds]).toEqual([undefined, undefined])
    disk.see(400 * MIB, 0)
    for (let second = 10; second <= 20; second++) disk.see((500 - 10 * second) * MIB, second * 1_000)
    expect(disk.fullInSeconds).toBeCloseTo(30)
    expect(disk.problem).toBeUndefined()
    disk.see(280 * MIB, 21_000)
    expect(disk.problem).toMatch(/^the disk is full in 2\d s/)
    for (let second = 22; second <= 90; second++) disk.see(280 * MIB, second * 1_000)
    expect([disk.problem, disk.fullInSeconds]).toEqual([undefined, undefined])
    disk.see(63 * MIB, 91_000)
    expect(disk.problem).toBe('the disk has 63 MiB free, and 64 MiB are kept for what must be recorded')
  })

  test('files that the trail lays out for itself, at its start and once there is room again, are no pace', () => {
    const disk = new DiskForecast(64 * MIB)
    const layOut = (from: number, free: number, left: number): void => {
      for (let second = 0; second <= 40; second++)
        disk.see(Math.max(left, free - 40 * second) * MIB, (from + second) * 1_000)
    }
    layOut(0, 400, 200)
    expect([disk.problem, disk.fullInSeconds]).toEqual([undefined, undefined])
    disk.see(MIB, 41_000)
    expect(disk.problem).toMatch(/^the disk has 1 MiB free/)
    layOut(42, 200, 80)
    expect([disk.problem, disk.fullInSeconds]).toEqual([undefined, undefined])
  })

  test('a disk with plenty is not held for one fast minute', () => {
    const disk = new DiskForecast(MIB)
    disk.see(1_000 * MIB, 0)
    for (let second = 0; second <= 10; second++) disk.see((1_000 - 90 * second) * MIB, 10_000 + second * 1_000)
    expect(disk.fullInSeconds).toBeLessThan(2)
    expect(disk.problem).toBeUndefined()
  })
})

test('ballast is made where there is room for twice of it, and given up once', async () => {
  const place = createPlace()
  const path = join(place.root, 'audit.reserve')
  let free = 3 * MIB
  const files: Files = { ...nodeFiles, free: async () => free }
  const ballast = new Ballast({ files, path, bytes: 2 * MIB })
  await ballast.keep()
  expect([ballast.isHeld, listFiles(place.root)]).toEqual([false, []])
  free = 4 * MIB
  await ballast.keep()
  expect([ballast.isHeld, statSync(path).size]).toEqual([true, 2 * MIB])
  // Blocks that are really there, not a hole.
  expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(2 * MIB)
  await ballast.release()
  expect([ballast.isHeld, listFiles(place.root)]).toEqual([false, []])
})

async function sealed(count: number): Promise<{ place: Place; size: number }> {
  const place = createPlace()
  const sealer = await openTestSealer(place)
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  await appendAll(log, records('w1', 0, count))
  await sealer.seal()
  await log.close()
  return { place, size: sealer.size }
}

describe('files of the sealed trail', () => {
  const takeAway: readonly (readonly [string, (dir: string) => void])[] = [
    ['tile/0/000 was deleted', (dir) => rmSync(join(dir, 'tile/0/000'))],
    ['tile/entries/001 was deleted', (dir) => renameSync(join(dir, 'tile/entries/001'), join(dir, 'tile/entries/1'))],
    ['tile/entries/002.p was deleted', (dir) => rmSync(join(dir, 'tile/entries/002.p'), { recursive: true })],
    ['tile/0 was deleted', (dir) => rmSync(join(dir, 'tile/0'), { recursive: true })],
    [
      'tile/entries/000 was replaced',
      (dir) => {
        writeFileSync(join(dir, 'new'), readFileSync(join(dir, 'tile/entries/000')))
        renameSync(join(dir, 'new'), join(dir, 'tile/entries/000'))
      },
    ],
    [
      'tile/0 was replaced',
      (dir) => {
        renameSync(join(dir, 'tile/0'), join(dir, 'other'))
        mkdirSync(join(dir, 'tile/0'))
      },
    ],
  ]

  test.each(takeAway)('%s: the next look tells', async (problem, change) => {
    const { place, size } = await sealed(600)
    const watch = new TreeWatch({ files: nodeFiles, dir: place.dir, now: Date.now })
    expect(await watch.remember(size)).toBeUndefined()
    expect(await watch.check()).toBeUndefined()
    // Times of files are told in ticks of the kernel, which are some milliseconds behind the clock.
    const probe = join(place.root, 'probe')
    const since = Date.now()
    do writeFileSync(probe, '')
    while (statSync(probe).mtimeMs <= since)
    change(place.dir)
    expect(await watch.check()).toMatch(problem)
  })

  test('a file that comes and goes beside ours is no harm', async () => {
    const { place, size } = await sealed(600)
    const watch = new TreeWatch({ files: nodeFiles, dir: place.dir, now: Date.now })
    await watch.remember(size)
    writeFileSync(join(place.dir, 'tile/0/.swp'), '')
    expect(await watch.check()).toBeUndefined()
    rmSync(join(place.dir, 'tile/0/.swp'))
    expect(await watch.check()).toBeUndefined()
    rmSync(join(place.dir, 'tile/0/000'))
    expect(await watch.check()).toBe('tile/0/000 was deleted or renamed')
  })
})

test('what retention deletes or compresses is not missed', async () => {
  const { place, size } = await sealed(600)
  const watch = new TreeWatch({ files: nodeFiles, dir: place.dir, now: Date.now })
  await watch.remember(size)
  for (const file of ['tile/0/000', 'tile/entries/000']) rmSync(join(place.dir, file))
  expect(await watch.check()).toMatch('000 was deleted')
  writeFileSync(join(place.dir, 'minimum-index'), 'portcullis minimum index v1\ngw\n256\n1\n2\n')
  expect(await watch.check()).toBeUndefined()
  renameSync(join(place.dir, 'tile/entries/001'), join(place.dir, 'tile/entries/001.zst'))
  expect(await watch.check()).toBeUndefined()
})

describe('files that lie ready', () => {
  test('a full disk stops none of the commits that they have room for', async () => {
    const place = createPlace()
    let isFull = false
    const full = (): never => {
      throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
    }
    const files: Files = {
      ...nodeFiles,
      open: async (path, flags) => (isFull && flags === 'wx' ? full() : nodeFiles.open(path, flags)),
    }
    const log = await openTestLog(place, 'main', { files, reserveSegments: 3 })
    expect(listFiles(place.dir)).toHaveLength(4)
    isFull = true
    const entry = 'x'.repeat(30_000)
    // Each file of 64 KiB holds two of them.
    for (let n = 0; n < 8; n++) await log.durable(log.append(entry) ?? 0)
    expect(log.healthy).toBe(true)
    const last = log.append(entry) ?? 0
    await expect(log.durable(last)).rejects.toThrow('ENOSPC')
    isFull = false
    await log.probe()
    await log.durable(last)
    expect(log.healthy).toBe(true)
    await log.close()
  })

  test('one that was deleted is passed over: nothing is acknowledged into a file that is gone', async () => {
    const place = createPlace()
    const log = await openTestLog(place, 'main', { reserveSegments: 2 })
    rmSync(join(place.dir, 'wal/main-2.wal'))
    for (let n = 0; n < 3; n++) await log.durable(log.append('x'.repeat(30_000)) ?? 0)
    expect(readFileSync(join(place.dir, 'wal/main-3.wal')).includes('xxxx')).toBe(true)
    await log.close()
  })

  test('none is made while the writer may not grow', async () => {
    const place = createPlace()
    let mayGrow = true
    const problems: string[] = []
    const log = await openTestLog(place, 'w1', {
      mayGrow: () => mayGrow,
      onFailure: (problem) => void problems.push(problem),
    })
    mayGrow = false
    for (let n = 0; n < 2; n++) await log.durable(log.append('x'.repeat(30_000)) ?? 0)
    await expect(log.durable(log.append('x'.repeat(30_000)) ?? 0)).rejects.toThrow('before its trouble is over')
    expect(problems[0]).toMatch('before its trouble is over')
    mayGrow = true
    await log.probe()
    expect(log.healthy).toBe(true)
    await log.close()
  })
})
