// Pseudonyms: deterministic under one key, unlinkable without it, and the key's file.
import { createHmac } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { isPseudonym } from '../../../src/core/pseudonym.ts'
import {
  createPseudonymKey,
  createPseudonyms,
  loadPseudonymRing,
  parsePseudonymRing,
} from '../../../src/adapters/node/pseudonyms.ts'

const secret = new Uint8Array(32).fill(7)
const key = createPseudonymKey(secret)

/** The one key of a file. */
const loadPseudonymKey = (file: string) => {
  const [only] = loadPseudonymRing(file)
  if (only === undefined) throw new Error('no key')
  return only
}

describe('a pseudonym', () => {
  const pseudonyms = createPseudonyms(key)

  test('is the first 128 bits of HMAC-SHA-256 over kind, zero byte and value, behind the key id', () => {
    const digest = createHmac('sha256', secret).update('subject\x00999941057058').digest()
    expect(pseudonyms.of('subject', '999941057058')).toBe(`${key.id}.${digest.subarray(0, 16).toString('base64url')}`)
    expect(isPseudonym(pseudonyms.of('subject', '999941057058'))).toBe(true)
  })

  test('is the same each time, remembered or not', () => {
    const forgetful = createPseudonyms(key, 1)
    const first = forgetful.of('principal', 'a')
    forgetful.of('principal', 'b')
    expect(forgetful.of('principal', 'a')).toBe(first)
    expect(pseudonyms.of('principal', 'a')).toBe(first)
  })

  test('differs by kind, by value and by key', () => {
    const other = createPseudonyms(createPseudonymKey(new Uint8Array(32).fill(8)))
    const names = [
      pseudonyms.of('principal', 'x'),
      pseudonyms.of('subject', 'x'),
      pseudonyms.of('subject', 'y'),
      other.of('subject', 'x'),
    ]
    expect(new Set(names).size).toBe(4)
  })

  test('of one kind is never that of another, whatever the value holds', () => {
    expect(pseudonyms.of('subject', '\0x')).not.toBe(pseudonyms.of('subject', 'x'))
  })

  test('of a long value is made afresh and is no different', () => {
    const long = 'x'.repeat(10_000)
    expect(pseudonyms.of('path', long)).toBe(pseudonyms.of('path', long))
    expect(isPseudonym(pseudonyms.of('path', long))).toBe(true)
  })

  test('of text beyond ASCII is taken in UTF-8', () => {
    const digest = createHmac('sha256', secret).update(Buffer.from('subject\0आधार', 'utf8')).digest()
    expect(pseudonyms.of('subject', 'आधार')).toBe(`${key.id}.${digest.subarray(0, 16).toString('base64url')}`)
  })
})

describe('the key file', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-key-'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  test('is made once with 32 random bytes, readable by its owner alone, and leaves no draft', () => {
    const file = join(directory, 'pseudonym.key')
    const made = loadPseudonymKey(file)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toMatch(/^[A-Za-z0-9_-]{43}\n$/)
    expect(loadPseudonymKey(file)).toEqual(made)
    expect(readdirSync(directory)).toEqual(['pseudonym.key'])
    expect(loadPseudonymKey(join(directory, 'other.key')).id).not.toBe(made.id)
  })

  test('is mode 0600 also under a lax umask', () => {
    const before = process.umask(0)
    try {
      loadPseudonymKey(join(directory, 'lax.key'))
    } finally {
      process.umask(before)
    }
    expect(statSync(join(directory, 'lax.key')).mode & 0o777).toBe(0o600)
  })

  test('gives an id that the key alone decides and that fits a pseudonym', () => {
    const file = join(directory, 'copied.key')
    writeFileSync(file, Buffer.from(secret).toString('base64url'))
    expect(loadPseudonymKey(file)).toEqual({ ...key, from: 0 })
    expect(key.id).toMatch(/^[A-Za-z0-9_-]{6}$/)
  })

  test.each(['', 'short', 'A'.repeat(44), 'A'.repeat(42) + 'B', '!'.repeat(43), Buffer.alloc(32).toString('base64')])(
    'that holds %j is refused by name, and what it holds is not told',
    (text) => {
      const file = join(directory, 'bad.key')
      writeFileSync(file, text)
      const load = (): unknown => loadPseudonymKey(file)
      expect(load).toThrow(file)
      if (text !== '') expect(load).not.toThrow(text)
      expect(readFileSync(file, 'utf8')).toBe(text)
    },
  )

  test('in a directory that is not there is not made', () => {
    expect(() => loadPseudonymKey(join(directory, 'none', 'x.key'))).toThrow(/ENOENT/)
  })
})

test('a key of another length is refused', () => {
  expect(() => createPseudonymKey(new Uint8Array(31))).toThrow(/32 bytes/)
})

test('one person has one pseudonym, however their name is composed and however wide its digits are', () => {
  const { of } = createPseudonyms(createPseudonymKey(new Uint8Array(32).fill(7)))
  for (const kind of ['subject', 'principal'] as const) {
    expect(of(kind, 'Ame\u0301lie')).toBe(of(kind, 'Am\u00e9lie'))
    expect(of(kind, '\uff19\uff19\uff19941057058')).toBe(of(kind, '999941057058'))
    // Neither case nor script is folded: these are others.
    expect(of(kind, 'AMELIE')).not.toBe(of(kind, 'amelie'))
    expect(of(kind, '\u0410')).not.toBe(of(kind, 'A'))
  }
  expect(of('path', 'e\u0301')).not.toBe(of('path', '\u00e9'))
})

describe('a ring of keys', () => {
  const [a, b, c] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte).toString('base64url'))

  test('has a day for each key but the first', () => {
    const ring = parsePseudonymRing(`${a}\n${b} 2027-01-01\n\n${c} 2028-06-30\n`)
    expect(ring.map(({ from }) => from)).toEqual([0, Date.UTC(2027, 0, 1), Date.UTC(2028, 5, 30)])
    expect(new Set(ring.map(({ id }) => id)).size).toBe(3)
  })

  test.each([
    [`${a}\n${b}`, 'line 2: behind the key stands the day'],
    [`${a}\n${b} 2027-13-01`, 'line 2: behind the key stands the day'],
    [`${a}\n${b} tomorrow`, 'line 2: a pseudonym key is 32 bytes'],
    [`${a}\n${a} 2027-01-01`, 'one key stands in it twice'],
  ])('that is not right is refused, and holds its tongue (%#)', (text, problem) => {
    expect(() => parsePseudonymRing(text)).toThrow(problem)
    expect(() => parsePseudonymRing(text)).not.toThrow(a)
  })
})
