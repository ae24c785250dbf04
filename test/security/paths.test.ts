// No spelling of a locked or session-checked path reaches a lenient upstream past its route; every honest path passes.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileNearMissGuard, isNearMiss } from '../../src/core/near-miss.ts'
import type { RoutePolicy } from '../../src/core/policy.ts'
import { compileRoutes, isWrongMethod, matchRoute, type Route } from '../../src/core/route.ts'
import { isRefused, parseTarget } from '../../src/core/target.ts'
import { aRoute } from '../core/fixtures.ts'
import { findServed, readLeniently, UPSTREAMS } from '../core/lenient-upstream.ts'
import { useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'
import { MUTATIONS } from './path-mutations.ts'

type More = Partial<Pick<RoutePolicy, 'lock' | 'ignoreCase' | 'trailingSlash' | 'subjects' | 'subjectsPresumed'>>

function route(path: string, level: RoutePolicy['session']['level'], more: More = {}): Route {
  const plain = aRoute(path)
  return { ...plain, policy: { ...plain.policy, session: { level, bind: [] }, ...more } }
}

/** What the gateway does with a raw target: 400, 404, 405, or the route's path and the path that is forwarded. */
function gateOf(routes: readonly Route[]) {
  const table = compileRoutes(routes)
  const guard = compileNearMissGuard(routes)
  return (raw: string): 400 | 404 | 405 | { readonly taken: Route; readonly path: string } => {
    const target = parseTarget(raw)
    if (isRefused(target)) return 400
    const match = matchRoute(table, 'GET', target.path)
    const plain = match === undefined || isWrongMethod(match) ? undefined : match.route
    if (isNearMiss(guard, plain, 'GET', target.path)) return 404
    if (plain === undefined) return match === undefined ? 404 : 405
    return { taken: plain, path: target.path }
  }
}

interface Scene {
  readonly routes: readonly Route[]
  /** Paths of its strict routes, with values. */
  readonly targets: readonly string[]
}

const REST = route('/{rest*}', 'none')
const SCENES: Readonly<Record<string, Scene>> = {
  'a catch-all that asks for nothing': {
    routes: [
      route('/foo/bar', 'none', { lock: 'deny' }),
      route('/api/v2/beneficiaries/{id}', 'required'),
      route('/getBeneficiary/{id}', 'required'),
      route('/kiss/{id}/dose', 'required'),
      route('/export', 'required'),
      route('/open', 'none'),
      REST,
    ],
    targets: ['/foo/bar', '/api/v2/beneficiaries/123', '/getBeneficiary/AbC', '/kiss/7/dose', '/export'],
  },
  'siblings that ask for less': {
    routes: [
      route('/foo/bar', 'required', { lock: 'deny' }),
      route('/foo/{name}', 'optional'),
      route('/{area}/bar', 'optional'),
      route('/api/v2/beneficiaries/{id}', 'required'),
      route('/api/{version}/{kind}/{id}', 'optional'),
      route('/api/{rest*}', 'none'),
      route('/export', 'required'),
      route('/{name}', 'none'),
    ],
    targets: ['/foo/bar', '/api/v2/beneficiaries/123', '/export'],
  },
  'routes that declare their lenience': {
    routes: [
      route('/Foo/Bar', 'required', { ignoreCase: true, trailingSlash: 'either' }),
      route('/api/v2/beneficiaries/{id}', 'required', { ignoreCase: true }),
      route('/files/{name*}', 'required', { trailingSlash: 'either' }),
      route('/foo/{name}', 'optional', { ignoreCase: true }),
      REST,
    ],
    targets: ['/foo/bar', '/API/v2/Beneficiaries/123', '/files/a/b'],
  },
  'names beyond ASCII': {
    routes: [route('/caf\u00e9/menu', 'required'), route('/\u0930\u094b\u0917\u0940/{id}', 'required'), REST],
    targets: ['/caf%C3%A9/menu', '/%E0%A4%B0%E0%A5%8B%E0%A4%97%E0%A5%80/7'],
  },
}

/** Each mutation at each of its places, then pairs and threes of them by a fixed seed. */
function mutationsOf({ targets }: Scene, combined: number): ReadonlySet<string> {
  const all = new Set<string>()
  for (const target of targets) {
    for (const { change, places } of MUTATIONS) for (let at = 0; at < places(target); at++) all.add(change(target, at))
  }
  const steps = fc.array(fc.tuple(fc.nat(MUTATIONS.length - 1), fc.nat(99)), { minLength: 2, maxLength: 3 })
  const some = fc.sample(fc.tuple(fc.constantFrom(...targets), steps), { numRuns: combined, seed: 20_261_124 })
  for (const [target, each] of some) {
    all.add(each.reduce((path, [which, at]) => MUTATIONS[which]?.change(path, at) ?? path, target))
  }
  return all
}

/** The strict route that the model serves for a path as it stands, if any. */
function strictlyServed(path: string, model: string, routes: readonly Route[]): Route | undefined {
  const how = UPSTREAMS[model]
  if (how === undefined) throw new Error(`no model ${model}`)
  const served = findServed(
    readLeniently(path, how),
    routes.map((each) => each.path),
    how,
  )
  const found = routes.find((each) => each.path === served)
  return found?.policy.session.level === 'required' || found?.policy.lock === 'deny' ? found : undefined
}

describe('no spelling of a strict route reaches a lenient upstream by another', () => {
  const MODELS = Object.keys(UPSTREAMS)

  test.each(Object.entries(SCENES))('beside %s', (name, scene) => {
    const gate = gateOf(scene.routes)
    const leaks: string[] = []
    const counts = { 400: 0, 404: 0, 405: 0, forwarded: 0, dangerous: 0 }
    const hit = new Set<string>()
    const mutations = mutationsOf(scene, 1_500)
    for (const raw of mutations) {
      const verdict = gate(raw)
      // What it would have done to an upstream with no gateway before it: the suite must not be about nothing.
      const bare = raw.split('?')[0] ?? ''
      const lured = MODELS.filter((model) => strictlyServed(bare, model, scene.routes) !== undefined)
      for (const model of lured) hit.add(model)
      if (lured.length > 0) counts.dangerous++
      if (typeof verdict === 'number') {
        counts[verdict]++
        continue
      }
      counts.forwarded++
      for (const model of MODELS) {
        const served = strictlyServed(verdict.path, model, scene.routes)
        if (served !== undefined && served !== verdict.taken)
          leaks.push(`${raw} was taken for ${verdict.taken.path}; ${model} serves ${served.path}`)
      }
    }
    console.log(
      `paths beside ${name}: ${mutations.size} mutations x ${MODELS.length} upstreams; ${counts.dangerous} would come to a strict route, ${counts[400]} got 400, ${counts[404]} 404, ${counts.forwarded} forwarded by their own route`,
    )
    expect(leaks.slice(0, 20)).toEqual([])
    expect([...hit].toSorted()).toEqual(MODELS.toSorted())
    expect(mutations.size).toBeGreaterThan(1_700)
    expect(counts.dangerous).toBeGreaterThan(700)
  })
})

describe('an honest path passes by its own route', () => {
  const presumed = { subjects: [{ in: 'param', name: 'name' }], subjectsPresumed: true } as const
  const said = { subjects: [{ in: 'param', name: 'id' }] } as const
  const gate = gateOf([
    route('/people/{name}', 'required', presumed),
    route('/people/search', 'required'),
    route('/people/{name}/doses/{dose}', 'required', presumed),
    route('/beneficiaries/{id}', 'required', said),
    route('/files/{name}', 'required', presumed),
    route('/files', 'required'),
    route('/reports/{name*}', 'required', presumed),
    route('/foo/bar', 'required', { lock: 'deny' }),
    REST,
  ])
  const takenBy = (raw: string): unknown => {
    const verdict = gate(raw)
    return typeof verdict === 'number' ? verdict : verdict.taken.path
  }

  test.each([
    ...[
      '\u092e\u0940\u0928\u093e \u0915\u0941\u092e\u093e\u0930\u0940',
      '\u0915\u093c\u092e\u0930',
      '\u0958\u092e\u0930',
      '\u0936\u094d\u0930\u0940\u200d\u092e\u0924\u0940',
    ],
    ...[
      '\u0bae\u0bc1\u0bb0\u0bc1\u0b95\u0ba9\u0bcd',
      '\u0d28\u0d28\u0d4d\u200d\u0d2e',
      '\u0c30\u0c3e\u0c2e\u0c41\u0c21\u0c41',
      '\u0c95\u0cc3\u0cb7\u0ccd\u0ca3',
      '\u09b0\u09b9\u09bf\u09ae\u09be',
    ],
    ...[
      '\u0a39\u0a30\u0a2a\u0a4d\u0a30\u0a40\u0a24',
      '\u0aae\u0ac0\u0aa8\u0abe',
      '\u0b2e\u0b40\u0b28\u0b3e',
      '\u0645\u062d\u0645\u062f',
      '\u1c65\u1c5f\u1c71',
      '\uabc3\uabe4',
      '\u0935\u093e\u0930\u094d\u0921 \u0967\u0968',
    ],
    ...[
      'Murugan K.',
      'A. P. J. Abdul Kalam',
      "D'Souza",
      'Jos\u00e9',
      'Jose\u0301',
      'Anne-Marie',
      'R&D',
      'Meena (minor)',
      'Sharma & Sons',
    ],
    ...[
      'meena.kumari@example.in',
      'a+b@example.co.in',
      'search.team@example.in',
      '2026-11-24',
      '24.11.2026',
      '2026-11-24T12:00:00Z',
    ],
    ...[
      '550e8400-e29b-41d4-a716-446655440000',
      'AbC-123_xYz',
      'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI3In0.c2ln',
      'dGVzdA==',
      'v1.2.3',
      '+919876543210',
      '100%',
    ],
  ])('%s, as a name', (name) => {
    const text = encodeURIComponent(name).replaceAll(/%(?:20|2B|40|27|28|29|3A)/g, (each) =>
      each === '%20' ? each : decodeURIComponent(each),
    )
    expect(takenBy(`/people/${text}`)).toBe('/people/{name}')
    expect(takenBy(`/people/${text.toLowerCase()}/doses/2`)).toBe('/people/{name}/doses/{dose}')
    expect(takenBy(`/beneficiaries/${text}`)).toBe('/beneficiaries/{id}')
    expect(takenBy(`/elsewhere/${text}`)).toBe('/{rest*}')
  })

  test.each([
    'app.min.js',
    'report.pdf',
    'scan.2026.tar.gz',
    'index.html',
    'C%23%20notes.pdf',
    '%E0%A4%AE%E0%A5%80%E0%A4%A8.pdf',
    'README',
    '.hidden',
  ])('%s, as a file', (file) => {
    expect(takenBy(`/files/${file}`)).toBe('/files/{name}')
    expect(takenBy(`/reports/2026/${file}`)).toBe('/reports/{name*}')
    expect(takenBy(`/assets/${file}`)).toBe('/{rest*}')
    expect(takenBy(`/${file}`)).toBe('/{rest*}')
  })

  // Letters, vowel signs and joiners of nine scripts; their digits have a rule of their own.
  const SCRIPTS = [0x0900, 0x0980, 0x0a00, 0x0a80, 0x0b00, 0x0b80, 0x0c00, 0x0c80, 0x0d00]
  const sign = fc
    .tuple(fc.constantFrom(...SCRIPTS), fc.nat(0x7f))
    .map(([base, at]) => String.fromCodePoint(base + at))
    .filter((char) => /^[\p{L}\p{M}]$/u.test(char))
  const word = fc.tuple(
    sign,
    fc.array(fc.oneof(sign, sign, fc.constantFrom('\u200c', '\u200d')), { maxLength: 8 }),
    sign,
  )
  const indian = fc
    .array(
      word.map(([first, rest, last]) => first + rest.join('') + last),
      { minLength: 1, maxLength: 3 },
    )
    .map((words) => words.join(' '))

  test('any name in the scripts of India', () => {
    fc.assert(
      fc.property(indian, (name) => {
        for (const path of ['/people/{name}', '/beneficiaries/{id}', '/reports/{name*}'])
          expect([name, takenBy(path.replace(/\{.*/, encodeURIComponent(name)))]).toEqual([name, path])
        expect([name, takenBy(`/elsewhere/${encodeURIComponent(name)}/x`)]).toEqual([name, '/{rest*}'])
      }),
      { numRuns: 500 },
    )
  })

  test('any base64url, UUID, date, e-mail address and dotted file name', () => {
    const id = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/),
      fc.uuid(),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString()),
      fc.stringMatching(/^[a-z0-9]{1,8}(?:\.[a-z0-9]{1,8}){0,2}@[a-z]{2,8}\.(?:in|com|org)$/),
    )
    const file = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}(?:\.[a-z0-9]{1,5}){1,3}$/)
    fc.assert(
      fc.property(id, file, (one, two) => {
        expect([one, takenBy(`/beneficiaries/${one}`)]).toEqual([one, '/beneficiaries/{id}'])
        if (one.toLowerCase() !== 'search') expect([one, takenBy(`/people/${one}`)]).toEqual([one, '/people/{name}'])
        expect([two, takenBy(`/files/${two}`)]).toEqual([two, '/files/{name}'])
        expect([two, takenBy(`/assets/${two}`)]).toEqual([two, '/{rest*}'])
      }),
      { numRuns: 500 },
    )
  })
})

