// Paths that other proxies normalise, through a live gateway: refused, or forwarded byte for byte; and which route judges them.
import { METHODS } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openVectorRig, readVectors, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase } from '../support/raw-verdict.ts'
import type { RouteSpec } from '../support/start-data-plane.ts'

type Pair = readonly [input: string, output: string]

interface Vectors {
  readonly nginx_uri: readonly { readonly target: string; readonly name: string }[]
  readonly envoy_normalize: readonly Pair[]
  readonly envoy_reject: readonly string[]
  readonly envoy_merge_slashes: readonly Pair[]
  readonly envoy_remove_query_and_fragment: { readonly all_of: readonly string[] }
  readonly fastify_reply_from_reject: readonly string[]
  readonly fastify_reply_from_must_accept: readonly string[]
  readonly gateway_api: Readonly<
    Record<string, { readonly cases: readonly (readonly [string, string | null, string | 404])[] }>
  >
  readonly traefik_sanitize: readonly Pair[]
  readonly traefik_path_operations: readonly { readonly target: string }[]
  readonly traefik_reject_by_default_encoded: readonly string[]
  readonly traefik_malformed_percent_400: readonly string[]
  readonly caddy_path_matcher: readonly { readonly input: string }[]
  readonly oauth2_proxy_allowlist: { readonly cases: readonly (readonly [string, string, boolean])[] }
}

const vectors = readVectors('path-and-host-normalisation.json') as Vectors | undefined
const tally = new Tally('path-and-host-normalisation.json, paths')
const suite = vectors === undefined ? describe.skip : describe
let rig: VectorRig
/** Opened for one test each. */
const others: VectorRig[] = []

beforeAll(async () => {
  rig = await openVectorRig({ routes: [{ id: 'all', path: '/{rest*}' }] })
})

afterAll(async () => {
  for (const each of [rig, ...others]) await each.close()
  if (vectors !== undefined) tally.print()
})

/**
 * What the contract (3) refuses, read anew from its words: encoded slash and backslash, dot segments in any encoding, double
 * slash, backslash, NUL and controls, bad percent, `#`; and what is no origin-form.
 */
function isAmbiguous(target: string): boolean {
  const [path = ''] = target.split('?')
  if (!target.startsWith('/') || /[#\\\x00-\x20\x7f-\xff]/.test(target)) return true
  if (/%(?![0-9A-Fa-f]{2})/.test(target) || path.includes('//')) return true
  if (/%(2f|5c|[01][0-9a-f]|7f|c[01])/i.test(path)) return true
  return path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment.split(/;|%3b/i)[0] ?? ''))
}

/** Needless encodings of letters, digits, - . _ ~ are refused as well, and so is what a second decoding would change. */
function isEncodedTwice(target: string): boolean {
  if (/%25[0-9A-Fa-f]{2}/.test(target)) return true
  return [...(target.split('?')[0] ?? '').matchAll(/%([0-9A-Fa-f]{2})/g)].some(([, hex = '']) =>
    /[A-Za-z0-9\-._~]/.test(String.fromCharCode(parseInt(hex, 16))),
  )
}

const inGet = (target: string, host = 'localhost'): Buffer =>
  Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'latin1')

