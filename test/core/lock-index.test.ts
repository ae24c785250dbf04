// The index finds every lock that covers a request, and the check stays quick with ten thousand of them.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { isIndexed } from '../../src/core/lock-index.ts'
import { compileTable, findLocks } from '../../src/core/lock-table.ts'
import { LOCK_MODES, type Lock, type LockTarget } from '../../src/core/lock.ts'
import { SCOPE_DIMENSIONS, type LockScope } from '../../src/core/scope.ts'
import { aLock, aRoute, NOON } from './fixtures.ts'

const { compile } = createAddresses()
const ROUTES = [
  aRoute('/a', { id: 'a', tags: ['pii'], methods: ['GET', 'POST'] }),
  aRoute('/b', { id: 'b', upstream: 'cms', methods: ['GET', 'POST'] }),
]
const person = (name: string, number: number): string => `k1.${name}${String(number).padStart(21, '0')}`
const VALUES: Readonly<Record<(typeof SCOPE_DIMENSIONS)[number], readonly string[]>> = {
  routes: ['a', 'b'],
  tags: ['pii'],
  methods: ['GET', 'POST'],
  upstreams: ['registry', 'cms'],
  principals: [0, 1].map((each) => person('p', each)),
  subjects: [0, 1, 2].map((each) => person('s', each)),
  sessions: [0, 1].map((each) => person('i', each)),
  clients: ['app', 'clinic'],
  cidrs: ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '192.0.2.0/24', '2001:db8::/32'],
  userAgents: ['app/1', 'bot*', '*', 'App*2'],
}
const some = (dimension: (typeof SCOPE_DIMENSIONS)[number]) =>
  fc.option(fc.subarray([...VALUES[dimension]], { minLength: 1 }), { nil: undefined, freq: 3 })
const scope: fc.Arbitrary<LockScope> = fc
  .record(Object.fromEntries(SCOPE_DIMENSIONS.map((dimension) => [dimension, some(dimension)])))
  .map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)))
  .map((fields) => (Object.keys(fields).length === 0 ? { all: true as const } : (fields as LockScope)))
const locks = fc
  .array(fc.tuple(scope, fc.constantFrom(...LOCK_MODES)), { maxLength: 40, size: 'max' })
  .map((list) => list.map(([each, mode], index): Lock => aLock({ id: `lock-${index}`, scope: each, mode })))
const target: fc.Arbitrary<LockTarget> = fc.record(
  {
    route: fc.constantFrom(...ROUTES),
    method: fc.constantFrom('GET', 'HEAD', 'POST'),
    address: fc.constantFrom('10.1.2.3', '10.1.9.9', '10.9.9.9', '192.0.2.1', '198.51.100.1', '2001:db8::1', 'unix'),
    userAgent: fc.constantFrom('app/1', 'App/2', 'botanist', ''),
    principal: fc.constantFrom(...VALUES.principals),
    session: fc.constantFrom(...VALUES.sessions),
    clients: fc.subarray(['app', 'clinic', 'other']),
    subjects: fc.subarray([...VALUES.subjects]),
  },
  { requiredKeys: ['route', 'method', 'address', 'userAgent', 'subjects'] },
)

