// A lock: its mode over time, the requests that it covers, and the agents that it names.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  coversRequest,
  coversRoute,
  LOCK_MODES,
  matchesAgent,
  modeAt,
  refuses,
  type LockMode,
  type LockTarget,
} from '../../src/core/lock.ts'
import { isSafeMethod } from '../../src/core/policy.ts'
import { SCOPE_DIMENSIONS, type LockScope } from '../../src/core/scope.ts'
import { aLock, aRoute, NOON, PEOPLE } from './fixtures.ts'

const RECORD = aRoute('/records/{recordId}', { id: 'record', tags: ['pii', 'slow'], methods: ['GET', 'PUT'] })
const TARGET: LockTarget = {
  route: RECORD,
  method: 'GET',
  address: '10.1.2.3',
  userAgent: 'python-requests/2.31',
  principal: PEOPLE[0],
  session: PEOPLE[1],
  clients: ['app', 'https://otp.example.in#app'],
  subjects: [PEOPLE[2], PEOPLE[0]],
}
const inTen = (address: string) => address.startsWith('10.')

/** Inside by the route and by the request, as the table judges it. */
function covers(scope: LockScope, target: LockTarget = TARGET): boolean {
  return coversRoute(scope, target.route) && coversRequest(scope, target, inTen)
}

/** For each dimension a list that the request is in, and one that it is not in. */
const DIMENSIONS: Readonly<
  Record<(typeof SCOPE_DIMENSIONS)[number], { readonly inside: string; readonly outside: string }>
> = {
  routes: { inside: 'record', outside: 'list' },
  tags: { inside: 'slow', outside: 'public' },
  methods: { inside: 'GET', outside: 'POST' },
  upstreams: { inside: 'registry', outside: 'archive' },
  principals: { inside: PEOPLE[0], outside: PEOPLE[2] },
  subjects: { inside: PEOPLE[2], outside: PEOPLE[1] },
  sessions: { inside: PEOPLE[1], outside: PEOPLE[0] },
  clients: { inside: 'https://otp.example.in#app', outside: 'other' },
  cidrs: { inside: '10.0.0.0/8', outside: '10.0.0.0/8' },
  userAgents: { inside: 'python-requests/*', outside: 'curl/*' },
}

