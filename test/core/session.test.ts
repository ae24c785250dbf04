// Sessions: who is revoked, whose OTP is fresh enough, and who owns the record that they ask for.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { SessionPolicy } from '../../src/core/policy.ts'
import {
  checkAssurance,
  checkOwnership,
  compileRevocations,
  isRevoked,
  type Revocation,
  type Session,
} from '../../src/core/session.ts'
import { aSession, NOON, PEOPLE } from './fixtures.ts'

const [CALLER, LOGIN, OTHER] = PEOPLE

function aRevocation(fields: Partial<Revocation> = {}): Revocation {
  return { id: 'r', before: NOON, reason: 'leak', incident: 'INC-7', by: 'night-desk', since: NOON, ...fields }
}

function revoked(session: Session, ...revocations: readonly Revocation[]): boolean {
  return isRevoked(session, compileRevocations(revocations))
}

/** Opened `seconds` before noon. */
const opened = (seconds: number) => aSession({ authTime: NOON / 1000 - seconds })

describe('revocation', () => {
  test('without one, no session is revoked, also one without any time', () => {
    expect(revoked(opened(1))).toBe(false)
    const { authTime: _a, issuedAt: _i, ...timeless } = opened(1)
    expect(revoked(timeless)).toBe(false)
  })

  test.each([
    ['opened before', 1, true],
    ['opened at the very second', 0, false],
    ['opened after', -1, false],
  ])('by time: a session %s', (_name, seconds, expected) => {
    expect(revoked(opened(seconds), aRevocation())).toBe(expected)
  })

  test('a session of the second in which the order came counts as opened before it', () => {
    expect(revoked(opened(0), aRevocation({ before: NOON + 1 }))).toBe(true)
    expect(revoked(opened(0), aRevocation({ before: NOON + 999 }))).toBe(true)
    expect(revoked(opened(-1), aRevocation({ before: NOON + 999 }))).toBe(false)
  })

  test.each([
    ['the caller', { subject: CALLER }, true],
    ['another person', { subject: OTHER }, false],
    ['a person by the name of the session', { subject: LOGIN }, false],
    ['the session', { session: LOGIN }, true],
    ['another session', { session: OTHER }, false],
    ['a session by the name of the caller', { session: CALLER }, false],
    ['the client by its id', { client: 'vaccinator-app' }, true],
    ['the client with its issuer', { client: 'https://otp.example.in#vaccinator-app' }, true],
    ['another client', { client: 'kiosk' }, false],
    ['the caller at the client', { subject: CALLER, client: 'vaccinator-app' }, true],
    ['the caller at another client', { subject: CALLER, client: 'kiosk' }, false],
    ['another person at the client', { subject: OTHER, client: 'vaccinator-app' }, false],
    ['the session of the caller', { session: LOGIN, subject: CALLER }, true],
    ['the session under another person', { session: LOGIN, subject: OTHER }, false],
    ['all three', { session: LOGIN, subject: CALLER, client: 'vaccinator-app' }, true],
    ['all three, one of them another', { session: LOGIN, subject: CALLER, client: 'kiosk' }, false],
    ['a name of a prototype', { subject: '__proto__' }, false],
  ])('of %s', (_name, fields, expected) => {
    expect(revoked(opened(60), aRevocation(fields))).toBe(expected)
    expect(revoked(opened(-60), aRevocation(fields))).toBe(false)
  })

  test('the maximum over all that apply counts', () => {
    const old = NOON - 600_000
    const both = [aRevocation({ before: old }), aRevocation({ id: 's', subject: CALLER })]
    expect(revoked(opened(60), ...both)).toBe(true)
    expect(revoked(opened(60), ...both.toReversed())).toBe(true)
    expect(
      revoked(opened(60), aRevocation({ before: old, subject: CALLER }), aRevocation({ id: 's', client: 'kiosk' })),
    ).toBe(false)
    expect(
      revoked(opened(60), aRevocation({ subject: CALLER }), aRevocation({ id: 's', before: old, subject: CALLER })),
    ).toBe(true)
    expect(
      revoked(
        opened(60),
        aRevocation({ before: old, client: 'vaccinator-app' }),
        aRevocation({ id: 's', client: 'vaccinator-app' }),
      ),
    ).toBe(true)
  })

  test('auth_time counts before iat: a refreshed token keeps its old OTP', () => {
    const refreshed = aSession({ authTime: NOON / 1000 - 60, issuedAt: NOON / 1000 + 60 })
    expect(revoked(refreshed, aRevocation())).toBe(true)
    const { authTime: _gone, ...withoutAuthTime } = refreshed
    expect(revoked(withoutAuthTime, aRevocation())).toBe(false)
    expect(revoked({ ...withoutAuthTime, issuedAt: NOON / 1000 - 1 }, aRevocation())).toBe(true)
  })

  test('a session with neither auth_time nor iat is revoked by whatever covers it, and by nothing else', () => {
    const { authTime: _a, issuedAt: _i, ...timeless } = aSession()
    expect(revoked(timeless, aRevocation({ before: 1 }))).toBe(true)
    expect(revoked(timeless, aRevocation({ subject: OTHER }))).toBe(false)
  })

  test('a session that is ended for good does not come back, and takes nobody with it', () => {
    const forGood = aRevocation({ session: LOGIN, client: 'vaccinator-app', before: Number.MAX_SAFE_INTEGER })
    expect(revoked(opened(-3600), forGood)).toBe(true)
    expect(revoked({ ...opened(-3600), session: OTHER }, forGood)).toBe(false)
  })

  test('compiled or judged one by one, the answer is the same', () => {
    const name = (...names: readonly string[]) => fc.option(fc.constantFrom(...names), { nil: undefined })
    const each = fc.record({
      before: fc.integer({ min: NOON - 5_000, max: NOON + 5_000 }),
      subject: name(CALLER, OTHER),
      session: name(LOGIN, OTHER),
      client: name('vaccinator-app', 'kiosk'),
    })
    fc.assert(
      fc.property(fc.array(each, { maxLength: 6 }), fc.integer({ min: -5, max: 5 }), (all, seconds) => {
        const session = opened(seconds)
        const revocations = all.map((fields) => aRevocation(JSON.parse(JSON.stringify(fields)) as Partial<Revocation>))
        const expected = revocations.some(
          ({ before, subject, session: login, client }) =>
            (subject ?? CALLER) === CALLER &&
            (login ?? LOGIN) === LOGIN &&
            session.clients.includes(client ?? 'vaccinator-app') &&
            NOON - seconds * 1000 < before,
        )
        expect(revoked(session, ...revocations)).toBe(expected)
      }),
      { numRuns: 1_000 },
    )
  })
})

