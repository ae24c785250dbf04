// advisory-classes B: fields in which a caller says what only a gateway may say.
import { expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { problemsOf, SAMPLE } from '../../config/sample.ts'
import { fieldOf, fieldsOf } from '../../support/raw-upstream.ts'
import { turns, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('advisory-classes B, trust in fields')
const SESSION = { level: 'required', bind: [] } as const
const ROUTES = [
  { path: '/open', methods: ['GET', 'POST'] },
  { id: 'locked', path: '/foo/bar', methods: ['GET', 'POST'], session: SESSION },
] as const
const GET = request('GET', '/open')
const linesOf = (names: readonly string[], value = 'evil'): string =>
  names.map((name) => `${name}: ${value}\r\n`).join('')
const words = (text: string): readonly string[] => text.split(' ')
const spelled = (name: string): readonly string[] => [
  name,
  name.replaceAll('-', '_'),
  name.replace('-', '_'),
  name.toUpperCase(),
  name.toLowerCase().replaceAll('-', '_'),
]

line('B01', 'no forwarded URI decides a rule, and none goes on (CVE-2026-40575, oauth2-proxy)', async () => {
  const names = words(
    'X-Forwarded-Uri X-Forwarded-Path X-Original-URL X-Original-URI X-Auth-Request-Redirect X-Forwarded-Method',
  )
  for (const trustedProxies of [[], ['127.0.0.0/8']]) {
    const { plane, upstream } = await start({ routes: ROUTES, trustedProxies })
    for (const value of ['/open', '/ping', '/open#/foo/bar']) {
      expect((await plane.ask(`GET /foo/bar HTTP/1.1\r\nHost: a\r\n${linesOf(names, value)}\r\n`)).status).toBe(401)
      await plane.ask(
        `GET /open HTTP/1.1\r\nHost: a\r\n${linesOf(
          names.filter((name) => !name.includes('Auth')),
          '/foo/bar',
        )}\r\n`,
      )
    }
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/open', '/open', '/open'])
    for (const { head } of upstream.requests) expect(head).not.toContain('/foo/bar')
  }
  // Nobody is trusted unless the config says whom.
  const { plane } = await start({ routes: ROUTES })
  await plane.ask(request('GET', '/open', { 'X-Forwarded-For': '10.1.2.3' }))
  expect(plane.trail.requests[0]?.client).toBe('127.0.0.1')
})

line('B02', 'an underscore is a hyphen to some upstreams: neither goes on (CVE-2026-39858, Traefik)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const names = words(
    'X-Forwarded-Proto X-Forwarded-For X-Forwarded-User X-Forwarded-Groups X-Real-IP X-Request-Id X-Original-URL X-HTTP-Method-Override',
  )
  await plane.ask(`GET /open HTTP/1.1\r\nHost: a\r\n${linesOf(names.flatMap(spelled))}\r\n`)
  await plane.ask(
    `POST /open HTTP/1.1\r\nHost: a\r\n${linesOf(['Transfer_Encoding', 'Proxy_Authorization'])}Content_Length: 9\r\nContent-Length: 2\r\n\r\nok`,
  )
  const [get, post] = upstream.requests
  expect(get?.head).not.toContain('evil')
  expect([post?.body.toString(), fieldsOf(post, 'content_length'), post?.head.includes('evil')]).toEqual([
    'ok',
    [],
    false,
  ])
  // Where the gateway judges by a field, the alias is a second value of it, and none is owned twice.
  const source = { in: 'header', name: 'X-Record' } as const
  const bound = await start({
    routes: [{ path: '/record', session: { level: 'required', bind: [{ source, claim: 'ids' }] } }],
  })
  const token = bound.plane.token({ claims: { ids: ['7'] } })
  const ask = (lines: string) =>
    bound.plane.ask(`GET /record HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`)
  expect([
    (await ask('X-Record: 7\r\nX_Record: 8\r\n')).status,
    (await ask('X_RECORD: 8\r\nX-Record: 7\r\n')).status,
  ]).toEqual([403, 403])
  expect(bound.upstream.seen).toBe(0)
})

