// advisory-classes A: two layers that see two paths. The guarded path stands beside a catch-all, the worst case there is.
import { expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { problemsOf, SAMPLE } from '../../config/sample.ts'
import { turns, useRig, type Rig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('advisory-classes A, paths and routes')
const SESSION = { level: 'required', bind: [] } as const
const ROUTES = [
  { id: 'locked', path: '/foo/bar', session: SESSION },
  { id: 'open', path: '/open' },
  { id: 'rest', path: '/{rest*}' },
] as const

const words = (text: string): readonly string[] => text.split(' ')

/** None of the targets is forwarded, whether the guarded route is locked or asks for a session. */
async function refuses(rig: Rig, targets: readonly string[], lines = 'Host: a\r\n'): Promise<void> {
  const wrong: string[] = []
  for (const isLocked of [false, true]) {
    if (isLocked) rig.plane.lock({ routes: ['locked'] })
    for (const target of targets) {
      const { status } = await rig.plane.ask(`GET ${target} HTTP/1.1\r\n${lines}\r\n`)
      if (![400, 401, 404, 503].includes(status)) wrong.push(`${target}: ${status}`)
    }
    rig.plane.release()
  }
  await turns()
  expect([wrong, rig.upstream.connections.length]).toEqual([[], 0])
  expect(rig.plane.trail.requests.length).toBe(2 * targets.length)
}

line('A01', 'a needless encoding is not decoded by one layer alone (CVE-2026-22031, middie)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words('/foo/%62ar /%66oo/bar /foo/b%61r /f%6f%6F/bar /foo%2Dx /%7Ea /foo/%2562ar'),
  )
})

line('A02', 'a double slash passes neither a lock nor a limit (GHSA-x732-6j76-qmhm, rou3)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words('//foo/bar /foo//bar /foo/bar// ///foo/bar /foo///bar //foo//bar /open//../foo/bar //'),
  )
  const { plane, upstream } = await start({
    routes: [
      { path: '/login', throttle: { requests: { count: 1, periodMs: 60_000 } } },
      { id: 'rest', path: '/{rest*}' },
    ],
  })
  for (const target of words('/login //login /login// ///login')) await plane.ask(request('GET', target))
  expect(upstream.requests.map(({ target }) => target)).toEqual(['/login'])
})

line('A03', 'an encoded slash is no slash and no letter (CVE-2021-29492, Envoy)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words(
      '/foo%2fbar /foo%2Fbar /open%2F..%2Ffoo%2Fbar /%2ffoo/bar /foo/bar%2f /foo%252fbar /open/..%2ffoo/bar /foo%c0%afbar /foo%e0%80%afbar /foo%ef%bc%8fbar',
    ),
  )
})

line('A04', 'dot segments are refused, raw or encoded, wherever they stand (CVE-2019-9901, Envoy)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words(
      '/open/../foo/bar /open/%2e%2e/foo/bar /open/.%2e/foo/bar /open/%2E./foo/bar /./foo/bar /foo/./bar /foo/bar/. /foo/bar/.. /../foo/bar /open/..;/foo/bar /open/%252e%252e/foo/bar /open/..%00/foo/bar',
    ),
  )
})

line('A05', 'encoded / \\ NUL ; ? # open no second path (GHSA-gm3x-23wp-hc2c, Traefik)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words(
      '/open%23/../foo/bar /foo/bar%3b /foo%5cbar /foo/bar%3f /foo/bar%23 /foo/bar%00 /foo/bar;x /foo;x/bar /foo\\bar /foo/bar%5c /foo/bar%3Ba=b /foo%3b/bar /foo/bar%3Fx=1',
    ),
  )
})

line('A06', 'a fragment in the target ends no match and opens no rule (CVE-2021-32779, Envoy)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words('/foo/bar#/open/endpoint /foo/bar%23/open /open#/../foo/bar /#foo/bar /foo/bar# /open?x#/foo/bar'),
  )
})