const policy = (fields: Partial<SessionPolicy> = {}): SessionPolicy => ({ level: 'required', bind: [], ...fields })

describe('assurance', () => {
  const { authTime: _gone, ...withoutAuthTime } = aSession()
  test.each([
    ['an OTP, no age asked for', policy(), aSession(), undefined, undefined],
    ['no OTP', policy(), aSession({ byOtp: false }), undefined, {}],
    [
      'no OTP, an age asked for',
      policy({ maxAgeMs: 900_000 }),
      aSession({ byOtp: false }),
      undefined,
      { maxAgeSeconds: 900 },
    ],
    ['an OTP as old as is allowed', policy({ maxAgeMs: 300_000 }), opened(300), undefined, undefined],
    ['an OTP a second too old', policy({ maxAgeMs: 300_000 }), opened(301), undefined, { maxAgeSeconds: 300 }],
    ['an OTP of no known time', policy({ maxAgeMs: 300_000 }), withoutAuthTime, undefined, { maxAgeSeconds: 300 }],
    ['an OTP newer than the step-up lock', policy(), opened(10), NOON - 11_000, undefined],
    ['an OTP of the second of the step-up lock', policy(), opened(10), NOON - 10_000, undefined],
    [
      'an OTP in the second of the step-up lock, but before it',
      policy(),
      opened(10),
      NOON - 9_999,
      { maxAgeSeconds: 9 },
    ],
    ['an OTP older than the step-up lock', policy(), opened(12), NOON - 11_000, { maxAgeSeconds: 11 }],
    [
      'an OTP newer than the lock, but older than the route allows',
      policy({ maxAgeMs: 5_000 }),
      opened(10),
      NOON - 60_000,
      { maxAgeSeconds: 5 },
    ],
    ['a step-up lock from ahead of the clock', policy(), opened(10), NOON + 5_000, { maxAgeSeconds: 0 }],
    ['an OTP of no known time under a step-up lock', policy(), withoutAuthTime, NOON - 60_000, { maxAgeSeconds: 60 }],
  ])('%s', (_name, wanted, session, freshSince, expected) => {
    const denial = checkAssurance(wanted, session, NOON, freshSince)
    if (expected === undefined) expect(denial).toBeUndefined()
    else expect(denial).toMatchObject({ denied: 'insufficient-authentication', ...expected })
    expect(denial?.detail ?? '').not.toMatch(/\d/)
  })
})