line('B03', 'what the gateway writes is deleted first, whatever the session (GHSA-7r4p-vjf4-gxv4, Caddy)', async () => {
  const { plane, upstream } = await start({ routes: [{ path: '/open', session: { level: 'optional', bind: [] } }] })
  const names = words(
    'X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username X-Forwarded-Role X-Request-Id Traceparent Forwarded',
  )
  for (const authorization of ['', `Authorization: Bearer ${plane.token()}\r\n`])
    await plane.ask(`GET /open HTTP/1.0\r\n${authorization}${linesOf(names.flatMap(spelled))}\r\n`)
  expect(upstream.requests.length).toBe(2)
  for (const { head } of upstream.requests) expect(head).not.toContain('evil')
  // It says of no caller who that is: an upstream that wants to know is given the token itself, where its route says so.
  expect(
    upstream.requests[1]?.fields.map(([name]) => name).filter((name) => /user|role|group|email/.test(name)),
  ).toEqual([])
})

line('B04', 'prefix and port are dropped, and no port is made of a scheme (CVE-2026-35051, -54764)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  await plane.ask(
    `GET /open HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n${linesOf(['X-Forwarded-Prefix', 'X-Forwarded-Port', 'X_Forwarded_Prefix', 'X-Forwarded-Scheme', 'X-Forwarded-Ssl'])}\r\n`,
  )
  const [seen] = upstream.requests
  expect(seen?.head).not.toContain('evil')
  expect([fieldsOf(seen, 'x-forwarded-proto'), fieldsOf(seen, 'x-forwarded-port')]).toEqual([['http'], []])
  const trusted = await start({ routes: ROUTES, trustedProxies: ['127.0.0.0/8'] })
  for (const proto of ['javascript', 'https, http', 'HTTPS ', ''])
    await trusted.plane.ask(request('GET', '/open', { 'X-Forwarded-Proto': proto }))
  for (const each of trusted.upstream.requests) expect(['http', 'https']).toContain(fieldOf(each, 'x-forwarded-proto'))
})

line('B05', 'no caller has the gateway’s fields removed by Connection (GHSA-62c8-mh53-4cqv, Traefik)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const names = words('X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto Forwarded X-Request-Id Traceparent')
  await plane.ask(GET)
  for (const connection of [
    names.join(', '),
    names.join(',').toLowerCase(),
    [...names, 'Host', 'Content-Length', 'close'].join(' , '),
  ])
    await plane.ask(request('POST', '/open', { Connection: connection, 'Content-Length': '4' }, 'four'))
  for (const seen of upstream.requests)
    for (const name of [...names, 'Host']) expect([name, fieldsOf(seen, name).length]).toEqual([name, 1])
  for (const seen of upstream.requests.slice(1)) expect(seen.body.toString()).toBe('four')
})

line('B06', 'hops are not counted but known: a stranger’s chain is nothing (CVE-2026-16732, fastify)', async () => {
  for (const bad of ['2', '[1]', 'true', '["*"]', '[all]'])
    expect(problemsOf(SAMPLE.replace('trustedProxies: [10.0.0.0/8]', `trustedProxies: ${bad}`)).length).toBeGreaterThan(
      0,
    )
  const { plane, upstream } = await start({ routes: ROUTES, trustedProxies: ['10.0.0.0/8'] })
  await plane.ask(
    `GET /open HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 10.0.0.1\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n\r\n`,
  )
  const [seen] = upstream.requests
  expect([plane.trail.requests[0]?.client, fieldOf(seen, 'x-forwarded-for')]).toEqual(['127.0.0.1', '127.0.0.1'])
  expect([fieldOf(seen, 'x-forwarded-host'), fieldOf(seen, 'x-forwarded-proto')]).toEqual(['a', 'http'])
})

line('B07', 'what a framework says to itself does not pass, and skips nothing (CVE-2025-29927, Next.js)', async () => {
  const names = words(
    'X-Middleware-Subrequest X-Middleware-Rewrite X-Middleware-Next X-Middleware-Set-Cookie X-Vinext-Mw-Ctx x_middleware_subrequest',
  )
  const { plane, upstream } = await start({ routes: ROUTES })
  const value = 'middleware:middleware:middleware:middleware:middleware'
  expect((await plane.ask(`GET /foo/bar HTTP/1.1\r\nHost: a\r\nRSC: 1\r\n${linesOf(names, value)}\r\n`)).status).toBe(
    401,
  )
  expect((await plane.ask(`GET /open HTTP/1.1\r\nHost: a\r\n${linesOf(names, value)}\r\n`)).status).toBe(200)
  expect(upstream.requests.map(({ target }) => target)).toEqual(['/open'])
  expect(upstream.requests[0]?.head).not.toMatch(/middleware|vinext/i)
})

