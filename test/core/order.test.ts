// A signed order's payload becomes a statement, or every problem that it has.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Statement } from '../../src/core/order.ts'
import { parseStatement } from '../../src/core/parse-statement.ts'
import { NOON, PEOPLE } from './fixtures.ts'

const LOCK = { kind: 'lock', scope: { all: true }, reason: 'leak suspected', incident: 'INC-7' }
const RELEASE = { kind: 'release', locks: ['lock-1'], reason: 'the leak is closed' }
const APPROVE = { kind: 'approve', release: 'release-1' }
const REVOKE = { kind: 'revoke', before: '2026-11-24T12:00:00Z', reason: 'codes leaked', incident: 'INC-7' }

const payload = (order: unknown, fields: Readonly<Record<string, unknown>> = {}) => ({
  iss: 'night-desk',
  iat: NOON / 1000,
  jti: 'order-1',
  order,
  ...fields,
})
/** As it comes out of a JWS. */
const fromJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function statement(value: unknown): Statement {
  const parsed = parseStatement(fromJson(value))
  if ('problems' in parsed) throw new Error(parsed.problems.join('; '))
  return parsed
}

function problems(value: unknown): readonly string[] {
  const parsed = parseStatement(fromJson(value))
  return 'problems' in parsed ? parsed.problems : []
}

describe('orders that are taken', () => {
  test('a lock, with what it does not say filled in', () => {
    expect(statement(payload(LOCK))).toEqual({
      iss: 'night-desk',
      iat: NOON / 1000,
      jti: 'order-1',
      order: { ...LOCK, mode: 'deny', onExpiry: 'stay', status: 503, message: {} },
    })
  })

  test('a lock that says everything', () => {
    const scope = {
      routes: ['a'],
      tags: ['b'],
      methods: ['get', 'QUERY'],
      upstreams: ['c'],
      principals: [PEOPLE[0]],
      subjects: [PEOPLE[1]],
      sessions: [PEOPLE[2]],
      clients: ['app', 'https://otp.example.in#app'],
      cidrs: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'],
      userAgents: ['python-requests/*'],
    }
    const order = {
      ...LOCK,
      scope,
      mode: 'throttle',
      ttl: '2h',
      onExpiry: 'open',
      status: 451,
      message: { en: 'Later.', 'HI-in': '' },
      limit: '5/10s',
    }
    expect(statement(payload(order, { exp: NOON / 1000 + 60 }))).toMatchObject({
      exp: NOON / 1000 + 60,
      order: {
        scope: { ...scope, methods: ['GET', 'QUERY'] },
        mode: 'throttle',
        ttlMs: 7_200_000,
        onExpiry: 'open',
        status: 451,
        message: { en: 'Later.', 'hi-in': '' },
        limit: { count: 5, periodMs: 10_000 },
      },
    })
  })

  test('a throttle lock without a limit lets six requests a minute pass', () => {
    expect(statement(payload({ ...LOCK, mode: 'throttle' })).order).toMatchObject({
      limit: { count: 6, periodMs: 60_000 },
    })
  })

  test('a release, an approval and revocations', () => {
    expect(statement(payload({ ...RELEASE, epoch: 0 })).order).toEqual({ ...RELEASE, epoch: 0 })
    expect(statement(payload({ ...APPROVE, epoch: 7 })).order).toEqual({ ...APPROVE, epoch: 7 })
    expect(statement(payload(REVOKE)).order).toEqual({ ...REVOKE, before: NOON })
    const { before: _gone, ...rest } = REVOKE
    for (const narrow of [{ subject: PEOPLE[0] }, { session: PEOPLE[1] }, { client: 'app' }]) {
      expect(statement(payload({ ...rest, ...narrow })).order).toEqual({ ...rest, ...narrow })
    }
  })

  test('claims beside those of an order are let be', () => {
    expect(statement(payload(LOCK, { sub: 'x', nbf: 1 }))).not.toHaveProperty('sub')
    expect(statement(payload(LOCK, { aud: 'cowin-prod' }))).toHaveProperty('aud', ['cowin-prod'])
    expect(statement(payload(LOCK, { aud: ['a', 'b'] }))).toHaveProperty('aud', ['a', 'b'])
  })
})