describe('what counts as an OTP on a route of its own words', () => {
  const otp = { amr: ['fpt'], acr: ['loa3', 'loa4'] }
  test.each([
    ['one of its methods', { amr: ['pwd', 'fpt'] }, true],
    ['its class', { amr: ['pwd'], acr: 'loa4' }, true],
    ['a class alone', { acr: 'loa3' }, true],
    ["the issuer's method alone", { amr: ['otp'] }, false],
    ['another class', { acr: 'loa2' }, false],
    ['nothing', {}, false],
  ])('%s', (_name, told, passes) => {
    const { amr: _amr, acr: _acr, ...plain } = aSession({ byOtp: true })
    const denial = checkAssurance(policy({ otp, maxAgeMs: 900_000 }), { ...plain, ...told }, NOON)
    if (passes) expect(denial).toBeUndefined()
    else expect(denial).toMatchObject({ acrValues: ['loa3', 'loa4'], maxAgeSeconds: 900 })
  })

  test('the time of the OTP counts before auth_time, for the age and for a step-up lock', () => {
    const session = { ...opened(3_600), otpTime: NOON / 1000 - 10 }
    expect(checkAssurance(policy({ maxAgeMs: 60_000 }), session, NOON)).toBeUndefined()
    expect(checkAssurance(policy(), session, NOON, NOON - 11_000)).toBeUndefined()
    expect(checkAssurance(policy(), session, NOON, NOON - 9_000)).toMatchObject({ maxAgeSeconds: 9 })
    const stale = { ...opened(10), otpTime: NOON / 1000 - 3_600 }
    expect(checkAssurance(policy({ maxAgeMs: 60_000 }), stale, NOON)).toHaveProperty('denied')
  })
})

describe('ownership', () => {
  const bound = policy({ bind: [{ source: { in: 'param', name: 'id' }, claim: 'ids' }] })
  const asks =
    (...values: readonly string[]) =>
    () =>
      values

  test.each([
    ['the one value', '7', ['7'], true],
    ['one of several values', ['7', '8'], ['8'], true],
    ['another value', ['7', '8'], ['9'], false],
    ['a number', 7, ['7'], true],
    ['numbers', [7, 8], ['8'], true],
    ['a number beyond what is exact', 2 ** 53, [String(2 ** 53)], false],
    ['a fraction', 7.5, ['7.5'], false],
    ['a boolean', true, ['true'], false],
    ['null', null, ['null'], false],
    ['nothing', undefined, ['undefined'], false],
    ['an object', { 7: '7' }, ['7'], false],
    ['a nested list', [['7']], ['7'], false],
    ['a nested list beside a value', [['7'], '8'], ['8'], true],
    ['an object in a list', [{ id: '7' }], ['[object Object]'], false],
    ['an empty list', [], ['7'], false],
    ['an empty value', '', [''], false],
    ['an empty value among others', ['7', ''], [''], false],
    ['a repeated value, all owned', ['7', '8'], ['7', '8'], true],
    ['a repeated value, one not owned', ['7'], ['7', '8'], false],
    ['a repeated value, the first not owned', ['7'], ['8', '7'], false],
    ['no value', ['7'], [], false],
    ['other case', ['abc'], ['ABC'], false],
    ['a value with a space', ['7'], ['7 '], false],
    ['a prefix', ['77'], ['7'], false],
    ['a leading zero', [7], ['07'], false],
  ])('%s', (_name, claim, asked, isOwner) => {
    const denial = checkOwnership(bound, aSession({ claims: { ids: claim } }), asks(...asked))
    expect(denial?.denied).toBe(isOwner ? undefined : 'not-owner')
    for (const value of asked.filter((each) => each.length > 2)) expect(denial?.detail ?? '').not.toContain(value)
  })

  test.each(['__proto__', 'constructor', 'toString'])(
    'a claim named %s is nobody’s where the token has none',
    (claim) => {
      const odd = policy({ bind: [{ source: { in: 'query', name: 'id' }, claim }] })
      expect(checkOwnership(odd, aSession(), asks('function Object() { [native code] }', 'x'))?.denied).toBe(
        'not-owner',
      )
    },
  )

  test('every binding must hold, each by its own source', () => {
    const two = policy({
      bind: [
        { source: { in: 'param', name: 'id' }, claim: 'ids' },
        { source: { in: 'query', name: 'mobile' }, claim: 'phone' },
      ],
    })
    const session = aSession({ claims: { ids: ['7'], phone: '99' } })
    const reads = (id: string, mobile: string) => (source: { readonly in: string }) => [
      source.in === 'param' ? id : mobile,
    ]
    expect(checkOwnership(two, session, reads('7', '99'))).toBeUndefined()
    expect(checkOwnership(two, session, reads('7', '98'))?.denied).toBe('not-owner')
    expect(checkOwnership(two, session, reads('8', '99'))?.denied).toBe('not-owner')
  })

  test('a route that binds nothing asks for nothing', () => {
    expect(checkOwnership(policy(), aSession(), asks('7'))).toBeUndefined()
  })

  test('whoever owns some values owns any choice of them, and none with another added', () => {
    const values = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(values, fc.nat(), fc.string({ minLength: 6, maxLength: 8 }), (owned, seed, other) => {
        const session = aSession({ claims: { ids: owned } })
        const some = owned.filter((_value, index) => index === 0 || (seed >> index) & 1)
        expect(checkOwnership(bound, session, asks(...some))).toBeUndefined()
        expect(checkOwnership(bound, session, asks(...some, other))?.denied).toBe('not-owner')
      }),
      { numRuns: 300 },
    )
  })
})
