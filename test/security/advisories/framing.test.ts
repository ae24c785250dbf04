// advisory-classes C: where one message ends and the next begins.
import { expect } from '@jest/globals'
import { checklist, responsesIn } from '../../support/checklist.ts'
import { connectRaw } from '../../support/raw-client.ts'
import { fieldOf, fieldsOf } from '../../support/raw-upstream.ts'
import { turns, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('advisory-classes C, framing')
const ALL = ['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'] as const
const ROUTES = [
  { path: '/open', methods: ALL },
  { id: 'locked', path: '/foo/bar', methods: ALL },
  { path: '/session', methods: ALL, session: { level: 'required', bind: [] } },
  { path: '/limited', methods: ALL, throttle: { requests: { count: 1, periodMs: 60_000 } } },
] as const
const HIDDEN = 'GET /foo/bar HTTP/1.1\r\nHost: a\r\n\r\n'
const CLEAN = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`

/** Written to a connection of its own: one refusal, its end, and nothing at the upstream. */
async function refuses(bytes: string): Promise<void> {
  const { plane, upstream } = await start({ routes: ROUTES })
  const client = await connectRaw(plane.port, true)
  client.write(bytes)
  const answer = await client.response()
  expect({ bytes, status: answer.status }).toEqual({ bytes, status: 400 })
  await client.ended
  await turns()
  expect({ bytes, responses: responsesIn(client.received), requests: upstream.requests.length }).toEqual({
    bytes,
    responses: 1,
    requests: 0,
  })
  client.close()
}

line('C01', 'a chunked DELETE or OPTIONS is not turned into an empty one and a request (CVE-2026-29057)', async () => {
  for (const method of ['DELETE', 'OPTIONS', 'GET', 'PATCH']) {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } })
    await plane.ask(`${method} /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(HIDDEN)}`)
    await plane.ask(request('GET', '/open'))
    expect(upstream.requests.map((seen) => [seen.method, seen.target, seen.body.toString()])).toEqual([
      [method, '/open', HIDDEN],
      ['GET', '/open', ''],
    ])
  }
})

line('C02', 'no Connection option takes a chunked body its framing (GHSA-ggv3-7p47-pfv8, httpxy)', async () => {
  for (const lines of [
    'Connection: Transfer-Encoding',
    'Connection: upgrade\r\nUpgrade: foo',
    'Connection: transfer-encoding, content-length',
    'Connection: keep-alive',
  ]) {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } })
    plane.lock({ routes: ['locked'] })
    await plane.ask(`POST /open HTTP/1.1\r\nHost: a\r\n${lines}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(HIDDEN)}`)
    expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
    for (const { head, body } of upstream.requests.filter(({ method }) => method === 'POST'))
      expect([body.toString(), /\r\nupgrade:/i.test(head)]).toEqual([HIDDEN, false])
    expect(upstream.requests.map(({ target }) => target)).not.toContain('/foo/bar')
  }
})

line('C03', 'no near spelling of chunked passes a comparison (CVE-2026-54387, tinyproxy)', async () => {
  for (const coding of [
    'chunked,',
    ',chunked',
    'chunked, gzip',
    'gzip, chunked',
    'chunked;',
    'chunked;a=b',
    '"chunked"',
    'x-chunked',
    'chunked chunked',
    'chunked,chunked',
    '\x0bchunked',
    'chunked\x0c',
    'identity',
    'cow',
    '',
    'chunked\r\nTransfer-Encoding: identity',
    'chunKed, identity',
  ])
    await refuses(`POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n${chunk(HIDDEN)}`)
  for (const name of [
    'Transfer-Encoding ',
    'Transfer-Encoding\t',
    ' Transfer-Encoding',
    'Transfer-Encoding\x00',
    'Transfer-Encoding\r',
  ])
    await refuses(`POST /open HTTP/1.1\r\nHost: a\r\n${name}: chunked\r\n\r\n${chunk(HIDDEN)}`)
  // Blanks around it are none of its own (RFC 9110, 5.5): it may be taken, and is framed anew then.
  for (const coding of ['\t chunked\t ', ' chunked ', 'CHUNKED']) {
    const { plane, upstream } = await start({ routes: ROUTES })
    await plane.ask(`POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:${coding}\r\n\r\n${chunk(HIDDEN)}`)
    for (const seen of upstream.requests)
      expect([seen.body.toString(), fieldsOf(seen, 'transfer-encoding')]).toEqual([HIDDEN, ['chunked']])
    expect(upstream.requests.length).toBeLessThanOrEqual(1)
  }
})

line('C04', 'a line of the chunked coding ends with CRLF and nothing else (CVE-2025-55315, Kestrel)', async () => {
  const head = 'POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const body of [
    `2;\nxx\r\n0\r\n\r\n`,
    `2;a\nxx\r\n0\r\n\r\n`,
    `2;a="\n"\r\nxx\r\n0\r\n\r\n`,
    `2;a\rb\r\nxx\r\n0\r\n\r\n`,
    `2\nxx\r\n0\r\n\r\n`,
    `2\rxx\r\n0\r\n\r\n`,
    `2\r\nxx\n0\r\n\r\n`,
    `2\r\nxx\r0\r\n\r\n`,
    `2\r\nxx\r\n0\n\r\n`,
    `2\r\nxx\r\n0\r\n\n`,
    `2\r\nxx\r\n0;\n\r\n`,
    `2;\x00\r\nxx\r\n0\r\n\r\n`,
  ])
    await refuses(`${head}${body}${HIDDEN}`)
})

line('C05', 'every denial with an unread body ends the connection (golang/go#67555, 0.CL)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  await plane.ask(request('GET', '/limited'))
  plane.lock({ routes: ['locked'] })
  const seen = upstream.seen
  for (const [target, status] of [
    ['/foo/bar', 503],
    ['/session', 401],
    ['/limited', 429],
    ['/nowhere', 404],
    ['/open/../open', 400],
  ] as const) {
    for (const lines of [
      'Content-Length: 44\r\n',
      'Content-Length: 44\r\nExpect: 100-continue\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n',
    ]) {
      const client = await connectRaw(plane.port, true)
      client.write(`POST ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
      expect([target, lines, (await client.response()).status]).toEqual([target, lines, status])
      client.write(`GET /open HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n${request('GET', '/open')}`)
      await client.ended
      await turns()
      expect([target, lines, responsesIn(client.received), upstream.seen]).toEqual([target, lines, 1, seen])
      client.close()
    }
  }
  const large = await plane.ask(`POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n${HIDDEN}`)
  expect([large.status, upstream.seen]).toEqual([413, seen])
})

