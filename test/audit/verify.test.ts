import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Place as Where } from '../../src/audit/findings.ts'
import { leafHash, rootOf } from '../../src/audit/merkle.ts'
import { boundsOf, HASH_BYTES, parseTilePath, TILE_WIDTH, tileBytes } from '../../src/audit/tiles.ts'
import { type Verdict, verifyTrail } from '../../src/audit/verify.ts'
import {
  appendAll,
  copyPlace,
  createPlace,
  createSigner,
  listFiles,
  openTestLog,
  openTestSealer,
  type Place,
  record,
  records,
  removePlaces,
  writeTrail,
} from './trail.ts'

afterAll(removePlaces)

/** Changes one byte of a file, calls, and changes it back. */
async function withByte<T>(
  path: string,
  bytes: Buffer,
  offset: number,
  mask: number,
  call: () => Promise<T>,
): Promise<T> {
  const changed = Buffer.from(bytes)
  changed[offset] = (changed[offset] ?? 0) ^ mask
  writeFileSync(path, changed)
  try {
    return await call()
  } finally {
    writeFileSync(path, bytes)
  }
}

/** The entry that a byte of a bundle or of a level-0 tile belongs to. */
function indexAt(file: string, bytes: Buffer, offset: number): number | undefined {
  const name = parseTilePath(file)
  if (name?.level === 0) return name.index * TILE_WIDTH + Math.floor(offset / HASH_BYTES)
  if (name?.level !== 'entries') return undefined
  const ends = boundsOf(bytes).bounds.filter((_, i) => i % 2 === 1)
  return name.index * TILE_WIDTH + ends.findIndex((end) => offset < end)
}

interface Flips {
  readonly flipped: number
  readonly missed: string[]
  readonly misplaced: string[]
}

/** Flips bits in each byte of each file in turn; `isNear` says whether a problem names the right place. */
async function flipAll(
  dir: string,
  masks: readonly number[],
  isNear: (where: Where, file: string, bytes: Buffer, offset: number) => boolean,
  step = 1,
): Promise<Flips> {
  const missed: string[] = []
  const misplaced: string[] = []
  let flipped = 0
  for (const file of listFiles(dir)) {
    const bytes = readFileSync(join(dir, file))
    for (let offset = 0; offset < bytes.length; offset += step) {
      const mask = masks[offset % masks.length] ?? 1
      const verdict = await withByte(join(dir, file), bytes, offset, mask, () => verifyTrail(dir))
      flipped += 1
      if (verdict.ok) missed.push(`${file} ${offset}`)
      else if (!verdict.problems.some(({ where }) => isNear(where, file, bytes, offset)))
        misplaced.push(`${file} ${offset}`)
    }
  }
  return { flipped, missed, misplaced }
}

function whats(verdict: Verdict): string[] {
  return verdict.problems.map(({ what, where }) => `${where.file ?? ''}: ${what}`)
}

describe('each byte of each file of a closed trail, changed in turn, without any key given', () => {
  const isNear = (where: Where, file: string, bytes: Buffer, offset: number): boolean =>
    where.file === file && where.index === indexAt(file, bytes, offset)

  test('is found, and located to the entry: a small trail, three ways', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 0, 5), records('w1', 5, 4)])
    let flipped = 0
    for (const masks of [[1, 2, 4, 8, 16, 32, 64, 128], [16, 32, 64, 128, 1, 2, 4, 8], [0xff]]) {
      const flips = await flipAll(place.dir, masks, isNear)
      expect(flips).toMatchObject({ missed: [], misplaced: [] })
      flipped += flips.flipped
    }
    console.info(`${flipped} of ${flipped} changed bytes found and located`)
    expect(flipped).toBe(
      3 * listFiles(place.dir).reduce((sum, file) => sum + readFileSync(join(place.dir, file)).length, 0),
    )
  })

  test('is found, and located to the entry: a trail of two levels of tiles, each third byte', async () => {
    const place = createPlace()
    await writeTrail(place, [Array.from({ length: 259 }, (_, i) => `e${i}`)])
    const flips = await flipAll(place.dir, [0x01, 0x80, 0xff, 0x10], isNear, 3)
    expect(flips).toMatchObject({ missed: [], misplaced: [] })
    console.info(`${flips.flipped} of ${flips.flipped} changed bytes found and located`)
    expect(flips.flipped).toBeGreaterThan(3300)
  })
})

