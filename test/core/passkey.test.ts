// A passkey as a responder's key: its one spelling, and whether somebody can hold it.
import { expect, test } from '@jest/globals'
import { judgeEnrolment } from '../../src/core/judge-people.ts'
import { checkPasskey, keyMaterial, parsePasskey } from '../../src/core/passkey.ts'
import { isSamePerson } from '../../src/core/responder.ts'
import { makePasskey } from '../support/passkeys.ts'
import { GUARD } from './desk.ts'

const made = makePasskey('gw-1.example.in')
const [, , , point = ''] = made.key.split(':')

test.each(['ES256', 'EdDSA'] as const)('one of %s that was made is taken', (alg) => {
  const passkey = parsePasskey(makePasskey('localhost', alg).key)
  expect(passkey).toMatchObject({ alg, rpId: 'localhost' })
  expect(passkey === undefined ? 'none' : checkPasskey(passkey)).toBeUndefined()
})

test.each([
  ['no prefix', made.key.slice(8)],
  ['another algorithm', made.key.replace('ES256', 'RS256')],
  ['a key of the other length', made.key.replace('ES256', 'EdDSA')],
  ['no domain', made.key.replace('gw-1.example.in', '')],
  ['a domain in capitals', made.key.replace('gw-1', 'GW-1')],
  ['an origin', made.key.replace('gw-1', 'https://gw-1')],
  ['a dot at the end', made.key.replace('.in:', '.in.:')],
  ['something behind it', `${made.key}A`],
])('%s is none', (_, text) => {
  expect(parsePasskey(text)).toBeUndefined()
})

test('a point that is not on the curve, or not spelt in the one way, is no key', () => {
  for (const [what, change] of [
    ['y', [64, 1]],
    ['the form', [0, 6]],
  ] as const) {
    const bytes = Buffer.from(point, 'base64url')
    bytes[change[0]] = (bytes[change[0]] ?? 0) ^ change[1]
    const passkey = parsePasskey(`passkey:ES256:localhost:${bytes.toString('base64url')}`)
    expect([what, passkey === undefined ? 'none' : checkPasskey(passkey)]).toEqual([
      what,
      expect.stringContaining('P-256'),
    ])
  }
  const beyond = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)])
  const passkey = parsePasskey(`passkey:ES256:localhost:${beyond.toString('base64url')}`)
  expect(passkey === undefined ? 'none' : checkPasskey(passkey)).toMatch(/P-256/)
})

test('one key is one person’s, for whatever domain and in whatever form it is told', () => {
  const elsewhere = made.key.replace('gw-1', 'gw-2')
  expect(keyMaterial(elsewhere)).toBe(point)
  expect(
    isSamePerson({ name: 'a', role: 'commander', key: made.key }, { name: 'b', role: 'commander', key: elsewhere }),
  ).toBe(true)
  const guard = {
    ...GUARD,
    responders: [...GUARD.responders, { name: 'lead-2', role: 'commander', key: made.key } as const],
  }
  const order = { kind: 'enrol', name: 'other', role: 'commander', key: elsewhere, reason: 'x' } as const
  expect(judgeEnrolment(order, guard, 0)).toMatchObject({ refused: 'conflict' })
  expect(judgeEnrolment({ ...order, key: makePasskey('gw-2.example.in').key }, guard, 0)).toBeUndefined()
  const off = made.key.slice(0, -3) + (made.key.endsWith('AAA') ? 'BBA' : 'AAA')
  expect(judgeEnrolment({ ...order, key: off }, GUARD, 0)).toMatchObject({ refused: 'bad' })
})
