// The lock table: the strictest lock in force for a request, and what the table says of itself.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LOCK_MODES, type Lock, type LockMode, type LockTarget } from '../../src/core/lock.ts'
import type { LockScope } from '../../src/core/scope.ts'
import {
  compileTable,
  countByMode,
  coveredRoutes,
  EMPTY_TABLE,
  findLocks,
  isFrozen,
  type LocksInForce,
  type LockTable,
} from '../../src/core/lock-table.ts'
import { aLock, aRoute, NOON, PEOPLE } from './fixtures.ts'

const ROUTES = [
  aRoute('/records/{id}', { id: 'record', tags: ['pii'] }),
  aRoute('/records', { id: 'list', methods: ['GET', 'POST'], tags: ['pii', 'slow'] }),
  aRoute('/news', { id: 'news', upstream: 'cms' }),
]
const [RECORD = aRoute('/'), LIST = aRoute('/')] = ROUTES

const compileCidrs = (cidrs: readonly string[]) => (address: string) => cidrs.includes(address)
const tableOf = (locks: readonly Lock[], epoch = 1): LockTable => ({ ...EMPTY_TABLE, epoch, locks })
const compiled = (...locks: readonly Lock[]) => compileTable(tableOf(locks), ROUTES, compileCidrs)

function target(fields: Partial<LockTarget> = {}): LockTarget {
  return { route: RECORD, method: 'GET', address: '10.1.2.3', userAgent: 'app/1', subjects: [], ...fields }
}

/** The kinds of locks in force, each with the id of its lock. */
function kinds(found: LocksInForce | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(found ?? {}).map(([kind, lock]) => [kind, (lock as Lock).id]))
}

describe('locks in force', () => {
  test('without a lock there is nothing to say', () => {
    expect(findLocks(compiled(), target(), NOON)).toBeUndefined()
    expect(findLocks(compiled(aLock({ scope: { routes: ['news'] } })), target(), NOON)).toBeUndefined()
  })

  test.each([
    ['deny', 'GET', 'denying'],
    ['deny', 'POST', 'denying'],
    ['read-only', 'GET', undefined],
    ['read-only', 'POST', 'denying'],
    ['step-up', 'GET', 'stepUp'],
    ['step-up', 'POST', 'stepUp'],
    ['throttle', 'GET', 'throttling'],
    ['observe', 'POST', 'observing'],
  ] as const)('%s with %s is %s', (mode, method, kind) => {
    const found = findLocks(compiled(aLock({ mode })), target({ route: LIST, method }), NOON)
    expect(kinds(found)).toEqual(kind === undefined ? {} : { [kind]: 'lock-1' })
  })

  test('a lock that has opened by itself is not in force, one that turned read-only lets reads pass', () => {
    const until = NOON
    const locks = compiled(
      aLock({ id: 'opens', until, onExpiry: 'open' }),
      aLock({ id: 'turns', until, onExpiry: 'read-only' }),
    )
    expect(kinds(findLocks(locks, target(), NOON - 1))).toEqual({ denying: 'opens' })
    expect(kinds(findLocks(locks, target({ route: LIST, method: 'POST' }), NOON))).toEqual({ denying: 'turns' })
    expect(findLocks(locks, target(), NOON)).toBeUndefined()
  })

  test('locks of different kinds stand side by side', () => {
    const locks = LOCK_MODES.map((mode) => aLock({ id: mode, mode }))
    expect(kinds(findLocks(compiled(...locks), target({ route: LIST, method: 'POST' }), NOON))).toEqual({
      denying: 'deny',
      stepUp: 'step-up',
      throttling: 'throttle',
      observing: 'observe',
    })
  })

  test('a deny answers before a read-only lock, and the older deny before the newer', () => {
    const reading = aLock({ id: 'read-only', mode: 'read-only' })
    const [one, two] = [aLock({ id: 'one' }), aLock({ id: 'two', since: NOON })]
    const asked = target({ route: LIST, method: 'POST' })
    expect(kinds(findLocks(compiled(reading, one, two), asked, NOON))).toEqual({ denying: 'one' })
  })

  test('of two step-up locks the newer one counts: the OTP must be newer than both', () => {
    const older = aLock({ id: 'older', mode: 'step-up', since: NOON - 9_000 })
    const newer = aLock({ id: 'newer', mode: 'step-up', since: NOON - 1_000 })
    expect(findLocks(compiled(older, newer), target(), NOON)?.stepUp?.since).toBe(newer.since)
    expect(findLocks(compiled(newer, older), target(), NOON)?.stepUp?.since).toBe(newer.since)
  })

  test('of two throttle locks the smaller burst and the slower rate count', () => {
    const bursty = aLock({ id: 'bursty', mode: 'throttle', limit: { count: 60, periodMs: 3_600_000 } })
    const quick = aLock({ id: 'quick', mode: 'throttle', limit: { count: 6, periodMs: 60_000 } })
    for (const locks of [compiled(bursty, quick), compiled(quick, bursty)]) {
      expect(findLocks(locks, target(), NOON)?.throttling?.limit).toEqual({ count: 6, periodMs: 360_000 })
    }
  })

  test('a request that outlives a reload is judged by every lock that covers its route', () => {
    const old = aRoute('/records/{id}', { id: 'record', tags: ['pii'] })
    expect(kinds(findLocks(compiled(aLock({ scope: { tags: ['pii'] } })), target({ route: old }), NOON))).toEqual({
      denying: 'lock-1',
    })
    expect(findLocks(compiled(aLock({ scope: { tags: ['slow'] } })), target({ route: old }), NOON)).toBeUndefined()
  })

  test('networks are compiled once, from the scope of their own lock', () => {
    const locks = compiled(
      aLock({ id: 'a', scope: { cidrs: ['10.1.2.3'] } }),
      aLock({ id: 'b', scope: { cidrs: ['10.9.9.9'] } }),
    )
    expect(kinds(findLocks(locks, target(), NOON))).toEqual({ denying: 'a' })
    expect(kinds(findLocks(locks, target({ address: '10.9.9.9' }), NOON))).toEqual({ denying: 'b' })
    expect(findLocks(locks, target({ address: '10.0.0.1' }), NOON)).toBeUndefined()
  })
})

