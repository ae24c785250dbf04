import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { parseCheckpoint } from '../../src/audit/checkpoint.ts'
import { type Files, nodeFiles } from '../../src/audit/files.ts'
import { createConsistencyProof, emptyRoot, isConsistent } from '../../src/audit/merkle.ts'
import type { Sealer } from '../../src/audit/sealer.ts'
import { createTileReader } from '../../src/audit/tile-reader.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import type { DurableBatch } from '../../src/audit/write-ahead.ts'
import {
  appendAll,
  copyPlace,
  type Crash,
  createCrashingFiles,
  createPlace,
  createSigner,
  listFiles,
  openTestLog,
  openTestSealer,
  type Place,
  readEntries,
  records,
  removePlaces,
  unsyncedFiles,
  writeTrail,
} from './trail.ts'

afterAll(removePlaces)

/** Entries that were acknowledged and never handed to a sealer, as a kill leaves them. The log is left open on purpose. */
async function leaveWal(place: Place, writer: string, entries: readonly string[]): Promise<DurableBatch[]> {
  const batches: DurableBatch[] = []
  const log = await openTestLog(place, writer, { onDurable: (batch) => batches.push(batch) })
  for (let i = 0; i < entries.length; i += 7) await appendAll(log, entries.slice(i, i + 7))
  return batches
}

function sizeAndRoot(note: string): { size: number; root: string } {
  const checkpoint = parseCheckpoint(note)
  return 'problem' in checkpoint ? { size: -1, root: '' } : checkpoint
}

