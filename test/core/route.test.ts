// Routes are found by specificity, whatever order they are written in.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  compileRoutes,
  isWrongMethod,
  matchRoute,
  paramNames,
  parseTemplate,
  type Route,
} from '../../src/core/route.ts'
import { aRoute, readShared } from './fixtures.ts'

const ROUTES: readonly Route[] = [
  aRoute('/', { id: 'root' }),
  aRoute('/records', { id: 'list', methods: ['GET', 'POST'] }),
  aRoute('/records/search', { id: 'search', methods: ['POST'] }),
  aRoute('/records/{recordId}', { id: 'record' }),
  aRoute('/records/{recordId}', { id: 'record.write', methods: ['PUT', 'DELETE'] }),
  aRoute('/records/{recordId}/doses/{dose}', { id: 'dose' }),
  aRoute('/records/{recordId}/doses/latest', { id: 'latest' }),
  aRoute('/files/{path*}', { id: 'files' }),
  aRoute('/files/{name}/meta', { id: 'meta' }),
  aRoute('/slash/', { id: 'slash' }),
  aRoute('/caf\u00e9/{name}', { id: 'cafe' }),
  aRoute('/a b', { id: 'space' }),
]
const TABLE = compileRoutes(ROUTES)

/** `id` with its parameters, `405` with what is allowed, or 404. */
function found(method: string, path: string, table = TABLE): string {
  const match = matchRoute(table, method, path)
  if (match === undefined) return '404'
  if (isWrongMethod(match)) return `405 ${[...match.allow].toSorted().join(' ')}`
  return [match.route.id, ...Object.entries(match.params).map(([name, value]) => `${name}=${value}`)].join(' ')
}

describe('a route is found by its path', () => {
  test.each([
    ['the root', 'GET', '/', 'root'],
    ['a literal', 'GET', '/records', 'list'],
    ['a parameter', 'GET', '/records/7', 'record recordId=7'],
    ['another route of the same path by its method', 'DELETE', '/records/7', 'record.write recordId=7'],
    ['a parameter of many spellings', 'GET', '/records/AbC+~1.2', 'record recordId=AbC+~1.2'],
    ['a parameter decoded', 'GET', '/records/%E0%A4%AE%20x', 'record recordId=\u092e x'],
    ['two parameters', 'GET', '/records/7/doses/2', 'dose recordId=7 dose=2'],
    ['a literal before a parameter', 'GET', '/records/7/doses/latest', 'latest recordId=7'],
    ['the rest of a path', 'GET', '/files/a/b/c', 'files path=a/b/c'],
    ['the rest, one segment', 'GET', '/files/a', 'files path=a'],
    ['the rest, none', 'GET', '/files', 'files path='],
    ['the rest, an empty one', 'GET', '/files/', 'files path='],
    ['a parameter before the rest', 'GET', '/files/a/meta', 'meta name=a'],
    ['the rest where the parameter leads nowhere', 'GET', '/files/a/meta/x', 'files path=a/meta/x'],
    ['a trailing slash of its own', 'GET', '/slash/', 'slash'],
    ['a literal beyond ASCII', 'GET', '/caf%C3%A9/x', 'cafe name=x'],
    ['a literal with a space', 'GET', '/a%20b', 'space'],
    ['no route', 'GET', '/nothing', '404'],
    ['no route above one that stands', 'GET', '/slash', '404'],
    ['a trailing slash is another path', 'GET', '/records/', '404'],
    ['a parameter takes no empty segment', 'GET', '/records//doses/2', '404'],
    ['a prefix of a segment is no match', 'GET', '/record', '404'],
    ['a longer segment is no match', 'GET', '/recordsx', '404'],
    ['other case is no match', 'GET', '/Records', '404'],
    ['deeper is no match', 'GET', '/records/7/doses', '404'],
  ])('%s', (_name, method, path, expected) => {
    expect(found(method, path)).toBe(expected)
  })
})