describe('a record has one spelling where a parameter names a person', () => {
  const presumed = { subjects: [{ in: 'param', name: 'id' }], subjectsPresumed: true } as const
  const said = { subjects: [{ in: 'param', name: 'id' }] } as const
  const statuses = (raw: string): readonly unknown[] =>
    [said, presumed, { subjects: [] }].map((more) => {
      const verdict = gateOf([route('/records/{id}', 'none', more), route('/all/{id*}', 'none', more)])(raw)
      return typeof verdict === 'number' ? verdict : 'taken'
    })

  test.each([
    ['as it is', '123', ['taken', 'taken', 'taken']],
    ['case is the value\u2019s own', 'AbC', ['taken', 'taken', 'taken']],
    ['parameters', '123;v=2', [404, 404, 'taken']],
    ['encoded parameters', '123%3Bv=2', [404, 404, 'taken']],
    ['a blank behind it', '123%20', [404, 404, 'taken']],
    ['a blank before it', '%20123', [404, 404, 'taken']],
    ['a blank of Unicode', '123%C2%A0', [404, 404, 'taken']],
    ['a dot behind a number', '123.', [404, 404, 'taken']],
    ['a digit encoded twice', '12%2533', [404, 404, 'taken']],
    ['an encoding of Microsoft', '12%25u0033', [404, 404, 'taken']],
    ['fullwidth digits', '%EF%BC%91%EF%BC%92%EF%BC%93', [404, 404, 'taken']],
    ['digits of Devanagari', '%E0%A5%A7%E0%A5%A8%E0%A5%A9', [404, 404, 'taken']],
    ['a sign that is not seen', '12%E2%80%8B3', [404, 404, 'taken']],
    ['a circled letter', 'a%E2%93%91c', [404, 404, 'taken']],
    ['a file type', '123.json', [404, 'taken', 'taken']],
    ['a file type in capitals', '123.JSON', [404, 'taken', 'taken']],
    ['an encoded question mark', '123%3Fx', [404, 'taken', 'taken']],
    ['an encoded number sign', '123%23x', [404, 'taken', 'taken']],
    ['an NTFS stream', '123::$DATA', [404, 'taken', 'taken']],
  ])('%s: said, presumed, nobody', (_name, value, expected) => {
    expect(statuses(`/records/${value}`)).toEqual(expected)
    expect(statuses(`/all/x/${value}`)).toEqual(expected)
  })
})

