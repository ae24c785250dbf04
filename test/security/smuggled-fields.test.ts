// Fields and queries by which an upstream is made to see another caller, path, method or message than the one that was judged.
import { describe, expect, test } from '@jest/globals'
import { until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'
import { handshake } from './behaviours/websocket.ts'

const start = useRig()
const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS'] as const
const OPEN = { path: '/open', methods: METHODS } as const

/** What the upstream hears of a field with this name. */
async function heard(
  name: string,
  options: Parameters<typeof start>[0] = { routes: [OPEN] },
): Promise<readonly string[]> {
  const { plane, upstream } = await start(options)
  expect((await plane.ask(request('GET', '/open', { [name]: 'smuggled' }))).status).toBe(200)
  return (upstream.requests[0]?.fields ?? []).flatMap(([each, value]) => (value.includes('smuggled') ? [each] : []))
}

describe('a name that the gateway alone writes never comes from a caller', () => {
  test.each([
    'X.Forwarded.For',
    'X~Forwarded~For',
    'X|Rewrite|URL',
    'X!Original!URL',
    'X.Real_IP',
    'X.HTTP.Method.Override',
    'Transfer.Encoding',
    'Content~Length',
    'Content_Type',
    'Content.Encoding',
  ])('%s: whatever is no letter becomes one sign of a variable', async (name) => {
    expect(await heard(name)).toEqual([])
  })

  test.each([
    // gunicorn: `/open/foo/bar` with SCRIPT_NAME `/open` is `/foo/bar`.
    ...[
      'SCRIPT_NAME',
      'PATH_INFO',
      'X-Script-Name',
      'X-Ingress-Path',
      'Request-Uri',
      'X-Request-URI',
      'Base-Url',
      'X-URL',
    ],
    // Rack CVE-2025-61780.
    ...['X-Sendfile-Type', 'X-Accel-Mapping', 'X-Accel-Redirect'],
    ...['X-Invoke-Path', 'X-Matched-Path', 'X-Replaced-Path', 'X-Http-Destinationurl'],
    ...['X-MS-Original-URL', 'X-WAWS-Unencoded-URL'],
    ...['_method', 'Method-Override', 'HTTP-Method-Override', 'X-HTTP-Verb', 'X-Tunnel-Method'],
    ...['X-Forwarded', 'Forwarded-For', 'X-Forward-For', 'X-True-IP', 'Real-IP', 'Remote-Addr', 'X-Remote-Addr'],
    ...['CF-Connecting-IPv6', 'X-Azure-ClientIP', 'WL-Proxy-Client-IP', 'X-Scheme', 'Front-End-Https'],
    ...['Remote-User', 'REMOTE_GROUPS', 'X-Remote-User', 'Client-Cert', 'Client-Cert-Chain', 'SSL-Client-Verify'],
    ...['X-SSL-Client-Cert', 'X-Client-Cert', 'X-ARR-ClientCert'],
  ])('%s', async (name) => {
    expect(await heard(name)).toEqual([])
  })

  test.each([
    'X-Payment-Method',
    'Access-Control-Request-Method',
    'Referer',
    'Destination',
    'X-Api.Version',
    'X-Url-Count',
  ])('%s is a caller’s own', async (name) => {
    expect(await heard(name)).toEqual([name.toLowerCase()])
  })

  test('a field of a claim, in whatever spelling', async () => {
    const routes = [{ ...OPEN, forwardClaims: [{ field: 'X-Citizen', claim: 'sub' }] }]
    const fieldRules = { claims: new Set(['x-citizen']), credentials: new Set<string>(), cookies: [] }
    expect(await heard('X~Citizen', { routes, settings: { fieldRules } })).toEqual([])
  })

  test('a field by which a route judges: every spelling counts', async () => {
    const session = {
      level: 'required',
      bind: [{ source: { in: 'header', name: 'X-Record' }, claim: 'record_ids' }],
    } as const
    const { plane, upstream } = await start({ routes: [{ path: '/bound', session }] })
    const Authorization = `Bearer ${plane.token({ claims: { record_ids: ['7'] } })}`
    for (const alias of ['X.Record', 'X~Record', 'X_Record'])
      expect((await plane.ask(request('GET', '/bound', { Authorization, 'X-Record': '7', [alias]: '8' }))).status).toBe(
        403,
      )
    expect(upstream.requests.length).toBe(0)
    expect((await plane.ask(request('GET', '/bound', { Authorization, 'X-Record': '7' }))).status).toBe(200)
  })
})

describe('a query by which a route judges has one reading', () => {
  const session = { level: 'required', bind: [{ source: { in: 'query', name: 'id' }, claim: 'record_ids' }] } as const

  test.each(['id:int=8', '%2569d=8', 'id%20=8', 'i%C2%ADd=8', 'id%E2%80%8B=8', 'ID=8', 'id[]=8', '%EF%BD%89d=8'])(
    '%s beside id=7',
    async (other) => {
      const { plane, upstream } = await start({ routes: [{ path: '/bound', session }] })
      const Authorization = `Bearer ${plane.token({ claims: { record_ids: ['7'] } })}`
      expect((await plane.ask(request('GET', `/bound?id=7&${other}`, { Authorization }))).status).toBe(400)
      expect(upstream.requests.length).toBe(0)
    },
  )
})

describe('a query that has another value for a parameter of the path', () => {
  const session = { level: 'required', bind: [{ source: { in: 'param', name: 'id' }, claim: 'record_ids' }] } as const

  test.each([
    ['id=8', 400],
    ['a=1&ID=8', 400],
    ['id[]=8', 400],
    ['id=7&id=8', 400],
    ['id=7', 200],
    ['kid=8&from=2026-01-01', 200],
  ])('%s: %i (Laravel reads the query first)', async (query, status) => {
    const { plane, upstream } = await start({ routes: [{ path: '/records/{id}', session }] })
    const Authorization = `Bearer ${plane.token({ claims: { record_ids: ['7'] } })}`
    expect((await plane.ask(request('GET', `/records/7?${query}`, { Authorization }))).status).toBe(status)
    expect(upstream.requests.length).toBe(status === 200 ? 1 : 0)
  })
})

describe('a body beside a query by which a route judges', () => {
  const session = { level: 'required', bind: [{ source: { in: 'query', name: 'id' }, claim: 'record_ids' }] } as const
  const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '4' }

  test('is refused with a GET: Rack reads its parameters first', async () => {
    const { plane, upstream } = await start({ routes: [{ path: '/bound', session }] })
    const Authorization = `Bearer ${plane.token({ claims: { record_ids: ['7'] } })}`
    expect((await plane.ask(`${request('GET', '/bound?id=7', { Authorization, ...FORM })}id=8`)).status).toBe(400)
    expect(upstream.requests.length).toBe(0)
  })
})

