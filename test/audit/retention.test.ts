// Retention, compression, resumed verification and the single-file verifier: what is left still proves, and what is not is found.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { checkProofFile } from '../../src/audit/check-proof-file.ts'
import { compressedPath } from '../../src/audit/bundle-file.ts'
import { writePack } from '../../src/audit/export/pack.ts'
import { readEntry } from '../../src/audit/locate.ts'
import { createProof, formatProof } from '../../src/audit/proof.ts'
import { readTrail } from '../../src/audit/reader.ts'
import { openResumeFile } from '../../src/audit/resume-file.ts'
import { proveRetention } from '../../src/audit/retention-proof.ts'
import { applyRetention, compressOld, cutoffOf, planRetention, sweep } from '../../src/audit/retention.ts'
import { TILE_WIDTH, tilePath } from '../../src/audit/tiles.ts'
import { createVerifierFile } from '../../src/audit/verifier-file.ts'
import { verifyTrail, type VerifyPosition } from '../../src/audit/verify.ts'
import {
  appendAll,
  copyPlace,
  createPlace,
  createSigner,
  listFiles,
  openTestLog,
  openTestSealer,
  type Place,
  records,
  removePlaces,
  writeTrail,
} from './trail.ts'

afterAll(removePlaces)

const START = 1_800_000_000_000
const COUNT = 2_000
let whole: Place
let vkey: string
let checkpointAt300: string