describe('with the index', () => {
  test('every request is judged as if each lock had been asked, and by the same lock', () => {
    let covered = 0
    fc.assert(
      fc.property(locks, fc.array(target, { minLength: 5, maxLength: 20 }), (list, targets) => {
        const table = compileTable({ epoch: 1, locks: list, revocations: [] }, ROUTES, compile)
        const indexed = table.all.filter(({ lock }) => isIndexed(lock.scope))
        const linear = { ...table, index: { size: indexed.length, find: () => indexed } }
        for (const each of targets) {
          const found = findLocks(table, each, NOON)
          if (found !== undefined) covered++
          expect(found).toEqual(findLocks(linear, each, NOON))
        }
      }),
      { numRuns: 400 },
    )
    expect(covered).toBeGreaterThan(100)
  })

  test('a route of the config before is judged by every lock too', () => {
    const gone = aRoute('/gone', { id: 'gone', tags: ['pii'] })
    const [mine, others] = [person('i', 0), person('i', 1)]
    const list = [
      aLock({ id: 'by-tag', scope: { tags: ['pii'] }, mode: 'observe' }),
      aLock({ id: 'by-session', scope: { sessions: [mine], tags: ['pii'] } }),
      aLock({ id: 'elsewhere', scope: { sessions: [mine], routes: ['a'] } }),
    ]
    const table = compileTable({ epoch: 1, locks: list, revocations: [] }, ROUTES, compile)
    const ask = (session: string) =>
      findLocks(table, { route: gone, method: 'GET', address: '', userAgent: '', subjects: [], session }, NOON)
    expect([ask(mine)?.denying?.id, ask(mine)?.observing?.id]).toEqual(['by-session', 'by-tag'])
    expect(ask(others)?.denying).toBeUndefined()
  })

  test('names of agents are remembered, however many come, and judged alike the second time', () => {
    const list = [aLock({ scope: { userAgents: ['bot*'] } })]
    const table = compileTable({ epoch: 1, locks: list, revocations: [] }, ROUTES, compile)
    const ask = (userAgent: string) =>
      findLocks(table, { route: ROUTES[0] ?? aRoute('/'), method: 'GET', address: '', userAgent, subjects: [] }, NOON)
    for (let round = 0; round < 2; round++)
      for (let index = 0; index < 1500; index++) {
        expect(ask(`bot-${index}`)?.denying).toBeDefined()
        expect(ask(`app-${index}`)).toBeUndefined()
      }
    expect(ask(`bot${'x'.repeat(10_000)}`)?.denying).toBeDefined()
  })
})

test('a check of 10,000 active locks of mixed scope costs little more than one of 70', () => {
  const mixed = (index: number): LockScope => {
    const name = person('x', index)
    const all: readonly LockScope[] = [
      { sessions: [name] },
      { subjects: [name] },
      { principals: [name] },
      { clients: [`client-${index}`] },
      { cidrs: [`10.${(index >> 8) & 255}.${index & 255}.0/24`] },
      { routes: ['a'], subjects: [name] },
      { userAgents: [`bot-${index}/*`] },
    ]
    return all[index % all.length] ?? { all: true }
  }
  const tableOf = (count: number) => {
    const list = Array.from({ length: count }, (_, index) => aLock({ id: `lock-${index}`, scope: mixed(index) }))
    return compileTable({ epoch: 1, locks: list, revocations: [] }, ROUTES, compile)
  }
  const [few, many] = [tableOf(70), tableOf(10_000)]
  const ask: LockTarget = {
    route: ROUTES[0] ?? aRoute('/'),
    method: 'GET',
    address: '192.0.2.1',
    userAgent: 'app/1',
    principal: person('p', 1),
    session: person('i', 1),
    clients: ['app'],
    subjects: [person('s', 1)],
  }
  const batch = (table: typeof few): number => {
    const started = performance.now()
    for (let count = 0; count < 1000; count++)
      if (findLocks(table, ask, NOON) !== undefined) throw new Error('it is free')
    return performance.now() - started
  }
  // The best of many short batches in turn: what other work on this machine takes is in the others. How fast the machine is
  // stands in both; `npm run bench:freeze` holds the promise of 2 us.
  const best = { few: Infinity, many: Infinity }
  for (let round = 0; round < 60; round++) {
    best.few = Math.min(best.few, batch(few))
    best.many = Math.min(best.many, batch(many))
  }
  expect(best.many / best.few).toBeLessThan(3)
  for (const index of [0, 1, 2, 3, 4, 6])
    expect(findLocks(many, { ...ask, ...hit(mixed(index)) }, NOON)?.denying?.id).toBe(`lock-${index}`)
})

/** What a request would have to be for the scope to reach it. */
function hit({ sessions, subjects, principals, clients, cidrs, userAgents }: LockScope): Partial<LockTarget> {
  return {
    ...(sessions?.[0] === undefined ? {} : { session: sessions[0] }),
    ...(subjects === undefined ? {} : { subjects }),
    ...(principals?.[0] === undefined ? {} : { principal: principals[0] }),
    ...(clients === undefined ? {} : { clients }),
    ...(cidrs?.[0] === undefined ? {} : { address: cidrs[0].replace('.0/24', '.9') }),
    ...(userAgents?.[0] === undefined ? {} : { userAgent: userAgents[0].replace('*', '7') }),
  }
}