line('C06', 'an unasked answer on an idle connection is not the next caller’s (CVE-2026-6733, undici)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => `${CLEAN}${POISON}`)
  const [first, second] = [await plane.connect(), await plane.connect()]
  first.write(request('GET', '/open'))
  expect((await first.response()).body.toString()).toBe('clean')
  upstream.answer = () => CLEAN
  second.write(request('GET', '/open'))
  expect((await second.response()).body.toString()).toBe('clean')
  // And one that comes when all is quiet.
  upstream.connections.at(-1)?.socket.write(POISON)
  await upstream.connections.at(-1)?.closed
  first.write(request('GET', '/open'))
  expect((await first.response()).body.toString()).toBe('clean')
  await turns()
  for (const client of [first, second]) expect(client.received.includes('poison')).toBe(false)
})

line('C07', 'no decoded CR or LF gets into a head, by path, query or field (CRLF-powered desync, 2026)', async () => {
  const { plane, upstream } = await start({ routes: [...ROUTES, { id: 'rest', path: '/{rest*}' }] })
  for (const target of [
    '/open/%0d%0aX-Injected:1%0d%0a',
    '/open%0d%0a',
    '/open%0a',
    '/open/%250d%250aX-Injected:1',
    '/open/%E5%98%8D%E5%98%8AX-Injected:1',
    '/open%20HTTP/1.1%0d%0aX-Injected:1',
    '/%c0%8d%c0%8aX-Injected:1',
  ])
    await plane.ask(request('GET', target))
  for (const query of ['?a=%0d%0aX-Injected:1', '?%0a', '?a=%0d'])
    expect([200, 400]).toContain((await plane.ask(request('GET', `/open${query}`))).status)
  for (const value of ['a\rX-Injected: 1', 'a\nX-Injected: 1', 'a\r\n X-Injected: 1', 'a\x00X-Injected: 1'])
    expect((await plane.ask(`GET /open HTTP/1.1\r\nHost: a\r\nX-A: ${value}\r\n\r\n`)).status).toBe(400)
  await plane.ask(
    request('GET', '/open', { 'X-Forwarded-Host': 'a%0d%0aX-Injected: 1', 'X-Request-Id': 'a%0d%0aX-Injected: 1' }),
  )
  await turns()
  for (const { bytes } of upstream.connections)
    expect(bytes.toString('latin1')).not.toMatch(/\r\nX-Injected|[^\r]\n|\r[^\n]/i)
})

