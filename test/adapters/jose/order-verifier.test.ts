import { describe, expect, test } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createOrderVerifier } from '../../../src/adapters/jose/order-verifier.ts'
import {
  createPerson,
  encode,
  idOf,
  LOGIN_TYP,
  ORDER_TYP,
  publicPart,
  signCompact,
} from '../../support/control-signing.ts'

const desk = createPerson('night-desk', 'responder')
const lead = createPerson('lead', 'commander')
const responders = [publicPart(desk), publicPart(lead)]
const header = { alg: 'EdDSA', typ: ORDER_TYP, kid: 'night-desk' }
const payload = { iss: 'night-desk', order: { kind: 'lock' } }
const good = signCompact(header, payload, desk.privateKey)
const verifier = createOrderVerifier()

const verify = (jws: string, typ = ORDER_TYP) => verifier.verify(jws, typ, responders)
const refusal = async (jws: string, typ = ORDER_TYP) => {
  const result = await verify(jws, typ)
  return 'refused' in result ? result.refused : 'verified'
}

test('a statement is verified, and its id is the SHA-256 of its signing input', async () => {
  expect(await verify(good)).toEqual({ id: idOf(good), by: publicPart(desk), payload })
})

test('the signature is checked in the turn of the call, without a thread of the pool', async () => {
  const order: string[] = []
  const verified = verify(good).then(() => order.push('verified'))
  const later = new Promise<void>((resolve) => setImmediate(resolve)).then(() => order.push('next turn'))
  await Promise.all([verified, later])
  expect(order).toEqual(['verified', 'next turn'])
})

describe('an unknown signer', () => {
  test.each([
    [
      'has a key that is not enrolled',
      signCompact(header, payload, createPerson('night-desk', 'responder').privateKey),
    ],
    ['names someone else', signCompact({ ...header, kid: 'lead' }, payload, desk.privateKey)],
    ['names nobody', signCompact({ ...header, kid: 'nobody' }, payload, desk.privateKey)],
    ['names a property of every object', signCompact({ ...header, kid: '__proto__' }, payload, desk.privateKey)],
    ['signs other words', `${good.split('.')[0]}.${encode({ ...payload, iss: 'x' })}.${good.split('.')[2]}`],
    ['sends a signature of zeros', `${good.slice(0, good.lastIndexOf('.'))}.${Buffer.alloc(64).toString('base64url')}`],
  ])('%s', async (_, jws) => {
    expect(await refusal(jws)).toBe('unknown-signer')
  })

  test('is whoever shares a name with another', async () => {
    const twice = [publicPart(desk), { ...publicPart(lead), name: 'night-desk' }]
    expect(await verifier.verify(good, ORDER_TYP, twice)).toMatchObject({ refused: 'unknown-signer' })
  })

  test('is a responder whose key is no key', async () => {
    expect(await verifier.verify(good, ORDER_TYP, [{ ...publicPart(desk), key: 'short' }])).toMatchObject({
      refused: 'unknown-signer',
    })
  })
})

/** The last character of a base64url text of 64 bytes carries four unused bits: setting one gives another spelling. */
function otherSpelling(jws: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return jws.slice(0, -1) + alphabet.charAt(alphabet.indexOf(jws.slice(-1)) + 1)
}

