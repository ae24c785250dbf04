import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import type { Config } from '../../src/config/config.ts'
import { configFromOpenApi } from '../../src/config/openapi.ts'
import { convertPath } from '../../src/config/openapi-routes.ts'
import { compileRoutes, isWrongMethod, matchRoute, type Route } from '../../src/core/route.ts'
import { configOf } from './sample.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DIVOC = join(resolve(ROOT, process.env.PORTCULLIS_SHARED ?? '../shared'), 'fixtures/divoc')
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch']

interface SimpleOperation {
  operationId?: string
  tags?: string[]
  security?: object[]
}

interface SimpleDocument {
  swagger?: string
  basePath?: string
  servers?: { url: string }[]
  security?: object[]
  paths: Record<string, Record<string, SimpleOperation>>
}

function made(text: string, upstream?: string): { config: Config; yaml: string; warnings: readonly string[] } {
  const result = configFromOpenApi(text, { file: 'api.yaml', ...(upstream === undefined ? {} : { upstream }) })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return { config: configOf(result.yaml), yaml: result.yaml, warnings: result.warnings }
}

function routeFor(config: Config, method: string, path: string): Route | undefined {
  const match = matchRoute(compileRoutes(config.routes), method, path)
  return match === undefined || isWrongMethod(match) ? undefined : match.route
}

/** Each operation of a simple document is let through by one route, with its tags and security; nothing else is. */
function checkAllOperations(text: string): void {
  const document = parse(text) as SimpleDocument
  const base = (
    document.swagger === undefined
      ? new URL(document.servers?.[0]?.url ?? '/', 'http://x').pathname
      : (document.basePath ?? '')
  ).replace(/\/$/, '')
  const { config } = made(text)
  const seen = new Map<Route, string[]>()
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((each) => item[each] !== undefined)) {
      const operation = item[method] ?? {}
      const route = routeFor(config, method.toUpperCase(), base + path.replaceAll(/\{[^}]+\}/g, 'v'))
      if (route === undefined) throw new Error(`no route for ${method} ${path}`)
      expect(route.path).toBe(base + path)
      expect(route.tags).toEqual([...new Set(operation.tags?.map((tag) => tag.trim()))])
      expect(route.policy.session.level).toBe(
        (operation.security ?? document.security ?? []).length > 0 ? 'required' : 'none',
      )
      seen.set(route, [...(seen.get(route) ?? []), method])
    }
  }
  // Each route is one operation's; HEAD goes with GET.
  expect(seen.size).toBe(config.routes.length)
  for (const taken of seen.values())
    expect(taken.filter((method) => method !== 'head' || taken.length === 1)).toHaveLength(1)
}

if (existsSync(DIVOC)) {
  describe('the documents of a vaccination platform', () => {
    const files = readdirSync(DIVOC).filter((name) => name.endsWith('.yaml'))
    test.each(files)('%s: every operation becomes one route, and the config is accepted', (name) => {
      checkAllOperations(readFileSync(join(DIVOC, name), 'utf8'))
    })

    test('are all there', () => {
      expect(files).toHaveLength(4)
    })

    test('keep basePath, host and trailing slash, and name an undefined scheme', () => {
      const { config, warnings } = made(readFileSync(join(DIVOC, 'certificate-api.yaml'), 'utf8'))
      expect(config.upstreams.api?.targets).toEqual(['https://divoc.xiv.in'])
      expect(config.routes[0]).toMatchObject({
        path: '/certificate/api/certificate/',
        id: 'certificate.api.certificate.get',
      })
      expect(warnings).toContain(
        'line 33: paths["/certificate/"].get.security: the scheme "Bearer" is not defined in the document: a session is asked for all the same',
      )
      expect(warnings).toContain(
        'HEAD "/certificatePDF/{preEnrollmentCode}": HEAD goes with GET: both are one route, under the stricter of their demands',
      )
    })
  })
} else {
  console.warn(
    `SKIPPED: ${DIVOC} is not here, so the documents of the vaccination platform were not tried (set PORTCULLIS_SHARED)`,
  )
}

test("the demo's own document: every operation becomes one route, and the config is accepted", () => {
  checkAllOperations(readFileSync(join(ROOT, 'demo/openapi.yaml'), 'utf8'))
})