line('C08', 'no trailer becomes a field', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const trailer of [
    'X-Gateway-User: evil',
    'X-Forwarded-For: evil',
    'Authorization: evil',
    'Cookie: evil',
    'X-Request-Id: evil',
  ])
    await plane.ask(
      `POST /open HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Gateway-User\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailer}\r\n\r\n`,
    )
  for (const { bytes } of upstream.connections) expect(bytes.toString('latin1')).not.toMatch(/evil|trailer/i)
  expect(upstream.requests.map(({ body }) => body.toString())).toEqual(upstream.requests.map(() => 'ok'))
  expect(upstream.requests.length).toBeGreaterThan(0)
})

line('C09', 'h2c is never spoken, and an upgrade that was refused is no tunnel (BishopFox h2c smuggling)', async () => {
  const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  // What is silently thrown away would be waited for: an idle connection ends soon here.
  const { plane, upstream } = await start({ routes: ROUTES, limits: { idleTimeoutMs: 300 } })
  plane.lock({ routes: ['locked'] })
  const client = await plane.connect()
  client.write(`GET /open HTTP/1.1\r\nHost: a\r\n${h2c}\r\n${preface}`)
  expect([200, 400, 426]).toContain((await client.response()).status)
  await client.ended
  for (const seen of upstream.requests)
    expect([fieldsOf(seen, 'upgrade'), fieldsOf(seen, 'http2-settings'), seen.target]).toEqual([[], [], '/open'])
  // Knowledge that needs no upgrade helps no more.
  await refuses(preface)
  const socket =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  upstream.answer = () => 'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n'
  const refused = await plane.connect()
  refused.write(`GET /open HTTP/1.1\r\nHost: a\r\n${socket}\r\n`)
  expect([400, 426]).toContain((await refused.response()).status)
  refused.write(HIDDEN)
  await Promise.race([refused.ended, refused.response().catch(() => undefined)])
  await turns()
  for (const { bytes } of upstream.connections) expect(bytes.toString('latin1')).not.toContain('/foo/bar')
})

line('C10', 'a multipart body is not rebuilt: line ends in it split nothing (http-proxy-middleware)', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const body =
    '--b\r\nContent-Disposition: form-data; name="a"\r\nX-Injected: 1\r\n\r\nv\r\n--b\r\nContent-Disposition: form-data; name="q\r\n\r\n--b--\r\n'
  const type = 'multipart/form-data; boundary="b"'
  await plane.ask(request('POST', '/open', { 'Content-Type': type, 'Content-Length': String(body.length) }, body))
  await plane.ask(
    `POST /open HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(body)}`,
  )
  expect(upstream.requests.map((seen) => [seen.body.toString(), fieldOf(seen, 'content-type')])).toEqual([
    [body, type],
    [body, type],
  ])
  for (const { head } of upstream.requests) expect(head).not.toContain('X-Injected')
})

counts()