line('A07', 'an opaque target is 400, and the trail does not say that it was / (CVE-2026-88009, Traefik)', async () => {
  const rig = await start({ routes: [...ROUTES, { id: 'root', path: '/' }] })
  const targets = words(
    'http:http://x/foo/bar http:/foo/bar http:foo/bar x:/foo/bar mailto:a@b http:// https:/foo/bar foo/bar ?foo *',
  )
  await refuses(rig, targets)
  const paths = rig.plane.trail.requests.map(({ path, route }) => [route, path])
  for (const [index, target] of targets.entries()) {
    // Of an unmatched target its length and keyed hash are kept, of one that could not be read nothing.
    expect(paths[index]).toEqual([undefined, expect.stringMatching(new RegExp(`^(${target.length}:t\\.\\S+|)$`))])
  }
  expect(rig.plane.trail.requests.every(({ decision }) => decision === 'rejected')).toBe(true)
})

line('A08', 'no prefix is stripped, so none can be cut at the wrong byte (CVE-2026-40912, Traefik)', async () => {
  await refuses(
    await start({ routes: [...ROUTES, { id: 'x', path: '/x/{rest*}' }] }),
    words('/x%2e/foo/bar /x/./foo/bar /x/%2e/foo/bar /%78/foo/bar /x%2f/foo/bar'),
  )
  const { plane, upstream } = await start({ routes: [...ROUTES, { id: 'x', path: '/x/{rest*}' }] })
  for (const target of words('/x/foo/bar /x/%20/foo/bar /x')) await plane.ask(request('GET', target))
  expect(upstream.requests.map(({ target }) => target)).toEqual(words('/x/foo/bar /x/%20/foo/bar /x'))
})

line('A09', 'case is exact, with an escape in the path too (CVE-2026-27587, Caddy)', async () => {
  await refuses(
    await start({ routes: ROUTES }),
    words(
      '/FOO%2Fbar /FOO/bar /foo/BAR /Foo/Bar /FOO/BAR%20 /FOO/%42AR /foo/b%41r /FOO%20/bar /%46OO/bar /foo/ba%E2%84%9D',
    ),
  )
})