describe('the scope of a lock', () => {
  test('all covers every request', () => {
    expect(covers({ all: true })).toBe(true)
    expect(covers({ all: true }, { ...TARGET, address: '192.0.2.1', method: 'DELETE', subjects: [] })).toBe(true)
  })

  test.each(SCOPE_DIMENSIONS)('%s covers what it names, also among others, and nothing else', (dimension) => {
    const { inside, outside } = DIMENSIONS[dimension]
    const elsewhere = dimension === 'cidrs' ? { ...TARGET, address: '192.0.2.1' } : TARGET
    expect(covers({ [dimension]: [inside] })).toBe(true)
    expect(covers({ [dimension]: [outside, inside] })).toBe(true)
    expect(covers({ [dimension]: [outside] }, elsewhere)).toBe(false)
  })

  test('a request is inside when every named dimension matches', () => {
    const dimension = fc.constantFrom(...SCOPE_DIMENSIONS.filter((each) => each !== 'cidrs'))
    fc.assert(
      fc.property(fc.uniqueArray(dimension, { minLength: 1 }), fc.subarray([...SCOPE_DIMENSIONS]), (named, missed) => {
        const scope = Object.fromEntries(
          named.map((each) => [each, [missed.includes(each) ? DIMENSIONS[each].outside : DIMENSIONS[each].inside]]),
        )
        expect(covers(scope)).toBe(!named.some((each) => missed.includes(each)))
      }),
      { numRuns: 500 },
    )
  })

  test.each(['principals', 'sessions', 'clients', 'subjects'] as const)(
    '%s covers no request of which nobody is known',
    (dimension) => {
      const anonymous: LockTarget = { route: RECORD, method: 'GET', address: '10.1.2.3', userAgent: '', subjects: [] }
      expect(covers({ [dimension]: [DIMENSIONS[dimension].inside] }, anonymous)).toBe(false)
    },
  )

  test.each([
    ['a lock on GET covers HEAD', ['GET'], 'HEAD', true],
    ['a lock on HEAD does not cover GET', ['HEAD'], 'GET', false],
    ['a lock on HEAD covers HEAD', ['HEAD'], 'HEAD', true],
    ['a lock on PUT does not cover HEAD', ['PUT'], 'HEAD', false],
  ])('%s', (_name, methods, method, expected) => {
    expect(covers({ methods }, { ...TARGET, method })).toBe(expected)
  })

  test.each([
    ['GET', ['GET'], ['GET'], true],
    ['HEAD of a route that takes GET', ['HEAD'], ['GET'], true],
    ['GET on a route of HEAD alone', ['GET'], ['HEAD'], true],
    ['POST on a route of GET', ['POST'], ['GET'], false],
    ['HEAD on a route of POST', ['HEAD'], ['POST'], false],
  ])('whether the route is covered by methods: %s', (_name, methods, allowed, expected) => {
    expect(coversRoute({ methods }, aRoute('/x', { methods: allowed }))).toBe(expected)
  })

  test('a route is covered where some request to it would be', () => {
    const list = (values: readonly string[]) =>
      fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined })
    fc.assert(
      fc.property(
        fc.record({
          routes: list(['record', 'x']),
          tags: list(['pii', 'x']),
          upstreams: list(['registry', 'x']),
          methods: list(['GET', 'HEAD', 'PUT']),
        }),
        fc.subarray(['GET', 'HEAD', 'PUT', 'POST'], { minLength: 1 }),
        (named, methods) => {
          const scope = JSON.parse(JSON.stringify(named)) as LockScope
          const route = { ...RECORD, methods }
          const asked = methods.includes('GET') ? [...methods, 'HEAD'] : methods
          const some = asked.some(
            (method) => coversRoute(scope, route) && coversRequest(scope, { ...TARGET, route, method }, inTen),
          )
          expect(coversRoute(scope, route)).toBe(some)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('the mode of a lock over time', () => {
  const until = NOON
  const cases = LOCK_MODES.flatMap((mode) =>
    (['stay', 'read-only', 'open'] as const).map(
      (onExpiry): readonly [LockMode, 'stay' | 'read-only' | 'open', LockMode | undefined] => [
        mode,
        onExpiry,
        onExpiry === 'open' ? undefined : onExpiry === 'read-only' && mode === 'deny' ? 'read-only' : mode,
      ],
    ),
  )
  test.each(cases)('%s with onExpiry %s is %s after its time', (mode, onExpiry, after) => {
    const lock = aLock({ mode, onExpiry, until })
    expect(modeAt(lock, until - 1)).toBe(mode)
    expect(modeAt(lock, until)).toBe(after)
    expect(modeAt(lock, until + 1e12)).toBe(after)
    const { until: _gone, ...forever } = lock
    expect(modeAt(forever, until + 1e12)).toBe(mode)
  })

  test.each([
    ['deny', 'GET', true],
    ['deny', 'POST', true],
    ['read-only', 'GET', false],
    ['read-only', 'HEAD', false],
    ['read-only', 'OPTIONS', false],
    ['read-only', 'POST', true],
    ['read-only', 'PUT', true],
    ['read-only', 'PATCH', true],
    ['read-only', 'DELETE', true],
    ['read-only', 'QUERY', true],
    ['read-only', 'PURGE', true],
    ['read-only', 'get', true],
    ['step-up', 'POST', false],
    ['throttle', 'POST', false],
    ['observe', 'POST', false],
  ] as const)('%s refuses %s outright: %s', (mode, method, expected) => {
    expect(refuses(mode, { method })).toBe(expected)
  })

  test('a tunnel is safe by no method: it may carry anything', () => {
    expect(['GET', 'HEAD'].map((method) => refuses('read-only', { method, isTunnel: true }))).toEqual([true, true])
    expect(refuses('step-up', { method: 'GET', isTunnel: true })).toBe(false)
  })

  test('the safe methods are those of RFC 9110', () => {
    expect(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST', 'constructor', ''].filter(isSafeMethod)).toEqual([
      'GET',
      'HEAD',
      'OPTIONS',
      'TRACE',
    ])
  })
})

describe('user agents', () => {
  test.each([
    ['itself', 'curl/8.0', 'curl/8.0', true],
    ['another', 'curl/8.0', 'curl/8.1', false],
    ['longer', 'curl/8.0', 'curl/8.0 x', false],
    ['in other case', 'Curl/*', 'cURL/8', true],
    ['a start', 'curl/*', 'curl/', true],
    ['an end', '*bot', 'my-bot', true],
    ['an end that is not there', '*bot', 'my-bot/1', false],
    ['the middle', '*bot*', 'a bot b', true],
    ['parts in order', 'a*b*c', 'axxbyyc', true],
    ['parts out of order', 'a*b*c', 'axxcyyb', false],
    ['a part that the end has used up', 'a*bc*c', 'abc', false],
    ['a start and an end that overlap', 'ab*ba', 'aba', false],
    ['anything', '*', '', true],
    ['anything twice', '**', 'x', true],
    ['nothing', '', '', true],
    ['nothing but something came', '', 'x', false],
    ['signs of regular expressions', 'a.c(*', 'abc(', false],
    ['a question mark as itself', 'a?c', 'abc', false],
  ])('%s', (_name, pattern, agent, expected) => {
    expect(matchesAgent(pattern, agent)).toBe(expected)
  })

  test('a pattern matches what the regular expression of the same meaning matches', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', 'A'), maxLength: 10 })
    fc.assert(
      fc.property(text, text, (pattern, agent) => {
        const parts = pattern.split('*').map((part) => part.replaceAll(/[^a-z]/gi, '\\$&'))
        expect(matchesAgent(pattern, agent)).toBe(new RegExp(`^${parts.join('.*')}$`, 'is').test(agent))
      }),
      { numRuns: 1_500 },
    )
  })

  test('no pattern stalls the worker', () => {
    const started = performance.now()
    for (const pattern of ['*a'.repeat(500), `${'a*'.repeat(499)}b`, `*${'a'.repeat(900)}b*`])
      matchesAgent(pattern, 'a'.repeat(16_000))
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})