describe('a trail that a crash has left', () => {
  let place: Place

  beforeAll(async () => {
    place = createPlace()
    const sealer = await openTestSealer(place)
    const log = await openTestLog(place, 'w1', {
      preallocateBytes: 0,
      onDurable: (batch) => {
        sealer.add(batch)
      },
    })
    await appendAll(log, records('w1', 0, 7))
    await sealer.seal()
    await appendAll(log, records('w1', 7, 9))
    await appendAll(log, records('w1', 16, 2))
  })

  test('is intact, and says how many entries only checksums guard', async () => {
    const verdict = await verifyTrail(place.dir)
    expect(verdict).toMatchObject({ ok: true, size: 7, unsealed: 11 })
    expect(verdict.warnings).toEqual(['11 entries are under no checkpoint yet: only checksums guard them'])
  })

  test('each byte of its write-ahead log, preallocated zeros too, changed in turn is found and located', async () => {
    const file = 'wal/w1-1.wal'
    const path = join(place.dir, file)
    const bytes = readFileSync(path)
    const starts = [0, 1024, 2048, 2560]
    let flipped = 0
    for (let offset = 0; offset < bytes.length; offset += offset < 2600 ? 1 : 97) {
      const verdict = await withByte(path, bytes, offset, [1, 0x80, 0xff][offset % 3] ?? 1, () =>
        verifyTrail(place.dir),
      )
      const block = starts.findLastIndex((start) => start <= offset)
      const isNear = verdict.problems.some(({ where }) => {
        const at = where.offset ?? -1
        return (
          where.file === file &&
          (block === 3 ? at === offset : at >= (starts[block] ?? 0) && at < (starts[block + 1] ?? 0))
        )
      })
      expect([offset, isNear]).toEqual([offset, true])
      flipped += 1
    }
    console.info(`${flipped} of ${flipped} changed bytes found and located`)
  })

  test('a damaged entry is named by its place in the block', async () => {
    const path = join(place.dir, 'wal/w1-1.wal')
    const bytes = readFileSync(path)
    const offset = bytes.indexOf('"seq":9')
    const verdict = await withByte(path, bytes, offset, 1, () => verifyTrail(place.dir))
    expect(whats(verdict)[0]).toBe('wal/w1-1.wal: entry 2 of the block at 1024 is damaged')
  })

  test('a last block of which a sector, the end or all but some sectors never reached the disk is a warning', async () => {
    const path = join(place.dir, 'wal/w1-1.wal')
    const bytes = readFileSync(path)
    const holes: [number, number][] = [
      [1024, 1536],
      [1536, 2048],
      [1900, 2048],
    ]
    for (const [from, to] of holes) {
      const torn = Buffer.from(bytes).fill(0, from, to).fill(0, 2048)
      writeFileSync(path, torn)
      const verdict = await verifyTrail(place.dir)
      expect([from, whats(verdict)]).toEqual([from, []])
      expect(verdict.warnings[0]).toBe(
        'wal/w1-1.wal, byte 1024: a block that was never wholly written, and so never acknowledged',
      )
    }
    writeFileSync(path, bytes)
  })

  test('a hole in a block that another one follows is an edit', async () => {
    const path = join(place.dir, 'wal/w1-1.wal')
    const bytes = readFileSync(path)
    writeFileSync(path, Buffer.from(bytes).fill(0, 1536, 2048))
    expect((await verifyTrail(place.dir)).ok).toBe(false)
    writeFileSync(path, bytes)
  })

  test('segments cut short, renamed, doubled, swapped, moved inside or removed are found', async () => {
    const change = async (damage: (dir: string) => void): Promise<boolean> => {
      const copy = copyPlace(place)
      damage(copy.dir)
      return (await verifyTrail(copy.dir)).ok
    }
    const wal = (dir: string, name: string): string => join(dir, 'wal', name)
    expect(await change(() => undefined)).toBe(true)
    expect(
      await change((dir) => {
        truncateSync(wal(dir, 'w1-1.wal'), 2560)
      }),
    ).toBe(false)
    expect(
      await change((dir) => {
        truncateSync(wal(dir, 'w1-1.wal'), 1500)
      }),
    ).toBe(false)
    expect(
      await change((dir) => {
        writeFileSync(wal(dir, 'w1-1.wal'), Buffer.alloc(1 << 16), { flag: 'a' })
      }),
    ).toBe(false)
    expect(
      await change((dir) => {
        renameSync(wal(dir, 'w1-1.wal'), wal(dir, 'w1-2.wal'))
      }),
    ).toBe(false)
    expect(
      await change((dir) => {
        renameSync(wal(dir, 'w1-1.wal'), wal(dir, 'w2-1.wal'))
      }),
    ).toBe(false)
    expect(
      await change((dir) => {
        cpSync(wal(dir, 'w1-1.wal'), wal(dir, 'w1-2.wal'))
      }),
    ).toBe(false)
    expect(
      await change((dir) => {
        renameSync(wal(dir, 'w1-1.wal'), wal(dir, 'notes.txt'))
      }),
    ).toBe(false)
    const swap = (dir: string): void => {
      const bytes = readFileSync(wal(dir, 'w1-1.wal'))
      const [first, second] = [Buffer.from(bytes.subarray(0, 1024)), Buffer.from(bytes.subarray(1024, 2048))]
      writeFileSync(wal(dir, 'w1-1.wal'), Buffer.concat([second, first, bytes.subarray(2048)]))
    }
    expect(await change(swap)).toBe(false)
  })

  test('what cannot be read in its place is named, and the rest is judged', async () => {
    const changes: [file: string, change: (dir: string) => void][] = [
      ['wal/w1-2.wal', (dir) => mkdirSync(join(dir, 'wal/w1-2.wal'))],
      [
        'wal',
        (dir) => {
          rmSync(join(dir, 'wal'), { recursive: true })
          writeFileSync(join(dir, 'wal'), '')
        },
      ],
    ]
    for (const [file, change] of changes) {
      const copy = copyPlace(place)
      change(copy.dir)
      const verdict = await verifyTrail(copy.dir)
      expect([verdict.size, verdict.problems[0]?.where.file]).toEqual([7, file])
      expect(verdict.problems[0]?.what).toMatch(/^this cannot be read: E/)
    }
  })

  test('a segment missing in the middle is found', async () => {
    const other = createPlace()
    const sealer = await openTestSealer(other)
    const log = await openTestLog(other, 'w1', { preallocateBytes: 0 })
    for (let i = 0; i < 30; i += 1) await appendAll(log, records('w1', 60 * i, 60))
    const segments = listFiles(join(other.dir, 'wal'))
    expect(segments.length).toBeGreaterThan(3)
    expect(await verifyTrail(other.dir)).toMatchObject({ ok: true, unsealed: 1800 })
    rmSync(join(other.dir, 'wal/w1-2.wal'))
    expect(whats(await verifyTrail(other.dir))[0]).toBe(
      'wal/w1-3.wal: the segment that this one follows is missing or damaged',
    )
    await sealer.seal()
  })

  test('an entry that was acknowledged and is missing in the log, while a later one is there, is found', async () => {
    const other = createPlace()
    const sealer = await openTestSealer(other)
    const log = await openTestLog(other, 'w1')
    await appendAll(log, records('w1', 0, 2))
    await appendAll(log, records('w1', 2, 2))
    const wal = join(other.root, 'wal')
    cpSync(join(other.dir, 'wal'), wal, { recursive: true })
    await log.close()
    await sealer.close()
    const forged = createPlace()
    await writeTrail(forged, [[...records('w1', 0, 1), ...records('w1', 2, 2)]])
    cpSync(wal, join(forged.dir, 'wal'), { recursive: true })
    const verdict = await verifyTrail(forged.dir)
    expect(whats(verdict)).toContain('wal/w1-1.wal: this entry was acknowledged, and the log does not have it')
  })
})

