// The attack suite: what has fooled other verifiers, each refused, with an issuer whose honest token passes beside it.
import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isSignedBy, parseJws } from '../../../src/adapters/jose/token.ts'
import {
  AUDIENCE,
  CLAIMS,
  encode,
  ISSUER,
  makeKey,
  makeToken,
  NOW,
  openVerifier,
  sessionOf,
  signBytes,
  TOLERANCE_MS,
} from './token-support.ts'

const key = makeKey('ES256', 'k1')
const rsa = makeKey('RS256', 'r1')
const attacker = makeKey('ES256', 'k1')
const TOLERANCE = TOLERANCE_MS / 1000

async function judge(token: string, options: Parameters<typeof openVerifier>[1] = {}) {
  const { verify } = openVerifier([key.jwk, rsa.jwk], { issuer: { algorithms: ['ES256', 'RS256'] }, ...options })
  return verify(token)
}

async function expectRefused(token: string, detail?: string): Promise<void> {
  expect(await judge(token)).toMatchObject({ refused: 'invalid', ...(detail === undefined ? {} : { detail }) })
}

test('the honest token passes', async () => {
  expect(await judge(makeToken(key))).toHaveProperty('session')
})

describe("the algorithm is the issuer's to choose", () => {
  test.each(['none', 'None', 'NONE', 'nOnE', '', 'None ', 'none\0'])('alg %j with any signature', async (alg) => {
    const input = `${encode({ alg, kid: 'k1', typ: 'JWT' })}.${encode(CLAIMS)}`
    await expectRefused(`${input}.`)
    await expectRefused(`${input}.${signBytes(input, key)}`)
    await expectRefused(input)
  })

  test.each(['HS256', 'HS384', 'HS512'])('%s with a public key as the secret, in every spelling of it', async (alg) => {
    const secrets = [
      rsa.publicKey.export({ type: 'spki', format: 'pem' }),
      rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }),
      rsa.publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(rsa.jwk),
      String(rsa.jwk.n),
      Buffer.from(String(rsa.jwk.n), 'base64url'),
      '',
    ]
    for (const secret of secrets) {
      const input = `${encode({ alg, kid: 'r1', typ: 'JWT' })}.${encode(CLAIMS)}`
      await expectRefused(
        `${input}.${createHmac(`sha${alg.slice(2)}`, secret)
          .update(input)
          .digest('base64url')}`,
      )
    }
  })

  test.each(['ES384', 'PS256', 'EdDSA', 'es256', 'ES256K', 'ES256 '])('%s, which is not pinned', async (alg) => {
    await expectRefused(makeToken(key, {}, { alg }), 'its algorithm is not one of the issuer')
  })

  test('a pinned algorithm with the key of another', async () => {
    await expectRefused(makeToken(key, {}, { alg: 'RS256' }))
    await expectRefused(makeToken(rsa, {}, { alg: 'ES256' }))
  })

  test.each([{ alg: ['ES256'] }, { alg: { toString: 'ES256' } }, { alg: null }, { alg: 1 }])(
    'that is no text: %j',
    async (header) => {
      await expectRefused(makeToken(key, {}, header))
    },
  )
})