describe('a query that names another method', () => {
  test.each([
    '_method=DELETE',
    '_method=delete',
    'a=1&_method=DELETE',
    'a=1;_method=DELETE',
    '%5Fmethod=DELETE',
    '_%6Dethod=DELETE',
    '%255fmethod=%2544ELETE',
    '_method=+DELETE',
    'X-HTTP-Method-Override=DELETE',
    'x_http_method=PUT',
    '_httpMethod=DELETE',
    '_method%00=DELETE',
    '_method%00x=DELETE',
    '_method%2500x=DELETE',
  ])('%s', async (query) => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    const answer = await plane.ask(request('POST', `/open?${query}`, { 'Content-Length': '0' }))
    expect(answer.status).toBe(400)
    expect(upstream.connections.length).toBe(0)
  })

  test.each([
    '_method=POST',
    'method=DELETE',
    '_method=upi',
    '_method',
    'payment_method=PUT',
    'q=_method%3DDELETE',
    'mail=a%40b.in',
  ])('%s does not', async (query) => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    expect((await plane.ask(request('POST', `/open?${query}`, { 'Content-Length': '0' }))).status).toBe(200)
    expect(upstream.requests[0]?.target).toBe(`/open?${query}`)
  })
})

describe('where a message ends cannot be taken from it', () => {
  test('by an upstream whose Connection names Content-Length', async () => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    upstream.answer = () => OK.replace('\r\n\r\n', '\r\nConnection: content-length\r\n\r\n')
    const client = await plane.connect()
    for (let count = 0; count < 2; count++) {
      client.write(request('GET', '/open'))
      expect((await client.response()).body.toString()).toBe('{"from":"real"}')
    }
    client.close()
  })
})

describe('a body that an upstream may leave unread is the last thing on its connection', () => {
  const chunks = 'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'
  test.each([
    ['GET', 'Content-Length: 2\r\n\r\nhi'],
    ['DELETE', 'Content-Length: 2\r\n\r\nhi'],
    ['OPTIONS', 'Content-Length: 2\r\n\r\nhi'],
    ['GET', chunks],
    ['POST', chunks],
  ])('%s with %j: what it answers late answers nobody (GHSA-ggv3-7p47-pfv8)', async (method, body) => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    expect((await plane.ask(`${method} /open HTTP/1.1\r\nHost: a\r\n${body}`)).status).toBe(200)
    await upstream.connections[0]?.closed
    expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
    expect(upstream.connections.length).toBe(2)
  })

  test('a POST with a length leaves its connection to the next request', async () => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    expect((await plane.ask('POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')).status).toBe(200)
    expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
    expect(upstream.connections.length).toBe(1)
  })
})

describe('a request line that is none', () => {
  test.each(['GET /open\r\n', 'GET /open HTTP/2.0\r\nHost: a\r\n', 'GET\r\n'])(
    '%j is refused at once: no more bytes make a request of it',
    async (bytes) => {
      const { plane, upstream } = await start({ routes: [OPEN] })
      const client = await plane.connect()
      client.write(bytes)
      expect((await client.response()).status).toBe(400)
      await until(() => plane.settled.length === 1)
      expect(upstream.connections.length).toBe(0)
    },
  )
})

describe('a handshake that says two things', () => {
  test.each(['Sec-WebSocket-Version: 12', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='])(
    'with another %s is a plain request',
    async (line) => {
      const { plane, upstream } = await start({ routes: [OPEN] })
      const head = handshake('/open')
      expect((await plane.ask(head.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`))).status).toBe(200)
      expect(upstream.requests[0]?.fields.filter(([name]) => name === 'upgrade')).toEqual([])
    },
  )
})
