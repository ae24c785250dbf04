// Bearer tokens: what holds becomes a session, is remembered by its hash, and is forgotten when its key or its time is over.
import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createTokenVerifier } from '../../../src/adapters/jose/token-verifier.ts'
import {
  CLAIMS,
  ISSUER,
  makeKey,
  makeToken,
  NOW,
  openVerifier,
  pseudonyms,
  sessionOf,
  signBytes,
  encode,
  TOLERANCE_MS,
  type TestKey,
} from './token-support.ts'

const key = makeKey('ES256', 'k1')

describe('a token that holds becomes a session', () => {
  test('with pseudonyms for the people and the claims for the bindings', async () => {
    const { verify } = openVerifier([key.jwk])
    const session = sessionOf(await verify(makeToken(key)))
    expect(session).toMatchObject({
      issuer: ISSUER,
      principal: pseudonyms.of('principal', CLAIMS.sub),
      session: pseudonyms.of('session', `${ISSUER}#login-1`),
      clients: [],
      byOtp: true,
      authTime: NOW - 60,
      issuedAt: NOW - 60,
      expiresAt: (NOW + 900) * 1000 + TOLERANCE_MS,
    })
    expect(session.claims.beneficiary_ids).toEqual(['b-1', 'b-2'])
  })

  test.each([
    ['sid', { sid: 's', jti: 'j' }, `${ISSUER}#s`],
    ['jti where there is no sid', { sid: undefined, jti: 'j' }, `${ISSUER}#j`],
  ])('named by %s', async (_name, claims, value) => {
    const { verify } = openVerifier([key.jwk])
    expect(sessionOf(await verify(makeToken(key, claims))).session).toBe(pseudonyms.of('session', value))
  })

  test('named by the hash of header.payload where it has neither, so that a second signature makes no second session', async () => {
    const { verify } = openVerifier([key.jwk])
    const token = makeToken(key, { sid: undefined })
    const input = token.slice(0, token.lastIndexOf('.'))
    const other = `${input}.${signBytes(input, key)}`
    expect(other).not.toBe(token)
    const expected = pseudonyms.of('session', createHash('sha256').update(input).digest('base64url'))
    expect(sessionOf(await verify(token)).session).toBe(expected)
    expect(sessionOf(await verify(other)).session).toBe(expected)
  })

  test.each([
    [{ azp: 'app', client_id: 'other' }, ['app', `${ISSUER}#app`]],
    [{ client_id: 'app' }, ['app', `${ISSUER}#app`]],
    [{}, []],
  ])('of the client %j by both its names', async (claims, clients) => {
    const { verify } = openVerifier([key.jwk])
    expect(sessionOf(await verify(makeToken(key, claims))).clients).toEqual(clients)
  })

  test.each(['9876543210', 'someone@example.in', '9999 4105 7058'])(
    'of a client that is named by the identifier %s by its pseudonym',
    async (azp) => {
      const { verify } = openVerifier([key.jwk])
      const name = pseudonyms.of('client', azp)
      expect(sessionOf(await verify(makeToken(key, { azp }))).clients).toEqual([name, `${ISSUER}#${name}`])
    },
  )

  test.each([
    [['otp'], true],
    [['pwd', 'sms'], true],
    [['pwd'], false],
    [[], false],
    [['OTP'], false],
    [undefined, false],
  ])('with amr %j counts as opened by OTP: %j', async (amr, byOtp) => {
    const { verify } = openVerifier([key.jwk])
    expect(sessionOf(await verify(makeToken(key, { amr }))).byOtp).toBe(byOtp)
  })

  test('opened by OTP by its class too, at a time of its own, and for the hands that it names', async () => {
    const { verify } = openVerifier([key.jwk], { issuer: { otpAcr: ['loa3'], otpTimeClaim: 'otp_at' } })
    const cnf = { jkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', jwk: { kty: 'EC' } }
    const claims = { amr: ['pwd'], acr: 'loa3', otp_at: NOW - 10, cnf }
    expect(sessionOf(await verify(makeToken(key, claims)))).toMatchObject({
      byOtp: true,
      amr: ['pwd'],
      acr: 'loa3',
      otpTime: NOW - 10,
      confirmation: { jkt: cnf.jkt },
    })
    expect(sessionOf(await verify(makeToken(key, { ...claims, acr: 'loa2' }))).byOtp).toBe(false)
    expect(sessionOf(await verify(makeToken(key, { cnf: { kid: 'x' } }))).confirmation).toEqual({})
    for (const otp_at of [NOW + 31, String(NOW), null])
      expect(await verify(makeToken(key, { ...claims, otp_at }))).toHaveProperty('refused', 'invalid')
  })

  test('without auth_time and iat has neither', async () => {
    const { verify } = openVerifier([key.jwk])
    const session = sessionOf(await verify(makeToken(key, { auth_time: undefined, iat: undefined })))
    expect(session).not.toHaveProperty('authTime')
    expect(session).not.toHaveProperty('issuedAt')
  })

  test('keeps only the claims that are asked for, and none by inheritance', async () => {
    const { verify } = openVerifier([key.jwk], { claims: ['beneficiary_ids', 'toString', 'absent'] })
    const { claims } = sessionOf(await verify(makeToken(key)))
    expect(Object.keys(claims)).toEqual(['beneficiary_ids'])
    expect(claims.constructor).toBeUndefined()
  })

  test.each(['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'] as const)('signed with %s', async (alg) => {
    const other = makeKey(alg, 'other')
    const { verify } = openVerifier([other.jwk], { issuer: { algorithms: [alg] } })
    expect(await verify(makeToken(other))).toHaveProperty('session')
  })

  test.each([undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt'])('with typ %j', async (typ) => {
    const { verify } = openVerifier([key.jwk])
    expect(await verify(makeToken(key, {}, { typ }))).toHaveProperty('session')
  })

  test('for one of several audiences', async () => {
    const { verify } = openVerifier([key.jwk])
    expect(await verify(makeToken(key, { aud: ['other', 'registry'] }))).toHaveProperty('session')
  })

  test('without a kid, where one key alone fits', async () => {
    const { verify } = openVerifier([key.jwk, makeKey('RS256', 'rsa').jwk])
    expect(await verify(makeToken(key, {}, { kid: undefined }))).toHaveProperty('session')
  })
})

describe('of several issuers', () => {
  const [one, two] = [makeKey('ES256', 'same'), makeKey('ES256', 'same')]
  const issuers = ['https://one.example', 'https://two.example'].map((issuer) => ({
    issuer,
    jwks: { file: issuer },
    algorithms: ['ES256'],
    audience: 'registry',
    otpAmr: ['otp'],
  }))
  const readFile = async (file: string): Promise<Uint8Array> =>
    Buffer.from(JSON.stringify({ keys: [(file.includes('one') ? one : two).jwk] }))

  test.each([
    ['https://one.example', one, true],
    ['https://two.example', two, true],
    ['https://two.example', one, false],
    ['https://three.example', one, false],
  ])('%s is judged by its own keys', async (iss, signer: TestKey, holds) => {
    const { verify } = openVerifier([], { issuers, readFile })
    expect('session' in (await verify(makeToken(signer, { iss })))).toBe(holds)
  })

  test('one named twice is refused', () => {
    expect(() => openVerifier([], { issuers: [...issuers, ...issuers.slice(0, 1)] })).toThrow(/named twice/)
  })
})

test.each(['HS256', 'none', 'RSA1_5', 'toString'])('an issuer with the algorithm %s is refused at once', (alg) => {
  expect(() => openVerifier([], { issuer: { algorithms: ['ES256', alg] } })).toThrow(TypeError)
})

describe('a token that has been verified', () => {
  test('is answered in the same turn from then on', async () => {
    const { verify } = openVerifier([key.jwk])
    const token = makeToken(key)
    const first = verify(token)
    expect(first).toBeInstanceOf(Promise)
    const session = sessionOf(await first)
    const second = verify(token)
    expect(second).not.toBeInstanceOf(Promise)
    expect(sessionOf(second as Awaited<typeof second>)).toBe(session)
  })

  test('is verified once where it comes twice at the same time', async () => {
    const { verify } = openVerifier([key.jwk])
    const token = makeToken(key)
    expect(verify(token)).toBe(verify(token))
    await verify(token)
  })

  test('counts to the last millisecond of exp and tolerance, and not in the next', async () => {
    const { verify, clock } = openVerifier([key.jwk])
    const token = makeToken(key)
    await verify(token)
    clock.now = (NOW + 900) * 1000 + TOLERANCE_MS - 1
    expect(verify(token)).toHaveProperty('session')
    clock.now += 1
    expect(verify(token)).toMatchObject({ refused: 'invalid', detail: 'it has expired' })
  })

  test('is forgotten when its key leaves the set, though the set still has others', async () => {
    const other = makeKey('ES256', 'k2')
    const { verify, file, verifier } = openVerifier([key.jwk, other.jwk])
    const [gone, stays] = [makeToken(key), makeToken(other)]
    await Promise.all([verify(gone), verify(stays)])
    file.keys = [other.jwk]
    await verifier.refresh()
    expect(await verify(gone)).toMatchObject({ refused: 'invalid' })
    expect(verify(stays)).not.toBeInstanceOf(Promise)
  })

  test('is forgotten when its key is replaced under the same kid', async () => {
    const { verify, file, verifier } = openVerifier([key.jwk])
    const token = makeToken(key)
    await verify(token)
    file.keys = [makeKey('ES256', 'k1').jwk]
    await verifier.refresh()
    expect(await verify(token)).toMatchObject({ refused: 'invalid', detail: 'its signature does not hold' })
  })

  test('whose key leaves while it is being verified does not hold', async () => {
    const { verify, file, verifier } = openVerifier([key.jwk])
    await verifier.refresh()
    file.keys = []
    // The signature is checked by another thread, so that its answer comes in a later turn than the refreshed set.
    const answer = verify(makeToken(key))
    await verifier.refresh()
    expect(await answer).toMatchObject({ refused: 'invalid', detail: 'its key was withdrawn' })
  })

  test('is still known after a thousand tokens that do not hold', async () => {
    const { verify } = openVerifier([key.jwk], { cache: { entriesMax: 4 } })
    const token = makeToken(key)
    await verify(token)
    const forged = Array.from(
      { length: 1000 },
      (_, index) => `${makeToken(key, { jti: `${index}` }).slice(0, -8)}AAAAAAAA`,
    )
    for (const verification of await Promise.all(forged.map(verify))) expect(verification).toHaveProperty('refused')
    expect(verify(token)).not.toBeInstanceOf(Promise)
  })

  test('is forgotten for newer ones beyond the bound, and verified again', async () => {
    const { verify } = openVerifier([key.jwk], { cache: { entriesMax: 2 } })
    const tokens = ['a', 'b', 'c'].map((sid) => makeToken(key, { sid }))
    for (const token of tokens) await verify(token)
    expect(verify(tokens[0] ?? '')).toBeInstanceOf(Promise)
    expect(await verify(tokens[0] ?? '')).toHaveProperty('session')
  })

  test('is not what answers for another spelling of it', async () => {
    const { verify } = openVerifier([key.jwk])
    const token = makeToken(key)
    await verify(token)
    for (const other of [`${token}=`, `${token} `, ` ${token}`, token.replace('.', '..'), `${token}.`, `${token}\n`]) {
      expect(verify(other)).toMatchObject({ refused: 'invalid' })
    }
  })
})

test('a token that was refused is judged anew each time', async () => {
  const { verify, clock } = openVerifier([key.jwk])
  const token = makeToken(key, { nbf: NOW + 60 })
  expect(await verify(token)).toMatchObject({ refused: 'invalid', detail: 'it is not yet valid (nbf)' })
  clock.now += 60_000
  expect(await verify(token)).toHaveProperty('session')
})

test('more new tokens at one time than allowed are answered unavailable, and known ones still hold', async () => {
  const { verify, verifier } = openVerifier([key.jwk], { pendingMax: 2 })
  await verifier.refresh()
  const known = makeToken(key)
  await verify(known)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => verify(makeToken(key, { sid: `s${index}` }))),
  )
  expect(answers.filter((each) => 'session' in each)).toHaveLength(2)
  expect(answers.filter((each) => 'refused' in each && each.refused === 'unavailable')).toHaveLength(18)
  expect(verify(known)).toHaveProperty('session')
  expect(await verify(makeToken(key, { sid: 's19' }))).toHaveProperty('session')
})

