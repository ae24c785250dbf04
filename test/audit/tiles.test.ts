import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.ts'
import { createInclusionProof, emptyRoot, isIncluded, leafHash, rootOf } from '../../src/audit/merkle.ts'
import { checkNote, createVkey, formatVkey, parseNote, parseVkey, signNote, type Vkey } from '../../src/audit/note.ts'
import { createTileReader } from '../../src/audit/tile-reader.ts'
import { boundsOf, bundleOf, hashesOf, parseTilePath, tilePath, widthAt } from '../../src/audit/tiles.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { createPlace, createSigner, readShared, removePlaces, writeTrail, records } from './trail.ts'

afterAll(removePlaces)

function vkeyOf(text: string): Vkey {
  const vkey = parseVkey(text)
  if ('problem' in vkey) throw new Error(vkey.problem)
  return vkey
}

const TESSERA_VKEY = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
const tessera = (file: string): Buffer => readShared(`vectors/tessera-log/${file}`) ?? Buffer.alloc(0)
const hasTessera = readShared('vectors/tessera-log/checkpoint') !== undefined

;(hasTessera ? describe : describe.skip)('the log of transparency-dev/tessera', () => {
  test('all 16 checkpoints are signed by its key, and their roots and tiles follow from the bundles', () => {
    for (let size = 0; size < 16; size += 1) {
      const checkpoint = openCheckpoint(tessera(`checkpoint.${size}`).toString(), vkeyOf(TESSERA_VKEY))
      expect(checkpoint).toMatchObject({ origin: 'example.com/log/testdata', size })
      const bundle = size === 0 ? Buffer.alloc(0) : tessera(tilePath({ level: 'entries', index: 0, width: size }))
      const { bounds, rest } = boundsOf(bundle)
      expect([bounds.length / 2, rest]).toEqual([size, bundle.length])
      const leaves = Array.from({ length: size }, (_, i) => leafHash(bundle, bounds[2 * i], bounds[2 * i + 1]))
      expect(rootOf(leaves)).toBe('root' in checkpoint ? checkpoint.root : '')
      if (size > 0) expect(hashesOf(tessera(tilePath({ level: 0, index: 0, width: size })))).toEqual(leaves)
    }
  })

  test('its directory is verified as a trail at each size', async () => {
    for (let size = 1; size < 16; size += 1) {
      const { dir } = createPlace()
      for (const level of ['entries', 0] as const) {
        const folder = join('tile', String(level), '000.p')
        mkdirSync(join(dir, folder), { recursive: true })
        for (let width = 1; width <= size; width += 1) {
          writeFileSync(join(dir, folder, String(width)), tessera(`${folder}/${width}`))
        }
      }
      writeFileSync(join(dir, 'checkpoint'), tessera(`checkpoint.${size}`))
      writeFileSync(join(dir, 'vkey'), `${TESSERA_VKEY}\n`)
      const verdict = await verifyTrail(dir, { vkey: TESSERA_VKEY, checkpoint: tessera('checkpoint.1').toString() })
      expect(verdict).toMatchObject({ ok: true, size, problems: [] })
    }
  })

  test('a checkpoint with any character changed is refused', () => {
    const text = tessera('checkpoint.7').toString()
    for (let i = 0; i < text.length; i += 1) {
      const other = text[i] === 'A' ? 'B' : 'A'
      expect([
        i,
        'problem' in openCheckpoint(text.slice(0, i) + other + text.slice(i + 1), vkeyOf(TESSERA_VKEY)),
      ]).toEqual([i, true])
    }
  })
})

test('tile paths are those of the specification, and only they are parsed', () => {
  expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067')
  expect(tilePath({ level: 'entries', index: 273, width: 112 })).toBe('tile/entries/273.p/112')
  for (const index of [0, 1, 999, 1000, 1_234_067, 2 ** 40]) {
    for (const width of [1, 255, 256]) {
      expect(parseTilePath(tilePath({ level: 3, index, width }))).toEqual({ level: 3, index, width })
    }
  }
  const wrong = [
    'tile/0/1',
    'tile/0/x000/001',
    'tile/64/000',
    'tile/00/000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/999',
    'tile/0/000/',
    'tile/-1/000',
    'x/tile/0/000',
    'tile/0/001/000',
  ]
  for (const path of wrong) expect([path, parseTilePath(path)]).toEqual([path, undefined])
})

test('widths of a log of 70,000 entries are those of the specification', () => {
  expect(widthAt(70_000, 0, 273)).toBe(112)
  expect(widthAt(70_000, 1, 0)).toBe(256)
  expect(widthAt(70_000, 1, 1)).toBe(17)
  expect(widthAt(70_000, 2, 0)).toBe(1)
  expect(widthAt(70_000, 2, 1)).toBe(0)
})

