// Orders that a passkey has signed: what is verified, by every gateway for itself, and everything that is no signature of it.
import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createOrderVerifier } from '../../../src/adapters/jose/order-verifier.ts'
import type { Responder } from '../../../src/core/responder.ts'
import { createPerson, encode, LOGIN_TYP, ORDER_TYP, publicPart, signCompact } from '../../support/control-signing.ts'
import { assertionOf, makePasskey, signByPasskey, type Ceremony } from '../../support/passkeys.ts'

const RP = 'gw-1.example.in'
const made = makePasskey(RP)
const edwards = makePasskey(RP, 'EdDSA')
const person = createPerson('chief', 'commander')
const lead: Responder = { name: 'lead', keyId: 'p1', role: 'commander', key: made.key }
const desk: Responder = { name: 'desk', role: 'responder', key: edwards.key }
const responders = [lead, desk, publicPart(person)]
const verifier = createOrderVerifier()
const order = { kind: 'lock' }

const verify = (jws: string, typ = ORDER_TYP) => verifier.verify(jws, typ, responders)
const by = (ceremony: Partial<Ceremony>, kid = 'lead#p1', key = made): string =>
  signByPasskey(key, kid, order, { rpId: RP, ...ceremony })

test('an order is verified, and its id is the challenge that was signed', async () => {
  for (const [jws, signer] of [
    [by({}), lead],
    [by({}, 'desk', edwards), desk],
    [by({ client: { origin: `https://gw-1.example.in:9080` } }), lead],
    [by({ client: { origin: `https://night.gw-1.example.in` } }), lead],
    [by({ counter: 7, flags: 0x1d }), lead],
  ] as const) {
    const input = jws.slice(0, jws.lastIndexOf('.'))
    expect(await verify(jws)).toMatchObject({ id: createHash('sha256').update(input).digest('base64url'), by: signer })
  }
})

test('on the machine itself a page without TLS will do, as in every browser', async () => {
  const here = makePasskey('localhost')
  const jws = signByPasskey(here, 'lead', order, { rpId: 'localhost', client: { origin: 'http://localhost:9080' } })
  const known = [{ name: 'lead', role: 'commander', key: here.key } as const]
  expect(await verifier.verify(jws, ORDER_TYP, known)).toMatchObject({ by: { name: 'lead' } })
})

describe('it is no signature of the passkey where', () => {
  const other = makePasskey(RP)
  test.each<[string, string, string]>([
    ['another key has signed', by({}, 'lead#p1', other), 'the signature does not hold'],
    ['nobody touched it', by({ flags: 0x04 }), 'nobody has touched'],
    ['nobody was verified', by({ flags: 0x01 }), 'not verified who touched'],
    ['its flags say that it is copied, and cannot be', by({ flags: 0x15 }), 'contradict'],
    ['it is for another domain', by({ rpId: 'example.in', client: { origin: `https://${RP}` } }), 'not for pages of'],
    [
      'the page was of another domain',
      by({ client: { origin: 'https://gw-1.example.in.evil.in' } }),
      'not made in a page',
    ],
    ['the page was of a neighbour', by({ client: { origin: 'https://xgw-1.example.in' } }), 'not made in a page'],
    ['the page came without TLS', by({ client: { origin: `http://${RP}` } }), 'not made in a page'],
    ['the origin has a path', by({ client: { origin: `https://${RP}/x` } }), 'not made in a page'],
    ['the page was in a frame', by({ client: { crossOrigin: true } }), 'in a frame'],
    ['the page was in a frame of another', by({ client: { topOrigin: 'https://evil.in' } }), 'in a frame'],
    ['it was made to enrol', by({ client: { type: 'webauthn.create' } }), 'not made to sign'],
    ['the challenge is another', by({ client: { challenge: 'AAAA' } }), 'the challenge is not'],
    ['there is no challenge', by({ client: { challenge: undefined } }), 'the challenge is not'],
  ])('%s', async (_, jws, detail) => {
    expect(await verify(jws)).toEqual({ refused: 'unknown-signer', detail: expect.stringContaining(detail) })
  })

  test('one byte of anything is changed', async () => {
    const jws = by({})
    const [head = '', body = '', mark = ''] = jws.split('.')
    const parts = JSON.parse(Buffer.from(mark, 'base64url').toString()) as Record<string, string>
    for (const [name, value] of Object.entries(parts)) {
      const bytes = Buffer.from(value, 'base64url')
      for (let at = 0; at < bytes.length; at += 3) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 1
        const forged = encode(JSON.stringify({ ...parts, [name]: changed.toString('base64url') }))
        expect([name, at, await verify(`${head}.${body}.${forged}`)]).toEqual([
          name,
          at,
          expect.objectContaining({ refused: 'unknown-signer' }),
        ])
      }
    }
  })
})

test('a passkey signs statements of its own typ alone, and no other key does', async () => {
  const good = by({})
  expect(await verify(good, LOGIN_TYP)).toMatchObject({ refused: 'malformed' })
  const login = signByPasskey(made, 'lead#p1', order, { rpId: RP, typ: 'portcullis-login+webauthn' })
  expect(await verify(login)).toMatchObject({ refused: 'malformed' })
  expect(await verify(login, LOGIN_TYP)).toMatchObject({ by: lead })
  // Its key without the ceremony, and a key of a file with one.
  const bare = signCompact({ alg: 'EdDSA', typ: ORDER_TYP, kid: 'desk' }, { order }, edwards.privateKey)
  expect(await verify(bare)).toMatchObject({ refused: 'unknown-signer' })
  const dressed = signByPasskey({ ...edwards, privateKey: person.privateKey }, 'chief', order, { rpId: RP })
  expect(await verify(dressed)).toMatchObject({ refused: 'unknown-signer' })
  const es256 = signCompact({ alg: 'ES256', typ: ORDER_TYP, kid: 'lead#p1' }, { order }, edwards.privateKey)
  expect(await verify(es256)).toMatchObject({ refused: 'malformed' })
  const wrongAlg = signByPasskey({ ...made, alg: 'EdDSA' }, 'lead#p1', order, { rpId: RP }).replace(/^/, '')
  expect(await verify(wrongAlg)).toMatchObject({ refused: 'unknown-signer' })
})

test('what is no assertion is malformed', async () => {
  const input = by({}).split('.').slice(0, 2).join('.')
  const fine = JSON.parse(Buffer.from(assertionOf(made, input, { rpId: RP }), 'base64url').toString()) as object
  for (const mark of [
    'x',
    '[]',
    '{}',
    JSON.stringify({ ...fine, more: 'x' }),
    JSON.stringify({ ...fine, signature: 1 }),
  ])
    expect([mark, await verify(`${input}.${encode(mark)}`)]).toEqual([
      mark,
      expect.objectContaining({ refused: 'malformed' }),
    ])
})
