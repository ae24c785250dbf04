import { execFileSync } from 'node:child_process'
import { constants, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { type Files, nodeFiles } from '../../src/audit/files.ts'
import { entriesOf } from '../../src/audit/wal-block.ts'
import { joinSegments, listSegments } from '../../src/audit/wal-segment.ts'
import { entriesOfBlocks } from '../../src/audit/unsealed.ts'
import type { DurableBatch, WriteAheadLog } from '../../src/audit/write-ahead.ts'
import { appendAll, createNow, createPlace, openTestLog, type Place, record, records, removePlaces } from './trail.ts'

const open: WriteAheadLog[] = []

afterEach(async () => {
  for (const log of open.splice(0)) await log.close().catch(() => undefined)
})
afterAll(removePlaces)

async function openLog(place: Place, options: Parameters<typeof openTestLog>[2] = {}): Promise<WriteAheadLog> {
  const log = await openTestLog(place, 'w1', options)
  open.push(log)
  return log
}

/** What the segments of a writer hold. */
async function replay(place: Place, writer = 'w1'): Promise<{ entries: string[]; flaws: unknown[]; voided: number }> {
  const names = (await listSegments(nodeFiles, place.dir)).get(writer) ?? []
  const { blocks, flaws, voided } = await joinSegments(nodeFiles, place.dir, names)
  const entries: string[] = []
  for await (const entry of entriesOfBlocks(nodeFiles, place.dir, blocks)) entries.push(entry.toString())
  return { entries, flaws: [...flaws], voided: voided.length }
}

/** Files that write down what happens to them, and wait at a gate where one is set. */
function createWitness(): { files: Files; seen: string[]; gate: { hold: Promise<void> | undefined } } {
  const seen: string[] = []
  const gate: { hold: Promise<void> | undefined } = { hold: undefined }
  const files: Files = {
    ...nodeFiles,
    writeThrough: async (fd, bytes, position) => {
      seen.push('write through')
      await gate.hold
      const written = await nodeFiles.writeThrough(fd, bytes, position)
      seen.push('written through')
      return written
    },
  }
  return { files, seen, gate }
}

/** Files of a disk that can be made to fail. */
function createDisk(): { files: Files; disk: { fault: string | undefined; keeps: boolean } } {
  const disk: { fault: string | undefined; keeps: boolean } = { fault: undefined, keeps: false }
  const fail = (): never => {
    throw Object.assign(new Error(`${disk.fault ?? ''}: injected`), { code: disk.fault })
  }
  const files: Files = {
    ...nodeFiles,
    open: async (path, flags) => (disk.fault === undefined || flags === 'r' ? nodeFiles.open(path, flags) : fail()),
    write: async (fd, bytes, position) => (disk.fault === undefined ? nodeFiles.write(fd, bytes, position) : fail()),
    writeThrough: async (fd, bytes, position) => {
      const written = disk.fault === undefined || disk.keeps ? await nodeFiles.writeThrough(fd, bytes, position) : 0
      return disk.fault === undefined ? written : fail()
    },
  }
  return { files, disk }
}

describe('a group commit', () => {
  test('is written, then synced, and only then acknowledged', async () => {
    const { files, seen } = createWitness()
    const log = await openLog(createPlace(), { files, onDurable: () => seen.push('handed over') })
    const ticket = log.append('{"a":1}') ?? 0
    await log.durable(ticket).then(() => seen.push('acknowledged'))
    expect(seen).toEqual(['write through', 'written through', 'handed over', 'acknowledged'])
  })

  test('does not acknowledge while the sync is under way', async () => {
    const { files, seen, gate } = createWitness()
    const log = await openLog(createPlace(), { files })
    const release = Promise.withResolvers<void>()
    gate.hold = release.promise
    let isAcknowledged = false
    const durable = log.durable(log.append('first') ?? 0).then(() => (isAcknowledged = true))
    while (!seen.includes('write through')) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    expect(isAcknowledged).toBe(false)
    release.resolve()
    await durable
    expect(isAcknowledged).toBe(true)
  })

  test('that is in flight is followed by one for all that came meanwhile', async () => {
    const { files, seen, gate } = createWitness()
    const batches: DurableBatch[] = []
    const log = await openLog(createPlace(), { files, onDurable: (batch) => batches.push(batch) })
    const release = Promise.withResolvers<void>()
    gate.hold = release.promise
    const first = log.durable(log.append('first') ?? 0)
    while (!seen.includes('write through')) await new Promise((resolve) => setImmediate(resolve))
    const second = log.durable(log.append('second') ?? 0)
    const third = log.durable(log.append('third') ?? 0)
    release.resolve()
    await Promise.all([first, second, third])
    expect(batches.map(({ block }) => entriesOf(Buffer.from(block)).map(String))).toEqual([
      ['first'],
      ['second', 'third'],
    ])
    expect(seen.filter((what) => what === 'write through')).toHaveLength(2)
  })

  test('is shared by the entries of one turn', async () => {
    const batches: DurableBatch[] = []
    const log = await openLog(createPlace(), { onDurable: (batch) => batches.push(batch) })
    await appendAll(log, records('w1', 0, 100))
    expect(batches.map(({ count }) => count)).toEqual([100])
  })

  test('rests after another one only where it is told to', async () => {
    const place = createPlace()
    const batches: number[] = []
    const log = await openLog(place, { lingerMs: 5, onDurable: ({ count }) => batches.push(count) })
    await log.durable(log.append('a') ?? 0)
    const waiting = ['b', 'c'].map((entry) => log.durable(log.append(entry) ?? 0))
    await Promise.all(waiting)
    expect(batches).toEqual([1, 2])
    expect((await replay(place)).entries).toEqual(['a', 'b', 'c'])
  })
})

describe('the log', () => {
  test('keeps strings of any script and bytes as they are, and numbers them in order', async () => {
    const place = createPlace()
    const log = await openLog(place)
    const entries = ['{"n":"नमस्ते"}', '', 'x'.repeat(32_768), 'é'.repeat(16_384), '\ud800', Buffer.alloc(3000)]
    const tickets = entries.map((entry) => log.append(entry))
    expect(tickets).toEqual([1, 2, 3, 4, 5, 6])
    await log.durable(6)
    expect((await replay(place)).entries).toEqual(entries.map((entry) => Buffer.from(entry as string).toString()))
  })

  test('refuses an entry over 32 KiB with its length, and goes on', async () => {
    const log = await openLog(createPlace())
    expect(() => log.append('x'.repeat(32_769))).toThrow('an audit entry has at most 32768 bytes, this one has 32769')
    expect(() => log.append('é'.repeat(20_000))).toThrow(RangeError)
    expect(() => log.append(new Uint8Array(40_000))).toThrow(RangeError)
    await log.durable(log.append('fits') ?? 0)
    expect(log.healthy).toBe(true)
  })

  test('accepts no more than may wait', async () => {
    const { files, gate } = createWitness()
    const log = await openLog(createPlace(), { files, queueBytesMax: 1000 })
    const release = Promise.withResolvers<void>()
    gate.hold = release.promise
    let accepted = 0
    while (log.append('x'.repeat(100)) !== undefined) accepted += 1
    expect(accepted).toBe(10)
    release.resolve()
    await log.durable(accepted)
    expect(log.queuedBytes).toBe(0)
    expect(log.append('again')).toBe(accepted + 1)
  })

  test('rolls over to preallocated segments of one size, and loses nothing on the way', async () => {
    const place = createPlace()
    const log = await openLog(place)
    const all: string[] = []
    for (let round = 0; round < 40; round += 1) {
      const some = records('w1', round * 50, 50, ',"pad":"0123456789"')
      all.push(...some)
      await appendAll(log, some)
    }
    await log.close()
    const files = readdirSync(join(place.dir, 'wal'))
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) expect(statSync(join(place.dir, 'wal', file)).size).toBe(1 << 16)
    const found = await replay(place)
    expect(found).toEqual({ entries: all, flaws: [], voided: 0 })
  })

  test('writes a segment full of zeros and syncs it, with its directory, before the first block goes there', async () => {
    const seen: string[] = []
    const names = new Map<number, string>()
    const files: Files = {
      ...nodeFiles,
      open: async (path, flags) => {
        const fd = await nodeFiles.open(path, flags)
        names.set(fd, flags === 'r' ? 'directory' : 'segment')
        return fd
      },
      write: (fd, bytes, position) => {
        seen.push(`zeros ${bytes.length}`)
        return nodeFiles.write(fd, bytes, position)
      },
      writeThrough: (fd, bytes, position) => {
        seen.push(`block at ${position}`)
        return nodeFiles.writeThrough(fd, bytes, position)
      },
      sync: (fd) => {
        seen.push(`sync ${names.get(fd) ?? ''}`)
        return nodeFiles.sync(fd)
      },
    }
    const log = await openLog(createPlace(), { files })
    await appendAll(log, ['a'])
    expect(seen).toEqual(['zeros 65536', 'sync segment', 'sync directory', 'block at 0'])
  })

  test('waits behind one piece of a new segment, not behind all: each is synced before the next is written', async () => {
    const seen: string[] = []
    const files: Files = {
      ...nodeFiles,
      write: (fd, bytes, position) => {
        seen.push(`zeros ${bytes.length}`)
        return nodeFiles.write(fd, bytes, position)
      },
      datasync: (fd) => {
        seen.push('synced')
        return nodeFiles.datasync(fd)
      },
    }
    await openLog(createPlace(), { files, preallocateBytes: 1 << 19 })
    expect(seen).toEqual(['zeros 262144', 'synced', 'zeros 262144', 'synced'])
  })

  test('goes through to the disk by itself: nothing syncs it afterwards', async () => {
    const flagsOf = (fd: number): number =>
      parseInt(/^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
    const seen: number[] = []
    const files: Files = {
      ...nodeFiles,
      writeThrough: (fd, bytes, position) => {
        seen.push(flagsOf(fd) & constants.O_DSYNC)
        return nodeFiles.writeThrough(fd, bytes, position)
      },
    }
    const log = await openLog(createPlace(), { files })
    await appendAll(log, ['a'])
    expect(seen).toEqual([constants.O_DSYNC])
  })

  test('hands over each batch with its place, once', async () => {
    const batches: DurableBatch[] = []
    const log = await openLog(createPlace(), { onDurable: (batch) => batches.push(batch) })
    for (let i = 0; i < 5; i += 1) await appendAll(log, [record('w1', i)])
    expect(batches.map(({ offset, end }) => [offset, end])).toEqual(
      [0, 1, 2, 3, 4].map((i) => [i * 512, (i + 1) * 512]),
    )
    expect(batches.every(({ waitedMs, writer, segment }) => waitedMs > 0 && writer === 'w1' && segment === 1)).toBe(
      true,
    )
  })

  test('accepts nothing once it is closed, and has written what it accepted before', async () => {
    const place = createPlace()
    const log = await openLog(place)
    const ticket = log.append('last words') ?? 0
    const durable = log.durable(ticket)
    await log.close()
    await durable
    expect(log.append('too late')).toBeUndefined()
    expect((await replay(place)).entries).toEqual(['last words'])
  })

  test('goes on in a new segment where another run of the same writer has left some', async () => {
    const place = createPlace()
    await (async () => appendAll(await openLog(place), ['one']))()
    await open.pop()?.close()
    await appendAll(await openLog(place), ['two'])
    expect(readdirSync(join(place.dir, 'wal')).sort()).toEqual(['w1-1.wal', 'w1-2.wal'])
    expect(await replay(place)).toEqual({ entries: ['one', 'two'], flaws: [], voided: 0 })
  })

  test('does not know tickets that it never gave', async () => {
    const log = await openLog(createPlace())
    await expect(log.durable(99)).rejects.toMatchObject({ code: 'audit_unavailable' })
  })
})

describe('a disk that fails', () => {
  for (const fault of ['ENOSPC', 'EIO', 'EROFS']) {
    test(`${fault}: durable rejects, the log says why, and recovers by itself when the disk is back`, async () => {
      const place = createPlace()
      const { files, disk } = createDisk()
      const batches: DurableBatch[] = []
      const log = await openLog(place, { files, retryAfterMs: 0, onDurable: (batch) => batches.push(batch) })
      await appendAll(log, ['before'])
      disk.fault = fault
      const failed = log.durable(log.append('during') ?? 0)
      await expect(failed).rejects.toMatchObject({
        code: 'audit_unavailable',
        message: expect.stringContaining(fault) as unknown,
      })
      expect(log.healthy).toBe(false)
      expect(log.problem).toMatch(fault)
      disk.fault = undefined
      await log.durable(log.append('after') ?? 0)
      expect(log.healthy).toBe(true)
      expect(await replay(place)).toMatchObject({ entries: ['before', 'during', 'after'], flaws: [] })
      expect(batches.flatMap(({ block }) => entriesOf(Buffer.from(block)).map(String))).toEqual([
        'before',
        'during',
        'after',
      ])
    })
  }

  test('a commit that reached the disk although its sync failed is void, since it is written again', async () => {
    const place = createPlace()
    const { files, disk } = createDisk()
    const log = await openLog(place, { files, retryAfterMs: 0 })
    await appendAll(log, ['before'])
    disk.fault = 'EIO'
    disk.keeps = true
    await expect(log.durable(log.append('during') ?? 0)).rejects.toMatchObject({ code: 'audit_unavailable' })
    disk.fault = undefined
    await log.durable(log.append('after') ?? 0)
    expect(await replay(place)).toEqual({ entries: ['before', 'during', 'after'], flaws: [], voided: 1 })
  })

  test('also where it was the first one of the run, and where it fails again and again', async () => {
    const place = createPlace()
    const { files, disk } = createDisk()
    const log = await openLog(place, { files, retryAfterMs: 0 })
    disk.fault = 'EIO'
    disk.keeps = true
    for (let i = 0; i < 3; i += 1) {
      await expect(log.durable(log.append(`entry ${i}`) ?? 0)).rejects.toMatchObject({ code: 'audit_unavailable' })
    }
    disk.fault = undefined
    await log.durable(log.append('entry 3') ?? 0)
    const found = await replay(place)
    expect(found).toMatchObject({ entries: ['entry 0', 'entry 1', 'entry 2', 'entry 3'], flaws: [] })
  })

  test('a short write is gone on with', async () => {
    const place = createPlace()
    const files: Files = {
      ...nodeFiles,
      writeThrough: (fd, bytes, position) => nodeFiles.writeThrough(fd, bytes.subarray(0, 100), position),
    }
    const log = await openLog(place, { files })
    await appendAll(log, records('w1', 0, 20))
    expect((await replay(place)).entries).toEqual(records('w1', 0, 20))
  })

  test('is tried again no sooner than was asked, and then by whoever comes', async () => {
    let now = 1000
    const { files, disk } = createDisk()
    const log = await openLog(createPlace(), { files, retryAfterMs: 250, now: () => now })
    disk.fault = 'EIO'
    await expect(log.durable(log.append('a') ?? 0)).rejects.toMatchObject({ code: 'audit_unavailable' })
    disk.fault = undefined
    now += 100
    await expect(log.durable(log.append('b') ?? 0)).rejects.toMatchObject({ code: 'audit_unavailable' })
    now += 200
    await log.durable(log.append('c') ?? 0)
    expect(log.healthy).toBe(true)
  })

  test('is found out to be back by a probe, with nobody appending', async () => {
    const { files, disk } = createDisk()
    const log = await openLog(createPlace(), { files })
    disk.fault = 'ENOSPC'
    await expect(log.durable(log.append('a') ?? 0)).rejects.toMatchObject({ code: 'audit_unavailable' })
    expect(await log.probe()).toBe(false)
    disk.fault = undefined
    expect(await log.probe()).toBe(true)
    await log.durable(1)
  })

  test('that cannot be written at opening gives a log which says so, and works later', async () => {
    const place = createPlace()
    mkdirSync(place.dir, { recursive: true })
    writeFileSync(join(place.dir, 'wal'), 'a file is in the way')
    const log = await openLog(place, { retryAfterMs: 0 })
    expect(log.healthy).toBe(false)
    rmSync(join(place.dir, 'wal'))
    expect(await log.probe()).toBe(true)
    await appendAll(log, ['here'])
    expect((await replay(place)).entries).toEqual(['here'])
  })

  test('that hangs makes the log unhealthy while it lasts', async () => {
    let now = 0
    const { files, gate, seen } = createWitness()
    const log = await openLog(createPlace(), { files, now: () => now })
    const release = Promise.withResolvers<void>()
    gate.hold = release.promise
    const durable = log.durable(log.append('a') ?? 0)
    while (!seen.includes('write through')) await new Promise((resolve) => setImmediate(resolve))
    expect(log.healthy).toBe(true)
    now += 5000
    expect(log.problem).toBe('the disk has not answered for 5000 ms')
    release.resolve()
    await durable
    expect(log.healthy).toBe(true)
  })

  test('closing it says that something was never written', async () => {
    const { files, disk } = createDisk()
    const log = await openTestLog(createPlace(), 'w1', { files })
    disk.fault = 'ENOSPC'
    await expect(log.durable(log.append('a') ?? 0)).rejects.toMatchObject({ code: 'audit_unavailable' })
    await expect(log.close()).rejects.toMatchObject({ code: 'audit_unavailable' })
  })
})

test('a segment that was deleted or replaced is noticed by a probe, and left for a fresh one', async () => {
  for (const change of ['delete', 'replace'] as const) {
    const place = createPlace()
    const log = await openLog(place)
    await appendAll(log, ['before'])
    const path = join(place.dir, 'wal', 'w1-1.wal')
    if (change === 'delete') rmSync(join(place.dir, 'wal'), { recursive: true })
    else {
      renameSync(path, join(place.root, 'aside'))
      writeFileSync(path, Buffer.alloc(1 << 16))
    }
    expect(await log.probe()).toBe(true)
    await appendAll(log, ['after'])
    expect((await replay(place)).entries).toEqual(['after'])
  }
})

test('it is noticed also under a load that never lets a commit end, and what waits is written elsewhere', async () => {
  const place = createPlace()
  let isIn = 0
  const gate = { open: (): void => undefined }
  const files: Files = {
    ...nodeFiles,
    writeThrough: async (fd, bytes, position) => {
      isIn += 1
      if (isIn === 2) await new Promise<void>((resolve) => (gate.open = resolve))
      return nodeFiles.writeThrough(fd, bytes, position)
    },
  }
  const log = await openTestLog(place, 'w1', { files, retryAfterMs: 0, now: () => 0 })
  await appendAll(log, ['before'])
  const inFlight = log.durable(log.append('in flight') ?? 0)
  while (isIn < 2) await new Promise((resolve) => setImmediate(resolve))
  rmSync(join(place.dir, 'wal/w1-1.wal'))
  expect(await log.probe()).toBe(true)
  const next = log.durable(log.append('next') ?? 0)
  gate.open()
  await inFlight
  await expect(next).rejects.toMatchObject({ code: 'audit_unavailable' })
  await log.close()
  expect((await replay(place)).entries).toEqual(['next'])
})

const programs = { mount: 'mount', unmount: 'umount' }
const isRoot = process.getuid?.() === 0
;(isRoot ? test : test.skip)(
  'a full file system, of a real kernel: rejects, and recovers when there is room again',
  async () => {
    const place = createPlace()
    mkdirSync(place.dir, { recursive: true })
    execFileSync(programs.mount, ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', place.dir])
    try {
      const log = await openTestLog(place, 'w1', { retryAfterMs: 0, now: createNow() })
      writeFileSync(join(place.dir, 'ballast'), Buffer.alloc(200 << 10))
      let rejected = 0
      let last = 0
      for (let i = 0; i < 2000 && rejected === 0; i += 1) {
        last = log.append(record('w1', i, `,"pad":"${'x'.repeat(600)}"`)) ?? 0
        await log.durable(last).catch(() => (rejected += 1))
      }
      expect(rejected).toBe(1)
      expect(log.problem).toMatch(/ENOSPC|wrote nothing/)
      rmSync(join(place.dir, 'ballast'))
      expect(await log.probe()).toBe(true)
      await log.durable(last)
      await log.close()
      const found = await replay(place)
      expect(found.flaws).toEqual([])
      expect(found.entries).toHaveLength(last)
    } finally {
      execFileSync(programs.unmount, [place.dir])
    }
  },
)
