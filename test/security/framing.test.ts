// Framing over raw sockets: what two parsers might read as two different requests reaches no upstream (advisory classes C).
import type { Socket } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import type { Verification } from '../../src/ports/token-verifier.ts'
import { connectRaw, field } from '../support/raw-client.ts'
import { fieldOf } from '../support/raw-upstream.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'
import { onAccepted } from '../support/accepted.ts'

const start = useRig()
const ROUTES = [
  { path: '/open', methods: ['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT'] },
  { path: '/locked', methods: ['GET', 'POST'] },
] as const
const HIDDEN = 'GET /locked HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST /open HTTP/1.1\r\nHost: a\r\n'

describe('a message that can be framed in two ways gets 4xx, ends its connection, and nothing of it is forwarded', () => {
  test.each([
    [
      'Content-Length and Transfer-Encoding',
      `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
    ],
    [
      'Transfer-Encoding and Content-Length',
      `${POST}Transfer-Encoding: chunked\r\nContent-Length: ${HIDDEN.length + 5}\r\n\r\n0\r\n\r\n${HIDDEN}`,
    ],
    [
      'two Content-Lengths that differ',
      `${POST}Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    ],
    ['two Content-Lengths that agree', `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`],
    ['a list of Content-Lengths', `${POST}Content-Length: 2, 2\r\n\r\n{}${HIDDEN}`],
    ['a Content-Length with a sign', `${POST}Content-Length: +2\r\n\r\n{}${HIDDEN}`],
    ['a negative Content-Length', `${POST}Content-Length: -2\r\n\r\n${HIDDEN}`],
    ['a hexadecimal Content-Length', `${POST}Content-Length: 0x2\r\n\r\n{}${HIDDEN}`],
    ['an empty Content-Length', `${POST}Content-Length:\r\n\r\n${HIDDEN}`],
    ['a Content-Length that overflows', `${POST}Content-Length: 99999999999999999999\r\n\r\n${HIDDEN}`],
    ['a Content-Length with a space inside', `${POST}Content-Length: 1 0\r\n\r\n${HIDDEN}`],
    ['chunked twice', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    [
      'chunked on two lines',
      `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
    ],
    ['chunked before another coding', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['another coding before chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['identity', `${POST}Transfer-Encoding: identity\r\n\r\n${HIDDEN}`],
    ['chunked with a comma (tinyproxy CVE-2026-54387)', `${POST}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['chunked in quotes', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['chunked with a parameter', `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['an unknown coding', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['chunked with a control byte', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['chunked in HTTP/1.0', `POST /open HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    [
      'a field name with a space in front',
      `POST /open HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
    ],
    ['obs-fold', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['obs-fold in another field', `${POST}X-A: b\r\n c\r\n\r\n`],
    ['obs-fold with a tab', `${POST}X-A: b\r\n\tc\r\n\r\n`],
    ['bare LF after the request line', 'GET /open HTTP/1.1\nHost: a\r\n\r\n'],
    ['bare LF after a field', 'GET /open HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n'],
    ['bare LF at the end of the head', 'GET /open HTTP/1.1\r\nHost: a\r\n\n'],
    ['bare CR in a field', 'GET /open HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n'],
    ['NUL in a field', 'GET /open HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n'],
    ['a line without a colon', 'GET /open HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n'],
    ['an empty field name', 'GET /open HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n'],
    ['a field name that is no token', 'GET /open HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n'],
    ['two Hosts', 'GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['two equal Hosts', 'GET /open HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'],
    ['no Host', 'GET /open HTTP/1.1\r\nX-A: b\r\n\r\n'],
    ['a Host that is a list', 'GET /open HTTP/1.1\r\nHost: a, b\r\n\r\n'],
    ['a Host with user information', 'GET /open HTTP/1.1\r\nHost: user@a\r\n\r\n'],
    ['a Host with a path', 'GET /open HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['HTTP/0.9', 'GET /open\r\n\r\n'],
    ['HTTP/0.9 by name', 'GET /open HTTP/0.9\r\n\r\n'],
    ['HTTP/2.0', 'GET /open HTTP/2.0\r\nHost: a\r\n\r\n'],
    ['HTTP/1.2', 'GET /open HTTP/1.2\r\nHost: a\r\n\r\n'],
    ['HTTP/3.0', 'GET /open HTTP/3.0\r\nHost: a\r\n\r\n'],
    ['HTTP/1.10', 'GET /open HTTP/1.10\r\nHost: a\r\n\r\n'],
    ['http in lower case', 'GET /open http/1.1\r\nHost: a\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a method in lower case', 'get /open HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an invented method', 'GIMME /open HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a tab in the request line', 'GET\t/open HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a space after the version', 'GET /open HTTP/1.1 \r\nHost: a\r\n\r\n'],
    ['a space in the target', 'GET /open /locked HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a tab in the target', 'GET /open\tHTTP/1.1/../../locked HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s', async (_name, bytes) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(bytes)
    const answer = await client.response()
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    await turns()
    expect(upstream.seen).toBe(0)
    // Whatever stood behind it was never a request.
    if (bytes.includes(HIDDEN)) {
      await client.ended
      expect(client.received.toString('latin1').match(/^HTTP\//gm)?.length).toBe(1)
    }
    await until(() => plane.trail.requests.length > 0)
    expect(plane.trail.requests).toMatchObject([{ decision: 'rejected', phase: 'outcome' }])
  })
})

test.each([
  ['an empty line before the request line', '\r\n\r\nGET /open HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['blanks around a value', 'GET /open HTTP/1.1\r\nHost: \t a \t\r\n\r\n'],
])('%s, which may be taken (RFC 9112, 2.2 and 5), is framed anew', async (_name, bytes) => {
  const { plane, upstream } = await start({ routes: ROUTES })
  expect((await plane.ask(bytes)).status).toBe(200)
  expect(upstream.connections[0]?.bytes.toString('latin1')).toMatch(/^GET \/open HTTP\/1\.1\r\nHost: 127/)
  expect(fieldOf(upstream.requests[0], 'x-forwarded-host')).toBe('a')
})

describe('a chunked body that can be read in two ways never reaches the upstream as a whole request', () => {
  const chunked = `${POST}Transfer-Encoding: chunked\r\n\r\n`
  test.each([
    ['bare LF in a chunk extension (Kestrel CVE-2025-55315)', `2;\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['bare LF in a named chunk extension', `2;a=b\nxx\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['bare CR in a chunk extension', `2;a\rb\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['bare LF after the size', `2\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['bare LF after the data', `2\r\n{}\n0\r\n\r\n${HIDDEN}`],
    ['bare LF after the last chunk', `2\r\n{}\r\n0\n\r\n${HIDDEN}`],
    ['no end of line after the data', `2\r\n{}0\r\n\r\n${HIDDEN}`],
    ['a size with 0x', `0x2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['a size with a sign', `+2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['a negative size', `-2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['a space before the size', ` 2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['an underscore in the size', `1_0\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['an empty size', `\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['a size that overflows', `fffffffffffffffff\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ['more data than the size', `2\r\n{}}\r\n0\r\n\r\n${HIDDEN}`],
    ['a Content-Length among the trailers', `2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n${HIDDEN}`],
    ['a trailer that is no field', `2\r\n{}\r\n0\r\nnonsense\r\n\r\n${HIDDEN}`],
  ])('%s', async (_name, body) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(chunked + body)
    const answer = await client.response()
    expect(answer.status).toBe(400)
    expect(await client.ended).toBe('end')
    await turns()
    expect(upstream.requests).toEqual([])
    expect(client.received.toString('latin1').match(/^HTTP\//gm)?.length).toBe(1)
    expect(plane.gateway.inFlight.size).toBe(0)
    expect(plane.trail.requests.filter(({ phase }) => phase === 'outcome')).toMatchObject([
      { decision: 'rejected', reason: 'malformed-request', status: 400 },
    ])
  })

  test('extensions that are well formed are taken, and end here', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(`${chunked}2;a=b;c="d"\r\n{}\r\n0;e\r\n\r\n`)
    expect(answer.status).toBe(200)
    expect(upstream.connections[0]?.bytes.toString('latin1')).toMatch(/\r\n2\r\n\{\}\r\n0\r\n\r\n$/)
  })

  test('a body that goes wrong after its start ends the upstream request unfinished', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(`${chunked}2\r\n{}\r\n`)
    await upstream.sawBytes(50)
    client.write('zz\r\n')
    expect((await client.response()).status).toBe(400)
    await upstream.connections[0]?.closed
    expect(upstream.requests).toEqual([])
    await until(() => plane.settled.length === 1)
    expect(plane.settled).toMatchObject([{ status: 400, decision: 'rejected' }])
  })
})

describe('trailers', () => {
  test('are not forwarded, neither as trailers nor as fields', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(
      `${POST}Transfer-Encoding: chunked\r\nTrailer: X-Gateway-User\r\n\r\n2\r\n{}\r\n0\r\nX-Gateway-User: admin\r\nAuthorization: x\r\n\r\n`,
    )
    expect(answer.status).toBe(200)
    expect(upstream.connections[0]?.bytes.toString('latin1')).not.toMatch(/gateway-user|admin|authorization/i)
    expect(upstream.requests[0]?.body.toString()).toBe('{}')
  })
})

describe('bodies on methods that rarely have one', () => {
  test.each(['DELETE', 'OPTIONS', 'GET', 'PUT'])(
    'a chunked %s keeps its body, and nothing in it becomes a request (CVE-2026-29057)',
    async (method) => {
      const { plane, upstream } = await start({ routes: ROUTES })
      const client = await plane.connect()
      client.write(
        `${method} /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
      )
      expect((await client.response()).status).toBe(200)
      client.write(request('GET', '/open'))
      expect((await client.response()).status).toBe(200)
      expect(upstream.requests.map(({ target, body }) => [target, body.toString()])).toEqual([
        ['/open', HIDDEN],
        ['/open', ''],
      ])
    },
  )

  test.each([
    ['Connection: keep-alive, Transfer-Encoding'],
    ['Connection: upgrade\r\nUpgrade: websocket'],
    ['Connection: Transfer-Encoding, upgrade\r\nUpgrade: h2c'],
    ['Connection: Content-Length'],
  ])('a chunked body under %s is framed anew (httpxy GHSA-ggv3-7p47-pfv8)', async (lines) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    await plane.ask(
      `${POST}${lines}\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
    )
    await turns()
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/open'])
    expect(upstream.requests[0]?.body.toString()).toBe(HIDDEN)
  })

  test('a bodyless request gains no framing, Content-Length 0 is kept where a body is expected', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    await plane.ask(request('GET', '/open'))
    await plane.ask(request('DELETE', '/open'))
    await plane.ask(request('POST', '/open', { 'Content-Length': '0' }))
    const framing = upstream.requests.map((each) => [
      fieldOf(each, 'transfer-encoding'),
      fieldOf(each, 'content-length'),
    ])
    expect(framing).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      [undefined, '0'],
    ])
  })
})

describe('a denial with a body behind it', () => {
  const WITH_BODY = `POST /locked HTTP/1.1\r\nHost: a\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`

  test.each([
    ['a lock', 503, WITH_BODY],
    ['no session', 401, WITH_BODY.replace('/locked', '/session')],
    ['a limit', 429, WITH_BODY.replace('/locked', '/limited')],
    ['no route', 404, WITH_BODY.replace('/locked', '/nowhere')],
    ['the method', 405, WITH_BODY.replace('/locked', '/get')],
    ['its size', 413, `POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n${HIDDEN}`],
    ['its expectation', 417, WITH_BODY.replace('Host', 'Expect: tea\r\nHost')],
    ['Expect: 100-continue', 503, WITH_BODY.replace('Host', 'Expect: 100-continue\r\nHost')],
    [
      'chunked',
      503,
      `POST /locked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
    ],
    ['unfinished', 503, `POST /locked HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n${HIDDEN}`],
  ])(
    '(%s: %i) ends its connection: neither the body nor what follows is taken for a request',
    async (_name, status, bytes) => {
      const { plane, upstream } = await start({
        routes: [
          ...ROUTES,
          { path: '/session', methods: ['POST'], session: { level: 'required', bind: [] } },
          { path: '/limited', methods: ['GET', 'POST'], throttle: { requests: { count: 1, periodMs: 60_000 } } },
          { path: '/get' },
        ],
      })
      expect((await plane.ask(request('GET', '/limited'))).status).toBe(200)
      plane.lock({ routes: ['locked'] })
      const seen = upstream.seen
      const client = await plane.connect()
      client.write(bytes + request('GET', '/open'))
      const answer = await client.response()
      expect(answer.status).toBe(status)
      expect(field(answer, 'connection')).toBe('close')
      expect(await client.ended).toBe('end')
      await turns()
      expect(client.received.toString('latin1').match(/^HTTP\//gm)?.length).toBe(1)
      expect(upstream.seen).toBe(seen)
    },
  )

  test('gives the caller the time to read it: no reset while the body is still being sent', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const client = await plane.connect()
    client.write(`POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n`)
    for (let count = 0; count < 50; count++) {
      client.write('x'.repeat(10_000))
      await turns(1)
    }
    expect((await client.response()).status).toBe(503)
    expect(await client.ended).toBe('end')
  })
})

describe('Expect: 100-continue', () => {
  const EXPECTING = request('POST', '/open', { Expect: '100-Continue', 'Content-Length': '2' })

  test('gets its 100 when the upstream is called, once, and is not forwarded', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(EXPECTING)
    expect((await client.response()).status).toBe(100)
    client.write('{}')
    expect((await client.response()).status).toBe(200)
    expect(fieldOf(upstream.requests[0], 'expect')).toBeUndefined()
    expect(upstream.requests[0]?.body.toString()).toBe('{}')
  })

  test('gets no 100 before the decision is durable', async () => {
    const { plane } = await start({ routes: [{ path: '/open', methods: ['POST'], audit: 'strict' }] })
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(EXPECTING)
    await plane.trail.waitedFor(1)
    await turns()
    expect(client.received.length).toBe(0)
    plane.trail.mode = 'sync'
    plane.trail.release()
    expect((await client.response()).status).toBe(100)
  })

  test('gets the denial and no 100 under a lock', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const client = await plane.connect()
    client.write(EXPECTING)
    expect((await client.response()).status).toBe(503)
    expect(await client.ended).toBe('end')
  })

  test('gets no 100 in HTTP/1.0, which has none', async () => {
    const { plane } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write('POST /open HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}')
    expect((await client.response()).status).toBe(200)
  })
})

describe('pipelined requests', () => {
  test('are answered one after the other, each judged by itself', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    plane.lock({ routes: ['locked'] })
    const client = await plane.connect()
    client.write(
      request('GET', '/open?1') + request('GET', '/locked') + request('GET', '/open?2') + request('GET', '/nowhere'),
    )
    const statuses = []
    for (let count = 0; count < 4; count++) statuses.push((await client.response()).status)
    expect(statuses).toEqual([200, 503, 200, 404])
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/open?1', '/open?2'])
  })

  test('are not judged before the one ahead has been answered: a lock that lands meanwhile covers them', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(request('GET', '/open?1') + request('GET', '/locked'))
    await upstream.requested(1)
    await turns()
    expect(upstream.requests.length).toBe(1)
    plane.lock({ routes: ['locked'] })
    upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    expect((await client.response()).status).toBe(200)
    expect((await client.response()).status).toBe(503)
  })

  test('garbage behind a request is refused after its answer, not within it', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789',
    )
    const client = await plane.connect()
    client.write(`${request('GET', '/open')}nonsense\r\n\r\n`)
    await client.until('0123456789')
    await turns()
    upstream.connections[0]?.socket.write('abcdefghij')
    const answer = await client.response()
    expect(answer.body.toString()).toBe('0123456789abcdefghij')
    expect((await client.response()).status).toBe(400)
    expect(await client.ended).toBe('end')
  })

  test('a flood of garbage within a body that waits for its session is refused once', async () => {
    const { plane } = await start({
      routes: [{ path: '/open', methods: ['POST'], session: { level: 'required', bind: [] } }],
    })
    const release = Promise.withResolvers<Verification>()
    plane.verifier.answer = () => release.promise
    const sockets: Socket[] = []
    onAccepted(plane.server, (socket) => void sockets.push(socket))
    const client = await connectRaw(plane.port, true)
    client.write(`${POST}Authorization: Bearer a\r\nTransfer-Encoding: chunked\r\n\r\n`)
    await until(() => plane.gateway.inFlight.size === 1)
    for (let count = 0; count < 20; count++) {
      client.write('zz\r\n')
      await turns(1)
    }
    expect(sockets[0]?.listenerCount('close')).toBeLessThan(8)
    release.resolve({ refused: 'invalid', detail: '' })
    await client.response()
    await client.ended
    client.close()
    await until(() => plane.settled.length === 1)
    expect(client.received.toString('latin1').match(/^HTTP\//gm)?.length).toBe(1)
    expect(plane.trail.requests).toMatchObject([{ decision: 'unauthenticated', status: 401 }])
  })

  test('after Connection: close are not taken', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(request('GET', '/open', { Connection: 'close' }) + request('GET', '/locked'))
    expect((await client.response()).status).toBe(200)
    await client.ended
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/open'])
  })

  test('a flood of garbage is refused and recorded once', async () => {
    const { plane } = await start({ routes: ROUTES })
    const client = await plane.connect()
    for (let count = 0; count < 50; count++) {
      client.write('nonsense\r\n\r\n')
      await turns(1)
    }
    expect((await client.response()).status).toBe(400)
    expect(plane.trail.requests.length).toBe(1)
  })
})

describe('tunnels', () => {
  test.each([
    ['authority-form', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
    ['origin-form', 'CONNECT /open HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['no port', 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with a body', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 3\r\n\r\nabc'],
  ])('CONNECT in %s: 400, recorded, and no tunnel', async (_name, bytes) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(bytes)
    expect((await client.response()).status).toBe(400)
    client.write(request('GET', '/open'))
    expect(await client.ended).toBe('end')
    expect(upstream.connections.length).toBe(0)
    expect(plane.trail.requests).toMatchObject([
      { decision: 'rejected', reason: 'malformed-target', method: 'CONNECT' },
    ])
  })

  test('a caller that resets its CONNECT does not end the worker', async () => {
    const { plane } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')
    client.socket.resetAndDestroy()
    await turns()
    expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
  })

  test('CONNECT behind an open request waits for its answer, and is refused', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(`${request('GET', '/open')}CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n`)
    expect((await client.response()).status).toBe(200)
    expect((await client.response()).status).toBe(400)
    expect(await client.ended).toBe('end')
    expect(upstream.requests.length).toBe(1)
  })

  test.each([
    ['websocket without its key', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'],
    ['websocket and something else', 'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Key: a\r\n'],
    ['h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
    ['an unknown protocol', 'Connection: Upgrade\r\nUpgrade: foo\r\n'],
  ])('an upgrade to %s is not made: it goes the way of every request, as a plain one', async (_name, lines) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(`GET /open HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
    expect((await client.response()).status).toBe(200)
    expect(fieldOf(upstream.requests[0], 'upgrade')).toBeUndefined()
    expect(fieldOf(upstream.requests[0], 'connection')).toBeUndefined()
    expect(plane.trail.requests.length).toBe(1)
    plane.lock({ all: true })
    const locked = await plane.connect()
    locked.write(`GET /open HTTP/1.1\r\nHost: a\r\n${lines}\r\n\x81\x05hello`)
    expect((await locked.response()).status).toBe(503)
    expect(await locked.ended).toBe('end')
    expect(upstream.requests.length).toBe(1)
  })
})
