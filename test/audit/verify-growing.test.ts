// A trail that grows while it is verified: what its first checkpoint covers is judged, and what has come since is not called damage.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { createVkey, formatVkey } from '../../src/audit/note.ts'
import { TileStore } from '../../src/audit/tile-store.ts'
import { tilePath, widthAt } from '../../src/audit/tiles.ts'
import { type Verdict, verifyTrail } from '../../src/audit/verify.ts'
import { copyPlace, createPlace, createSigner, type Place, records, removePlaces, unsyncedFiles } from './trail.ts'

afterAll(removePlaces)

/** As many as a verification reads before it tells of its progress, and some. */
const BEFORE = 64 * 256 + 100
const AFTER = BEFORE + 700

let small: Place
let grown: Place

async function grow(place: Place, from: number, to: number): Promise<void> {
  const signer = createSigner()
  const store = await TileStore.load(unsyncedFiles, place.dir, from)
  const entries = records('w1', from, to - from).map((each) => Buffer.from(each))
  await store.adopt(await store.extend(entries))
  writeFileSync(join(place.dir, 'checkpoint'), signCheckpoint({ size: store.size, root: store.root() }, signer))
  writeFileSync(join(place.dir, 'vkey'), `${formatVkey(createVkey(signer.name, signer.publicKeyRaw))}\n`)
}

beforeAll(async () => {
  small = createPlace()
  await unsyncedFiles.makeDir(small.dir)
  await grow(small, 0, BEFORE)
  grown = copyPlace(small)
  await grow(grown, BEFORE, AFTER)
})

/** Verifies the small one, which becomes the other one in the middle. */
async function verifyGrowing(into: Place): Promise<Verdict> {
  const { dir } = copyPlace(small)
  let isGrown = false
  const verdict = await verifyTrail(dir, {
    onProgress: () => {
      if (isGrown) return
      isGrown = true
      for (const path of ['tile', 'checkpoint']) rmSync(join(dir, path), { recursive: true })
      cpSync(into.dir, dir, { recursive: true })
    },
  })
  expect(isGrown).toBe(true)
  return verdict
}

const edge = (size: number, level: 0 | 'entries'): string => {
  const index = Math.floor(size / 256)
  return tilePath({ level, index, width: widthAt(size, level, index) })
}

describe('a trail that grows while it is verified', () => {
  test('is intact as far as the checkpoint says that was there at first, and the rest is told', async () => {
    const { ok, problems, size, warnings } = await verifyGrowing(grown)
    expect([ok, problems, size]).toEqual([true, [], BEFORE])
    expect(warnings).toEqual([expect.stringMatching(/^700 entries have come meanwhile/)])
  })

  test.each(['entries', 0] as const)('hides no changed byte of what was there (%s)', async (level) => {
    const changed = copyPlace(grown)
    const file = join(changed.dir, edge(BEFORE, level).replace(/\.p\/.*/, ''))
    const bytes = readFileSync(file)
    bytes[60] = (bytes[60] ?? 0) ^ 1
    writeFileSync(file, bytes)
    expect((await verifyGrowing(changed)).ok).toBe(false)
  })

  test('has no file beyond the later checkpoint', async () => {
    const more = copyPlace(grown)
    await grow(more, AFTER, AFTER + 300)
    cpSync(join(grown.dir, 'checkpoint'), join(more.dir, 'checkpoint'))
    cpSync(join(grown.dir, edge(AFTER, 0)), join(more.dir, edge(AFTER, 0)))
    cpSync(join(grown.dir, edge(AFTER, 'entries')), join(more.dir, edge(AFTER, 'entries')))
    const { problems } = await verifyGrowing(more)
    expect(problems.map(({ what }) => what)).toContain(
      'this lies beyond the checkpoint, and no write-ahead log holds it',
    )
  })

  test('of which a tile is gone is not intact', async () => {
    const less = copyPlace(grown)
    rmSync(join(less.dir, edge(BEFORE, 'entries').replace(/\.p\/.*/, '')))
    expect((await verifyGrowing(less)).problems).toContainEqual({
      what: 'this file is missing',
      where: { file: edge(BEFORE, 'entries') },
    })
  })
})