describe('a closed trail', () => {
  let place: Place
  let vkey: string
  let kept: string
  let latest: string

  beforeAll(async () => {
    place = createPlace()
    kept = (await writeTrail(place, [records('w1', 0, 200), records('w1', 200, 100)])).checkpoint
    const sealer = await writeTrail(place, [records('w1', 300, 300)])
    latest = sealer.checkpoint
    vkey = sealer.vkey
  })

  const verify = (dir: string): Promise<Verdict> => verifyTrail(dir, { vkey, checkpoint: kept })

  test('is intact against its key and a checkpoint kept elsewhere, wherever it is copied', async () => {
    const copy = copyPlace(place)
    for (const checkpoint of [kept, latest]) {
      const verdict = await verifyTrail(copy.dir, { vkey, checkpoint })
      expect(verdict).toMatchObject({ ok: true, size: 600, warnings: [], problems: [], origin: 'gw.example/audit' })
      expect(verdict.keyStatement).toMatch('with the key given')
    }
    expect((await verify(copy.dir)).checkpointStatement).toBe(
      'The first 300 entries are those that the checkpoint given signs.',
    )
  })

  test('tells what could not be seen without a key and a checkpoint kept elsewhere', async () => {
    const verdict = await verifyTrail(place.dir)
    expect(verdict.keyStatement).toMatch('Somebody who signed the whole trail anew with another key could not be seen.')
    expect(verdict.checkpointStatement).toMatch('a rollback to an earlier state of this trail could not have been seen')
  })

  test('says so where a file is missing, cut short, emptied, longer, or replaced by another one', async () => {
    const files = listFiles(place.dir)
    expect(files).toHaveLength(9)
    for (const file of files) {
      const copy = copyPlace(place)
      const path = join(copy.dir, file)
      const bytes = readFileSync(path)
      const forms: [string, Buffer | undefined][] = [
        ['missing', undefined],
        ['cut short', bytes.subarray(0, -1)],
        ['halved', bytes.subarray(0, bytes.length >> 1)],
        ['emptied', Buffer.alloc(0)],
        ['longer by a zero', Buffer.concat([bytes, Buffer.alloc(1)])],
        ['longer by a newline', Buffer.concat([bytes, Buffer.from('\n')])],
        ['doubled', Buffer.concat([bytes, bytes])],
        ['zeroed', Buffer.alloc(bytes.length)],
      ]
      for (const other of files)
        if (other !== file) forms.push([`replaced by ${other}`, readFileSync(join(copy.dir, other))])
      for (const [form, content] of forms) {
        if (content === undefined) rmSync(path)
        else writeFileSync(path, content)
        for (const verdict of [await verify(copy.dir), await verifyTrail(copy.dir)]) {
          expect([file, form, verdict.ok]).toEqual([file, form, false])
          expect(verdict.problems.map(({ where }) => where.file)).toContain(file)
        }
      }
      writeFileSync(path, bytes)
      expect((await verify(copy.dir)).ok).toBe(true)
    }
  })

  test('says so where files were swapped or doubled under another name', async () => {
    const swap = (dir: string, a: string, b: string): void => {
      renameSync(join(dir, a), join(dir, 'aside'))
      renameSync(join(dir, b), join(dir, a))
      renameSync(join(dir, 'aside'), join(dir, b))
    }
    const changes: [string, (dir: string) => void][] = [
      [
        'bundles swapped',
        (dir) => {
          swap(dir, 'tile/entries/000', 'tile/entries/001')
        },
      ],
      [
        'tiles swapped',
        (dir) => {
          swap(dir, 'tile/0/000', 'tile/0/001')
        },
      ],
      [
        'both swapped',
        (dir) => {
          swap(dir, 'tile/0/000', 'tile/0/001')
          swap(dir, 'tile/entries/000', 'tile/entries/001')
        },
      ],
      [
        'a bundle doubled behind the end',
        (dir) => {
          cpSync(join(dir, 'tile/entries/001'), join(dir, 'tile/entries/002'))
        },
      ],
      [
        'a bundle doubled further behind',
        (dir) => {
          cpSync(join(dir, 'tile/entries/001'), join(dir, 'tile/entries/009'))
        },
      ],
      [
        'a tile doubled behind the end',
        (dir) => {
          cpSync(join(dir, 'tile/0/001'), join(dir, 'tile/0/003'))
        },
      ],
      [
        'a level too many',
        (dir) => {
          mkdirSync(join(dir, 'tile/2'))
          cpSync(join(dir, 'tile/0/001'), join(dir, 'tile/2/000'))
        },
      ],
      [
        'a wider partial tile',
        (dir) => {
          cpSync(join(dir, 'tile/0/002.p/88'), join(dir, 'tile/0/002.p/89'))
        },
      ],
      [
        'a stale partial tile of another content',
        (dir) => {
          writeFileSync(join(dir, 'tile/0/002.p/1'), Buffer.alloc(32))
        },
      ],
      [
        'a strange file',
        (dir) => {
          writeFileSync(join(dir, 'notes.txt'), '')
        },
      ],
      [
        'a strange file among the tiles',
        (dir) => {
          writeFileSync(join(dir, 'tile/0/0000'), '')
        },
      ],
      [
        'a hidden file',
        (dir) => {
          writeFileSync(join(dir, 'tile/entries/.000'), '')
        },
      ],
      [
        'a false temporary file',
        (dir) => {
          writeFileSync(join(dir, 'checkpoint.tmp'), 'x\n')
        },
      ],
      [
        'a link',
        (dir) => {
          rmSync(join(dir, 'tile/0/001'))
          symlinkSync(join(place.dir, 'tile/0/001'), join(dir, 'tile/0/001'))
        },
      ],
    ]
    for (const [what, change] of changes) {
      const copy = copyPlace(place)
      change(copy.dir)
      expect([what, (await verify(copy.dir)).ok]).toEqual([what, false])
    }
  })

  test('may have older partial tiles left, as long as they are the beginning of the present ones', async () => {
    const copy = copyPlace(place)
    const head = (file: string, length: number): Buffer => readFileSync(join(copy.dir, file)).subarray(0, length)
    mkdirSync(join(copy.dir, 'tile/0/001.p'))
    writeFileSync(join(copy.dir, 'tile/0/001.p/44'), head('tile/0/001', 44 * 32))
    writeFileSync(join(copy.dir, 'tile/0/002.p/8'), head('tile/0/002.p/88', 8 * 32))
    const bundle = readFileSync(join(copy.dir, 'tile/entries/002.p/88'))
    writeFileSync(join(copy.dir, 'tile/entries/002.p/8'), bundle.subarray(0, boundsOf(bundle).bounds[15]))
    expect(await verify(copy.dir)).toMatchObject({ ok: true, warnings: [] })
    const path = join(copy.dir, 'tile/entries/002.p/8')
    const stale = readFileSync(path)
    for (let offset = 0; offset < stale.length; offset += 7) {
      expect((await withByte(path, stale, offset, 1, () => verify(copy.dir))).ok).toBe(false)
    }
    writeFileSync(path, stale.subarray(0, -1))
    expect((await verify(copy.dir)).ok).toBe(false)
  })

  test('that was rolled back is found against a checkpoint kept elsewhere, and only against that', async () => {
    const older = createPlace()
    await writeTrail(older, [records('w1', 0, 200)])
    const against = await verify(older.dir)
    expect(whats(against)).toEqual([
      'checkpoint: the trail has 200 entries, and the checkpoint given has 300: the trail was rolled back or cut short',
    ])
    expect(against.checkpointStatement).toBe('The trail is not a continuation of the checkpoint given.')
    expect((await verifyTrail(older.dir, { vkey })).ok).toBe(true)
  })

  test('that was written anew with our own key is found against a checkpoint kept elsewhere', async () => {
    const forged = createPlace()
    await writeTrail(forged, [[...records('w1', 0, 150), record('w1', 150, ',"forged":1'), ...records('w1', 151, 449)]])
    expect(whats(await verify(forged.dir))).toEqual([
      'checkpoint: the first 300 entries are not those that the checkpoint given signs: this is another history',
    ])
    expect((await verifyTrail(forged.dir, { vkey })).ok).toBe(true)
  })

  test('that was signed anew with another key is found against our key, and only against that', async () => {
    const forged = createPlace()
    await writeTrail(forged, [records('w1', 0, 600)], createSigner('gw.example/audit', 7))
    const verdict = await verifyTrail(forged.dir, { vkey })
    expect(whats(verdict).slice(0, 2)).toEqual([
      expect.stringMatching('vkey: the trail was signed with another key than the one given'),
      expect.stringMatching('checkpoint: the checkpoint does not hold: it is not signed by'),
    ])
    rmSync(join(forged.dir, 'vkey'))
    writeFileSync(join(forged.dir, 'vkey'), `${vkey}\n`)
    expect((await verifyTrail(forged.dir)).ok).toBe(false)
    writeFileSync(join(forged.dir, 'vkey'), `${verdict.keyStatement}\n`)
    expect((await verifyTrail(forged.dir)).ok).toBe(false)
  })

  test('is judged by nothing that is no key or no checkpoint', async () => {
    expect((await verifyTrail(place.dir, { vkey: 'no key' })).ok).toBe(false)
    expect((await verifyTrail(place.dir, { vkey, checkpoint: 'no checkpoint' })).ok).toBe(false)
    const stranger = await writeTrail(createPlace(), [records('w1', 0, 3)], createSigner('other.example', 9))
    expect((await verifyTrail(place.dir, { vkey, checkpoint: stranger.checkpoint })).ok).toBe(false)
  })

  test('whose entry was changed together with all hashes above it is found by the signed root', async () => {
    const copy = copyPlace(place)
    const bundle = join(copy.dir, 'tile/entries/000')
    const bytes = readFileSync(bundle)
    bytes[bytes.indexOf('"gateway"') + 3] = 0x41
    writeFileSync(bundle, bytes)
    const { bounds } = boundsOf(bytes)
    const leaves = Array.from({ length: TILE_WIDTH }, (_, i) => leafHash(bytes, bounds[2 * i], bounds[2 * i + 1]))
    writeFileSync(join(copy.dir, 'tile/0/000'), tileBytes(leaves))
    const upper = readFileSync(join(copy.dir, 'tile/1/000.p/2'))
    upper.write(rootOf(leaves), 0, 'latin1')
    writeFileSync(join(copy.dir, 'tile/1/000.p/2'), upper)
    expect(whats(await verifyTrail(copy.dir))).toEqual([
      'checkpoint: the entries do not give the root that the checkpoint signs',
    ])
  })

  test('names which of entry and hash was changed', async () => {
    const copy = copyPlace(place)
    const bundle = join(copy.dir, 'tile/entries/001')
    const bytes = readFileSync(bundle)
    const offset = bytes.indexOf('"seq":300')
    const changed = await withByte(bundle, bytes, offset, 1, () => verify(copy.dir))
    expect(changed.problems[0]).toMatchObject({
      what: 'entry 300 is not what its hash says',
      where: { file: 'tile/entries/001', index: 300 },
    })
    const tile = join(copy.dir, 'tile/0/001')
    const hash = await withByte(tile, readFileSync(tile), 44 * 32 + 5, 1, () => verify(copy.dir))
    expect(hash.problems).toEqual([
      {
        what: 'the hash of entry 300 was changed; the entry itself is what the checkpoint signs',
        where: { file: 'tile/0/001', offset: 44 * 32, index: 300 },
      },
    ])
  })
})