describe('methods', () => {
  test.each([
    ['HEAD goes with GET', 'HEAD', '/records', 'list'],
    ['HEAD goes with GET under a parameter', 'HEAD', '/records/7', 'record recordId=7'],
    ['HEAD does not go with POST', 'HEAD', '/records/search', '405 POST'],
    ['a method that no route of the path allows', 'PATCH', '/records/7', '405 DELETE GET HEAD PUT'],
    ['a wider route never answers for a path with rules of its own', 'GET', '/records/search', '405 POST'],
    ['a method in small letters is another', 'get', '/records', '405 GET HEAD POST'],
    ['a method named after a prototype', '__proto__', '/records', '405 GET HEAD POST'],
  ])('%s', (_name, method, path, expected) => {
    expect(found(method, path)).toBe(expected)
  })

  test('a catch-all does not take a method that the more specific route refuses', () => {
    const table = compileRoutes([
      aRoute('/records', { id: 'list' }),
      aRoute('/{rest*}', { id: 'all', methods: ['POST'] }),
    ])
    expect(found('POST', '/records', table)).toBe('405 GET HEAD')
    expect(found('POST', '/other', table)).toBe('all rest=other')
  })
})

describe('names of prototypes', () => {
  const table = compileRoutes([aRoute('/c/{constructor}/{toString}', { id: 'odd' }), aRoute('/plain', { id: 'plain' })])
  test.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])('%s is a segment like any other', (name) => {
    expect(found('GET', `/${name}`, table)).toBe('404')
    expect(found('GET', `/c/${name}/x`, table)).toBe(`odd constructor=${name} toString=x`)
  })

  test('a parameter is there only where the template has it', () => {
    for (const path of ['/plain', '/c/a/b']) {
      const match = matchRoute(table, 'GET', path)
      if (match === undefined || isWrongMethod(match)) throw new Error('not matched')
      expect(match.params.valueOf).toBeUndefined()
      expect(match.params.hasOwnProperty).toBeUndefined()
    }
    expect(Object.prototype).not.toHaveProperty('path')
  })
})

describe('templates', () => {
  test.each([
    ['no slash at the start', 'records', 'begins with a slash'],
    ['a parameter in half a segment', '/records/{id}.json', 'fills a whole segment'],
    ['a parameter that is not closed', '/records/{id', 'fills a whole segment'],
    ['a parameter without a name', '/records/{}', 'fills a whole segment'],
    ['a parameter named after a prototype', '/records/{__proto__}', 'fills a whole segment'],
    ['a rest that is not last', '/{rest*}/records', 'must be last'],
    ['a name that stands twice', '/{id}/{id}', 'stands twice'],
    ['a double slash', '/records//x', 'double slash'],
    ['half a character', '/records/\ud800', 'half a character'],
  ])('%s is refused', (_name, template, why) => {
    const segments = parseTemplate(template)
    expect('problem' in segments ? segments.problem : '').toContain(why)
    expect(paramNames(template)).toEqual([])
    expect(() => compileRoutes([aRoute(template)])).toThrow(TypeError)
  })

  test('the names of the parameters come in the order of the path', () => {
    expect(paramNames('/a/{one}/b/{two}/{three*}')).toEqual(['one', 'two', 'three'])
  })

  test.each([
    ['the same path', '/a/{x}', '/a/{x}'],
    ['the same shape', '/a/{x}', '/a/{y}'],
    ['the same rest', '/a/{x*}', '/a/{y*}'],
  ])('two routes of %s and one method are refused', (_name, one, two) => {
    expect(() => compileRoutes([aRoute(one, { id: 'one' }), aRoute(two, { id: 'two' })])).toThrow(/both take GET/)
  })
})

describe('specificity does not depend on the order of the routes', () => {
  const segment = fc.constantFrom('a', 'b', '{p}', '{q}')
  const template = fc
    .tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom('', '', '/{rest*}', '/'))
    .map(([parts, end]) =>
      `/${parts.map((part, index) => part.replace('}', `${index}}`)).join('/')}${end}`.replace('//', '/'),
    )
  const routes = fc.uniqueArray(fc.tuple(template, fc.constantFrom('GET', 'POST')), {
    maxLength: 12,
    selector: ([path, method]) => `${method} ${path.replaceAll(/\{\w+/g, '{')}`,
  })
  const path = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 5 }).map((parts) => `/${parts.join('/')}`)

  test('shuffling the routes changes nothing', () => {
    fc.assert(
      fc.property(
        routes.chain((each) => fc.tuple(fc.constant(each), fc.shuffledSubarray(each, { minLength: each.length }))),
        path,
        fc.constantFrom('GET', 'POST', 'HEAD'),
        ([written, shuffled], asked, method) => {
          const [one, two] = [written, shuffled].map((order) =>
            compileRoutes(order.map(([each, verb]) => aRoute(each, { id: `${verb} ${each}`, methods: [verb] }))),
          )
          expect(found(method, asked, one)).toBe(found(method, asked, two))
        },
      ),
      { numRuns: 600 },
    )
  })

  test('a route that is found takes the path by its own template', () => {
    fc.assert(
      fc.property(routes, path, (written, asked) => {
        const table = compileRoutes(written.map(([each, verb]) => aRoute(each, { methods: [verb] })))
        const match = matchRoute(table, 'GET', asked)
        const takes = (each: string) => patternOf(each).test(asked)
        if (match === undefined) expect(written.filter(([each]) => takes(each))).toEqual([])
        else if (!isWrongMethod(match)) expect(takes(match.route.path)).toBe(true)
      }),
      { numRuns: 600 },
    )
  })

  /** A template by another reading: a regular expression. */
  function patternOf(each: string): RegExp {
    const parts = each.replaceAll(/\/\{\w+\*\}$/g, '(/.*)?').replaceAll(/\{\w+\}/g, '[^/]+')
    return new RegExp(`^${parts}$`)
  }
})