describe('what is authorised is what is forwarded, through sockets', () => {
  const start = useRig()
  const ROUTES = [
    {
      id: 'any',
      path: '/Records/{id}',
      ignoreCase: true,
      trailingSlash: 'either',
      subjects: [{ in: 'param', name: 'id' }],
    },
    { id: 'files', path: '/files/{name*}', trailingSlash: 'either', subjects: [{ in: 'param', name: 'name' }] },
    { id: 'locked', path: '/foo/bar', ignoreCase: true },
    { id: 'checked', path: '/api/v2/beneficiaries/{id}', session: { level: 'required', bind: [] } },
    { id: 'rest', path: '/{rest*}' },
  ] as const

  test.each([
    ['/Records/AbC', 'any'],
    ['/records/AbC', 'any'],
    ['/RECORDS/AbC/', 'any'],
    ['/files/a/b', 'files'],
    ['/files/a/b/', 'files'],
    ['/FILES/a', 'rest'],
  ])('%s goes on as it came', async (path, expected) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('GET', path))
    if (expected === 'rest') {
      expect(answer.status).toBe(404)
      return
    }
    expect([answer.status, upstream.requests[0]?.target]).toEqual([200, path])
    expect(plane.settled.map((each) => each.route)).toEqual([expected])
  })

  test('each spelling of a record has one key in locks and in the trail, and case is part of it', async () => {
    const { plane } = await start({ routes: ROUTES })
    for (const path of ['/Records/AbC', '/records/AbC', '/RECORDS/AbC/', '/records/abc', '/files/a/b', '/files/a/b/'])
      expect((await plane.ask(request('GET', path))).status).toBe(200)
    const keys = plane.trail.requests
      .filter(({ phase }) => phase === 'outcome')
      .map(({ path, subjects }) => `${path} ${subjects}`)
    expect(new Set(keys.slice(0, 3)).size).toBe(1)
    expect(keys[3]).not.toBe(keys[0])
    expect(keys[4]).toBe(keys[5])
    const [subject] = plane.trail.requests[0]?.subjects ?? []
    plane.lock({ subjects: [subject ?? ''] })
    const statuses: number[] = []
    for (const path of ['/Records/AbC', '/rECORDS/AbC/', '/records/abc'])
      statuses.push((await plane.ask(request('GET', path))).status)
    expect(statuses).toEqual([503, 503, 200])
  })

  test('a declared lenience is locked in every case of it', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    plane.lock({ routes: ['locked'] })
    for (const path of ['/foo/bar', '/FOO/BAR', '/foo/Bar'])
      expect((await plane.ask(request('GET', path))).status).toBe(503)
    expect((await plane.ask(request('GET', '/foo/bar/'))).status).toBe(404)
    expect(upstream.connections.length).toBe(0)
  })

  test('mutations of the strict routes: none reaches the upstream', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    plane.lock({ routes: ['locked'] })
    const scene = { routes: [], targets: ['/foo/bar', '/api/v2/beneficiaries/123'] }
    const raws = [...mutationsOf(scene, 0)].filter((raw) => !/[\s\\]/.test(raw)).filter((_raw, at) => at % 12 === 0)
    const templates = ROUTES.map(({ path }) => path)
    let refused = 0
    for (const raw of raws) {
      const before = upstream.requests.length
      const { status } = await plane.ask(request('GET', raw))
      if (upstream.requests.length === before) {
        expect([raw, [400, 401, 404, 503].includes(status)]).toEqual([raw, true])
        refused++
        continue
      }
      const forwarded = upstream.requests.at(-1)?.target.split('?')[0] ?? ''
      const served = Object.values(UPSTREAMS).map((how) => findServed(readLeniently(forwarded, how), templates, how))
      expect([raw, served.filter((each) => /foo|api/.test(each ?? ''))]).toEqual([raw, []])
    }
    console.log(
      `paths through sockets: ${raws.length} requests, ${refused} refused, ${raws.length - refused} forwarded to nobody's record`,
    )
    expect(refused).toBeGreaterThan(80)
  })
})