beforeAll(async () => {
  whole = createPlace()
  const sealer = await openTestSealer(whole)
  const log = await openTestLog(whole, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  await appendAll(log, records('w1', 0, 300))
  await sealer.seal()
  checkpointAt300 = sealer.checkpoint
  await appendAll(log, records('w1', 300, COUNT - 300))
  await sealer.seal()
  await log.close()
  await sealer.close()
  vkey = sealer.vkey
})

/** A copy from which what is older than the time is deleted. */
async function pruned(before: number): Promise<Place> {
  const place = copyPlace(whole)
  const plan = await planRetention(place.dir, before, START + COUNT)
  if (plan === undefined) throw new Error('nothing to delete')
  await applyRetention(place.dir, plan, createSigner())
  return place
}

describe('retention', () => {
  test('deletes whole tiles of what is older, keeps the rest provable, and the trail verifies and grows on', async () => {
    const place = await pruned(START + 1_000)
    expect(await verifyTrail(place.dir, { vkey })).toMatchObject({
      ok: true,
      problems: [],
      warnings: [],
      minimum: 768,
      size: COUNT,
    })
    expect(existsSync(join(place.dir, tilePath({ level: 'entries', index: 2, width: TILE_WIDTH })))).toBe(false)
    for (const index of [768, 1_000, COUNT - 1]) {
      const proof = formatProof(await createProof(place.dir, index))
      expect(checkProofFile({ proof, vkey, record: await readEntry(place.dir, index) })).toMatchObject({ index })
    }
    await expect(readEntry(place.dir, 767)).rejects.toThrow('deleted by retention: the trail begins with 768')
    const indexes: (number | undefined)[] = []
    for await (const [index] of readTrail(place.dir)) indexes.push(index)
    expect([indexes[0], indexes.length]).toEqual([768, COUNT - 768])
    const sealer = await openTestSealer(place)
    const log = await openTestLog(place, 'w1', {
      onDurable: (batch) => {
        sealer.add(batch)
      },
    })
    await appendAll(log, records('w1', 0, 500))
    await log.close()
    await sealer.close()
    expect(await verifyTrail(place.dir, { vkey })).toMatchObject({ ok: true, size: COUNT + 500, minimum: 768 })
  })

  test('deletes nothing that is younger, nor what a hold keeps', async () => {
    expect(cutoffOf(1_000, 180, [])).toBe(820)
    expect(
      cutoffOf(1_000, 180, [
        { incident: 'A', since: 500 },
        { incident: 'B', since: 700 },
      ]),
    ).toBe(500)
    expect(cutoffOf(1_000, 180, [{ incident: 'A' }])).toBeUndefined()
    // The last of the first 256 records is 255 ms after the start.
    expect(await planRetention(whole.dir, START + 255, 0)).toBeUndefined()
    expect(await planRetention(whole.dir, START + 256, 7)).toEqual({ index: 256, before: START + 256, at: 7 })
  })

  test('that a stranger made up is found: deletion without a statement, or with one that is not signed', async () => {
    const place = copyPlace(whole)
    for (const level of ['entries', 0] as const)
      rmSync(join(place.dir, tilePath({ level, index: 0, width: TILE_WIDTH })))
    expect((await verifyTrail(place.dir, { vkey })).ok).toBe(false)
    const plan = { index: 256, before: START + 256, at: 1 }
    await applyRetention(place.dir, plan, createSigner(createSigner().name, 9))
    const verdict = await verifyTrail(place.dir, { vkey })
    expect(verdict.ok).toBe(false)
    expect(verdict.problems[0]?.what).toContain('the statement of what was deleted does not hold')
    const honest = await pruned(START + 1_000)
    rmSync(join(honest.dir, tilePath({ level: 'entries', index: 3, width: TILE_WIDTH })))
    expect((await verifyTrail(honest.dir, { vkey })).ok).toBe(false)
  })

  test('each changed byte of what is left is found', async () => {
    const place = await pruned(START + 1_000)
    const missed: string[] = []
    for (const file of listFiles(place.dir)) {
      const path = join(place.dir, file)
      const bytes = readFileSync(path)
      for (let at = 0; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 30))) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 2
        writeFileSync(path, changed)
        if ((await verifyTrail(place.dir)).ok) missed.push(`${file} ${at}`)
      }
      writeFileSync(path, bytes)
    }
    expect(missed).toEqual([])
  })

  test('that was interrupted is a warning, and is finished by the next sweep', async () => {
    const place = await pruned(START + 1_000)
    const kept = copyPlace(whole)
    for (const level of ['entries', 0] as const) {
      const file = tilePath({ level, index: 1, width: TILE_WIDTH })
      writeFileSync(join(place.dir, file), readFileSync(join(kept.dir, file)))
    }
    expect(await verifyTrail(place.dir, { vkey })).toMatchObject({
      ok: true,
      warnings: [expect.stringContaining('2 files that an interrupted')],
    })
    const file = join(place.dir, tilePath({ level: 'entries', index: 1, width: TILE_WIDTH }))
    const bytes = readFileSync(file)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(file, bytes)
    expect((await verifyTrail(place.dir, { vkey })).ok).toBe(false)
    await sweep(place.dir, 768)
    expect(await verifyTrail(place.dir, { vkey })).toMatchObject({ ok: true, warnings: [] })
  })

  test('is proven: the statement and the oldest record; and what does not hold is said', async () => {
    const place = await pruned(START + 1_000)
    expect(await proveRetention(place.dir, vkey)).toEqual({
      minimum: 768,
      size: COUNT,
      problems: [],
      oldest: START + 768,
      deleted: { before: START + 768, at: START + COUNT },
    })
    const other = (await writeTrail(createPlace(), [['{}']], createSigner(createSigner().name, 9))).vkey
    expect((await proveRetention(place.dir, other)).problems).toHaveLength(2)
    expect(await proveRetention(whole.dir, vkey)).toMatchObject({ minimum: 0, problems: [], oldest: START })
  })
})

describe('compression', () => {
  test('of old bundles keeps every entry, proof and verdict; each changed byte is found', async () => {
    const place = copyPlace(whole)
    expect(await compressOld(place.dir, { from: 0, cutoff: START + 600, bundlesMax: 100 })).toBe(2)
    expect(await compressOld(place.dir, { from: 2, cutoff: START + 9_999, bundlesMax: 1 })).toBe(3)
    expect(existsSync(join(place.dir, tilePath({ level: 'entries', index: 0, width: TILE_WIDTH })))).toBe(false)
    expect(await verifyTrail(place.dir, { vkey })).toMatchObject({ ok: true, warnings: [] })
    expect(await readEntry(place.dir, 100)).toEqual(await readEntry(whole.dir, 100))
    const path = join(place.dir, compressedPath(1))
    const bytes = readFileSync(path)
    expect(bytes.length).toBeLessThan(
      readFileSync(join(whole.dir, tilePath({ level: 'entries', index: 1, width: TILE_WIDTH }))).length / 4,
    )
    const missed: number[] = []
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 150)) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      writeFileSync(path, changed)
      const verdict = await verifyTrail(place.dir)
      if (verdict.ok || verdict.problems[0]?.where.file !== compressedPath(1)) missed.push(at)
    }
    expect(missed).toEqual([])
    for (const other of [bytes.subarray(0, 50), Buffer.concat([bytes, Buffer.from('x')]), Buffer.alloc(0)]) {
      writeFileSync(path, other)
      expect((await verifyTrail(place.dir)).ok).toBe(false)
    }
    // What a crash leaves: the plain bundle is still there.
    writeFileSync(
      join(place.dir, tilePath({ level: 'entries', index: 1, width: TILE_WIDTH })),
      readFileSync(join(whole.dir, tilePath({ level: 'entries', index: 1, width: TILE_WIDTH }))),
    )
    expect(await verifyTrail(place.dir)).toMatchObject({ ok: true, warnings: [expect.stringContaining('1 files')] })
  })
})