describe('nothing in the token chooses its key', () => {
  test.each([
    { jwk: attacker.publicKey.export({ format: 'jwk' }) },
    { jku: 'https://evil.example/jwks.json' },
    { x5u: 'https://evil.example/cert.pem' },
    { x5c: ['AAAA'] },
  ])('%j', async (header) => {
    const fetched: string[] = []
    const options = { fetch: async (url: string) => (fetched.push(url), Response.error()) }
    expect(await judge(makeToken(attacker, {}, header), options)).toMatchObject({ refused: 'invalid' })
    expect(await judge(makeToken(key, {}, header), options)).toHaveProperty('session')
    expect(fetched).toEqual([])
  })

  test.each([
    '../../../../dev/null',
    '/dev/null',
    'k1\0',
    "k1' OR '1'='1",
    'file:///etc/passwd',
    'K1',
    ' k1',
    '__proto__',
    'constructor',
    '',
    '*',
  ])('kid %j', async (kid) => {
    await expectRefused(makeToken(key, {}, { kid }))
  })

  test.each([{ kid: ['k1'] }, { kid: {} }, { kid: null }, { kid: 1 }])('a kid that is no text: %j', async (header) => {
    await expectRefused(makeToken(key, {}, header), 'its kid is no text')
  })

  test('no kid, where several keys fit', async () => {
    const other = makeKey('ES256', 'k2')
    const { verify } = openVerifier([key.jwk, other.jwk])
    expect(await verify(makeToken(key, {}, { kid: undefined }))).toMatchObject({ refused: 'invalid' })
  })

  test('a kid that two keys have', async () => {
    const { verify } = openVerifier([key.jwk, attacker.jwk])
    expect(await verify(makeToken(key))).toMatchObject({
      refused: 'invalid',
      detail: 'more than one key could have signed it',
    })
    expect(await verify(makeToken(attacker))).toMatchObject({ refused: 'invalid' })
  })

  test('a signature by another key', async () => {
    await expectRefused(makeToken(attacker))
  })
})

describe('claims', () => {
  const refused = [
    ['expired by a second past the tolerance', { exp: NOW - TOLERANCE - 1 }],
    ['expired at the very end of the tolerance', { exp: NOW - TOLERANCE }],
    ['not before a second past the tolerance', { nbf: NOW + TOLERANCE + 1 }],
    ['issued a second past the tolerance', { iat: NOW + TOLERANCE + 1 }],
    ['an OTP a second past the tolerance', { auth_time: NOW + TOLERANCE + 1 }],
    ['no exp', { exp: undefined }],
    ['no aud', { aud: undefined }],
    ['no iss', { iss: undefined }],
    ['no sub', { sub: undefined }],
    ['another aud', { aud: 'other' }],
    ['aud by prefix', { aud: `${AUDIENCE}2` }],
    ['aud in another case', { aud: AUDIENCE.toUpperCase() }],
    ['an empty list of aud', { aud: [] }],
    ['aud in a list in a list', { aud: [[AUDIENCE]] }],
    ['aud as an object', { aud: { [AUDIENCE]: true } }],
    ['aud among what is no text', { aud: [AUDIENCE, 1] }],
    ['another iss', { iss: 'https://evil.example' }],
    ['iss with a slash more', { iss: `${ISSUER}/` }],
    ['iss in another case', { iss: ISSUER.toUpperCase() }],
    ['iss as a list', { iss: [ISSUER] }],
    ['iss as a name of the prototype', { iss: '__proto__' }],
    ['exp as text', { exp: String(NOW + 900) }],
    ['exp as a list', { exp: [NOW + 900] }],
    ['exp null', { exp: null }],
    ['exp true', { exp: true }],
    ['exp beyond all dates', { exp: 1e300 }],
    ['exp below zero', { exp: -1 }],
    ['nbf as text', { nbf: '0' }],
    ['iat as text', { iat: '0' }],
    ['iat null', { iat: null }],
    ['auth_time as text', { auth_time: String(NOW) }],
    ['auth_time as a list', { auth_time: [NOW] }],
    ['sub as a number', { sub: 7 }],
    ['sub as a list', { sub: ['999941057058'] }],
    ['an empty sub', { sub: '' }],
    ['sub with a lone surrogate', { sub: '\ud800' }],
    ['sid as a list', { sid: ['login-1'] }],
    ['an empty sid', { sid: '' }],
    ['jti as a number', { jti: 1 }],
    ['azp as an object', { azp: {} }],
    ['client_id null', { client_id: null }],
    ['acr as a list', { acr: ['loa3'] }],
    ['cnf as text', { cnf: 'x' }],
    ['cnf as a list', { cnf: [] }],
    ['a thumbprint that is none', { cnf: { jkt: 'x' } }],
    ['a thumbprint in loose base64', { cnf: { jkt: `${'A'.repeat(42)}B` } }],
    ['a thumbprint that is no text', { cnf: { 'x5t#S256': 1 } }],
    ['amr as text', { amr: 'otp' }],
    ['amr with what is no text', { amr: ['otp', null] }],
    ['amr as an object', { amr: { 0: 'otp', length: 1 } }],
  ] as const

  test.each(refused)('%s', async (_name, claims) => {
    await expectRefused(makeToken(key, claims))
  })

  test.each([
    ['expired a second within the tolerance', { exp: NOW - TOLERANCE + 1 }],
    ['not before the end of the tolerance', { nbf: NOW + TOLERANCE }],
    ['issued at the end of the tolerance', { iat: NOW + TOLERANCE }],
    ['dates with fractions', { exp: NOW + 0.5, iat: NOW - 0.5 }],
    ['a claim that nobody knows', { roles: { admin: [1, 2, { a: null }] } }],
    ['names of the prototype', { constructor: 'x', toString: 'y' }],
    ['text in any script', { sub: 'आधार-😀', name: 'ａ\u202e' }],
  ])('but not %s', async (_name, claims) => {
    expect(await judge(makeToken(key, claims))).toHaveProperty('session')
  })
})