describe('sealing', () => {
  test('a new trail begins with a signed checkpoint of nothing, and is verified', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    expect(sizeAndRoot(sealer.checkpoint)).toMatchObject({ size: 0, root: emptyRoot })
    expect(listFiles(place.dir)).toEqual(['checkpoint', 'vkey'])
    expect(await verifyTrail(place.dir, { vkey: sealer.vkey })).toMatchObject({ ok: true, size: 0, warnings: [] })
    await sealer.close()
  })

  test('rests after each bundle, and not where a backlog waits', async () => {
    const place = createPlace()
    let rests = 0
    const rest = async (): Promise<void> => {
      rests += 1
    }
    const sealer = await openTestSealer(place, { files: unsyncedFiles, rest })
    const log = await openTestLog(place, 'w1', { files: unsyncedFiles, onDurable: (batch) => void sealer.add(batch) })
    await appendAll(log, records('w1', 0, 600))
    await sealer.seal()
    expect([sealer.size, rests]).toEqual([600, 2])
    await appendAll(log, records('w1', 600, 9_000))
    await sealer.seal()
    expect([sealer.size, rests]).toEqual([9_600, 2])
    await log.close()
    await sealer.close()
  })

  test('brings batches of several writers in as they arrive, each under one checkpoint after the other', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    const onDurable = (batch: DurableBatch): void => {
      sealer.add(batch)
    }
    const one = await openTestLog(place, 'w1', { onDurable })
    const two = await openTestLog(place, 'w2', { onDurable })
    const expected: string[] = []
    const notes = [sealer.checkpoint]
    for (let round = 0; round < 6; round += 1) {
      for (const [log, name] of [
        [one, 'w1'],
        [two, 'w2'],
      ] as const) {
        const some = records(name, round * 60, 60)
        await appendAll(log, some)
        expected.push(...some)
      }
      expect(await sealer.seal()).toEqual({ size: expected.length, added: 120 })
      notes.push(sealer.checkpoint)
      expect(readFileSync(join(place.dir, 'checkpoint'), 'utf8')).toBe(sealer.checkpoint)
    }
    await one.close()
    await two.close()
    await sealer.close()
    expect(await readEntries(place)).toEqual(expected)
    const read = createTileReader(place.dir, 720)
    for (const note of notes) {
      const { size: size1, root: root1 } = sizeAndRoot(note)
      const { root: root2 } = sizeAndRoot(sealer.checkpoint)
      const proof = createConsistencyProof(read, size1, 720)
      expect(isConsistent({ size1, size2: 720, root1, root2, proof })).toBe(true)
      expect(await verifyTrail(place.dir, { vkey: sealer.vkey, checkpoint: note })).toMatchObject({
        ok: true,
        warnings: [],
      })
    }
  })

  test('with nothing new writes nothing', async () => {
    const place = createPlace()
    const sealer = await writeTrail(place, [records('w1', 0, 3)])
    const before = sealer.checkpoint
    const again = await openTestSealer(place)
    expect(await again.seal()).toEqual({ size: 3, added: 0 })
    expect(again.checkpoint).toBe(before)
    await again.close()
  })

  test('leaves no write-ahead log, no stale tile and no temporary file when it is closed', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 0, 100), records('w1', 100, 150), records('w1', 250, 20)])
    expect(listFiles(place.dir)).toEqual([
      'checkpoint',
      'tile/0/000',
      'tile/0/001.p/14',
      'tile/1/000.p/1',
      'tile/entries/000',
      'tile/entries/001.p/14',
      'vkey',
    ])
    expect(existsSync(join(place.dir, 'wal'))).toBe(false)
    expect(existsSync(join(place.dir, 'tile/0/000.p'))).toBe(false)
  })

  test('deletes segments once they are sealed, while the writer goes on', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    const log = await openTestLog(place, 'w1', {
      onDurable: (batch) => {
        sealer.add(batch)
      },
    })
    for (let round = 0; round < 50; round += 1) {
      await appendAll(log, records('w1', round * 40, 40))
      if (round % 10 === 9) await sealer.seal()
    }
    const left = readdirSync(join(place.dir, 'wal'))
    expect(left.length).toBeLessThanOrEqual(3)
    expect(left).not.toContain('w1-1.wal')
    expect(await verifyTrail(place.dir, { vkey: sealer.vkey })).toMatchObject({ ok: true, size: 2000, unsealed: 0 })
    await log.close()
    await sealer.close()
  })

  test('makes several checkpoints of a large backlog', async () => {
    const place = createPlace()
    const batches = await leaveWal(place, 'w1', records('w1', 0, 700))
    rmSync(join(place.dir, 'wal'), { recursive: true })
    const written: string[] = []
    const sealer = await openTestSealer(place, {
      portionEntries: 256,
      files: {
        ...nodeFiles,
        rename: async (from, to) => {
          if (to.endsWith('checkpoint')) written.push(readFileSync(from, 'utf8').split('\n')[1] ?? '')
          await nodeFiles.rename(from, to)
        },
      },
    })
    for (const batch of batches) sealer.add(batch)
    await sealer.seal()
    expect(written).toEqual(['0', '259', '518', '700'])
    await sealer.close()
  })

  test('takes a batch that comes twice once', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    const batches = await leaveWal(place, 'w1', records('w1', 0, 20))
    for (const batch of [...batches, ...batches]) sealer.add(batch)
    await sealer.seal()
    for (const batch of batches) sealer.add(batch)
    await sealer.seal()
    expect(await readEntries(place)).toEqual(records('w1', 0, 20))
    await sealer.close()
    expect(await readEntries(place)).toEqual(records('w1', 0, 20))
  })

  test('finds batches that were never handed over in their segments', async () => {
    for (const lost of [0, 1, 2]) {
      const place = createPlace()
      const sealer = await openTestSealer(place)
      const batches = await leaveWal(place, 'w1', records('w1', 0, 21))
      batches.forEach((batch, i) => {
        if (i !== lost) sealer.add(batch)
      })
      await sealer.seal()
      await sealer.close()
      expect(await readEntries(place)).toEqual(records('w1', 0, 21))
    }
  })

  test('takes what was posted from a segment that somebody has deleted, also at the very end', async () => {
    for (const isSealedBefore of [false, true]) {
      const place = createPlace()
      const sealer = await openTestSealer(place)
      const log = await openTestLog(place, 'w1', {
        onDurable: (batch) => {
          sealer.add(batch)
        },
      })
      await appendAll(log, records('w1', 0, 21))
      rmSync(join(place.dir, 'wal/w1-1.wal'))
      await log.probe()
      await appendAll(log, records('w1', 21, 7))
      if (isSealedBefore) await sealer.seal()
      await log.close()
      await sealer.close()
      expect(await readEntries(place)).toEqual(records('w1', 0, 28))
    }
  })

  test('goes on with the next run of a writer that died, and takes what the dead one had left', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    const dead = await leaveWal(place, 'w1', records('w1', 0, 21))
    const alive = await leaveWal(place, 'w1', records('w1', 0, 14, ',"run":2'))
    for (const batch of [...dead.slice(0, 1), ...alive, ...dead.slice(1)]) sealer.add(batch)
    await sealer.seal()
    await sealer.close()
    expect(await readEntries(place)).toEqual([...records('w1', 0, 21), ...records('w1', 0, 14, ',"run":2')])
  })

  test('reads blocks again that memory had no room for', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place, { memoryBytesMax: 1500 })
    const batches = await leaveWal(place, 'w1', records('w1', 0, 70))
    for (const batch of batches) sealer.add(batch)
    await sealer.seal()
    await sealer.close()
    expect(await readEntries(place)).toEqual(records('w1', 0, 70))
  })

  test('seals nothing twice while a seal is running', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    for (const batch of await leaveWal(place, 'w1', records('w1', 0, 30))) sealer.add(batch)
    const results = await Promise.all([sealer.seal(), sealer.seal(), sealer.seal()])
    expect(results.map(({ added }) => added)).toEqual([30, 30, 30])
    expect(sealer.size).toBe(30)
    await sealer.close()
  })

  test('a tile that a full disk cut short is gone once the log has grown past it', async () => {
    const place = createPlace()
    let isFull = false
    const files: Files = {
      ...nodeFiles,
      write: async (fd, bytes, position) => {
        if (!isFull) return nodeFiles.write(fd, bytes, position)
        // Half of it fits, as on a disk that fills up.
        await nodeFiles.write(fd, bytes.subarray(0, bytes.length >> 1), position)
        throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
      },
    }
    const sealer = await openTestSealer(place, { files })
    const log = await openTestLog(place, 'w1', {
      onDurable: (batch) => {
        sealer.add(batch)
      },
    })
    await appendAll(log, records('w1', 0, 100))
    await sealer.seal()
    for (const [from, count] of [
      [100, 40],
      [140, 200],
    ] as const) {
      await appendAll(log, records('w1', from, count))
      isFull = true
      expect(await sealer.seal()).toMatchObject({ added: 0, problem: expect.stringMatching('ENOSPC') as unknown })
      isFull = false
    }
    await appendAll(log, records('w1', 340, 5))
    expect(await sealer.seal()).toMatchObject({ size: 345 })
    await log.close()
    await sealer.close()
    expect(await verifyTrail(place.dir, { vkey: sealer.vkey })).toMatchObject({ ok: true, size: 345, problems: [] })
  })

  test('that fails keeps everything, says why, and is done by the next call', async () => {
    const place = createPlace()
    let isFull = false
    const files = {
      ...nodeFiles,
      write: async (fd: number, bytes: Uint8Array, position: number): Promise<number> => {
        if (isFull) throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
        return nodeFiles.write(fd, bytes, position)
      },
    }
    const sealer = await openTestSealer(place, { files })
    for (const batch of await leaveWal(place, 'w1', records('w1', 0, 30))) sealer.add(batch)
    isFull = true
    expect(await sealer.seal()).toMatchObject({ added: 0, problem: expect.stringMatching('ENOSPC') as unknown })
    expect(sealer.problem).toMatch('ENOSPC')
    isFull = false
    expect(await sealer.seal()).toEqual({ size: 30, added: 30 })
    expect(sealer.problem).toBeUndefined()
    await sealer.close()
    expect(await readEntries(place)).toEqual(records('w1', 0, 30))
  })

  test('that could not put its checkpoint in place puts that same one there first, before it signs another', async () => {
    const place = createPlace()
    const published: string[] = []
    let isStuck = false
    const files: Files = {
      ...nodeFiles,
      rename: async (from, to) => {
        if (to.endsWith('/checkpoint')) published.push(readFileSync(from, 'utf8'))
        if (to.endsWith('/checkpoint') && isStuck) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' })
        await nodeFiles.rename(from, to)
      },
    }
    const sealer = await openTestSealer(place, { files })
    const batches = await leaveWal(place, 'w1', records('w1', 0, 28))
    isStuck = true
    for (const batch of batches.slice(0, 2)) sealer.add(batch)
    expect((await sealer.seal()).problem).toMatch('EIO')
    isStuck = false
    for (const batch of batches.slice(2)) sealer.add(batch)
    expect(await sealer.seal()).toEqual({ size: 28, added: 28 })
    expect(published.map((note) => sizeAndRoot(note).size)).toEqual([0, 14, 14, 28])
    expect(published[1]).toBe(published[2])
    await sealer.close()
  })

  test('does not sign what the disk does not give back', async () => {
    const place = createPlace()
    const files = {
      ...nodeFiles,
      read: async (path: string): Promise<Buffer | undefined> => {
        const bytes = await nodeFiles.read(path)
        if (path.includes('/tile/entries/') && bytes !== undefined) bytes[10] = (bytes[10] ?? 0) ^ 1
        return bytes
      },
    }
    const sealer = await openTestSealer(place, { files })
    for (const batch of await leaveWal(place, 'w1', records('w1', 0, 30))) sealer.add(batch)
    expect(await sealer.seal()).toMatchObject({
      size: 0,
      problem: 'tile/entries/000.p/30 does not read back as it was written',
    })
    expect(sizeAndRoot(readFileSync(join(place.dir, 'checkpoint'), 'utf8')).size).toBe(0)
  })

  test('stops where somebody else has changed the checkpoint', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    for (const batch of await leaveWal(place, 'w1', records('w1', 0, 3))) sealer.add(batch)
    writeFileSync(join(place.dir, 'checkpoint'), sealer.checkpoint.replace('\n0\n', '\n1\n'))
    expect((await sealer.seal()).problem).toMatch('was changed by somebody else')
  })
})

