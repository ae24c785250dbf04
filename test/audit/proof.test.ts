// Proofs of single records: what is proven, and what no proof passes for.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { checkProofFile } from '../../src/audit/check-proof-file.ts'
import { findById, findLeaf, readEntry } from '../../src/audit/locate.ts'
import { leafHash } from '../../src/audit/merkle.ts'
import { createProof, formatProof, parseProof } from '../../src/audit/proof.ts'
import { formatReceipt, parseReceipt } from '../../src/audit/receipt.ts'
import { createPlace, createSigner, type Place, readShared, record, removePlaces, writeTrail } from './trail.ts'

afterAll(removePlaces)

const ENTRIES = 1_000
let place: Place
let vkey: string
let origin: string

beforeAll(async () => {
  place = createPlace()
  const entries = Array.from({ length: ENTRIES }, (_, i) =>
    record('w1', i, `,"phase":"${i % 2 === 0 ? 'decision' : 'outcome'}","id":"r${i >> 1}"`),
  )
  const sealer = await writeTrail(place, [entries.slice(0, 300), entries.slice(300, 700), entries.slice(700)])
  vkey = sealer.vkey
  origin = createSigner().name
})

describe('a proof', () => {
  test('holds for each entry with its record, and with its receipt', async () => {
    for (let index = 0; index < ENTRIES; index += 37) {
      const entry = await readEntry(place.dir, index)
      const proof = formatProof(await createProof(place.dir, index))
      const receipt = formatReceipt(origin, entry.toString())
      for (const what of [{ record: entry }, { record: Buffer.concat([entry, Buffer.from('\n')]) }, { receipt }])
        expect(checkProofFile({ proof, vkey, ...what })).toEqual({ origin, size: ENTRIES, index })
    }
  })

  test('holds for nothing else: another record, index, key, a changed byte anywhere', async () => {
    const entry = await readEntry(place.dir, 300)
    const proof = formatProof(await createProof(place.dir, 300))
    const other = await readEntry(place.dir, 301)
    const otherKey = (await writeTrail(createPlace(), [['{}']], createSigner(origin, 9))).vkey
    expect(checkProofFile({ proof, vkey, record: other })).toHaveProperty('problem')
    expect(checkProofFile({ proof, vkey: otherKey, record: entry })).toHaveProperty('problem')
    expect(checkProofFile({ proof: proof.replace('index 300', 'index 301'), vkey, record: entry })).toHaveProperty(
      'problem',
    )
    const missed: string[] = []
    for (let at = 0; at < proof.length; at += 1) {
      for (const mask of [1, 4, 32]) {
        const changed = Buffer.from(proof)
        changed[at] = (changed[at] ?? 0) ^ mask
        const verdict = checkProofFile({ proof: changed.toString(), vkey, record: entry })
        // The signature's key id only names the key, and a line of somebody else's signature is ignored.
        if (!('problem' in verdict)) missed.push(`${at} ${mask}`)
      }
    }
    expect(missed).toEqual([])
  })

  test('is read with extra data, which vouches for nothing, and refused where it is malformed', async () => {
    const entry = await readEntry(place.dir, 5)
    const proof = formatProof(await createProof(place.dir, 5))
    const extra = proof.replace('\n', '\nextra YWJj\n')
    expect(checkProofFile({ proof: extra, vkey, record: entry })).toMatchObject({ index: 5 })
    for (const bad of [
      '',
      'c2sp.org/tlog-proof@v2',
      proof.replace('\n\n', '\n'),
      extra.replace('YWJj', 'YWJ'),
      proof.replace('index 5', 'index 05'),
    ])
      expect(parseProof(bad)).toHaveProperty('problem')
  })

  test("of Tessera's log verifies against its own checkpoint", async () => {
    if (readShared('vectors/tessera-log/checkpoint') === undefined) return
    const dir = join(createPlace().root, 'tessera')
    mkdirSync(dir)
    cpSync(join(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors/tessera-log'), dir, { recursive: true })
    writeFileSync(join(dir, 'checkpoint'), readFileSync(join(dir, 'checkpoint.15')))
    const key = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
    for (let index = 0; index < 15; index += 1) {
      const proof = formatProof(await createProof(dir, index))
      expect(checkProofFile({ proof, vkey: key, record: await readEntry(dir, index) })).toMatchObject({
        index,
        size: 15,
      })
    }
  })
})

describe('a record is found', () => {
  test('by its receipt, whatever time it tells', async () => {
    for (const index of [0, 299, 300, 511, 512, ENTRIES - 1]) {
      const entry = await readEntry(place.dir, index)
      for (const time of [0, 1_800_000_000_000 + index, 9_000_000_000_000])
        expect(await findLeaf(place.dir, leafHash(entry), time)).toBe(index)
    }
    expect(await findLeaf(place.dir, leafHash(Buffer.from('never written')), 0)).toBeUndefined()
  })

  test('by its id, the last record of it first', async () => {
    expect((await findById(place.dir, 'r100')).map(({ index }) => index)).toEqual([201, 200])
    expect(await findById(place.dir, 'r10000')).toEqual([])
    expect(await findById(place.dir, 'r1"')).toEqual([])
  })

  test('and not beyond the end', async () => {
    await expect(readEntry(place.dir, ENTRIES)).rejects.toThrow(`the trail has ${ENTRIES}`)
    await expect(createProof(place.dir, ENTRIES)).rejects.toThrow(RangeError)
  })
})

test('a receipt is read back, and only in its own spelling', () => {
  const text = formatReceipt('gw.example/audit', '{"time":17,"seq":1}')
  expect(parseReceipt(text)).toEqual({
    origin: 'gw.example/audit',
    time: 17,
    leaf: leafHash(Buffer.from('{"time":17,"seq":1}')),
  })
  for (const bad of ['', text.slice(1, 5), text.replace('t=', 'u='), text.replace('=:', ':'), `${text}x`])
    expect(parseReceipt(bad)).toBeUndefined()
})