const list = (...values: readonly string[]) => fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined })
const scope: fc.Arbitrary<LockScope> = fc.oneof(
  fc.constant<LockScope>({ all: true }),
  fc
    .record({
      routes: list('record', 'list', 'news'),
      tags: list('pii', 'slow'),
      methods: list('GET', 'HEAD', 'POST'),
      upstreams: list('registry', 'cms'),
      subjects: list(...PEOPLE),
      sessions: list(...PEOPLE),
      cidrs: list('10.1.2.3', '10.9.9.9'),
      userAgents: list('app/*', 'curl/*'),
    })
    .map((named) => JSON.parse(JSON.stringify(named)) as LockScope),
)
const lock: fc.Arbitrary<Lock> = fc
  .record({
    id: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 3, maxLength: 6 }),
    scope,
    mode: fc.constantFrom(...LOCK_MODES),
    since: fc.integer({ min: NOON - 100_000, max: NOON }),
    until: fc.option(fc.integer({ min: NOON - 50_000, max: NOON + 50_000 }), { nil: undefined }),
    onExpiry: fc.constantFrom('stay', 'read-only', 'open'),
    limit: fc.record({ count: fc.integer({ min: 1, max: 60 }), periodMs: fc.integer({ min: 1_000, max: 3_600_000 }) }),
  })
  .map(({ until, limit, ...fields }) =>
    aLock({ ...fields, ...(until === undefined ? {} : { until }), ...(fields.mode === 'throttle' ? { limit } : {}) }),
  )
const asked: fc.Arbitrary<LockTarget> = fc
  .record({
    route: fc.constantFrom(...ROUTES),
    method: fc.constantFrom('GET', 'HEAD', 'POST'),
    address: fc.constantFrom('10.1.2.3', '10.9.9.9', '10.0.0.1'),
    userAgent: fc.constantFrom('app/1', 'curl/8', ''),
    session: fc.constantFrom(...PEOPLE),
    subjects: fc.subarray([...PEOPLE]),
  })
  .map((fields) => fields)

/** What a request may do, as numbers that only fall when locks are added. */
function freedom(found: LocksInForce | undefined): Readonly<Record<string, number>> {
  const limit = found?.throttling?.limit
  return {
    passes: found?.denying === undefined ? 1 : 0,
    otpAgeMs: NOON - (found?.stepUp?.since ?? -Infinity),
    burst: limit?.count ?? Infinity,
    perMs: limit === undefined ? Infinity : limit.count / limit.periodMs,
  }
}