describe('a verification that is resumed', () => {
  async function positionOf(place: Place): Promise<VerifyPosition> {
    const file = join(createPlace().root, 'resume')
    const resume = openResumeFile(file)
    // A turn is 64 tiles.
    const seen: number[] = []
    await verifyTrail(place.dir, {
      onPosition: (position) => {
        resume.keep(position)
        seen.push(position.size)
      },
    })
    resume.finish()
    const position = openResumeFile(file).position
    if (position === undefined) throw new Error('nothing was kept')
    expect(position.size).toBe(seen.at(-1))
    return position
  }

  test('reads only what is new, says so, and finds a change there; a change before makes it begin anew', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 0, 20_000)])
    const position = await positionOf(place)
    expect(position.size).toBe(16_384)
    expect(await verifyTrail(place.dir, { resume: position })).toMatchObject({ ok: true, resumedFrom: 16_384 })
    const flip = (index: number): void => {
      const path = join(place.dir, tilePath({ level: 'entries', index, width: TILE_WIDTH }))
      const bytes = readFileSync(path)
      bytes[50] = (bytes[50] ?? 0) ^ 1
      writeFileSync(path, bytes)
    }
    flip(70)
    expect(await verifyTrail(place.dir, { resume: position })).toMatchObject({ ok: false, resumedFrom: 0 })
    flip(70)
    const other = createPlace()
    await writeTrail(other, [records('w2', 0, 20_000)])
    expect(await verifyTrail(other.dir, { resume: position })).toMatchObject({ ok: true, resumedFrom: 0 })
    writeFileSync(join(place.root, 'damaged'), '{"size":0}\nabc\n')
    expect(() => openResumeFile(join(place.root, 'damaged'))).toThrow('damaged')
  })
})

test('several checkpoints kept elsewhere are each compared, and two that contradict each other are found', async () => {
  const now = readFileSync(join(whole.dir, 'checkpoint'), 'utf8')
  const verdict = await verifyTrail(whole.dir, { vkey, checkpoint: [now, checkpointAt300] })
  expect(verdict).toMatchObject({ ok: true })
  expect(verdict.checkpointStatement).toContain('The first 300 entries')
  expect(verdict.checkpointStatement).toContain(`The first ${COUNT} entries`)
  const forged = await writeTrail(createPlace(), [records('w9', 0, 300)])
  const two = await verifyTrail(whole.dir, { vkey, checkpoint: [checkpointAt300, forged.checkpoint] })
  expect(two.problems.map(({ what }) => what)).toEqual(
    expect.arrayContaining([expect.stringContaining('two histories')]),
  )
  const kept = await pruned(START + 1_000)
  const after = await verifyTrail(kept.dir, { vkey, checkpoint: [checkpointAt300, now] })
  expect(after).toMatchObject({ ok: true })
  expect(after.checkpointStatement).toContain('The checkpoint of 300 entries could not be compared')
})

