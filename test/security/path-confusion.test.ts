// Two layers that see two paths: none of the spellings passes a lock, and what passes is what was judged (advisory classes A).
import { describe, expect, test } from '@jest/globals'
import { useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
// The locked route needs a session, everything else is open to all: the worst case, a catch-all beside it.
const ROUTES = [
  { id: 'locked', path: '/foo/bar', session: { level: 'required', bind: [] } },
  { id: 'open', path: '/open' },
  { id: 'rest', path: '/{rest*}' },
] as const

describe('no spelling of a guarded path reaches the upstream', () => {
  test.each([
    ['a needless encoding (CVE-2026-22031)', '/foo/%62ar'],
    ['a double slash in front (GHSA-x732-6j76-qmhm)', '//foo/bar'],
    ['a double slash within', '/foo//bar'],
    ['an encoded slash (CVE-2021-29492)', '/foo%2fbar'],
    ['an encoded slash and dots', '/open%2F..%2Ffoo%2Fbar'],
    ['dot segments (CVE-2019-9901)', '/open/../foo/bar'],
    ['encoded dot segments', '/open/%2e%2e/foo/bar'],
    ['half-encoded dot segments', '/open/.%2e/foo/bar'],
    ['dot segments behind parameters', '/open/..;/foo/bar'],
    ['a single dot', '/./foo/bar'],
    ['an encoded number sign and dots (GHSA-gm3x-23wp-hc2c)', '/open%23/../foo/bar'],
    ['an encoded semicolon', '/foo/bar%3b'],
    ['parameters', '/foo/bar;a=b'],
    ['parameters within', '/foo;a/bar'],
    ['an encoded backslash', '/foo%5cbar'],
    ['a backslash', '/foo\\bar'],
    ['a fragment (CVE-2021-32779)', '/foo/bar#/open'],
    ['an encoded fragment', '/foo/bar%23/open'],
    ['an encoded question mark', '/foo/bar%3f'],
    ['another case', '/FOO/bar'],
    ['another case with an escape (CVE-2026-27587)', '/FOO%2Fbar'],
    ['a trailing dot', '/foo/bar.'],
    ['a trailing space', '/foo/bar%20'],
    ['a trailing slash', '/foo/bar/'],
    ['a double encoding', '/foo/%2562ar'],
    ['a double-encoded slash', '/foo%252fbar'],
    ['NUL at the end', '/foo/bar%00'],
    ['an overlong slash', '/foo%c0%afbar'],
    ['a full-width letter', '/foo/%EF%BD%82ar'],
    ['a control byte (CRLF)', '/open/%0d%0aX-Injected:1%0d%0a'],
    ['a bad escape', '/foo/bar%'],
    ['an opaque target (CVE-2026-88009)', 'http:http://x/foo/bar'],
    ['an absolute target of another host', 'http://other.example/foo/bar'],
    ['an absolute target with user information', 'http://api.example.in@other.example/open'],
    ['another scheme', 'ftp://api.example.in/open'],
    ['authority-form', 'api.example.in:80'],
    ['no slash in front', 'foo/bar'],
    ['an asterisk', '*'],
    ['raw bytes beyond ASCII', '/foo/b\xe4r'],
    ['DEL', '/foo/bar\x7f'],
  ])('%s', async (_name, target) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('GET', target))
    expect([400, 401, 404]).toContain(answer.status)
    expect(upstream.connections.length).toBe(0)
    expect(plane.trail.requests.length).toBe(1)
  })

  test('a name in a parameter does not reach across a slash', async () => {
    const { plane, upstream } = await start({
      routes: [{ path: '/records/{id}' }, { path: '/records/{id}/secret', session: { level: 'required', bind: [] } }],
    })
    expect((await plane.ask(request('GET', '/records/7%2fsecret'))).status).toBe(400)
    expect(upstream.connections.length).toBe(0)
  })
})

describe('a lock in force makes any route the stricter one', () => {
  test('files and front pages that mean a locked path are refused as long as it is locked', async () => {
    const { plane, upstream } = await start({
      routes: [
        { id: 'front', path: '/' },
        { id: 'export', path: '/export.csv' },
        { id: 'list', path: '/files' },
        { id: 'file', path: '/files/{name}' },
        { id: 'rest', path: '/{rest*}' },
      ],
    })
    const statuses = async (): Promise<readonly number[]> => {
      const all: number[] = []
      for (const path of ['/index.html', '/export.json', '/export', '/files/index.html', '/about'])
        all.push((await plane.ask(request('GET', path))).status)
      return all
    }
    expect(await statuses()).toEqual([200, 200, 200, 200, 200])
    plane.lock({ routes: ['front', 'export', 'list'] })
    expect(await statuses()).toEqual([404, 404, 404, 404, 200])
    expect(upstream.requests.length).toBe(6)
    plane.release()
    expect(await statuses()).toEqual([200, 200, 200, 200, 200])
    plane.lock({ all: true })
    expect(await statuses()).toEqual([503, 503, 503, 503, 503])
  })
})