describe('JSON that two readers might read differently', () => {
  const text = JSON.stringify(CLAIMS)
  const open = text.slice(0, -1)
  test.each([
    ['a duplicate claim', `${open},"sub":"someone-else"}`],
    ['a duplicate exp', `{"exp":${NOW + 900000},${text.slice(1)}`],
    ['a duplicate claim by escape', `${open},"\\u0073ub":"someone-else"}`],
    ['a duplicate deep within', `${open},"x":[{"a":1,"b":2,"a":3}]}`],
    ['a duplicate __proto__', `${open},"__proto__":1,"__proto__":2}`],
    ['a byte order mark', `\ufeff${text}`],
    ['a comment', `${open}/* */}`],
    ['a comma too many', `${open},}`],
    ['single quotes', text.replaceAll('"', "'")],
    ['a second value', `${text}{}`],
    ['NaN', `${open},"x":NaN}`],
    ['an infinite exp', text.replace(/"exp":\d+/, '"exp":1e999')],
    ['a list', `[${text}]`],
    ['text', JSON.stringify(text)],
    ['null', 'null'],
    ['nothing', ''],
    ['a thousand levels', `${open},"x":${'['.repeat(1000)}${']'.repeat(1000)}}`],
    ['seventeen levels', `${open},"x":${'['.repeat(17)}${']'.repeat(17)}}`],
  ])('%s in the payload', async (_name, payload) => {
    await expectRefused(makeToken(key, payload))
  })

  test.each([
    ['a duplicate alg', `{"alg":"none","alg":"ES256","kid":"k1"}`],
    ['a duplicate kid', `{"alg":"ES256","kid":"x","kid":"k1"}`],
    ['a list', `["ES256"]`],
    ['null', 'null'],
    ['nothing', ''],
    ['a thousand levels', `{"alg":"ES256","kid":"k1","x":${'{"x":'.repeat(1000)}1${'}'.repeat(1000)}}`],
  ])('%s in the header', async (_name, header) => {
    await expectRefused(makeToken(key, {}, header))
  })

  test('bytes that are no UTF-8', async () => {
    const payload = Buffer.concat([
      Buffer.from(`${open},"x":"`),
      Buffer.from([0xc0, 0x80]),
      Buffer.from('"}'),
    ]).toString('base64url')
    const input = `${encode({ alg: 'ES256', kid: 'k1' })}.${payload}`
    await expectRefused(`${input}.${signBytes(input, key)}`)
  })

  test('colons and braces within texts count for nothing', async () => {
    expect(await judge(makeToken(key, { x: '{"a":1,"a":2}::[[[[[[[[[[[[[[[[[[[[[', ['y\\":']: '\\' }))).toHaveProperty(
      'session',
    )
  })

  test('a claim named __proto__ changes no prototype', async () => {
    const payload = `${open},"__proto__":{"beneficiary_ids":["stolen"],"polluted":true}}`.replace(
      '"beneficiary_ids":["b-1","b-2"],',
      '',
    )
    const session = sessionOf(await judge(makeToken(key, payload)))
    expect(session.claims.polluted).toBeUndefined()
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })
})