describe('the single-file verifier', () => {
  let file: string
  const run = (...args: string[]) => spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' })

  beforeAll(() => {
    file = join(createPlace().root, 'verify.mjs')
    writeFileSync(file, createVerifierFile())
  })

  test('says what the command says, of a whole trail and of every kind of damage', async () => {
    const places: Place[] = [whole, await pruned(START + 1_000)]
    const damage: ((place: Place) => void)[] = [
      (place) => {
        rmSync(join(place.dir, tilePath({ level: 'entries', index: 3, width: TILE_WIDTH })))
      },
      (place) => {
        writeFileSync(join(place.dir, 'stray'), 'x')
      },
      (place) => {
        writeFileSync(join(place.dir, 'checkpoint'), checkpointAt300)
      },
      (place) => {
        const path = join(place.dir, tilePath({ level: 0, index: 3, width: TILE_WIDTH }))
        const bytes = readFileSync(path)
        bytes[40] = (bytes[40] ?? 0) ^ 1
        writeFileSync(path, bytes)
      },
    ]
    for (const change of damage) {
      const copy = copyPlace(whole)
      change(copy)
      places.push(copy)
    }
    for (const place of places) {
      const outcome = run(place.dir, '--json', '--key', vkey)
      const verdict = await verifyTrail(place.dir, { vkey })
      expect(outcome.stderr).toBe('')
      expect(JSON.parse(outcome.stdout)).toEqual(JSON.parse(JSON.stringify(verdict)))
      expect(outcome.status).toBe(verdict.ok ? 0 : 1)
    }
  })

  test('calls no trail damaged that its Node cannot decompress, and one that is damaged all the same', async () => {
    const copy = copyPlace(whole)
    await compressOld(copy.dir, { from: 0, cutoff: Infinity, bundlesMax: 2 })
    const without = `data:text/javascript,${encodeURIComponent(
      "import z from 'node:zlib'; import m from 'node:module'; delete z.zstdDecompressSync; m.syncBuiltinESMExports()",
    )}`
    const older = () => spawnSync(process.execPath, ['--import', without, file, copy.dir], { encoding: 'utf8' })
    expect(run(copy.dir).status).toBe(0)
    expect(older()).toMatchObject({ status: 2, stdout: expect.stringMatching(/cannot read: take 22\.15 or newer/) })
    const packed = join(copy.dir, 'tile/entries/000.zst')
    const bytes = readFileSync(packed)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    writeFileSync(packed, bytes)
    rmSync(join(copy.dir, 'tile/entries/001.zst'))
    expect(older()).toMatchObject({ status: 1, stdout: expect.stringContaining('this compressed bundle was changed') })
  })

  test('checks a proof, and refuses one of another record', async () => {
    const { root } = createPlace()
    writeFileSync(join(root, 'a.tlog-proof'), formatProof(await createProof(whole.dir, 700)))
    writeFileSync(join(root, 'a.json'), await readEntry(whole.dir, 700))
    writeFileSync(join(root, 'b.json'), await readEntry(whole.dir, 701))
    expect(run(join(root, 'a.tlog-proof'), '--record', join(root, 'a.json'), '--key', vkey)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('PROVEN  entry 700'),
    })
    expect(run(join(root, 'a.tlog-proof'), '--record', join(root, 'b.json'), '--key', vkey).status).toBe(1)
    expect(run('--nonsense').status).toBe(2)
  })

  test('checks an export, wherever it lies; a record changed, left out, moved or put in is found', async () => {
    const out = join(createPlace().root, 'pack')
    async function* some() {
      for (let index = 100; index < 160; index += 3) yield { index, entry: await readEntry(whole.dir, index) }
    }
    expect((await writePack({ dir: whole.dir, out, format: 'ndjson', withProofs: true }, some())).records).toBe(20)
    const check = () => spawnSync(process.execPath, [join(out, 'verify.mjs'), out, '--key', vkey], { encoding: 'utf8' })
    expect(check()).toMatchObject({ status: 0, stdout: expect.stringContaining('20 records') })
    const path = join(out, 'records.ndjson')
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const changes: ((each: string[]) => string[])[] = [
      (each) => each.map((line, i) => (i === 4 ? line.replace('"worker"', '"Worker"') : line)),
      (each) => each.slice(0, -1),
      (each) => each.slice(1),
      (each) => [...each.slice(2), ...each.slice(0, 2)],
      (each) => [...each, each[0] ?? ''],
    ]
    for (const change of changes) {
      writeFileSync(path, `${change([...lines]).join('\n')}\n`)
      expect(check().status).toBe(1)
    }
  })
})