line('B08', 'Proxy (httpoxy), URL and method overrides and their kin never reach the upstream', async () => {
  const names = words(
    'Proxy X-Original-URL X-Original-URI X-Original-Path X-Original-Host X-Original-Method X-Rewrite-URL X-Rewrite-URI X-Override-URL X-Forwarded-Uri X-Forwarded-Path X-Forwarded-Prefix X-Envoy-Original-Path X-HTTP-Path-Override X-HTTP-Method X-HTTP-Method-Override X-Method-Override X-Host X-HTTP-Host-Override X-Real-IP X-Client-IP X-Originating-IP X-Remote-IP X-Remote-Addr Client-IP X-Cluster-Client-IP True-Client-IP CF-Connecting-IP Fastly-Client-IP X-ProxyUser-IP X-Custom-IP-Authorization',
  )
  const passed: string[] = []
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const name of names)
    for (const each of spelled(name)) {
      expect((await plane.ask(request('GET', '/foo/bar', { [each]: '/open' }))).status).toBe(401)
      await plane.ask(request('GET', '/open', { [each]: 'evil' }))
      if (upstream.requests.at(-1)?.head.includes('evil')) passed.push(name)
    }
  expect([...new Set(passed)]).toEqual([])
  expect(upstream.requests.every(({ method, target }) => method === 'GET' && target === '/open')).toBe(true)
})

line('B09', 'an address has one spelling, in limits and locks alike (CVE-2026-47674, -30827)', async () => {
  const throttle = { requests: { count: 1, periodMs: 60_000 } } as const
  const ways: readonly (readonly [string, readonly string[]])[] = [
    [
      '1.2.3.4/32',
      words(
        '1.2.3.4 ::ffff:1.2.3.4 ::ffff:102:304 0:0:0:0:0:ffff:0102:0304 ::FFFF:1.2.3.4 1.2.3.4:5678 [::ffff:102:304]:80',
      ),
    ],
    [
      '2001:db8::/64',
      words(
        '2001:db8::1.2.3.4 2001:db8::102:304 2001:0DB8:0:0::0102:0304 [2001:db8::102:304] 2001:db8::102:304%eth0 2001:db8::5',
      ),
    ],
  ]
  for (const [cidr, spellings] of ways) {
    const { plane, upstream } = await start({
      routes: [{ path: '/open', throttle }],
      trustedProxies: ['127.0.0.0/8'],
    })
    const statuses = async (): Promise<readonly number[]> => {
      const all = []
      for (const each of spellings)
        all.push((await plane.ask(request('GET', '/open', { 'X-Forwarded-For': each }))).status)
      return all
    }
    expect(await statuses()).toEqual([200, ...spellings.slice(1).map(() => 429)])
    plane.lock({ cidrs: [cidr] })
    expect(await statuses()).toEqual(spellings.map(() => 503))
    expect(upstream.requests.length).toBe(1)
  }
  // What two readers might read differently is no address: the peer stands in its place.
  const { plane } = await start({ routes: ROUTES, trustedProxies: ['127.0.0.0/8'] })
  for (const odd of words('01.02.03.04 1.2.3 0x1.2.3.4 16909060 1.2.3.4.5 2001:db8::01.2.3.4 ::ffff:1.2.3.256'))
    await plane.ask(request('GET', '/open', { 'X-Forwarded-For': odd }))
  expect(plane.trail.requests.map(({ client }) => client)).toEqual(plane.trail.requests.map(() => '127.0.0.1'))
})

line('B10', 'fields that repeat are judged whole, not by the last or first of them (hono)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, trustedProxies: ['127.0.0.0/8'] })
  await plane.ask('GET /open HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n')
  expect(plane.trail.requests[0]?.client).toBe('203.0.113.9')
  expect(fieldsOf(upstream.requests[0], 'x-forwarded-for').join(', ')).toBe('6.6.6.6, 203.0.113.9, 127.0.0.1')
  const token = plane.token()
  for (const lines of [
    `Authorization: Bearer ${token}\r\nAuthorization: Bearer other\r\n`,
    `Authorization: Bearer other\r\nAuthorization: Bearer ${token}\r\n`,
    `Authorization: Bearer ${token}\r\nauthorization: Basic eA==\r\n`,
    `Authorization: Bearer ${token}, Bearer other\r\n`,
  ])
    expect([400, 401]).toContain((await plane.ask(`GET /foo/bar HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)).status)
  for (const lines of ['Host: a\r\nHost: b\r\n', 'Content-Length: 0\r\nContent-Length: 4\r\nHost: a\r\n'])
    expect((await plane.ask(`POST /open HTTP/1.1\r\n${lines}\r\n`)).status).toBe(400)
  await turns()
  expect(upstream.requests.length).toBe(1)
})

counts()