describe('opening', () => {
  test('brings in what a crash has left, of every writer, and says how much', async () => {
    const place = createPlace()
    const sealer = await openTestSealer(place)
    const batches = await leaveWal(place, 'w1', records('w1', 0, 70))
    for (const batch of batches.slice(0, 4)) sealer.add(batch)
    await sealer.seal()
    await leaveWal(place, 'w2', records('w2', 0, 10))
    const again = await openTestSealer(place)
    expect(again.recovered).toEqual({ entries: 52, warnings: [], problems: [] })
    const entries = await readEntries(place)
    expect(entries.filter((entry) => entry.includes('"w1"'))).toEqual(records('w1', 0, 70))
    expect(entries.filter((entry) => entry.includes('"w2"'))).toEqual(records('w2', 0, 10))
    expect(existsSync(join(place.dir, 'wal'))).toBe(false)
    expect(await verifyTrail(place.dir)).toMatchObject({ ok: true, warnings: [] })
  })

  test('finds out what is sealed by hashes where the state file is lost or damaged', async () => {
    for (const damage of ['lost', 'damaged'] as const) {
      const place = createPlace()
      const sealer = await openTestSealer(place)
      const same = Array.from({ length: 14 }, () => 'always the same')
      const batches = await leaveWal(place, 'w1', [...same, ...records('w1', 0, 30)])
      for (const batch of batches.slice(0, 3)) sealer.add(batch)
      await sealer.seal()
      if (damage === 'lost') rmSync(place.stateFile)
      else writeFileSync(place.stateFile, readFileSync(place.stateFile, 'utf8').replace('offset', 'Offset'))
      const again = await openTestSealer(place)
      expect(again.recovered.warnings[0]).toMatch(damage === 'lost' ? 'is missing' : 'is damaged')
      expect(await readEntries(place)).toEqual([...same, ...records('w1', 0, 30)])
    }
  })

  test('goes on after many openings as if it had never been closed', async () => {
    const place = createPlace()
    const expected: string[] = []
    for (let run = 0; run < 8; run += 1) {
      const entries = records('w1', 0, 100, `,"run":${run}`)
      await writeTrail(place, [entries])
      expected.push(...entries)
      expect(await readEntries(place)).toEqual(expected)
    }
    expect(await verifyTrail(place.dir, { vkey: (await openTestSealer(place)).vkey })).toMatchObject({
      ok: true,
      size: 800,
    })
  })

  test('a trail that another key has signed is refused, which is how a moved directory is noticed', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 0, 3)])
    const other = { signer: createSigner('gw.example/audit', 2) }
    await expect(openTestSealer(place, other)).rejects.toMatchObject({ code: 'other_key' })
    const vkey = readFileSync(join(place.dir, 'vkey'), 'utf8')
    writeFileSync(join(place.dir, 'vkey'), vkey.replace('+A', '+B'))
    await expect(openTestSealer(place)).rejects.toMatchObject({ code: 'other_key' })
    rmSync(join(place.dir, 'vkey'))
    await expect(openTestSealer(place, other)).rejects.toMatchObject({ code: 'other_key' })
    await expect(openTestSealer(place, { signer: createSigner('other.example') })).rejects.toMatchObject({
      code: 'other_key',
    })
    expect((await openTestSealer(place)).size).toBe(3)
    expect(readFileSync(join(place.dir, 'vkey'), 'utf8')).toBe(vkey)
  })

  test('a trail that was rolled back, replaced or emptied is refused, and none of them is signed over', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 0, 30)])
    const older = copyPlace(place)
    await writeTrail(place, [records('w1', 30, 30)])
    const newer = copyPlace(place)
    const restore = (from: Place): void => {
      rmSync(place.dir, { recursive: true, force: true })
      renameSync(copyPlace(from).dir, place.dir)
    }
    restore(older)
    await expect(openTestSealer(place)).rejects.toMatchObject({
      code: 'rolled_back',
      message: expect.stringContaining('60') as unknown,
    })
    rmSync(place.dir, { recursive: true })
    await expect(openTestSealer(place)).rejects.toMatchObject({ code: 'rolled_back' })
    const forged = createPlace()
    await writeTrail(forged, [records('w1', 500, 60)])
    restore(forged)
    await expect(openTestSealer(place)).rejects.toMatchObject({ code: 'forked' })
    restore(newer)
    expect((await openTestSealer(place)).size).toBe(60)
    rmSync(place.stateFile)
    restore(older)
    expect((await openTestSealer(place)).recovered.warnings).toHaveLength(1)
  })

  test('a trail whose checkpoint was removed, or whose last tiles do not fit it, is refused', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 0, 300)])
    const cases: [string, (copy: Place) => void][] = [
      [
        'rolled_back',
        (copy) => {
          rmSync(join(copy.dir, 'checkpoint'))
        },
      ],
      [
        'no_checkpoint',
        (copy) => {
          rmSync(join(copy.dir, 'checkpoint'))
          rmSync(copy.stateFile)
        },
      ],
      [
        'damaged',
        (copy) => {
          rmSync(join(copy.dir, 'tile/0/001.p/44'))
        },
      ],
      [
        'damaged',
        (copy) => {
          rmSync(join(copy.dir, 'tile/entries/001.p/44'))
        },
      ],
      [
        'damaged',
        (copy) => {
          flip(join(copy.dir, 'tile/entries/001.p/44'), 100)
        },
      ],
      [
        'damaged',
        (copy) => {
          flip(join(copy.dir, 'tile/0/001.p/44'), 100)
        },
      ],
      [
        'damaged',
        (copy) => {
          flip(join(copy.dir, 'tile/1/000.p/1'), 3)
        },
      ],
      [
        'damaged',
        (copy) => {
          writeFileSync(join(copy.dir, 'tile/0/001.p/44'), '')
        },
      ],
    ]
    for (const [code, damage] of cases) {
      const copy = copyPlace(place)
      damage(copy)
      await expect(openTestSealer(copy)).rejects.toMatchObject({ code })
    }
  })

  test('a last block that was never wholly written is dropped with a warning, and all before it is kept', async () => {
    const place = createPlace()
    await leaveWal(place, 'w1', records('w1', 0, 21))
    const path = join(place.dir, 'wal/w1-1.wal')
    writeFileSync(path, readFileSync(path).fill(0, 2048 + 512))
    const sealer = await openTestSealer(place)
    expect(sealer.recovered).toEqual({
      entries: 14,
      warnings: ['wal/w1-1.wal, offset 2048: a block that was never wholly written, and so never acknowledged'],
      problems: [],
    })
    expect(await readEntries(place)).toEqual(records('w1', 0, 14))
    expect(await verifyTrail(place.dir)).toMatchObject({ ok: true, warnings: [] })
  })

  test.each([
    [
      'deleted',
      'this file was deleted or renamed',
      (path: string) => {
        rmSync(path)
      },
    ],
    [
      'rolled back',
      'this file is not what it was',
      (path: string) => {
        writeFileSync(path, readFileSync(path).fill(0, 512))
      },
    ],
    [
      'emptied',
      'this file is not what it was',
      (path: string) => {
        writeFileSync(path, Buffer.alloc(1 << 16))
      },
    ],
  ] as const)(
    'a segment that was %s before a crash is told as a loss, whatever was in it',
    async (_how, what, hurt) => {
      const place = createPlace()
      const sealer = await openTestSealer(place)
      const batches = await leaveWal(place, 'w1', records('w1', 0, 21))
      for (const batch of batches.slice(0, 2)) sealer.add(batch)
      await sealer.seal()
      hurt(join(place.dir, 'wal/w1-1.wal'))
      const again = await openTestSealer(place)
      expect(again.recovered.problems).toEqual([
        `wal/w1-1.wal, offset ${batches[1]?.end}: ${what}: records that followed here may be lost`,
      ])
      expect((await openTestSealer(place)).recovered.problems).toEqual([])
    },
  )

  test('a damaged segment is kept as evidence, what is intact in it is sealed, and the loss is told', async () => {
    const place = createPlace()
    await leaveWal(place, 'w1', records('w1', 0, 21))
    flip(join(place.dir, 'wal/w1-1.wal'), 1024 + 200)
    const sealer = await openTestSealer(place)
    expect(sealer.recovered.problems).toHaveLength(1)
    expect(sealer.recovered.problems[0]).toMatch(
      /^wal\/w1-1[.]wal, offset \d+: entry 1 of the block at 1024 is damaged$/,
    )
    expect(await readEntries(place)).toEqual([...records('w1', 0, 7), ...records('w1', 14, 7)])
    expect(listFiles(dirname(place.stateFile))).toEqual(['damaged-wal/14-w1-1.wal', 'trail.json'])
    expect((await verifyTrail(place.dir)).problems.map(({ what }) => what)).toEqual([
      'records 7 to 13 of writer "w1" are missing',
    ])
  })
})

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes[offset] = (bytes[offset] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

describe('a crash at any operation', () => {
  /** Opens, takes two writers' entries in, seals twice and closes; stops for good where the files do. */
  async function work(place: Place, files: Files, acknowledged: string[]): Promise<Sealer | undefined> {
    try {
      const sealer = await openTestSealer(place, { files, portionEntries: 100 })
      const onDurable = (batch: DurableBatch): void => {
        sealer.add(batch)
      }
      const one = await openTestLog(place, 'w1', { files: unsyncedFiles, onDurable })
      const two = await openTestLog(place, 'w2', { files: unsyncedFiles, onDurable })
      const offset = acknowledged.length
      for (let round = 0; round < 3; round += 1) {
        for (const [log, name] of [
          [one, 'w1'],
          [two, 'w2'],
        ] as const) {
          const some = records(name, round * 65, 65, `,"run":${offset}`)
          await appendAll(log, some)
          acknowledged.push(...some)
        }
        await sealer.seal()
      }
      await one.close()
      await two.close()
      await sealer.close()
      return sealer
    } catch {
      return undefined
    }
  }

  /** Crashes the work at an operation, and says what was acknowledged and which checkpoints may have been signed. */
  async function crash(
    place: Place,
    at: number,
    how: Crash,
  ): Promise<{ acknowledged: string[]; signed: string[]; isDone: boolean }> {
    const acknowledged: string[] = []
    const signed: string[] = []
    const { files } = createCrashingFiles(unsyncedFiles, at, how)
    const witness = {
      ...files,
      rename: async (from: string, to: string) => {
        if (to.endsWith('/checkpoint')) signed.push(readFileSync(from, 'utf8'))
        await files.rename(from, to)
      },
    }
    return { acknowledged, signed, isDone: (await work(place, witness, acknowledged)) !== undefined }
  }

  async function expectWhole(
    place: Place,
    label: string,
    { acknowledged, signed }: { acknowledged: string[]; signed: string[] },
  ): Promise<void> {
    const again = await openTestSealer(place, { files: unsyncedFiles })
    // A kill is no loss, and told as none.
    expect([label, again.recovered.problems]).toEqual([label, []])
    const entries = await readEntries(place)
    expect([label, [...entries].sort()]).toEqual([label, [...acknowledged].sort()])
    for (const checkpoint of signed) {
      const verdict = await verifyTrail(place.dir, { vkey: again.vkey, checkpoint })
      expect([label, verdict.problems, verdict.warnings]).toEqual([label, [], []])
    }
  }

  async function expectVerified(place: Place, label: string): Promise<void> {
    if (existsSync(join(place.dir, 'checkpoint')))
      expect([label, (await verifyTrail(place.dir)).problems]).toEqual([label, []])
  }

  async function countOperations(run: (files: Files) => Promise<unknown>): Promise<number> {
    const whole = createCrashingFiles(unsyncedFiles, Infinity, 'before')
    await run(whole.files)
    return whole.operations()
  }

  test('loses and doubles nothing, never contradicts a signed checkpoint, and leaves a trail that verifies', async () => {
    const operations = await countOperations((files) => work(createPlace(), files, []))
    let crashes = 0
    for (const how of ['before', 'half', 'after'] as const) {
      for (let at = 1; at <= operations; at += 1) {
        const place = createPlace()
        const label = `${how} operation ${at}`
        const done = await crash(place, at, how)
        expect([label, done.isDone]).toEqual([label, false])
        await expectVerified(place, label)
        await expectWhole(place, label, done)
        crashes += 1
        rmSync(place.root, { recursive: true })
      }
    }
    console.info(`${crashes} crashes at ${operations} operations`)
    expect(crashes).toBeGreaterThan(200)
  })

  test('is survived by a recovery that crashes itself at any operation', async () => {
    const operations = await countOperations((files) => work(createPlace(), files, []))
    let crashes = 0
    for (let at = 5; at <= operations; at += 8) {
      const place = createPlace()
      const done = await crash(place, at, 'half')
      const inner = await countOperations((files) => openTestSealer(copyPlace(place), { files }))
      for (let again = 1; again <= inner; again += 1) {
        const copy = copyPlace(place)
        const label = `operation ${at}, then ${again}`
        await expect(
          openTestSealer(copy, { files: createCrashingFiles(unsyncedFiles, again, 'half').files }),
        ).rejects.toThrow('crashed')
        await expectVerified(copy, label)
        await expectWhole(copy, label, done)
        crashes += 1
        rmSync(copy.root, { recursive: true })
      }
    }
    console.info(`${crashes} recoveries crashed`)
    expect(crashes).toBeGreaterThan(50)
  })
})
