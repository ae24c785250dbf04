// What crosses the gateway in a header section, in both directions (proxy-behaviours A, B; advisory classes B).
import { describe, expect, test } from '@jest/globals'
import { field } from '../support/raw-client.ts'
import { fieldOf, fieldsOf, OK } from '../support/raw-upstream.ts'
import { until, useRig } from '../support/rig.ts'
import { request, type DataPlaneOptions } from '../support/start-data-plane.ts'

const start = useRig()
const OPEN = { path: '/open', methods: ['GET', 'POST'] } as const

/** The request that the upstream sees for one with these lines. */
async function forwardedFrom(lines: string, options: Partial<DataPlaneOptions> = {}) {
  const { plane, upstream } = await start({ routes: [OPEN], ...options })
  const answer = await plane.ask(`GET /open HTTP/1.1\r\nHost: api.example.in\r\n${lines}\r\n`)
  expect(answer.status).toBe(200)
  const [seen] = upstream.requests
  if (seen === undefined) throw new Error('nothing was forwarded')
  return { seen, names: seen.fields.map(([name]) => name), answer, plane, upstream }
}

describe('hop-by-hop fields of the request', () => {
  test('never reach the upstream', async () => {
    const { names, seen } = await forwardedFrom(
      'Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip, trailers\r\nTrailer: X-T\r\n' +
        'Proxy-Authorization: Basic eA==\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\nConnection: Upgrade, HTTP2-Settings\r\n',
    )
    for (const name of [
      'keep-alive',
      'proxy-connection',
      'te',
      'trailer',
      'proxy-authorization',
      'proxy-authenticate',
      'upgrade',
      'http2-settings',
      'transfer-encoding',
    ]) {
      expect(names).not.toContain(name)
    }
    expect(fieldsOf(seen, 'connection')).toEqual([])
  })

  test('that Connection names are dropped: several, in any case, on several lines; others are kept', async () => {
    const { names } = await forwardedFrom(
      'Connection: close, X-One , x-TWO\r\nConnection: X-Three\r\nX-One: 1\r\nx-two: 2\r\nX-THREE: 3\r\nX-Four: 4\r\n',
    )
    expect(names.filter((name) => /^x-(one|two|three|four)$/.test(name))).toEqual(['x-four'])
  })

  test('what the gateway adds survives although Connection names it', async () => {
    const { seen } = await forwardedFrom(
      'Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, X-Request-Id, traceparent, Host\r\n',
    )
    expect(fieldOf(seen, 'x-forwarded-for')).toBe('127.0.0.1')
    expect(fieldOf(seen, 'x-forwarded-host')).toBe('api.example.in')
    expect(fieldOf(seen, 'x-forwarded-proto')).toBe('http')
    expect(fieldOf(seen, 'forwarded')).toBe('for=127.0.0.1;proto=http;host="api.example.in"')
    expect(fieldOf(seen, 'x-request-id')).toMatch(/^request-/)
    expect(fieldOf(seen, 'traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect(fieldsOf(seen, 'host').length).toBe(1)
  })

  test('Content-Length survives although Connection names it', async () => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    const answer = await plane.ask(
      request('POST', '/open', { Connection: 'Content-Length, Transfer-Encoding', 'Content-Length': '5' }, 'hello'),
    )
    expect(answer.status).toBe(200)
    expect(upstream.requests[0]?.body.toString()).toBe('hello')
  })

  test('in the spelling with underscores are dropped too', async () => {
    const { names } = await forwardedFrom(
      'Transfer_Encoding: chunked\r\nContent_Length: 9\r\nProxy_Authorization: x\r\n',
    )
    for (const name of ['transfer_encoding', 'content_length', 'proxy_authorization']) expect(names).not.toContain(name)
  })
})

describe('what is kept', () => {
  test('fields that repeat keep their count and order, and their spelling', async () => {
    const { seen } = await forwardedFrom('X-Multi: 2\r\nCookie: a=1\r\nX-Multi: 1\r\nx-CaSe: kept\r\n')
    expect(fieldsOf(seen, 'x-multi')).toEqual(['2', '1'])
    expect(fieldOf(seen, 'cookie')).toBe('a=1')
    expect(seen.head).toContain('x-CaSe: kept')
  })

  test('an absent User-Agent stays absent, a present one unchanged', async () => {
    expect(fieldOf((await forwardedFrom('')).seen, 'user-agent')).toBeUndefined()
    expect(fieldOf((await forwardedFrom('User-Agent: curl/8\r\n')).seen, 'user-agent')).toBe('curl/8')
  })

  test('obs-text is passed byte for byte', async () => {
    const { seen } = await forwardedFrom('X-Name: \xe9\xff\r\n')
    expect(fieldOf(seen, 'x-name')).toBe('\xe9\xff')
  })

  test('the inbound request is not touched: a second admission sees what was sent', async () => {
    const { plane, upstream } = await start({ routes: [OPEN], pool: { connectionsMax: 1 } }, () => undefined)
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(request('GET', '/open'))
    await upstream.requested(1)
    second.write(
      request('GET', '/open', { Connection: 'X-One', 'X-One': '1', 'X-Forwarded-For': '6.6.6.6', 'X-Two': '2' }),
    )
    await until(() => plane.gateway.inFlight.size === 2)
    // Its permit goes stale in the queue, and it is judged and written anew.
    plane.store(plane.post({}))
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    expect((await second.response()).status).toBe(200)
    expect(fieldsOf(upstream.requests[1], 'x-two')).toEqual(['2'])
    expect(fieldsOf(upstream.requests[1], 'x-one')).toEqual([])
    expect(fieldsOf(upstream.requests[1], 'x-forwarded-for')).toEqual(['127.0.0.1'])
  })
})

const SPOOFED = [
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
  'X-Forwarded-Server',
  'X-Forwarded-User',
  'X-Forwarded-Anything',
  'X-Real-IP',
  'X-Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'X-Original-URL',
  'X-Original-URI',
  'X-Rewrite-URL',
  'X-Original-Method',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Middleware-Subrequest',
  'X-Middleware-Next',
  'X-Vinext-Mw-Ctx',
  'X-Request-Id',
  'Traceparent',
  'Proxy',
]

describe('fields that the gateway alone writes', () => {
  test.each([
    ['as they are', (name: string) => name],
    ['with underscores', (name: string) => name.replaceAll('-', '_')],
    ['in another case', (name: string) => name.toUpperCase()],
    ['mixed', (name: string) => name.replace('-', '_').toLowerCase()],
  ])('from a client are dropped, %s', async (_name, spell) => {
    const { seen } = await forwardedFrom(SPOOFED.map((name) => `${spell(name)}: evil.example\r\n`).join(''))
    expect(seen.head).not.toContain('evil')
  })

  test('are believed and extended where the peer is a trusted proxy', async () => {
    const { seen, plane, answer } = await forwardedFrom(
      'X-Forwarded-For: 6.6.6.6, 203.0.113.9, 127.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example.in\r\n' +
        `X-Request-Id: edge-1\r\nTraceparent: 00-${'1'.repeat(32)}-${'2'.repeat(16)}-00\r\n`,
      { trustedProxies: ['127.0.0.0/8'] },
    )
    expect(fieldOf(seen, 'x-forwarded-for')).toBe('6.6.6.6, 203.0.113.9, 127.0.0.2, 127.0.0.1')
    expect(fieldOf(seen, 'x-forwarded-proto')).toBe('https')
    expect(fieldOf(seen, 'x-forwarded-host')).toBe('public.example.in')
    expect(fieldOf(seen, 'forwarded')).toBe('for=203.0.113.9;proto=https;host="public.example.in"')
    expect(fieldOf(seen, 'x-request-id')).toBe('edge-1')
    expect(fieldOf(seen, 'traceparent')).toMatch(new RegExp(`^00-1{32}-(?!2{16})[0-9a-f]{16}-00$`))
    expect(field(answer, 'x-request-id')).toBe('edge-1')
    expect(plane.trail.requests[0]).toMatchObject({ client: '203.0.113.9', id: 'edge-1' })
  })

  test.each(['a b', '', 'x'.repeat(200), '"><script>'])(
    'an unfit X-Request-Id of a trusted proxy (%s) is replaced',
    async (id) => {
      const { seen } = await forwardedFrom(`X-Request-Id: ${id}\r\n`, { trustedProxies: ['127.0.0.0/8'] })
      expect(fieldOf(seen, 'x-request-id')).toMatch(/^request-/)
    },
  )

  test('other controls of a trusted proxy are dropped all the same', async () => {
    const { seen } = await forwardedFrom(
      'X-Original-URL: /evil\r\nX-Forwarded-Uri: /evil\r\nX-HTTP-Method-Override: EVIL\r\n',
      {
        trustedProxies: ['127.0.0.0/8'],
      },
    )
    expect(seen.head.toLowerCase()).not.toContain('evil')
  })

  test('Host is the upstream’s own, the caller’s stands in X-Forwarded-Host', async () => {
    const { seen, upstream } = await forwardedFrom('')
    expect(fieldOf(seen, 'host')).toBe(`127.0.0.1:${upstream.port}`)
    expect(fieldOf(seen, 'x-forwarded-host')).toBe('api.example.in')
  })

  test('no Host in HTTP/1.0 is no Host to forward, an empty one is refused', async () => {
    const { plane, upstream } = await start({ routes: [OPEN] })
    expect((await plane.ask('GET /open HTTP/1.1\r\nHost:\r\n\r\n')).status).toBe(400)
    expect((await plane.ask('GET /open HTTP/1.0\r\n\r\n')).status).toBe(200)
    expect(fieldOf(upstream.requests[0], 'x-forwarded-host')).toBeUndefined()
    expect(fieldOf(upstream.requests[0], 'forwarded')).toBe('for=127.0.0.1;proto=http')
  })
})

describe('the credential', () => {
  const SESSION = { ...OPEN, session: { level: 'required', bind: [] } } as const

  test('stays here unless the route says so', async () => {
    const { plane, upstream } = await start({ routes: [SESSION] })
    await plane.ask(request('GET', '/open', { Authorization: `Bearer ${plane.token()}` }))
    expect(upstream.requests[0]?.head).not.toMatch(/authorization|token-1/i)
  })

  test('is forwarded where the route says so', async () => {
    const { plane, upstream } = await start({ routes: [{ ...SESSION, forwardAuthorization: true }] })
    await plane.ask(request('GET', '/open', { Authorization: `Bearer ${plane.token()}` }))
    expect(fieldOf(upstream.requests[0], 'authorization')).toBe('Bearer token-1')
  })
})

describe('the response', () => {
  test('loses its hop-by-hop fields, and what its Connection names; repeated fields are kept', async () => {
    const { plane } = await start(
      { routes: [OPEN] },
      () =>
        'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\n' +
        'Proxy-Authenticate: Basic\r\nTrailer: X-T\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nWWW-Authenticate: A\r\nWWW-Authenticate: B\r\n' +
        'X-Request-Id: theirs\r\nContent-Length: 2\r\n\r\nok',
    )
    const answer = await plane.ask(request('GET', '/open'))
    const values = (name: string): readonly string[] =>
      answer.fields.filter(([each]) => each === name).map(([, value]) => value)
    for (const name of ['x-secret', 'upgrade', 'proxy-authenticate', 'trailer']) expect(values(name)).toEqual([])
    expect(values('keep-alive')).not.toContain('timeout=9')
    expect(values('set-cookie')).toEqual(['a=1', 'b=2'])
    expect(values('www-authenticate')).toEqual(['A', 'B'])
    expect(values('x-request-id')).toEqual([expect.stringMatching(/^request-/)])
    expect(values('content-length')).toEqual(['2'])
  })

  test.each([345, 418, 599, 200, 404, 500])('status %i is relayed with its reason', async (status) => {
    const { plane } = await start(
      { routes: [OPEN] },
      () => `HTTP/1.1 ${status} Odd Reason\r\nContent-Length: 2\r\n\r\nok`,
    )
    const answer = await plane.ask(request('GET', '/open'))
    expect([answer.status, answer.reason, answer.body.toString()]).toEqual([status, 'Odd Reason', 'ok'])
  })

  test('that has a date keeps it, one that has none gets one', async () => {
    const { plane, upstream } = await start(
      { routes: [OPEN] },
      () => 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n',
    )
    const dated = await plane.ask(request('GET', '/open'))
    expect(dated.fields.filter(([name]) => name === 'date')).toEqual([['date', 'then']])
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    expect((await plane.ask(request('GET', '/open'))).fields.filter(([name]) => name === 'date').length).toBe(1)
  })

  test('compressed bodies, their fields, redirects and cache rules pass untouched', async () => {
    const { plane } = await start(
      { routes: [OPEN] },
      () =>
        'HTTP/1.1 302 Found\r\nLocation: //elsewhere.example/x\r\nContent-Encoding: gzip\r\nETag: W/"1"\r\nCache-Control: public\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00',
    )
    const answer = await plane.ask(request('GET', '/open'))
    expect(answer.body.toString('latin1')).toBe('\x1f\x8b\x08\x00')
    expect(field(answer, 'location')).toBe('//elsewhere.example/x')
    expect(field(answer, 'content-encoding')).toBe('gzip')
    expect(field(answer, 'etag')).toBe('W/"1"')
    expect(field(answer, 'cache-control')).toBe('public')
  })
})