const authorityOf = (target: string): string => /^http:\/\/([^/?#]*)/.exec(target)?.[1] ?? 'localhost'
const originOf = (target: string): string =>
  target.replace(/^http:\/\/[^/?#]*(?=[?#]|$)/, '/').replace(/^http:\/\/[^/?#]*/, '')

suite('a path of other proxies', () => {
  const targets = [
    ...(vectors?.nginx_uri.map(({ target }) => ['nginx', target] as const) ?? []),
    ...(vectors?.envoy_normalize.map(([input]) => ['Envoy', input] as const) ?? []),
    ...(vectors?.envoy_reject.map((target) => ['Envoy', target] as const) ?? []),
    ...(vectors?.envoy_merge_slashes.map(([input]) => ['Envoy', input] as const) ?? []),
    ...(vectors?.envoy_remove_query_and_fragment.all_of.map((target) => ['Envoy', target] as const) ?? []),
    ...(vectors?.fastify_reply_from_reject.map((target) => ['fastify', target] as const) ?? []),
    ...(vectors?.fastify_reply_from_must_accept.map((target) => ['fastify', target] as const) ?? []),
    ...(vectors?.traefik_sanitize.map(([input]) => ['Traefik', input] as const) ?? []),
    ...(vectors?.traefik_path_operations.map(({ target }) => ['Traefik', target] as const) ?? []),
    ...(vectors?.traefik_reject_by_default_encoded.map((target) => ['Traefik', target] as const) ?? []),
    ...(vectors?.traefik_malformed_percent_400.map((target) => ['Traefik', target] as const) ?? []),
    ...(vectors?.caddy_path_matcher.map(({ input }) => ['Caddy', input] as const) ?? []),
  ].map(([whose, target]) => [whose, target, isAmbiguous(originOf(target)) || isEncodedTwice(target)] as const)

  test.each(targets)('%s %j is refused: %s; else it is forwarded byte for byte', async (_whose, target, refuses) => {
    const bytes = inGet(target, authorityOf(target))
    expect(tally.take(await tryCase(rig, bytes, refuses ? 'refuse' : 'forward'))).toEqual([])
  })

  test('is one of very many', () => {
    expect(targets.length).toBeGreaterThan(160)
    expect(targets.filter(([, , refuses]) => !refuses).length).toBeGreaterThan(50)
  })
})

async function open(routes: readonly RouteSpec[]): Promise<VectorRig> {
  const opened = await openVectorRig({ routes })
  others.push(opened)
  return opened
}

/** The route that judged it, as the trail has it; 404 where none did. */
async function routeOf(asked: VectorRig, line: string): Promise<string | 404 | undefined> {
  const found = await asked.play(Buffer.from(`${line} HTTP/1.1\r\nHost: a\r\n\r\n`), 'alone', 1)
  const [outcome] = found.outcomes
  return found.statuses[0] === 404 ? 404 : outcome?.route
}

suite('the routes of the Gateway API', () => {
  // A route by a header has no counterpart here; which Host or header a caller sends changes no lock.
  const cases = (name: string) => (vectors?.gateway_api[name]?.cases ?? []).filter(([, header]) => header === null)

  test('a prefix covers whole segments', async () => {
    const asked = await open([
      { id: 'v1', path: '/{rest*}' },
      { id: 'v2', path: '/v2/{rest*}' },
    ])
    const found = []
    for (const [path, , route] of cases('HTTPRouteMatching')) {
      const judged = await routeOf(asked, `GET ${path}`)
      found.push([path, judged])
      tally.take(judged === route ? [] : [path])
    }
    expect(found).toEqual(cases('HTTPRouteMatching').map(([path, , route]) => [path, route]))
    expect(found.length).toBe(7)
  })

  test('an exact path is exact', async () => {
    const asked = await open([
      { id: 'v1', path: '/one' },
      { id: 'v2', path: '/two' },
    ])
    const found = []
    for (const [path, , route] of cases('HTTPExactPathMatching')) {
      const judged = await routeOf(asked, `GET ${path}`)
      found.push([path, judged])
      tally.take(judged === route ? [] : [path])
    }
    expect(found).toEqual(cases('HTTPExactPathMatching').map(([path, , route]) => [path, route]))
    expect(asked.upstream.requests.length).toBe(2)
  })

  test('a method has its own route, and HEAD goes with GET (contract, 2)', async () => {
    const asked = await open([
      { id: 'v1', path: '/', methods: ['POST'] },
      { id: 'v2', path: '/', methods: ['GET'] },
    ])
    for (const [line, , route] of cases('HTTPRouteMethodMatching')) {
      const judged = await routeOf(asked, line)
      const due = line.startsWith('HEAD') ? 'v2' : route
      tally.take(judged === due ? [] : [line])
      expect([line, judged]).toEqual([line, due])
    }
  })
})

suite('the allowlist of oauth2-proxy', () => {
  test('a path that a lenient upstream would cut short is served by no open route', async () => {
    const asked = await open([
      { id: 'public', path: '/public/{name}/endpoint' },
      { id: 'foo', path: '/foo/{name}/bar' },
      { id: 'get', path: '/skip/auth/routes/get' },
      { id: 'secrets', path: '/{area}/secret', methods: METHODS, session: { level: 'required', bind: [] } },
    ])
    for (const [method, path, served] of vectors?.oauth2_proxy_allowlist.cases ?? []) {
      const before = asked.upstream.requests.length
      const found = await asked.play(Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`), 'alone', 1)
      const passed = asked.upstream.requests.length > before
      tally.take(passed === served ? [] : [path])
      expect([method, path, passed, found.strays]).toEqual([method, path, served, []])
    }
  })
})
