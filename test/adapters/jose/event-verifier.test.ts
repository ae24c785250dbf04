// Security events by push: only those of a pinned key of a transmitter that may send them, made for this gateway, and no other token.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { createEventVerifier, type RefreshingEventVerifier } from '../../../src/adapters/jose/event-verifier.ts'
import { encode, makeKey, NOW, signBytes, TOLERANCE_MS, type Jwk, type TestKey } from './token-support.ts'

const IDP = 'https://idp.example'
const key = makeKey('ES256', 'k1')
const other = makeKey('ES256', 'k1')
const strange = makeKey('ES384', 'k2')
const nothing = (): undefined => undefined

let keys: readonly Jwk[]
let problem: Error | undefined
let nowSeconds: number
let verifier: RefreshingEventVerifier

beforeEach(() => {
  keys = [key.jwk, strange.jwk]
  problem = undefined
  nowSeconds = NOW
  verifier = createEventVerifier({
    transmitters: [
      {
        issuer: IDP,
        jwks: { url: 'https://idp.example/keys' },
        algorithms: ['ES256'],
        audience: 'gateway',
        speaksFor: ['https://otp.example.in'],
      },
    ],
    clockToleranceMs: TOLERANCE_MS,
    now: () => nowSeconds * 1000,
    logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    fetch: async () => {
      if (problem !== undefined) throw problem
      return new Response(JSON.stringify({ keys }))
    },
  })
})

const CLAIMS = { iss: IDP, aud: 'gateway', iat: NOW, jti: 'e-1', events: { x: {} } }

function event(claims: object = {}, header: object = {}, by: TestKey = key): string {
  const input = `${encode({ alg: by.alg, kid: by.kid, typ: 'secevent+jwt', ...header })}.${encode({ ...CLAIMS, ...claims })}`
  return `${input}.${signBytes(input, by)}`
}
const verify = (token: string) => verifier.verify(token, nowSeconds * 1000)

test('one that holds is told with who speaks, and for whom', async () => {
  expect(await verify(event())).toEqual({
    transmitter: IDP,
    jti: 'e-1',
    speaksFor: ['https://otp.example.in'],
    claims: CLAIMS,
  })
  expect(await verify(event({ aud: ['else', 'gateway'] }, { typ: 'application/secevent+jwt' }))).toHaveProperty('jti')
})

describe('what is refused, with the code of RFC 8935', () => {
  const refused: readonly (readonly [what: string, make: () => string, code: string])[] = [
    ['a session token', () => event({}, { typ: 'JWT' }), 'invalid_request'],
    ['an access token', () => event({}, { typ: 'at+jwt' }), 'invalid_request'],
    ['one without typ', () => event({}, { typ: undefined }), 'invalid_request'],
    ['one with critical extensions', () => event({}, { crit: ['x'], x: 1 }), 'invalid_request'],
    ['one for somebody else', () => event({ aud: 'another' }), 'invalid_audience'],
    ['one for nobody', () => event({ aud: undefined }), 'invalid_audience'],
    ['a stranger', () => event({ iss: 'https://evil.example' }), 'invalid_issuer'],
    ['no issuer', () => event({ iss: [IDP] }), 'invalid_issuer'],
    ['an algorithm that is not pinned', () => event({}, {}, strange), 'invalid_key'],
    ['alg none', () => event({}, { alg: 'none' }), 'invalid_key'],
    ['another key under the same kid', () => event({}, {}, other), 'invalid_key'],
    ['an unknown kid', () => event({}, { kid: 'k9' }), 'invalid_key'],
    ['a key of its own', () => event({}, { kid: 'k9', jwk: other.jwk }, other), 'invalid_key'],
    ['no jti', () => event({ jti: undefined }), 'invalid_request'],
    ['an empty jti', () => event({ jti: '' }), 'invalid_request'],
    ['no iat', () => event({ iat: undefined }), 'invalid_request'],
    ['tomorrow', () => event({ iat: NOW + TOLERANCE_MS / 1000 + 1 }), 'invalid_request'],
    ['too much of it', () => event({ pad: 'x'.repeat(20_000) }), 'invalid_request'],
    [
      'two names that are one',
      () => {
        const input = `${encode({ alg: 'ES256', kid: 'k1', typ: 'secevent+jwt' })}.${encode(`{"iss":"${IDP}","iss":"${IDP}"}`)}`
        return `${input}.${signBytes(input, key)}`
      },
      'invalid_request',
    ],
    ['a changed signature', () => event().replace(/.{4}$/, 'AAAA'), 'invalid_key'],
    ['no token', () => 'a.b', 'invalid_request'],
  ]
  test.each(refused)('%s', async (_what, make, code) => {
    expect(await verify(make())).toMatchObject({ refused: code })
  })
})

test('keys that cannot be had are no refusal: it is to be sent again', async () => {
  problem = new Error('down')
  expect(await verify(event())).toMatchObject({ refused: 'unavailable' })
  problem = undefined
  nowSeconds += 2
  expect(await verify(event())).toHaveProperty('jti')
  // Down for an hour, it changes nothing for the key that is known.
  problem = new Error('down')
  nowSeconds += 3_600
  expect(await verify(event())).toHaveProperty('jti')
})

test('one whose key leaves while it is being verified does not hold', async () => {
  await verifier.refresh()
  keys = [strange.jwk]
  nowSeconds += 301
  const answer = verify(event())
  await verifier.refresh()
  expect(await answer).toMatchObject({ refused: 'invalid_key' })
})