describe('statements that are refused', () => {
  test.each([
    ['text', 'lock everything'],
    ['null', null],
    ['a list', []],
    ['a number', 7],
  ])('a payload that is %s', (_name, value) => {
    expect(problems(value)).toEqual(['the payload must be a JSON object'])
  })

  test.each([
    ['no iss', { iss: undefined }, 'iss is required'],
    ['an empty iss', { iss: ' ' }, 'iss is required'],
    ['an iss that is a number', { iss: 7 }, 'iss is required'],
    ['an iss without end', { iss: 'x'.repeat(1_001) }, 'iss is required'],
    ['no jti', { jti: undefined }, 'jti is required'],
    ['no iat', { iat: undefined }, 'iat is required'],
    ['an iat that is text', { iat: '1795521600' }, 'iat must be a time in seconds'],
    ['an iat of null', { iat: null }, 'iat must be a time in seconds'],
    ['an iat below zero', { iat: -1 }, 'iat must be a time in seconds'],
    ['an iat in milliseconds', { iat: NOON }, 'iat must be a time in seconds'],
    ['an exp that is text', { exp: 'never' }, 'exp must be a time in seconds'],
    ['no order', { order: undefined }, 'order is required'],
    ['an order that is text', { order: 'lock' }, 'order is required'],
    ['an order that is a list', { order: [LOCK] }, 'order is required'],
    ['no kind', { order: {} }, 'order.kind must be one of lock, release, approve, revoke'],
    ['a mistyped kind', { order: { kind: 'relaese' } }, 'did you mean "release"?'],
    ['a kind of a prototype', { order: { kind: 'constructor' } }, 'order.kind must be one of'],
    ['a kind that is a list', { order: { kind: ['lock'] } }, 'order.kind must be one of'],
  ])('%s', (_name, fields, expected) => {
    expect(problems(payload(LOCK, fields)).join('; ')).toContain(expected)
  })

  test('every problem is named at once', () => {
    expect(problems({ order: { kind: 'lock' } })).toHaveLength(6)
  })
})

describe('lock orders that are refused', () => {
  test.each([
    ['no reason', { reason: undefined }, 'order.reason is required'],
    ['a blank reason', { reason: ' \n' }, 'order.reason is required'],
    ['a reason without end', { reason: 'x'.repeat(1_001) }, 'order.reason is required'],
    ['no incident', { incident: undefined }, 'order.incident is required'],
    ['an unknown mode', { mode: 'denny' }, 'order.mode must be one of'],
    ['a mode of null', { mode: null }, 'order.mode must be one of'],
    ['an unknown key', { resaon: 'x' }, 'order.resaon is not known here, did you mean "reason"?'],
    ['an epoch, for which a lock is never refused', { epoch: 7 }, 'order.epoch is not known here'],
    ['a time of zero', { ttl: '0s' }, 'order.ttl must be a duration'],
    ['a time in words', { ttl: 'two hours' }, 'order.ttl must be a duration'],
    ['a time that is a number', { ttl: 7200 }, 'order.ttl must be a duration'],
    ['an unknown onExpiry', { onExpiry: 'deny' }, 'order.onExpiry must be'],
    ['a status that would let it look well', { status: 200 }, 'order.status must be one of 503, 423, 451, 403'],
    ['a status that is text', { status: '503' }, 'order.status must be one of'],
    ['a message that is text', { message: 'Later.' }, 'order.message must be texts by language tag'],
    ['a message in no language', { message: { '': 'Later.' } }, 'order.message must be texts'],
    ['a message that is a number', { message: { en: 7 } }, 'order.message must be texts'],
    ['a message without end', { message: { en: 'x'.repeat(1_001) } }, 'order.message must be texts'],
    ['a limit on a deny', { limit: '6/m' }, 'order.limit goes with mode throttle alone'],
    ['a limit of nothing', { mode: 'throttle', limit: '0/m' }, 'order.limit must be a rate'],
    ['no scope', { scope: undefined }, 'order.scope is required'],
    ['a scope that is text', { scope: 'all' }, 'order.scope is required'],
    ['a scope that is a list', { scope: [{ all: true }] }, 'order.scope is required'],
    ['an empty scope', { scope: {} }, 'order.scope is empty'],
    ['all that is not true', { scope: { all: false } }, 'order.scope has an all that is not true'],
    ['all that is text', { scope: { all: 'true' } }, 'order.scope has an all that is not true'],
    ['all beside another key', { scope: { all: true, routes: ['a'] } }, 'order.scope has all beside another key'],
    [
      'an unknown dimension',
      { scope: { route: ['a'] } },
      'order.scope.route is not a dimension, did you mean "routes"?',
    ],
    [
      'an unknown dimension beside a known',
      { scope: { routes: ['a'], tag: ['b'] } },
      'order.scope.tag is not a dimension',
    ],
    ['an empty list', { scope: { routes: [] } }, 'order.scope.routes must be a list of at least one text'],
    ['an empty list beside another', { scope: { routes: ['a'], tags: [] } }, 'order.scope.tags must be a list'],
    ['a list of null', { scope: { routes: null } }, 'order.scope.routes must be a list'],
    ['a text for a list', { scope: { tags: 'pii' } }, 'order.scope.tags must be a list'],
    ['a list with an empty text', { scope: { tags: ['pii', ''] } }, 'order.scope.tags must be a list'],
    ['a list with a number', { scope: { tags: ['pii', 7] } }, 'order.scope.tags must be a list'],
    [
      'a list without end',
      { scope: { tags: Array.from({ length: 10_001 }, () => 'x') } },
      'order.scope.tags must be a list',
    ],
    ['a person by name', { scope: { subjects: ['9999 8888 7777'] } }, 'order.scope.subjects must each be a pseudonym'],
    [
      'a caller by number',
      { scope: { principals: [PEOPLE[0], '+919876543210'] } },
      'order.scope.principals must each be a pseudonym',
    ],
    ['a session by its id', { scope: { sessions: ['sid-1'] } }, 'order.scope.sessions must each be a pseudonym'],
    [
      'a network that is none',
      { scope: { cidrs: ['10.0.0.0/8', 'banana'] } },
      'order.scope.cidrs must each be a network',
    ],
    [
      'a method that is none',
      { scope: { methods: ['GETT'] } },
      'order.scope.methods has "GETT", which is no method, did you mean "GET"?',
    ],
  ])('%s', (_name, fields, expected) => {
    expect(problems(payload({ ...LOCK, ...fields })).join('; ')).toContain(expected)
  })

  test('a scope with the key of a prototype', () => {
    const value: unknown = JSON.parse(
      `{"iss":"a","iat":1,"jti":"b","order":{"kind":"lock","reason":"r","incident":"i","scope":{"__proto__":["a"]}}}`,
    )
    expect(parseStatement(value)).toEqual({ problems: ['order.scope.__proto__ is not a dimension'] })
  })

  test('no problem repeats the identifier of a person', () => {
    const scope = { subjects: ['9999 8888 7777'], sessions: ['sid-secret'], principals: ['+919876543210'] }
    expect(problems(payload({ ...LOCK, scope })).join('; ')).not.toMatch(/9999|sid-secret|9876/)
    expect(problems(payload({ ...REVOKE, subject: '9999 8888 7777', session: 'sid-secret' })).join('; ')).not.toMatch(
      /9999|sid-secret/,
    )
  })
})

