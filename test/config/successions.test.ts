import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { findSuccessions } from '../../src/config/successions.ts'
import { shapeOf } from '../../src/config/check-routes.ts'
import { compileRoutes, isWrongMethod, matchRoute, type Route, type RouteTable } from '../../src/core/route.ts'

const policy = {
  lock: 'open',
  session: { level: 'none', bind: [] },
  stale: 'frozen',
  audit: 'off',
  throttle: {},
  subjects: [],
  forwardAuthorization: false,
} as const

const segment = fc.constantFrom('a', 'b', 'x1', '{p}')
const path = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.constantFrom('', '/', '/{rest*}'))
  .map(([segments, end]) => segments.map((each, index) => `/${each === '{p}' ? `{p${index}}` : each}`).join('') + end)
  .map((text) => (text === '' ? '/' : text))
const methods = fc.constantFrom(['GET'], ['POST'], ['GET', 'POST'], ['HEAD'])
const lenience = fc.constantFrom({}, {}, { trailingSlash: 'either' } as const)
const table = fc
  .uniqueArray(fc.tuple(path, methods, lenience), {
    maxLength: 6,
    selector: ([each]) => shapeOf(each)?.toLowerCase().replace(/\/$/, ''),
  })
  .map((routes) =>
    routes.map(([each, taken, more], index): Route => ({
      id: `r${index}`,
      path: each,
      methods: taken,
      upstream: 'u',
      tags: [],
      policy: { ...policy, ...more },
    })),
  )
const asked = fc
  .array(fc.constantFrom('a', 'b', 'c', 'x1', 'xx'), { maxLength: 4 })
  .chain((parts) => fc.constantFrom('', '/').map((end) => `/${parts.join('/')}${parts.length > 0 ? end : ''}`))

function answering(routes: RouteTable, method: string, each: string): string | undefined {
  const match = matchRoute(routes, method, each)
  return match === undefined || isWrongMethod(match) ? undefined : match.route.id
}

test('whatever request is asked, the hand-over from one route to the next is among those found', () => {
  fc.assert(
    fc.property(table, table, fc.array(asked, { minLength: 20, maxLength: 20 }), (running, next, paths) => {
      const found = new Set(
        findSuccessions(running, next).map(
          ({ method, before, after }) => `${method} ${before.route.id} ${after?.route.id}`,
        ),
      )
      const [now, then] = [compileRoutes(running), compileRoutes(next)]
      for (const each of paths) {
        for (const method of ['GET', 'HEAD', 'POST']) {
          const before = answering(now, method, each)
          if (before !== undefined) expect(found).toContain(`${method} ${before} ${answering(then, method, each)}`)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('what is found does happen: its path is answered by the one and then by the other', () => {
  fc.assert(
    fc.property(table, table, (running, next) => {
      const [now, then] = [compileRoutes(running), compileRoutes(next)]
      for (const { method, path: each, before, after } of findSuccessions(running, next)) {
        expect(answering(now, method, each)).toBe(before.route.id)
        expect(answering(then, method, each)).toBe(after?.route.id)
      }
    }),
    { numRuns: 300 },
  )
})

test('a path that ends in a slash is not lost between routes for all the others', () => {
  const route = (id: string, each: string): Route => ({
    id,
    path: each,
    methods: ['POST'],
    upstream: 'u',
    tags: [],
    policy,
  })
  const next = [route('none', '/files'), route('one', '/files/{a}'), route('more', '/files/{a}/{b*}')]
  const found = findSuccessions([route('all', '/files/{rest*}')], next)
  expect(found.filter(({ after }) => after === undefined)).toMatchObject([{ method: 'POST', path: '/files/' }])
})

test('a route that takes any case hands over to one that takes its own case alone', () => {
  const route = (id: string, each: string, more: Partial<Route['policy']> = {}): Route => ({
    id,
    path: each,
    methods: ['POST'],
    upstream: 'u',
    tags: [],
    policy: { ...policy, ...more },
  })
  const running = [route('any', '/records/{id}', { ignoreCase: true })]
  const found = findSuccessions(running, [...running, route('exact', '/Records/{id}/'), route('fixed', '/RECORDS/x')])
  expect(found.map(({ path: each, after }) => [each, after?.route.id])).toEqual([
    ['/records/xx1', 'any'],
    ['/RECORDS/x', 'fixed'],
  ])
  const either = [route('any', '/records/{id}', { ignoreCase: true, trailingSlash: 'either' })]
  expect(
    findSuccessions(either, [route('any', '/records/{id}'), route('exact', '/Records/{id}/')]).map(
      ({ path: each, after }) => [each, after?.route.id],
    ),
  ).toEqual([
    ['/records/x1', 'any'],
    ['/records/x1/', undefined],
    ['/Records/x1/', 'exact'],
  ])
})