describe('header members', () => {
  test.each([
    { crit: ['exp'] },
    { crit: ['b64'], b64: false },
    { crit: [] },
    { crit: null },
    { b64: true },
    { b64: false },
  ])('%j', async (header) => {
    await expectRefused(makeToken(key, {}, header))
  })

  test.each([
    'portcullis-order+jwt',
    'portcullis-login+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'id_token',
    'jwt ',
    '',
    ['JWT'],
    null,
    1,
  ])('typ %j', async (typ) => {
    await expectRefused(makeToken(key, {}, { typ }))
  })
})

describe('spellings', () => {
  const token = makeToken(key)
  const [head = '', body = '', mark = ''] = token.split('.')

  test('a token has one: every other spelling of its bytes is refused', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // 64 bytes leave 4 unused bits in the last character: 15 more spellings of the same signature.
    const last = alphabet.indexOf(mark.at(-1) ?? '')
    for (let unused = 1; unused < 16; unused++) {
      await expectRefused(`${head}.${body}.${mark.slice(0, -1)}${alphabet[last + unused]}`)
    }
    for (const other of [
      `${token}==`,
      `${token}=`,
      `${head}=.${body}.${mark}`,
      `${head}.${body} .${mark}`,
      `${head}.${body}.${mark}\n`,
      `${head}.${body}.\u00a0${mark}`,
      `${head}.${body}.${mark}#`,
    ]) {
      await expectRefused(other)
    }
    if (/[-_]/.test(mark)) await expectRefused(`${head}.${body}.${mark.replaceAll('-', '+').replaceAll('_', '/')}`)
  })

  test('an ECDSA signature in DER is none', async () => {
    const { sign } = await import('node:crypto')
    const der = sign('sha256', Buffer.from(`${head}.${body}`), key.privateKey).toString('base64url')
    await expectRefused(`${head}.${body}.${der}`)
  })

  test.each([0, 1, 63, 65, 128])('an ECDSA signature of %i bytes is none', async (size) => {
    await expectRefused(`${head}.${body}.${Buffer.alloc(size, 1).toString('base64url')}`)
  })

  test('an ECDSA signature of zeros (CVE-2022-21449) is none', async () => {
    await expectRefused(`${head}.${body}.${Buffer.alloc(64).toString('base64url')}`)
  })

  test.each(['', '.', '..', '...', 'a', 'a.b', 'a.b.c', 'a.b.c.d', 'a.b.c.d.e', '\0.\0.\0', '{"payload":""}'])(
    '%j is no token',
    async (text) => {
      await expectRefused(text)
    },
  )

  test('16 KiB are enough, one character more is refused, and a megabyte costs nothing', async () => {
    const room = 16_384 - makeToken(key, { pad: '' }).length
    const fitting = makeToken(key, { pad: 'x'.repeat(Math.floor((room * 3) / 4) - 3) })
    expect(fitting.length).toBeLessThanOrEqual(16_384)
    expect(await judge(fitting)).toHaveProperty('session')
    expect(await judge(makeToken(key, { pad: 'x'.repeat(12_300) }))).toMatchObject({
      refused: 'invalid',
      detail: 'it is longer than 16384 bytes',
    })
    const { verify } = openVerifier([key.jwk])
    expect(verify('a'.repeat(1_048_576))).toMatchObject({ refused: 'invalid' })
    expect(verify('.'.repeat(1_048_576))).toMatchObject({ refused: 'invalid' })
  })
})

test('whatever bit of an honest token is turned, it no longer holds', async () => {
  const { verify } = openVerifier([key.jwk])
  const token = makeToken(key)
  await verify(token)
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 1), fc.integer({ min: 0, max: 6 }), async (at, bit) => {
      const turned = token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << bit)) + token.slice(at + 1)
      expect(await verify(turned)).toMatchObject({ refused: 'invalid' })
    }),
    { numRuns: 500 },
  )
})

test('a key checks nothing under an algorithm that it was not read for', async () => {
  const jws = parseJws(makeToken(key))
  if (typeof jws === 'string') throw new Error(jws)
  expect(await isSignedBy(jws, { alg: 'ES256', key: key.publicKey })).toBe(true)
  expect(await isSignedBy(jws, { alg: 'ES384', key: key.publicKey })).toBe(false)
})
