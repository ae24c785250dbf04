// Remembered tokens: so many at least, in so many bytes at most, each as it was, and one entry for both spellings of a signature.
import { describe, expect, test } from '@jest/globals'
import type { Proven } from '../../../src/adapters/jose/judge-token.ts'
import { createSessionPacking } from '../../../src/adapters/jose/pack-session.ts'
import { createTokenMemory } from '../../../src/adapters/jose/token-memory.ts'
import { nameToken, twinOf } from '../../../src/adapters/jose/token-name.ts'
import { CLAIMS, makeKey, makeToken, openVerifier, sessionOf, signBytes } from './token-support.ts'

const key = makeKey('ES256', 'k1')
const name = (n: number): string => nameToken(`token ${String(n)}`)
const open = (entriesMax: number, hotMax = 4) =>
  createTokenMemory<{ readonly n: number; readonly pad?: string }>({
    entriesMax,
    hotMax,
    pack: (value) => JSON.stringify(value),
    unpack: (text) => JSON.parse(text) as { n: number },
  })

const twin = (token: string, alg: string): string | undefined =>
  twinOf(token, alg, Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url'))

describe('the memory', () => {
  test('holds the last ones up to its bound, in bounded bytes, however many come', () => {
    const memory = open(1_000)
    for (let n = 0; n < 5_000; n++) memory.set(name(n), { n })
    const { bytes } = memory
    for (let n = 4_000; n < 5_000; n++) expect(memory.get(name(n))).toEqual({ n })
    expect(memory.get(name(0))).toBeUndefined()
    for (let n = 5_000; n < 20_000; n++) memory.set(name(n), { n })
    expect(memory.bytes).toBe(bytes)
    expect(bytes).toBeLessThan(1_000_000)
  })

  test('keeps what is asked for, though many others come', () => {
    const memory = open(1_000)
    memory.set(name(0), { n: 0 })
    for (let n = 1; n < 20_000; n++) {
      memory.set(name(n), { n })
      if (n % 100 === 0) expect(memory.get(name(0))).toEqual({ n: 0 })
    }
  })

  test('forgets what it is told to, in both tiers, also where it was there twice', () => {
    const memory = open(1_000)
    for (let n = 0; n < 2_000; n++) {
      memory.set(name(n), { n })
      if (n % 50 === 0) memory.get(name(0))
    }
    memory.delete(name(0))
    expect(memory.get(name(0))).toBeUndefined()
    memory.set(name(0), { n: -1 })
    for (let n = 2_000; n < 2_010; n++) memory.set(name(n), { n })
    expect(memory.get(name(0))).toEqual({ n: -1 })
  })

  test('remembers fewer where they are large, and one that fits nowhere is not remembered', () => {
    const memory = open(1_000)
    const pad = 'x'.repeat(10_000)
    for (let n = 0; n < 500; n++) memory.set(name(n), { n, pad })
    expect(memory.get(name(499))).toEqual({ n: 499, pad })
    expect(memory.get(name(0))).toBeUndefined()
    memory.set(name(1_000), { n: 1_000, pad: 'x'.repeat(1_000_000) })
    for (let n = 2_000; n < 2_010; n++) memory.set(name(n), { n })
    expect(memory.get(name(1_000))).toBeUndefined()
  })
})

test('a hundred thousand sessions take less than 30 MB, so that a million take less than 300', async () => {
  const keep = ['beneficiary_ids']
  const { verify } = openVerifier([key.jwk], { claims: keep })
  const proven = (await verify(makeToken(key))) as Proven
  const count = 100_000
  const memory = createTokenMemory<Proven>({ entriesMax: count, hotMax: 1_000, ...createSessionPacking(keep) })
  const pad = (n: number): string => String(n).padStart(14, '0')
  for (let n = 0; n < 1.2 * count; n++) {
    const claims = { beneficiary_ids: [pad(n), pad(n + 1)] }
    const own = { principal: `abcdef.12345678${pad(n)}`, session: `abcdef.87654321${pad(n)}`, claims }
    memory.set(name(n), { ...proven, session: { ...proven.session, ...own } })
  }
  expect(memory.bytes).toBeLessThan(30_000_000)
  let lost = 0
  for (let n = 0.2 * count; n < 1.2 * count; n++)
    if (memory.get(name(n))?.session.claims.beneficiary_ids === undefined) lost += 1
  expect(lost).toBe(0)
})

test.each([[undefined], [['beneficiary_ids', 'absent']]])(
  'packed with the claims %j, a session comes back as it was',
  async (claims) => {
    const full = {
      acr: 'loa3',
      azp: 'app',
      otp_at: CLAIMS.iat,
      cnf: { jkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' },
      beneficiary_ids: ['महिला', '2'],
    }
    for (const own of [full, { amr: undefined, auth_time: undefined, iat: undefined }]) {
      const { verify } = openVerifier([key.jwk], { issuer: { otpTimeClaim: 'otp_at' }, ...(claims && { claims }) })
      const proven = (await verify(makeToken(key, own))) as Proven
      const packing = createSessionPacking(claims)
      expect(packing.unpack(packing.pack(proven))).toEqual({ session: proven.session, key: proven.key })
      proven.key.retired = true
      expect(packing.unpack(packing.pack(proven))).toBeUndefined()
    }
  },
)

describe('a session that has left the first tier', () => {
  const many = { cache: { entriesMax: 1_000, hotMax: 1 } }

  test('is still known in the same turn, and forgotten with its key and its time', async () => {
    const { verify, clock, file, verifier } = openVerifier([key.jwk], many)
    const [first, second] = [makeToken(key), makeToken(key, { sid: 'two' })]
    const session = sessionOf(await verify(first))
    await verify(second)
    expect(verify(first)).toMatchObject({ session })
    await verify(second)
    clock.now += 931_000
    expect(await verify(first)).toHaveProperty('refused', 'invalid')
    clock.now -= 931_000
    await verify(second)
    file.keys = [makeKey('ES256', 'k1').jwk]
    await verifier.refresh()
    expect(await verify(first)).toHaveProperty('refused', 'invalid')
  })
})

describe('the two spellings of an ECDSA signature', () => {
  test('are each the twin of the other, and no other algorithm has one', () => {
    for (const alg of ['ES256', 'ES384', 'ES512'] as const) {
      const token = makeToken(makeKey(alg, alg))
      const other = twin(token, alg) ?? ''
      expect(other).not.toBe(token)
      expect(twin(other, alg)).toBe(token)
      expect(twin(token, 'EdDSA')).toBeUndefined()
      expect(twin(`${token.slice(0, token.lastIndexOf('.'))}.${'_'.repeat(86)}`, alg)).toBeUndefined()
    }
  })

  test('both hold, and are remembered as one: the second costs no verification', async () => {
    for (let n = 0; n < 8; n++) {
      const { verify } = openVerifier([key.jwk])
      const token = makeToken(key, { sid: `s${String(n)}` })
      const other = twin(token, 'ES256') ?? ''
      const { session } = (await openVerifier([key.jwk]).verify(other)) as Proven
      await verify(token)
      expect(verify(other)).toMatchObject({ session })
      const input = token.slice(0, token.lastIndexOf('.'))
      expect(verify(`${input}.${signBytes(input, key)}`)).toBeInstanceOf(Promise)
    }
  })
})