describe('other orders that are refused', () => {
  test.each([
    ['a release of nothing', { ...RELEASE, locks: [] }, 'order.locks is required'],
    ['a release of everything', { ...RELEASE, locks: 'all' }, 'order.locks is required'],
    ['a release without a list', { ...RELEASE, locks: undefined }, 'order.locks is required'],
    ['a release without a reason', { ...RELEASE, reason: '' }, 'order.reason is required'],
    ['a release with an epoch below zero', { ...RELEASE, epoch: -1 }, 'order.epoch must be a whole number'],
    ['a release with a broken epoch', { ...RELEASE, epoch: 1.5 }, 'order.epoch must be a whole number'],
    ['a release with an epoch of null', { ...RELEASE, epoch: null }, 'order.epoch must be a whole number'],
    ['a release with a scope', { ...RELEASE, scope: { all: true } }, 'order.scope is not known here'],
    ['an approval of nothing', { kind: 'approve' }, 'order.release is required'],
    ['an approval of a list', { ...APPROVE, release: ['release-1'] }, 'order.release is required'],
    ['an approval with locks', { ...APPROVE, locks: ['lock-1'] }, 'order.locks is not known here'],
    ['a revocation of nothing', { kind: 'revoke', reason: 'r', incident: 'i' }, 'order.before is required'],
    ['a revocation without a reason', { ...REVOKE, reason: undefined }, 'order.reason is required'],
    ['a revocation without an incident', { ...REVOKE, incident: undefined }, 'order.incident is required'],
    [
      'a revocation before a day that is none',
      { ...REVOKE, before: '2026-02-30T00:00:00Z' },
      'order.before must be an RFC 3339 time',
    ],
    ['a revocation before a number', { ...REVOKE, before: NOON }, 'order.before must be an RFC 3339 time'],
    [
      'a revocation of a person by number',
      { ...REVOKE, subject: '+919876543210' },
      'order.subject must be a pseudonym',
    ],
    ['a revocation of a session by id', { ...REVOKE, session: 'sid-1' }, 'order.session must be a pseudonym'],
    ['a revocation of an empty client', { ...REVOKE, client: '' }, 'order.client must be a client id'],
    [
      'a revocation with a bad person does not become one of everybody',
      { ...REVOKE, subject: null },
      'order.subject must be a pseudonym',
    ],
  ])('%s', (_name, order, expected) => {
    expect(problems(payload(order)).join('; ')).toContain(expected)
  })
})

describe('any JSON at all', () => {
  test('is a statement or has problems, and never more than it should', () => {
    const near = fc.oneof(
      fc.json().map((text) => JSON.parse(text) as unknown),
      fc
        .record({
          iss: fc.constantFrom('a', '', 7),
          iat: fc.constantFrom(NOON / 1000, null, 'x'),
          jti: fc.constantFrom('a', {}),
          order: fc.dictionary(
            fc.constantFrom('kind', 'scope', 'reason', 'incident', 'locks', 'mode', 'before', 'x'),
            fc.jsonValue(),
          ),
        })
        .chain((value) =>
          fc
            .constantFrom('lock', 'release', 'approve', 'revoke')
            .map((kind) => ({ ...value, order: { ...value.order, kind } })),
        ),
    )
    fc.assert(
      fc.property(near, (value) => {
        const parsed = parseStatement(value)
        if ('problems' in parsed) expect(parsed.problems.length).toBeGreaterThan(0)
        else expect(Object.keys(parsed).toSorted()).toEqual(['iat', 'iss', 'jti', 'order'])
      }),
      { numRuns: 500 },
    )
  })
})