describe('a document that does more than the simple', () => {
  const { config, yaml, warnings } = made(
    readFileSync(new URL('./fixtures/hospital.openapi.yaml', import.meta.url), 'utf8'),
  )
  const byId = new Map(config.routes.map((route) => [route.id, route]))

  test('has a route each, with ids made unique, kebab or dotted', () => {
    expect(
      config.routes.map((route) => `${route.id} ${route.methods.join()} ${route.path} ${route.policy.session.level}`),
    ).toEqual([
      'get-patient GET /v2/api/patients/{patientId} required',
      'get-patient-2 PUT /v2/api/patients/{patientId} required',
      'get-patient-scan-v2.raw GET /v2/api/patients/{patientId}/{format} required',
      'v2.api.ranges.from-to.get GET /v2/api/ranges/{from_to} required',
      'v2.api.files.path.get GET /v2/api/files/{path*} required',
      'v2.api.wards.ward-id.beds.proto.get GET /v2/api/wards/{ward-id}/beds/{proto} optional',
      'v2.api.search.get GET /v2/api/search required',
      'v2.api.get GET /v2/api/सुविधा required',
      'null POST /v2/api/shared required',
      'base.own.get GET /base/own required',
    ])
  })

  test('fills in server variables and takes the first server', () => {
    expect(config.upstreams.api?.targets).toEqual(['https://south.hospital.example'])
    expect(warnings).toContain('line 5: servers: names several servers: routes have the path of the first')
    expect(warnings).toContain(
      'line 53: paths["/own"].get: has a server of its own: its requests go to the one upstream all the same',
    )
  })

  test('merges two operations of the same requests under the stricter demand, and says so', () => {
    expect(byId.get('get-patient')?.tags).toEqual(['pii', 'Patient Records', 'legacy'])
    expect(warnings).toContain(
      'GET "/patients/{id}": its requests are those of GET "/patients/{patientId}" too: both are one route, under the stricter of their demands',
    )
    expect(yaml).toContain('# Also GET /patients/{id}')
  })

  test('widens what is a part of a segment, and says so in the config too', () => {
    expect(warnings).toContain(
      'GET "/patients/{patientId}/scan.{format}": "scan.{format}" is widened to {format}, the whole segment: paths that differ in the rest of it pass too',
    )
    expect(yaml).toContain('# "scan.{format}" is widened to {format}')
    expect(yaml).toContain('# "{from}:{to}" is widened to {from_to}')
  })

  test('leaves out what can be no route, and says why', () => {
    expect(
      warnings.filter((each) => each.includes('left out: ')).map((each) => each.replace(/left out: .*/, '')),
    ).toEqual([
      'line 26: paths["/patients/{patientId}"].trace: ',
      'line 48: paths["/elsewhere"]: ',
      'GET "/dots/../up": ',
    ])
  })

  test('notes deprecation, schemes, and schemes that the gateway does not check', () => {
    expect(yaml).toContain(
      '  # Deprecated in the document.\n  # Security asked for: oidc (openIdConnect).\n  - id: v2.api.files.path.get',
    )
    expect(yaml).toContain('# Security optional: oidc (openIdConnect).')
    expect(
      warnings.some((each) => each.includes('asks for "key" (apiKey X-Key), which the gateway does not check')),
    ).toBe(true)
    expect(warnings.some((each) => each.includes('the scheme "none-such" is not defined'))).toBe(true)
  })

  test('cannot write lines of its own into the config, nor to a terminal', () => {
    expect(yaml).toMatch(/^# Hospital records with a second line: made from api.yaml/)
    expect(yaml).toContain("  # Read a patient #1: 'quoted', [31mred [0m\n")
    expect(yaml + warnings.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })
})

describe('the upstream', () => {
  const text = 'openapi: 3.0.3\ninfo: { title: x }\npaths: { /a: { get: {} } }'

  test('is the one that is given', () => {
    expect(made(text, 'http://10.0.0.1:9000/').config.upstreams.api?.targets).toEqual(['http://10.0.0.1:9000'])
  })

  test('is a placeholder where nobody names one, and a warning says so', () => {
    const { config, warnings } = made(text)
    expect(config.upstreams.api?.targets).toEqual(['http://127.0.0.1:9000'])
    expect(warnings).toEqual([
      'the document names no server with a host: upstreams.api.url is http://127.0.0.1:9000, put your own there',
    ])
  })

  test('may stand where the gateway would: the gateway listens elsewhere', () => {
    expect(made(text, 'http://localhost:8080').config.gateway?.listen).toEqual({ host: '127.0.0.1', port: 8081 })
    expect(made(text, 'http://127.0.0.1:9080').config.control.listen).toEqual({ host: '127.0.0.1', port: 9081 })
  })

  test('that has a path is refused', () => {
    expect(configFromOpenApi(text, { file: 'a', upstream: 'http://x/api' })).toEqual({
      problems: [{ line: 0, column: 0, path: 'upstream', message: expect.stringContaining('with no path or query') }],
    })
  })
})

test('a relative server is a path alone', () => {
  const { config } = made('openapi: "3.0.0"\nservers: [{ url: api/v1/ }]\npaths: { "/a/{b}": { get: {} } }')
  expect(config.routes[0]?.path).toBe('/api/v1/a/{b}')
})

describe('what is no OpenAPI document', () => {
  test.each([
    ['nothing', '', /says neither openapi: 3.x nor swagger/],
    ['another document', 'asyncapi: 2.6.0', /AsyncAPI/],
    ['another version', 'openapi: 4.0.0\npaths: {}', /must be 3.0, 3.1 or 3.2, not "4.0.0"/],
    ['no operations', 'openapi: 3.1.0\npaths: { /a: { summary: x } }', /has no operations/],
    [
      'operations that can be no routes',
      'openapi: 3.1.0\npaths: { /a/../b: { get: {} } }',
      /leaves no route over: GET .* left out/,
    ],
    ['broken YAML', 'openapi: "3.1.0\npaths', /is not YAML/],
  ])('%s is refused with a reason', (_, text, message) => {
    expect(configFromOpenApi(text, { file: 'x' })).toMatchObject({
      problems: [{ message: expect.stringMatching(message) }],
    })
  })
})

test.each([
  ['/a/{x}', '/a/{x}'],
  ['/a/{x}/b/{x}', '/a/{x}/b/{x_2}'],
  ['/a/{proxy+}', '/a/{proxy*}'],
  ['/a/{path*}/b', '/a/{path}/b'],
  ['/a/{user id}', '/a/{user_id}'],
  ['/a/{9}', '/a/{value}'],
  ['/a/{x}:cancel', '/a/{x}'],
  ['/a/{', '/a/{value}'],
  ['/a/b#c', '/a/b'],
])('the path %s becomes %s', (written, path) => {
  expect(convertPath(written).path).toBe(path)
})

test('any document with any paths, names and words gives a config that is accepted, or a problem', () => {
  const word = fc.oneof(
    fc.constantFrom('{x}', '{y}', 'a', 'A', '{x}.pdf', '{*}', '{+r}', '{r*}', '%41', '', '.', 'null', '~'),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  const path = fc.array(word, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
  const operation = fc.record(
    {
      operationId: fc.oneof(word, fc.string({ unit: 'binary' })),
      summary: fc.string({ unit: 'binary' }),
      tags: fc.array(fc.string({ unit: 'binary' })),
      security: fc.constantFrom([], [{}], [{ a: [] }]),
    },
    { requiredKeys: [] },
  )
  const item = fc.record({ get: operation, head: operation, post: operation }, { requiredKeys: [] })
  const document = fc.record({
    openapi: fc.constant('3.1.0'),
    info: fc.record({ title: fc.string({ unit: 'binary' }) }),
    paths: fc.dictionary(path, item, { maxKeys: 6 }),
  })
  fc.assert(
    fc.property(document, (value) => {
      const result = configFromOpenApi(JSON.stringify(value), { file: 'x.json' })
      if ('yaml' in result) expect(() => configOf(result.yaml)).not.toThrow()
      else expect(result.problems.length).toBeGreaterThan(0)
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => void configFromOpenApi(text, { file: 'x' })),
    { numRuns: 200 },
  )
})
