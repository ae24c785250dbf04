// Where keys come from: files that change, issuers that rotate, lie, hang and go down; and keys that nobody should pin.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parseKeySet } from '../../../src/adapters/jose/key-set.ts'
import { checkRsaStrength } from '../../../src/adapters/jose/rsa-strength.ts'
import { ISSUER, makeKey, makeToken, openVerifier, type Jwk, type OpenOptions } from './token-support.ts'

const key = makeKey('ES256', 'k1')
const next = makeKey('ES256', 'k2')
const setOf = (...keys: { readonly jwk: Jwk }[]): string => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

describe('a key file', () => {
  let directory = ''
  let file = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-jwks-'))
    file = join(directory, 'jwks.json')
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })
  const open = () => openVerifier([], { issuer: { jwks: { file } }, fromDisk: true })

  test('that changes is read anew by refresh, and what it lists is what counts', async () => {
    writeFileSync(file, setOf(key))
    const { verify, verifier } = open()
    expect(await verifier.refresh()).toEqual([])
    expect(await verify(makeToken(key))).toHaveProperty('session')
    expect(await verify(makeToken(next))).toMatchObject({
      refused: 'invalid',
      detail: 'its key is not one of the issuer',
    })
    writeFileSync(`${file}.new`, setOf(next))
    renameSync(`${file}.new`, file)
    await verifier.refresh()
    expect(await verify(makeToken(next))).toHaveProperty('session')
    expect(await verify(makeToken(key))).toHaveProperty('refused')
  })

  test('is read by the first token where nobody has refreshed', async () => {
    writeFileSync(file, setOf(key))
    expect(await open().verify(makeToken(key))).toHaveProperty('session')
  })

  test.each([
    ['deleted', undefined],
    ['emptied', ''],
    ['truncated', setOf(key).slice(0, 40)],
    ['no key set', '{"kids":[]}'],
    ['a set with a duplicate member', '{"keys":[],"keys":[]}'],
    ['larger than a mebibyte', JSON.stringify({ keys: [], pad: 'x'.repeat(1_100_000) })],
    ['a set of more keys than anybody has', JSON.stringify({ keys: new Array(101).fill({}) })],
  ])('that is %s leaves the keys as they were, says so once, and says when it is mended', async (_name, text) => {
    writeFileSync(file, setOf(key))
    const { verify, verifier, lines } = open()
    await verify(makeToken(key))
    if (text === undefined) rmSync(file)
    else writeFileSync(file, text)
    for (const _turn of [1, 2, 3]) {
      expect(await verifier.refresh()).toEqual([
        { issuer: ISSUER, from: 'file', detail: expect.stringContaining(file) },
      ])
    }
    expect(await verify(makeToken(key, { sid: 'later' }))).toHaveProperty('session')
    expect(await verify(makeToken(next))).toMatchObject({ refused: 'unavailable' })
    expect(lines.map(({ level }) => level)).toEqual(['warn'])
    writeFileSync(file, setOf(next))
    expect(await verifier.refresh()).toEqual([])
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info'])
    expect(await verify(makeToken(next))).toHaveProperty('session')
  })

  test('that is absent at start is a problem by name, and no token can be judged', async () => {
    const { verify, verifier } = open()
    expect(await verifier.refresh()).toEqual([
      { issuer: ISSUER, from: 'file', detail: expect.stringMatching(/jwks\.json: .*ENOENT/) },
    ])
    expect(await verify(makeToken(key))).toMatchObject({ refused: 'unavailable' })
  })

  test('that lists keys for other purposes beside ours is well', async () => {
    writeFileSync(file, setOf(key, makeKey('RS256', 'r'), { jwk: { ...next.jwk, use: 'enc' } }))
    const { verifier, lines } = open()
    expect(await verifier.refresh()).toEqual([])
    expect(lines).toEqual([])
  })

  test('that lists a private key beside ours is a problem by name, and ours still counts', async () => {
    writeFileSync(file, setOf(key, { jwk: { ...next.privateKey.export({ format: 'jwk' }), kid: 'k2' } }))
    const { verify, verifier } = open()
    expect((await verifier.refresh())[0]?.detail).toMatch(/key 2 is left out: it is a private key/)
    expect(await verify(makeToken(key))).toHaveProperty('session')
    expect(await verify(makeToken(next))).toHaveProperty('refused')
  })

  test('with no usable key is a problem by name, and is taken at its word', async () => {
    writeFileSync(file, setOf(key))
    const { verify, verifier } = open()
    await verify(makeToken(key))
    writeFileSync(file, setOf(makeKey('RS256', 'r')))
    const [problem] = await verifier.refresh()
    expect(problem?.detail).toMatch(/no key of it can verify ES256.*key 1 is left out: it fits none of ES256/)
    expect(await verify(makeToken(key))).toMatchObject({ refused: 'invalid' })
  })
})

