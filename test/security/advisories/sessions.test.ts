// advisory-classes D: sessions, one-time things and limits. Codes are checked by the issuer; what is checked here is its token.
import { afterAll, beforeAll, expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import {
  LOCK_ALL,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../../support/gateway-process.ts'
import { connectRaw, field } from '../../support/raw-client.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('advisory-classes D, sessions and limits')
const SESSION = { level: 'required', bind: [] } as const
const ONCE = { requests: { count: 1, periodMs: 60_000 } } as const

let upstream: Upstream
let gateway: GatewayProcess
beforeAll(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({
    upstreamPort: upstream.port,
    workers: 2,
    routes: `
  - { id: record, path: "/records/{recordId}", methods: [GET], upstream: registry, session: { level: required, maxAge: 15m } }
  - { id: limited, path: /limited, methods: [GET], upstream: registry, session: none, throttle: { requests: 5/h } }
`,
  })
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

/** The status that the live gateway gives to a request with this Authorization field. */
async function statusWith(authorization: string, target = '/records/7'): Promise<number> {
  const client = await connectRaw(gateway.port)
  client.write(request('GET', target, authorization === '' ? {} : { Authorization: authorization }))
  const { status } = await client.response()
  client.close()
  return status
}

line('D01', 'of one order delivered twenty times at once, one counts; no code ends here (CVE-2025-6014)', async () => {
  // No code ends here: the gateway has no place to send one to, and a token whose code is unknown is not one by OTP.
  for (const target of ['/login', '/otp', '/verify', '/api/v1/login']) expect(await statusWith('', target)).toBe(404)
  expect(await statusWith(`Bearer ${gateway.issuer.token({ amr: ['pwd'] })}`)).toBe(401)
  const [desk] = gateway.people
  if (desk === undefined) throw new Error('nobody is enrolled')
  const order = signOrder(desk, { ...LOCK_ALL, scope: { routes: ['limited'] }, mode: 'observe' })
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await gateway.order(order)).status))
  expect(statuses.sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
})

line('D02', 'twenty at once under a limit of five: five pass, over two workers (idenplane #398)', async () => {
  const seen = upstream.received().split('GET /limited ').length
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(gateway.port)))
  for (const client of clients) client.write(request('GET', '/limited'))
  const statuses = await Promise.all(clients.map(async (client) => (await client.response()).status))
  for (const client of clients) client.close()
  expect([
    statuses.filter((status) => status === 200).length,
    statuses.filter((status) => status === 429).length,
  ]).toEqual([5, 15])
  expect(upstream.received().split('GET /limited ').length - seen).toBe(5)
})

line('D05', 'a revoked session ends, for new requests and for what is open (first-tree #1620)', async () => {
  const { plane } = await start(
    { routes: [{ path: '/events', session: SESSION }] },
    () => 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n',
  )
  const [token, other] = [plane.token(), plane.token({ authTime: plane.clock.now() / 1000 + 3_600 })]
  const open = await plane.connect()
  open.write(request('GET', '/events', { Authorization: `Bearer ${token}` }))
  await open.until('data: one')
  plane.revoke({})
  await open.ended
  const answer = await plane.ask(request('GET', '/events', { Authorization: `Bearer ${token}` }))
  expect([answer.status, field(answer, 'www-authenticate')]).toEqual([401, expect.stringContaining('invalid_token')])
  // Opened after what was revoked.
  const later = await plane.connect()
  later.write(request('GET', '/events', { Authorization: `Bearer ${other}` }))
  await later.until('data: one')
})

line('D06', 'with store, keys or limits out of order, what judges fails closed (sebt #462)', async () => {
  const { plane, upstream } = await start({
    routes: [
      { path: '/frozen', session: SESSION },
      { path: '/served', stale: 'serve' },
      { path: '/read', stale: 'read-only', methods: ['GET', 'POST'] },
    ],
  })
  const authorization = { Authorization: `Bearer ${plane.token()}` }
  plane.endLease()
  const statuses = []
  for (const [method, target] of [
    ['GET', '/frozen'],
    ['GET', '/read'],
    ['POST', '/read'],
    ['GET', '/served'],
  ] as const)
    statuses.push((await plane.ask(request(method, target, authorization))).status)
  // Documented by the route's own posture: frozen, read-only, serve.
  expect(statuses).toEqual([503, 200, 503, 200])
  plane.renewLease()
  plane.verifier.answer = () => ({ refused: 'unavailable', detail: 'no key' })
  expect((await plane.ask(request('GET', '/frozen', authorization))).status).toBe(503)
  const seen = upstream.requests.length
  const broken = await start({
    routes: [{ path: '/open', throttle: ONCE }],
    gateway: () => ({
      detectors: [
        {
          name: 'broken',
          observe: () => {
            throw new Error('the limits are gone')
          },
        },
      ],
    }),
  })
  expect((await broken.plane.ask(request('GET', '/open'))).status).toBe(500)
  expect([upstream.requests.length, broken.upstream.seen]).toEqual([seen, 0])
})