describe('the cost of a match is bounded', () => {
  test('by the size of the table, where each segment is a literal and a parameter too', () => {
    const depth = 10
    const paths = Array.from({ length: 2 ** depth }, (_, bits) =>
      Array.from({ length: depth }, (_each, at) => ((bits >> at) & 1 ? `/{p${at}}` : '/a')).join(''),
    )
    const table = compileRoutes(paths.map((each) => aRoute(each)))
    const started = performance.now()
    for (let round = 0; round < 20; round++) expect(found('GET', `${'/a'.repeat(depth - 1)}/a/b`, table)).toBe('404')
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('by the depth of the table, not by the length of the path', () => {
    const started = performance.now()
    for (let round = 0; round < 200; round++) matchRoute(TABLE, 'GET', '/a'.repeat(4_000))
    for (let round = 0; round < 200; round++) matchRoute(TABLE, 'GET', `/files${'/a'.repeat(4_000)}`)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

interface GatewayApi {
  readonly gateway_api: {
    readonly HTTPRouteMatching: { readonly cases: readonly (readonly [string, string | null, string])[] }
    readonly HTTPExactPathMatching: { readonly cases: readonly (readonly [string, null, string | number])[] }
  }
}

describe('conformance of the Gateway API', () => {
  const vectors = readShared('vectors/path-and-host-normalisation.json') as GatewayApi | undefined
  const run = vectors === undefined ? test.skip : test

  run('a prefix is one of segments', () => {
    const table = compileRoutes([aRoute('/{rest*}', { id: 'v1' }), aRoute('/v2/{rest*}', { id: 'v2' })])
    for (const [path, header, to] of vectors?.gateway_api.HTTPRouteMatching.cases ?? []) {
      if (header === null) expect([path, found('GET', path, table).split(' ')[0]]).toEqual([path, to])
    }
  })

  run('exact is exact', () => {
    const table = compileRoutes([aRoute('/one', { id: 'v1' }), aRoute('/two', { id: 'v2' })])
    for (const [path, , to] of vectors?.gateway_api.HTTPExactPathMatching.cases ?? []) {
      expect([path, found('GET', path, table)]).toEqual([path, String(to)])
    }
  })
})

describe('a route may take literals in any case', () => {
  const any = (path: string, id: string, methods = ['GET']) => {
    const route = aRoute(path, { id, methods })
    return { ...route, policy: { ...route.policy, ignoreCase: true } }
  }
  const table = compileRoutes([
    any('/Records/{recordId}/Doses', 'doses'),
    aRoute('/Records/{recordId}/photo', { id: 'photo' }),
    aRoute('/records/{recordId}/PHOTO', { id: 'capitals' }),
    any('/records/{recordId}/photo', 'write', ['POST']),
    any('/open/{rest*}', 'open'),
    aRoute('/open/{name}', { id: 'exact' }),
  ])

  test.each([
    ['as it is written', 'GET', '/Records/AbC/Doses', 'doses recordId=AbC'],
    ['in small letters', 'GET', '/records/AbC/doses', 'doses recordId=AbC'],
    ['in capitals, and the value as it came', 'GET', '/RECORDS/aBc/DOSES', 'doses recordId=aBc'],
    ['an exact route beside it keeps its own case', 'GET', '/Records/7/photo', 'photo recordId=7'],
    ['each of two exact routes', 'GET', '/records/7/PHOTO', 'capitals recordId=7'],
    ['no case of theirs', 'GET', '/RECORDS/7/photo', '405 POST'],
    [
      'the route of another method where the exact one does not take it',
      'POST',
      '/Records/7/photo',
      'write recordId=7',
    ],
    ['in any case', 'POST', '/records/7/Photo', 'write recordId=7'],
    ['what both allow', 'PUT', '/Records/7/photo', '405 GET HEAD POST'],
    ['a rest in any case', 'GET', '/OPEN/A/b', 'open rest=A/b'],
    ['an exact parameter first', 'GET', '/open/A', 'exact name=A'],
    ['the rest where the exact one is spelled otherwise', 'GET', '/Open/A', 'open rest=A'],
    ['letters beyond ASCII are letters of their own', 'GET', '/rec%C3%96rds/7', '404'],
  ])('%s', (_name, method, path, expected) => {
    expect(found(method, path, table)).toBe(expected)
  })

  test.each([
    ['two that take any case', [any('/a/{x}', 'one'), any('/A/{y}', 'two')]],
    ['one of them exact', [aRoute('/A/{x}', { id: 'one' }), any('/a/{y}', 'two')]],
    ['one of them exact, the other first', [any('/a/{y}', 'two'), aRoute('/A/{x}', { id: 'one' })]],
  ])('%s of the same method and shape are refused', (_name, routes) => {
    expect(() => compileRoutes(routes)).toThrow(/both take GET/)
  })
})

describe('a route may take a slash more or less at its end', () => {
  const either = (path: string, id: string, methods = ['GET']) => {
    const route = aRoute(path, { id, methods })
    return { ...route, policy: { ...route.policy, trailingSlash: 'either' as const } }
  }
  const table = compileRoutes([
    either('/', 'root'),
    either('/records/{recordId}', 'record'),
    either('/list/', 'list'),
    either('/files/{path*}', 'files'),
    aRoute('/exact/{path*}', { id: 'exact' }),
    aRoute('/records/{recordId}/', { id: 'write', methods: ['PUT'] }),
  ])

  test.each([
    ['without', 'GET', '/records/7', 'record recordId=7'],
    ['with, and the value is the same', 'GET', '/records/7/', 'record recordId=7'],
    ['less than is written', 'GET', '/list', 'list'],
    ['as it is written', 'GET', '/list/', 'list'],
    ['a parameter is still not empty', 'GET', '/records/', '404'],
    ['the root', 'GET', '/', 'root'],
    ['a rest has one value for both', 'GET', '/files/a/b/', 'files path=a/b'],
    ['a rest of nothing', 'GET', '/files/', 'files path='],
    ['a rest that says nothing of slashes too', 'GET', '/exact/a/', 'exact path=a'],
    ['another method is exact by itself', 'PUT', '/records/7', '405 GET HEAD'],
    ['and takes its own', 'PUT', '/records/7/', 'write recordId=7'],
  ])('%s', (_name, method, path, expected) => {
    expect(found(method, path, table)).toBe(expected)
  })

  test('two routes that take the same paths by it are refused', () => {
    expect(() => compileRoutes([either('/a/{x}', 'one'), aRoute('/a/{y}/', { id: 'two' })])).toThrow(/both take GET/)
  })
})

describe('properties of lenience', () => {
  const word = fc.constantFrom('a', 'Ab', 'c', 'x%C3%A9')
  const part = fc.oneof(word, fc.constantFrom('{p}', '{q}'))
  const template = fc
    .array(part, { minLength: 1, maxLength: 3 })
    .map((parts) => `/${parts.map((each, at) => each.replace('}', `${at}}`)).join('/')}`)
  const respelled = (path: string, bits: number) =>
    [...path].map((char, at) => ((bits >> (at % 31)) & 1 ? char.toUpperCase() : char.toLowerCase())).join('')

  test('every case of the literals and either slash come to the same route with the same values', () => {
    fc.assert(
      fc.property(template, fc.nat(), fc.boolean(), fc.constantFrom('v', 'V', 'aB'), (path, bits, hasSlash, value) => {
        const route = aRoute(path, { id: 'one' })
        const table = compileRoutes([
          { ...route, policy: { ...route.policy, ignoreCase: true, trailingSlash: 'either' } },
          aRoute('/{rest*}', { id: 'all' }),
        ])
        const asked = path
          .slice(1)
          .split('/')
          .map((each) => (each.startsWith('{') ? value : respelled(each, bits)))
          .join('/')
        expect(found('GET', `/${asked}${hasSlash ? '/' : ''}`, table)).toBe(
          ['one', ...paramNames(path).map((name) => `${name}=${value}`)].join(' '),
        )
      }),
      { numRuns: 400 },
    )
  })
})