test('an entry over 32 KiB is refused with its length', () => {
  expect(() => bundleOf([Buffer.alloc(32_769)])).toThrow('an audit entry has at most 32768 bytes, this one has 32769')
  expect(bundleOf([Buffer.alloc(32_768), Buffer.alloc(0)])).toHaveLength(32_772)
})

test('proofs are made from the tiles on the disk', async () => {
  const place = createPlace()
  const sealer = await writeTrail(place, [records('w1', 0, 600)])
  const read = createTileReader(place.dir, 600)
  const checkpoint = parseCheckpoint(sealer.checkpoint)
  for (const index of [0, 255, 256, 511, 512, 599]) {
    const leaf = leafHash(Buffer.from(records('w1', index, 1)[0] ?? ''))
    const proof = createInclusionProof(read, index, 600)
    expect(isIncluded({ index, size: 600, leaf, root: 'root' in checkpoint ? checkpoint.root : '', proof })).toBe(true)
  }
})

describe('signed notes', () => {
  const signer = createSigner('log.example', 3)
  const vkey = createVkey(signer.name, signer.publicKeyRaw)
  const note = signNote('first line\nsecond line\n', signer)
  const check = (text: string): string | undefined => {
    const parsed = parseNote(text)
    return 'problem' in parsed ? parsed.problem : checkNote(parsed, vkey)
  }

  test('a key survives being written and read, and one with a changed part does not', () => {
    const text = formatVkey(vkey)
    expect(parseVkey(text)).toEqual({ ...vkey, publicKeyRaw: Buffer.from(vkey.publicKeyRaw) })
    for (let i = 0; i < text.length; i += 1) {
      const changed = text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ 1) + text.slice(i + 1)
      expect([changed, 'problem' in parseVkey(changed)]).toEqual([changed, true])
    }
    expect(() => createVkey('a b', vkey.publicKeyRaw)).toThrow(TypeError)
    expect(() => createVkey('a+b', vkey.publicKeyRaw)).toThrow(TypeError)
  })

  test('signatures of unknown keys are ignored, also sixteen of them', () => {
    const others = Array.from(
      { length: 16 },
      (_, i) => signNote('other\n', createSigner(`w${i}`, 9 + i)).split('\n')[2] ?? '',
    )
    expect(check(`${note}${others.join('\n')}\n`)).toBeUndefined()
  })

  test('a note without our signature, or with one of ours that does not hold beside one that does, is refused', () => {
    expect(check(signNote('first line\nsecond line\n', createSigner('log.example', 4)))).toMatch(
      'it is not signed by log.example',
    )
    const bad = signNote('another text\n', signer).split('\n')[2] ?? ''
    expect(check(`${note}${bad}\n`)).toMatch('does not hold')
  })

  test('a signature written with other spare bits of base64 is refused', () => {
    const encoded = note.slice(note.lastIndexOf(' ') + 1, -1)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const last = alphabet.indexOf(encoded.at(-2) ?? '')
    const twin = `${encoded.slice(0, -2)}${alphabet[last ^ 1] ?? ''}=`
    expect(Buffer.from(twin, 'base64').equals(Buffer.from(encoded, 'base64'))).toBe(true)
    expect(check(note.replace(encoded, twin))).toBe('a signature line is malformed')
  })

  test('what is no note, or no checkpoint, is refused', () => {
    for (const text of ['', '\n', 'a\n\nb', 'a\n\n', 'a\n\nnot a signature\n', 'a\u0001b\n\n\u2014 x AAAAAAAA\n']) {
      expect([text, 'problem' in parseNote(text)]).toEqual([text, true])
    }
    const root = Buffer.from(emptyRoot, 'latin1').toString('base64')
    for (const text of [
      '',
      'log\n1\n',
      `log\n01\n${root}\n`,
      `log\n-1\n${root}\n`,
      `log\n1\n${root.slice(0, -2)}V=\n`,
      `\n1\n${root}\n`,
      `log\n99999999999999999\n${root}\n`,
    ]) {
      expect([text, 'problem' in parseCheckpoint(text)]).toEqual([text, true])
    }
    const other = signNote(`other.example\n0\n${root}\n`, signer)
    expect(openCheckpoint(other, vkey)).toEqual({ problem: 'it is of the log "other.example", not of log.example' })
    expect(openCheckpoint(signCheckpoint({ size: 0, root: emptyRoot }, signer), vkey)).toMatchObject({ size: 0 })
  })
})