line('A10', 'with hundreds of routes and hosts the answers are those of three (CVE-2026-27588, Caddy)', async () => {
  const many = Array.from({ length: 400 }, (_each, index) => ({ id: `r${index}`, path: `/foo/bar${index}/{id}` }))
  const targets = words(
    '/FOO/bar /foo/BAR /foo/%62ar //foo/bar /foo/bar; /foo/bar. /foo/bar/ /FOO/BAR7/x /foo/bar7//x /foo/bar%2f7',
  )
  await refuses(await start({ routes: [...ROUTES, ...many] }), targets)
  const { plane, upstream } = await start({ routes: [...ROUTES, ...many] })
  for (let index = 0; index < 150; index++) {
    const host = index % 2 === 0 ? `h${index}.example` : `H${index}.EXAMPLE`
    expect((await plane.ask(`GET /foo/bar HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(401)
  }
  expect((await plane.ask(request('GET', '/foo/bar399/x'))).status).toBe(200)
  expect(upstream.requests.length).toBe(1)
})

line('A11', 'Host decides neither route nor upstream (GHSA-64mm-vxmg-q3vj, http-proxy-middleware)', async () => {
  for (const host of words(
    'evil-api.example.com.attacker api.example.com.attacker attacker/api.example.com api.example.com@attacker API.EXAMPLE.COM api.example.com. api.example.com:99999 127.0.0.1:1 [::1] xn--api',
  )) {
    const { plane, upstream } = await start({ routes: ROUTES })
    expect([400, 401]).toContain((await plane.ask(`GET /foo/bar HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status)
    const answer = await plane.ask(`GET /open HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect([200, 400]).toContain(answer.status)
    for (const { head } of upstream.requests)
      expect(head).toMatch(new RegExp(`\\r\\nhost: 127\\.0\\.0\\.1:${upstream.port}\\r\\n`, 'i'))
  }
})

line('A12', '(ab, c) and (a, bc) share no key (GHSA-v574-6498-x57v, reply-from)', async () => {
  const throttle = { requests: { count: 1, periodMs: 60_000 } } as const
  const { plane, upstream } = await start({
    routes: [
      { id: 'ab', path: '/1', session: SESSION, throttle },
      { id: 'a', path: '/2', session: SESSION, throttle },
    ],
  })
  const token = (session: string): string => plane.token({ session, principal: session })
  const ask = async (target: string, session: string): Promise<number> =>
    (await plane.ask(request('GET', target, { Authorization: `Bearer ${token(session)}` }))).status
  for (const [target, session] of [
    ['/1', 'c'],
    ['/2', 'bc'],
  ] as const)
    expect([target, session, await ask(target, session)]).toEqual([target, session, 200])
  expect(upstream.requests.map(({ target }) => target)).toEqual(['/1', '/2'])
  plane.lock({ routes: ['a'] })
  expect([await ask('/1', 'x'), await ask('/2', 'x')]).toEqual([200, 503])
  // What parts a key stands in no name.
  expect(problemsOf(SAMPLE.replace('id: facilities', 'id: "a\\0b"')).length).toBe(1)
})

line('A13', 'no mount point is cut off the undecoded path (CVE-2026-47676, hono)', async () => {
  await refuses(
    await start({ routes: [...ROUTES, { id: 'mount', path: '/mount/{rest*}' }] }),
    words('/mount%2ffoo/bar /%6dount/foo/bar /mount/%2e%2e/foo/bar /mount//foo/bar /MOUNT/foo/bar'),
  )
  for (const key of ['mount: /mount', 'stripPrefix: /mount', 'basePath: /mount'])
    expect(problemsOf(SAMPLE.replace('path: /api/facilities', `path: /api/facilities\n    ${key}`)).length).toBe(1)
})

line('A14', 'what is behind a prefix is never a target of its own (Caddy, weird_proxies)', async () => {
  const rig = await start({ routes: [...ROUTES, { id: 'under', path: '/under/{rest*}' }] })
  await refuses(rig, words('/under/http://other/path /open/http://other/path http://other/open http://other//foo/bar'))
  const { plane, upstream } = await start({ routes: [{ id: 'under', path: '/under/{rest*}' }] })
  await plane.ask(request('GET', '/under/http:/other/path'))
  // A target goes on whole, in origin-form: there is nothing that could be taken for an authority.
  expect(upstream.requests.map(({ head }) => head.split('\r\n')[0])).toEqual(['GET /under/http:/other/path HTTP/1.1'])
})

line('A15', 'a tab, or any other blank, does not end the target (nginx and gunicorn)', async () => {
  const rig = await start({ routes: ROUTES })
  for (const blank of ['\t', '\x0b', '\x0c', '\xa0', '\x85', '\x1f', '  ', '\0']) {
    for (const head of [
      `GET /foo/bar${blank}HTTP/1.1/../../open HTTP/1.1`,
      `GET /open${blank}HTTP/1.1`,
      `GET${blank}/foo/bar HTTP/1.1`,
      `GET /open HTTP/1.1${blank}`,
    ]) {
      const answer = await rig.plane.ask(`${head}\r\nHost: a\r\n\r\n`)
      // Two plain blanks ahead of a target may be read as one (RFC 9112, 3): then it is the guarded one.
      expect({ head, refused: [400, 401, 404].includes(answer.status) }).toMatchObject({
        head,
        refused: blank !== '  ' || !head.startsWith('GET /open') || answer.status !== 200,
      })
    }
  }
  await turns()
  expect(rig.upstream.requests.filter(({ target }) => target !== '/open')).toEqual([])
})

counts()