describe('what is no trail', () => {
  test('a missing directory, a file, an empty directory and a directory of other things are problems', async () => {
    const { root } = createPlace()
    for (const name of ['missing', 'file', 'empty', 'other']) {
      const dir = join(root, name)
      if (name === 'file') writeFileSync(dir, 'x')
      else if (name !== 'missing') mkdirSync(dir)
      if (name === 'other') writeFileSync(join(dir, 'readme'), 'x')
      const verdict = await verifyTrail(dir)
      expect([name, verdict.ok, verdict.problems.length > 0]).toEqual([name, false, true])
      expect(existsSync(dir)).toBe(name !== 'missing')
    }
  })
})

describe('the numbers of the records', () => {
  const problemsOf = async (entries: readonly string[]): Promise<string[]> => {
    const place = createPlace()
    await writeTrail(place, [entries])
    return (await verifyTrail(place.dir)).problems.map(({ what }) => what)
  }

  test('may grow by one for each writer, and begin anew', async () => {
    expect(
      await problemsOf([
        record('w1', 0),
        record('w2', 0),
        record('w1', 1),
        record('w1', 0),
        record('w1', 1),
        record('main', 5),
      ]),
    ).toEqual([])
  })

  test('that are skipped, doubled or turned round are problems with their place', async () => {
    expect(await problemsOf([record('w1', 0), record('w1', 3)])).toEqual(['records 1 to 2 of writer "w1" are missing'])
    expect(await problemsOf([record('w1', 4), record('w1', 5), record('w1', 5)])).toEqual([
      'record 5 of writer "w1" comes after its record 5',
    ])
    expect(await problemsOf([record('w1', 4), record('w1', 6), record('w1', 5)])).toHaveLength(2)
  })

  test('that are skipped and told to be lost by a gap record are none', async () => {
    const gap = (lost: number): string => `{"time":1,"seq":5,"kind":"gap","lost":${lost},"gateway":"gw","worker":"w1"}`
    expect(await problemsOf([record('w1', 2), gap(2), record('w1', 6)])).toEqual([])
    expect(await problemsOf([record('w1', 2), gap(1), record('w1', 6)])).toHaveLength(1)
  })

  test('are not looked for in entries that are no records', async () => {
    expect(
      await problemsOf([
        'opaque',
        '{"seq":1}',
        '{"worker":"w1"}',
        '{',
        '{"x":"\\"seq\\":9,\\"worker\\":\\"w1\\""}',
        record('w1', 7),
      ]),
    ).toEqual([])
  })
})