line('D07', 'no variant of a path has a limit of its own (GHSA-x732-6j76-qmhm, rou3)', async () => {
  const { plane, upstream } = await start({
    routes: [
      { path: '/login', throttle: ONCE },
      { id: 'rest', path: '/{rest*}' },
    ],
  })
  for (const target of [
    '/login',
    '//login',
    '/login/',
    '/Login',
    '/LOGIN',
    '/login?x',
    '/login?y=1',
    '/login;a=b',
    '/login%20',
    '/login.',
    '/%6cogin',
    '/./login',
    '/login/.',
    '/login%00',
    '/login%3f',
    '/login%23',
    '/log%69n',
    '/a/../login',
    '/login.json',
    '/login%ef%bc%8e',
  ])
    await plane.ask(request('GET', target))
  expect((await plane.ask(request('HEAD', '/login'), { head: true })).status).toBe(429)
  expect(upstream.requests.map(({ target }) => target)).toEqual(['/login'])
})

line('D08', 'no caller mints a limit by chain, network, token or cookie (express-rate-limit #667)', async () => {
  const { plane, upstream } = await start({
    routes: [
      { path: '/open', throttle: ONCE },
      { path: '/optional', throttle: ONCE, session: { level: 'optional', bind: [] } },
    ],
  })
  for (let count = 0; count < 10; count++) {
    const fields = {
      'X-Forwarded-For': `9.9.9.${count}`,
      'X-Real-IP': `9.9.9.${count}`,
      Cookie: `sid${count}=${count}`,
      'User-Agent': `agent/${count}`,
      'X-Client-Id': `${count}`,
      'X-Api-Key': `${count}`,
    }
    await plane.ask(request('GET', `/open?${count}`, { ...fields, Authorization: `Bearer random-${count}` }))
    const optional = await plane.ask(
      request('GET', '/optional', { ...fields, Authorization: `Bearer random-${count}` }),
    )
    expect(optional.status).toBe(401)
    await plane.ask(request('GET', '/optional', fields))
  }
  expect(upstream.requests.map(({ target }) => target)).toEqual(['/open?0', '/optional'])
  // Behind a proxy of ours: the rightmost stranger counts, an IPv6 one by its /64.
  const behind = await start({ routes: [{ path: '/open', throttle: ONCE }], trustedProxies: ['127.0.0.0/8'] })
  for (let count = 0; count < 10; count++)
    for (const chain of [`6.6.6.${count}, 203.0.113.9`, `2001:db8:1:2:${count}::${count}`])
      await behind.plane.ask(request('GET', '/open', { 'X-Forwarded-For': chain }))
  expect(behind.upstream.requests.length).toBe(2)
})

line('D10', 'OPTIONS has no way around a session, with an Origin or without (oauth2-proxy #3505)', async () => {
  const { plane, upstream } = await start({
    routes: [
      { path: '/record', session: SESSION },
      { id: 'own', path: '/own', methods: ['GET', 'OPTIONS'], session: SESSION },
    ],
  })
  for (const fields of [
    {},
    { Origin: 'https://a' },
    { 'Access-Control-Request-Method': 'GET' },
    { Origin: 'https://a', 'Access-Control-Request-Method': 'GET' },
  ]) {
    expect((await plane.ask(request('OPTIONS', '/record', fields))).status).toBe(405)
    expect((await plane.ask(request('OPTIONS', '/own', fields))).status).toBe(401)
  }
  expect((await plane.ask(request('OPTIONS', '*'))).status).toBe(400)
  await turns()
  expect(upstream.seen).toBe(0)
  await until(() => plane.gateway.inFlight.size === 0)
})

counts()