test('an error within is an answer, never a rejection', async () => {
  const broken = {
    of: (): string => {
      throw new Error('no key')
    },
  }
  const { verify } = openVerifier([key.jwk], { pseudonyms: broken })
  expect(await verify(makeToken(key))).toMatchObject({ refused: 'invalid' })
})

test('no detail and no log line holds anything of the token', async () => {
  const secret = 'S3CRET-999941057058'
  const { verify, lines } = openVerifier([key.jwk])
  const tokens = [
    makeToken(key, { aud: secret, sub: secret }),
    makeToken(key, { iss: secret }),
    makeToken(key, {}, { kid: secret }),
    makeToken(key, {}, { alg: secret }),
    makeToken(key, {}, { typ: secret }),
    makeToken(key, { exp: secret }),
    `${encode(secret)}.${encode(secret)}.${encode(secret)}`,
  ]
  for (const token of tokens) expect(JSON.stringify(await verify(token))).not.toContain(secret)
  expect(JSON.stringify(lines)).not.toContain(secret)
})

test('a verifier can be made with nothing but what the contract asks', () => {
  expect(
    createTokenVerifier({
      issuers: [],
      clockToleranceMs: 0,
      pseudonyms,
      now: () => 0,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      cache: { entriesMax: 1 },
    }).verify('x', 0),
  ).toHaveProperty('refused')
})