describe('malformed is', () => {
  const [head = '', body = '', mark = ''] = good.split('.')
  test.each([
    ['an empty text', ''],
    ['garbage', 'garbage'],
    ['two parts', `${head}.${body}`],
    ['four parts', `${good}.`],
    ['five parts, as a JWE has', `${head}.${body}.${mark}.${mark}.${mark}`],
    ['an empty payload', `${head}..${mark}`],
    ['another spelling of the signature', otherSpelling(good)],
    ['padding', `${good}==`],
    ['white space inside', `${head}. ${body}.${mark}`],
    ['a line break behind', `${good}\n`],
    [
      'the alphabet of base64',
      `${head}.${Buffer.from('{"a":"ÿÿÿ>>>???"}').toString('base64').replace(/=+$/, '')}.${mark}`,
    ],
    ['a header that is a list', signCompact([], payload, desk.privateKey)],
    ['a header that is no JSON', `${encode('{')}.${body}.${mark}`],
    ['a payload that is no JSON', signCompact(header, '{', desk.privateKey)],
    ['a payload of null', signCompact(header, 'null', desk.privateKey)],
    ['a payload that is not UTF-8', `${head}.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.${mark}`],
    ['a payload with a byte order mark', signCompact(header, '\ufeff{}', desk.privateKey)],
    ['a short signature', `${head}.${body}.${Buffer.alloc(63).toString('base64url')}`],
    ['alg none', signCompact({ ...header, alg: 'none' }, payload, desk.privateKey)],
    ['alg HS256', signCompact({ ...header, alg: 'HS256' }, payload, desk.privateKey)],
    ['alg in another case', signCompact({ ...header, alg: 'eddsa' }, payload, desk.privateKey)],
    ['no typ', signCompact({ alg: 'EdDSA', kid: 'night-desk' }, payload, desk.privateKey)],
    ['typ in another case', signCompact({ ...header, typ: ORDER_TYP.toUpperCase() }, payload, desk.privateKey)],
    ['typ with its media type', signCompact({ ...header, typ: `application/${ORDER_TYP}` }, payload, desk.privateKey)],
    ['no kid', signCompact({ alg: 'EdDSA', typ: ORDER_TYP }, payload, desk.privateKey)],
    ['a kid that is no text', signCompact({ ...header, kid: ['night-desk'] }, payload, desk.privateKey)],
    ['crit', signCompact({ ...header, crit: ['exp'], exp: 1 }, payload, desk.privateKey)],
    ['b64', signCompact({ ...header, b64: false, crit: ['b64'] }, payload, desk.privateKey)],
    [
      'an embedded key',
      signCompact({ ...header, jwk: { kty: 'OKP', crv: 'Ed25519', x: desk.key } }, payload, desk.privateKey),
    ],
    ['the address of a key', signCompact({ ...header, jku: 'https://keys.example/jwks' }, payload, desk.privateKey)],
    ['a certificate', signCompact({ ...header, x5c: [] }, payload, desk.privateKey)],
    ['a header of a JWE', signCompact({ ...header, enc: 'A256GCM' }, payload, desk.privateKey)],
  ])('%s', async (_, jws) => {
    expect(await refusal(jws)).toBe('malformed')
  })

  test('a statement of another typ, in both directions', async () => {
    const login = signCompact({ ...header, typ: LOGIN_TYP }, payload, desk.privateKey)
    expect(await refusal(login)).toBe('malformed')
    expect(await refusal(login, LOGIN_TYP)).toBe('verified')
    expect(await refusal(good, LOGIN_TYP)).toBe('malformed')
  })

  test('one byte more than 64 KiB, and not one less', async () => {
    const room = 65_536 - signCompact(header, { a: '' }, desk.privateKey).length
    let inside = ''
    for (let fill = Math.floor((room * 3) / 4); inside === ''; fill--) {
      const jws = signCompact(header, { a: 'x'.repeat(fill) }, desk.privateKey)
      if (jws.length <= 65_536) inside = jws
    }
    expect(inside.length).toBeGreaterThan(65_530)
    expect(await refusal(inside)).toBe('verified')
    expect(await refusal(signCompact(header, { a: 'x'.repeat(Math.ceil((room * 3) / 4) + 3) }, desk.privateKey))).toBe(
      'malformed',
    )
  })
})

const vectors = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors/wycheproof-json_web_signature_test.json')

test('no vector of Wycheproof with another algorithm, or of another typ, is taken for an order', async () => {
  if (!existsSync(vectors)) {
    console.warn(`SKIPPED: ${vectors} is absent`)
    return
  }
  const found = JSON.stringify(JSON.parse(readFileSync(vectors, 'utf8'))).matchAll(/"jws":"([^"]+)"/g)
  const taken: string[] = []
  let count = 0
  for (const [, jws = ''] of found) {
    count++
    if ((await refusal(jws)) === 'verified') taken.push(jws)
  }
  expect(count).toBeGreaterThan(100)
  expect(taken).toEqual([])
})