describe('what was authorised is what was forwarded', () => {
  test.each([
    '/open',
    '/open?',
    '/open?b=2&a=1&b=3',
    '/open?a;b=%20+&&=',
    '/open?next=//x/../y&q=%2F%2e%2E',
    "/a-b._~!$&'()*+,=:@/c",
    '/catalogue/%E0%A4%A8%E0%A4%AE',
    '/a%20b/%5B...slug%5D.js',
    '/..a/b..',
    `/${'long/'.repeat(1000)}`,
  ])('%s, byte for byte', async (target) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expect((await plane.ask(request('GET', target))).status).toBe(200)
    const [line] = upstream.connections[0]?.bytes.toString('latin1').split('\r\n') ?? []
    expect(line).toBe(`GET ${target} HTTP/1.1`)
  })

  test('an escape in small letters goes on in capitals: the one spelling that was matched, locked and recorded', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expect((await plane.ask(request('GET', '/catalogue/%e0%a4%a8'))).status).toBe(200)
    expect(upstream.requests[0]?.target).toBe('/catalogue/%E0%A4%A8')
  })

  test.each([
    ['GET http://api.example.in/open?a=1 HTTP/1.1\r\nHost: api.example.in\r\n\r\n', '/open?a=1'],
    ['GET http://API.example.in/open HTTP/1.1\r\nHost: api.EXAMPLE.in\r\n\r\n', '/open'],
    ['GET http://api.example.in:80?a HTTP/1.1\r\nHost: api.example.in:80\r\n\r\n', '/?a'],
  ])('absolute-form with the Host’s own authority becomes origin-form: %s', async (bytes, target) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expect((await plane.ask(bytes)).status).toBe(200)
    expect(upstream.requests.map((each) => each.target)).toEqual([target])
  })

  test('absolute-form without a Host, or with another: 400', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expect((await plane.ask('GET http://a/open HTTP/1.0\r\n\r\n')).status).toBe(400)
    expect((await plane.ask('GET http://a/open HTTP/1.1\r\nHost: b\r\n\r\n')).status).toBe(400)
    expect(upstream.connections.length).toBe(0)
  })

  test('no field of the request changes which path that is', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(
      request('GET', '/foo/bar', {
        'X-Original-URL': '/open',
        'X-Rewrite-URL': '/open',
        'X-Forwarded-Uri': '/open',
        'X-Forwarded-Prefix': '/open',
        'X-HTTP-Method-Override': 'OPTIONS',
      }),
    )
    expect(answer.status).toBe(401)
    expect(upstream.connections.length).toBe(0)
  })

  test('OPTIONS has no way around the session: it needs a route of its own', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const preflight = { Origin: 'https://a', 'Access-Control-Request-Method': 'GET' }
    expect((await plane.ask(request('OPTIONS', '/foo/bar'))).status).toBe(405)
    expect((await plane.ask(request('OPTIONS', '/foo/bar', preflight))).status).toBe(405)
    expect(upstream.connections.length).toBe(0)
  })

  test('metrics and health are not served on the data plane, and not shadowed there', async () => {
    const { plane } = await start({ routes: [{ path: '/metrics' }] })
    expect((await plane.ask(request('GET', '/metrics'))).body.toString()).toBe('{"from":"real"}')
    for (const path of ['/healthz', '/readyz', '/api/v1/status'])
      expect((await plane.ask(request('GET', path))).status).toBe(404)
  })
})

describe('what is recorded of it', () => {
  test('stays one line, names nobody and decodes to what was judged', async () => {
    const { plane } = await start({
      routes: [...ROUTES, { path: '/people/{id}', subjects: [{ in: 'param', name: 'id' }] }],
    })
    const evil = '\x85\xa0\x1b[31m"}\\'.replaceAll('\x1b', '')
    await plane.ask(request('GET', '/people/%0A%E2%80%A8%1B', { 'User-Agent': evil }))
    await plane.ask(request('GET', '/people/%E2%80%A8%22'))
    await plane.ask(
      request('GET', '/open?token=secret-token&otp=123456', {
        Authorization: 'Bearer secret-token',
        Cookie: 'secret-token',
      }),
    )
    await plane.ask(request('GET', '/people/9876543210'))
    const lines = plane.trail.requests.map((record) => JSON.stringify(record))
    for (const line of lines) {
      expect(line).not.toMatch(/[\n\r\u2028\u2029\x1b]/)
      expect(line).not.toMatch(/secret-token|123456|9876543210/)
    }
    expect(
      plane.trail.requests.filter(({ phase }) => phase === 'outcome').map(({ route, status }) => [route, status]),
    ).toEqual([
      [undefined, 400],
      ['people..id.'.replaceAll('..id.', '.{id}'), 200],
      ['open', 200],
      ['people.{id}', 200],
    ])
  })

  test('invented methods, paths and hosts add no label', async () => {
    const { plane } = await start({ routes: ROUTES })
    for (let count = 0; count < 50; count++) {
      await plane.ask(`GET /foo/bar/${count}/x HTTP/1.1\r\nHost: h${count}\r\n\r\n`)
      await plane.ask(`X${count} /foo HTTP/1.1\r\nHost: a\r\n\r\n`)
    }
    await plane.ask(request('PROPFIND', '/open'))
    const labels = new Set(plane.settled.map(({ route, method }) => `${route} ${method}`))
    expect([...labels].sort()).toEqual(['none OTHER', 'rest GET'])
  })
})