describe('properties', () => {
  test('adding a lock anywhere never lets a request do more', () => {
    fc.assert(
      fc.property(fc.array(lock, { maxLength: 6 }), lock, fc.nat(6), asked, (locks, added, at, request) => {
        const before = freedom(findLocks(compiled(...locks), request, NOON))
        const after = freedom(findLocks(compiled(...locks.toSpliced(at, 0, added)), request, NOON))
        for (const [name, value] of Object.entries(after))
          expect(value).toBeLessThanOrEqual((before[name] ?? 0) * (1 + 1e-9))
      }),
      { numRuns: 1_500 },
    )
  })

  test('a route is covered where, and only where, a lock is found for it', () => {
    fc.assert(
      fc.property(lock, asked, (each, request) => {
        const denies = { ...each, mode: 'deny' as LockMode, onExpiry: 'stay' as const }
        const covered = coveredRoutes(denies, ROUTES)
        if (findLocks(compiled(denies), request, NOON) !== undefined) expect(covered).toContain(request.route.id)
        // Of a scope that names no person, network or agent, every covered route has a request that is refused.
        const { routes, tags, upstreams, methods, all } = denies.scope
        const still = JSON.parse(JSON.stringify({ all, routes, tags, upstreams, methods })) as LockScope
        if (Object.keys(still).length !== Object.keys(denies.scope).length) return
        for (const route of ROUTES) {
          const refused = [...route.methods, 'HEAD'].some(
            (method) => findLocks(compiled(denies), target({ route, method }), NOON) !== undefined,
          )
          expect(covered.includes(route.id)).toBe(refused)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('the answer is the same for a route of the config and for its copy of before a reload', () => {
    fc.assert(
      fc.property(fc.array(lock, { maxLength: 5 }), asked, (locks, request) => {
        const table = compiled(...locks)
        expect(findLocks(table, { ...request, route: { ...request.route } }, NOON)).toEqual(
          findLocks(table, request, NOON),
        )
      }),
      { numRuns: 300 },
    )
  })
})

describe('what the table says of itself', () => {
  test('the covered routes come in the order of the config', () => {
    expect(coveredRoutes({ scope: { tags: ['pii'] } }, ROUTES)).toEqual(['record', 'list'])
    expect(coveredRoutes({ scope: { all: true } }, ROUTES)).toEqual(['record', 'list', 'news'])
    expect(coveredRoutes({ scope: { routes: ['gone'] } }, ROUTES)).toEqual([])
    expect(coveredRoutes({ scope: { subjects: [PEOPLE[0]] } }, ROUTES)).toEqual(['record', 'list', 'news'])
  })

  test.each([
    ['an all-scope deny', aLock(), true],
    ['an all-scope deny by file', aLock({ source: 'file' }), true],
    ['an all-scope read-only', aLock({ mode: 'read-only' }), false],
    ['a deny of every route by name', aLock({ scope: { routes: ['record', 'list', 'news'] } }), false],
    ['an all-scope deny that has opened', aLock({ until: NOON, onExpiry: 'open' }), false],
    ['an all-scope deny that has turned read-only', aLock({ until: NOON, onExpiry: 'read-only' }), false],
    ['an all-scope deny past its time that stays', aLock({ until: NOON, onExpiry: 'stay' }), true],
  ])('%s: frozen is %s', (_name, each, expected) => {
    expect(isFrozen(tableOf([aLock({ id: 'x', scope: { routes: ['news'] } }), each]), NOON)).toBe(expected)
    expect(isFrozen(EMPTY_TABLE, NOON)).toBe(false)
  })

  test('locks are counted by the mode that they have now', () => {
    const locks = [
      aLock(),
      aLock({ until: NOON, onExpiry: 'read-only' }),
      aLock({ until: NOON, onExpiry: 'open' }),
      aLock({ mode: 'observe' }),
    ]
    expect(countByMode(tableOf(locks), NOON)).toEqual({
      deny: 1,
      'read-only': 1,
      'step-up': 0,
      throttle: 0,
      observe: 1,
    })
  })

  test('a compiled table keeps the epoch and survives structured clone', () => {
    const table = structuredClone(tableOf([aLock()], 42))
    expect(compileTable(table, ROUTES, compileCidrs).epoch).toBe(42)
    expect(kinds(findLocks(compileTable(table, ROUTES, compileCidrs), target(), NOON))).toEqual({ denying: 'lock-1' })
  })
})