describe('a key address', () => {
  let server: Server
  let url = ''
  let requests = 0
  let answer: RequestListener
  const serve = (text: string) => (answer = (_request, response) => void response.end(text))
  const open = (options: OpenOptions = {}) => openVerifier([], { issuer: { jwks: { url } }, ...options })

  beforeEach(async () => {
    requests = 0
    serve(setOf(key))
    server = createServer((request, response) => {
      requests += 1
      answer(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
  })
  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  test('is fetched once for many tokens', async () => {
    const { verify } = open()
    const tokens = Array.from({ length: 20 }, (_, index) => makeToken(key, { sid: `${index}` }))
    for (const verification of await Promise.all(tokens.map(verify))) expect(verification).toHaveProperty('session')
    expect(requests).toBe(1)
  })

  test('that has rotated is fetched again for the sake of an unknown kid, at most once in 30 s', async () => {
    const { verify, clock } = open()
    await verify(makeToken(key))
    serve(setOf(key, next))
    const flood = (tag: string) =>
      Array.from({ length: 50 }, (_, index) => verify(makeToken(next, {}, { kid: `${tag}${index}` })))
    for (const verification of await Promise.all(flood('a'))) expect(verification).toMatchObject({ refused: 'invalid' })
    expect(requests).toBe(1)
    clock.now += 30_000
    await Promise.all(flood('b'))
    expect(requests).toBe(2)
    clock.now += 29_999
    await Promise.all(flood('c'))
    expect(requests).toBe(2)
    expect(await verify(makeToken(next))).toHaveProperty('session')
  })

  test('is not looked at again by refresh before five minutes are over, and what has gone from it counts no more', async () => {
    const { verify, verifier, clock } = open()
    await verifier.refresh()
    await verify(makeToken(key))
    serve(setOf(next))
    clock.now += 299_999
    await verifier.refresh()
    expect(verify(makeToken(key, { sid: 'x' }))).toBeInstanceOf(Promise)
    expect(requests).toBe(1)
    clock.now += 1
    await verifier.refresh()
    expect(requests).toBe(2)
    expect(await verify(makeToken(key))).toMatchObject({ refused: 'invalid' })
  })

  test('that is down for an hour changes nothing for known keys, and is asked every 30 s', async () => {
    const { verify, verifier, clock } = open()
    await verify(makeToken(key))
    answer = (_request, response) => void response.writeHead(503).end()
    requests = 0
    for (let second = 0; second < 3600; second += 10) {
      clock.now += 10_000
      await verifier.refresh()
    }
    expect(requests).toBeGreaterThan(100)
    expect(requests).toBeLessThanOrEqual(120)
    expect(await verify(makeToken(key, { exp: clock.now / 1000 + 900 }))).toHaveProperty('session')
    expect(await verify(makeToken(next, { exp: clock.now / 1000 + 900 }))).toMatchObject({ refused: 'unavailable' })
  })

  test('that is down at start is asked again after 1, 2, 4 seconds, and then all is well', async () => {
    answer = (_request, response) => void response.destroy()
    const { verify, verifier, clock } = open()
    const asked: number[] = []
    for (let second = 0; second < 16; second++) {
      requests = 0
      await verifier.refresh()
      if (requests > 0) asked.push(second)
      clock.now += 1000
    }
    expect(asked).toEqual([0, 1, 3, 7, 15])
    expect(await verify(makeToken(key))).toMatchObject({ refused: 'unavailable' })
    serve(setOf(key))
    clock.now += 30_000
    expect(await verify(makeToken(key))).toHaveProperty('session')
  })

  test('is asked again where the clock was set back', async () => {
    const { verify, clock } = open()
    await verify(makeToken(key))
    serve(setOf(key, next))
    clock.now -= 10_000
    expect(await verify(makeToken(next))).toHaveProperty('session')
  })

  test.each<[string, RequestListener]>([
    [
      'redirects',
      (request, response) =>
        void (request.url === '/jwks.json'
          ? response.writeHead(302, { location: '/other' }).end()
          : response.end(setOf(key))),
    ],
    ['answers 404', (_request, response) => void response.writeHead(404).end(setOf(key))],
    ['answers 204', (_request, response) => void response.writeHead(204).end()],
    ['answers garbage', (_request, response) => void response.end('<html>')],
    [
      'answers more than a mebibyte',
      (_request, response) => void response.end(`${' '.repeat(1_048_577)}${setOf(key)}`),
    ],
    ['answers without end', (_request, response) => void drip(response, 65_536, 0)],
    ['hangs', () => undefined],
    ['sends its head and hangs', (_request, response) => void response.writeHead(200).write('{')],
    [
      'closes in the midst',
      (_request, response) => void (response.writeHead(200, { 'content-length': 1000 }).write('{'), response.destroy()),
    ],
  ])('that %s gives no key', async (_name, listener) => {
    answer = listener
    const { verify, verifier } = open({ fetchTimeoutMs: 300 })
    expect(await verify(makeToken(key))).toMatchObject({ refused: 'unavailable' })
    expect(await verifier.refresh()).toEqual([{ issuer: ISSUER, from: 'url', detail: expect.stringContaining(url) }])
  })

  test('that hangs delays no token whose key is known', async () => {
    const { verify, clock } = open({ fetchTimeoutMs: 300 })
    await verify(makeToken(key))
    answer = () => undefined
    clock.now += 30_000
    const unknown = verify(makeToken(next))
    let isAnswered = false
    void Promise.resolve(unknown).then(() => (isAnswered = true))
    expect(await verify(makeToken(key, { sid: 'other' }))).toHaveProperty('session')
    expect(isAnswered).toBe(false)
    expect(await unknown).toMatchObject({ refused: 'unavailable' })
  })

  test('beyond a thousand tokens that wait for it, others are answered unavailable at once', async () => {
    answer = () => undefined
    const { verify } = open({ fetchTimeoutMs: 500 })
    const [head, ...rest] = makeToken(next).split('.')
    void head
    const tokens = Array.from({ length: 1100 }, (_, index) =>
      [Buffer.from(JSON.stringify({ alg: 'ES256', kid: `${index}` })).toString('base64url'), ...rest].join('.'),
    )
    const answers = await Promise.all(tokens.map(verify))
    const details = answers.map((each) => ('refused' in each ? `${each.refused}: ${each.detail}` : 'session'))
    expect(details.filter((each) => each === 'unavailable: too many tokens wait for keys')).toHaveLength(76)
    expect(details.filter((each) => each === 'unavailable: the keys of its issuer cannot be had')).toHaveLength(1024)
  })
})

function drip(
  response: { write(text: string, done: () => void): boolean; destroyed: boolean },
  size: number,
  sent: number,
): void {
  if (!response.destroyed && sent < 64) response.write(' '.repeat(size), () => drip(response, size, sent + 1))
}

describe('keys that are left out of a set', () => {
  const rsa = (bits: number, exponent = 65537): Jwk => ({
    ...generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent }).publicKey.export({
      format: 'jwk',
    }),
  })
  test.each<[string, unknown, RegExp]>([
    ['a private key', { ...key.privateKey.export({ format: 'jwk' }) }, /private key/],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }, /symmetric/],
    ['a short RSA key', rsa(1024), /1024 bits/],
    ['an RSA key with exponent 3', rsa(2048, 3), /exponent is weak/],
    ['an RSA key with exponent 1', { ...rsa(2048), e: 'AQ' }, /exponent is weak/],
    ['an RSA key without numbers', { kty: 'RSA' }, /no public key/],
    ['an RSA key with a padded number', { ...rsa(2048), e: 'AQAB==' }, /no public key/],
    ['a key for encryption', { ...key.jwk, use: 'enc' }, /not for signatures/],
    ['a key that may not verify', { ...key.jwk, key_ops: ['sign'] }, /not for verifying/],
    ['a key of another algorithm', { ...key.jwk, alg: 'ES384' }, /fits none/],
    ['a key on another curve', makeKey('ES384', 'x').jwk, /fits none/],
    ['a key of another type', { ...key.jwk, kty: 'RSA' }, /fits none/],
    ['a key of another type, of no algorithm', { ...key.jwk, kty: 'RSA', alg: undefined }, /no public key/],
    ['a point off its curve', { ...key.jwk, y: key.jwk.x }, /no public key/],
    ['a kid that is no text', { ...key.jwk, kid: 1 }, /kid is no text/],
    ['no object', 'key', /no object/],
    ['null', null, /no object/],
  ])('%s', async (_name, member, reason) => {
    const set = await parseKeySet(Buffer.from(JSON.stringify({ keys: [member, key.jwk] })), ['ES256', 'RS256'])
    expect(set?.keys.map(({ kid }) => kid)).toEqual(['k1'])
    const ignored = /not for|fits none/.test(reason.source)
    expect(ignored ? set?.problems : set?.ignored).toEqual([])
    expect(ignored ? set?.ignored : set?.problems).toEqual([expect.stringMatching(reason)])
    expect([...(set?.problems ?? []), ...(set?.ignored ?? [])][0]).toMatch(/^key 1 is left out: /)
  })

  test('the same key twice is one key', async () => {
    const set = await parseKeySet(Buffer.from(setOf(key, key)), ['ES256'])
    expect(set?.keys).toHaveLength(1)
  })

  test('a certificate and an address beside a key change nothing', async () => {
    const set = await parseKeySet(
      Buffer.from(JSON.stringify({ keys: [{ ...key.jwk, x5c: ['AA=='], x5u: 'https://evil.example', x5t: 'x' }] })),
      ['ES256'],
    )
    expect(set?.keys).toHaveLength(1)
  })
})

describe('RSA numbers', () => {
  const modulus = BigInt(`0x${Buffer.from(String(makeKey('RS256', 'r').jwk.n), 'base64url').toString('hex')}`)

  test('of an ordinary key are well', () => {
    expect(checkRsaStrength(modulus, 65537n)).toBeUndefined()
  })

  test('that are even, huge, or the powers of ROCA are not', () => {
    expect(checkRsaStrength(modulus + 1n, 65537n)).toMatch(/even/)
    expect(checkRsaStrength(modulus, 65536n * 2n)).toMatch(/exponent/)
    expect(checkRsaStrength(1n << 9000n, 65537n)).toMatch(/are the most/)
    // A power of 65537 itself has the print by construction.
    expect(checkRsaStrength(65537n ** 130n, 65537n)).toMatch(/CVE-2017-15361/)
  })
})
