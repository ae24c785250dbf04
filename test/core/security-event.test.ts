// What a security event asks for: one session, all of a person's, or nothing here.
import { describe, expect, test } from '@jest/globals'
import { parseSecurityEvent, SESSION_REVOKED } from '../../src/core/security-event.ts'
import { NOON } from './fixtures.ts'

const AT = NOON / 1000 - 90
const ISS = 'https://otp.example.in'
const PERSON = { format: 'iss_sub', iss: ISS, sub: 'citizen-1' }
const event = (subject: unknown, own: object = {}, body: unknown = { event_timestamp: AT }) => ({
  iat: AT + 1,
  sub_id: subject,
  events: { [SESSION_REVOKED]: body },
  ...own,
})
const ENDED = { ends: { issuer: ISS, principal: 'citizen-1', before: (AT + 1) * 1000 } }

describe('the subject (RFC 9493)', () => {
  test.each([
    ['a person', PERSON, ENDED],
    ['a person within', { format: 'complex', user: PERSON }, ENDED],
    ['a person within, without a format', { user: PERSON }, ENDED],
    ['a session by its name', { format: 'opaque', id: 's-1' }, { ends: { issuer: undefined, session: 's-1' } }],
    ['a token', { format: 'jwt_id', iss: ISS, jti: 'j-1' }, { ends: { issuer: ISS, session: 'j-1' } }],
    [
      'a session of a person: the session alone',
      {
        format: 'complex',
        user: PERSON,
        session: { format: 'opaque', id: 's-1' },
        tenant: { format: 'opaque', id: 't' },
      },
      { ends: { issuer: undefined, session: 's-1' } },
    ],
  ])('%s', (_name, subject, expected) => {
    expect(parseSecurityEvent(event(subject), NOON)).toEqual(expected)
    const { sub_id: _gone, ...without } = event(subject)
    const inside = { ...without, events: { [SESSION_REVOKED]: { event_timestamp: AT, subject } } }
    expect(parseSecurityEvent(inside, NOON)).toEqual(expected)
  })

  test.each([
    [undefined],
    ['citizen-1'],
    [{}],
    [{ format: 'email', email: 'a@b.c' }],
    [{ format: 'complex', tenant: { format: 'opaque', id: 't' } }],
    [{ format: 'complex', session: { format: 'email', email: 'a@b.c' }, user: PERSON }],
    [{ format: 'iss_sub', iss: ISS }],
    [{ format: 'iss_sub', iss: ISS, sub: 7 }],
    [{ format: 'iss_sub', iss: ISS, sub: '\ud800' }],
    [{ format: 'opaque', id: '' }],
    [{ format: 'opaque', id: 'x'.repeat(1025) }],
  ])('%j is nobody', (subject) => {
    expect(parseSecurityEvent(event(subject), NOON)).toHaveProperty('problem')
  })
})

describe('the time', () => {
  test.each([
    ['of the event', { event_timestamp: AT }, {}, (AT + 1) * 1000],
    ['of the event, with a fraction', { event_timestamp: AT + 0.9 }, {}, (AT + 1) * 1000],
    ['of the token, where the event has none', {}, {}, (AT + 2) * 1000],
    ['now, where neither has one', {}, { iat: undefined }, NOON + 1000],
    ['now, where it lies ahead', { event_timestamp: NOON }, {}, NOON + 1000],
  ])('%s', (_name, body, own, expected) => {
    expect(parseSecurityEvent(event(PERSON, own, body), NOON)).toMatchObject({ ends: { before: expected } })
  })

  test.each([['then'], [-1], [null], [Infinity]])('%j is none', (at) => {
    expect(parseSecurityEvent(event(PERSON, {}, { event_timestamp: at }), NOON)).toHaveProperty('problem')
  })
})

test('events of other types are taken, and change nothing', () => {
  const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification'
  expect(parseSecurityEvent({ events: { [verification]: { state: 'x' } } }, NOON)).toBe('nothing')
  for (const events of [undefined, {}, [], 'x', { [SESSION_REVOKED]: 'x' }])
    expect(parseSecurityEvent({ events, sub_id: PERSON }, NOON)).toHaveProperty('problem')
})
