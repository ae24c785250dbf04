// What an upstream may send that is no answer, or more than one: it never becomes another caller's answer, nor a whole one.
import { describe, expect, test } from '@jest/globals'
import { problemOf } from '../support/raw-client.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }, { path: '/other' }] as const
const GET = request('GET', '/open')

describe('an answer that is none gets 502, and its connection is not used again', () => {
  test.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH\r\n'],
    ['a broken status line', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a line without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n'],
    ['an empty field name', 'HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n'],
    ['a control byte in a value', 'HTTP/1.1 200 OK\r\nX-A: a\x07b\r\nContent-Length: 0\r\n\r\n'],
    ['bare CR in a value', 'HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n'],
    ['two Content-Lengths that differ', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello'],
    ['two Content-Lengths that agree', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello'],
    ['a negative Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a Content-Length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello'],
    [
      'both framings',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ],
    [
      'a 101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
    ['a 100 that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    [
      'an interim answer with a length, whose body would be an answer',
      `HTTP/1.1 103 Early Hints\r\nContent-Length: ${OK.length}\r\n\r\n${OK}`,
    ],
    ['an interim answer in chunks', `HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n${OK}`],
    ['fields without end', `HTTP/1.1 200 OK\r\n${'X-A: a\r\n'.repeat(20_000)}`],
  ])('%s', async (_name, bytes) => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => bytes)
    const client = await plane.connect()
    client.write(GET)
    const answer = await client.response()
    expect(answer.status).toBe(502)
    expect(problemOf(answer)).toMatchObject({
      type: expect.stringMatching(/^urn:portcullis:problem:upstream-/),
      status: 502,
    })
    await until(() => plane.settled.length === 1)
    expect(plane.settled).toMatchObject([{ status: 502, decision: 'error' }])
    await Promise.all(upstream.connections.map(({ closed }) => closed))
    expect(upstream.requests.length).toBe(1)
    // Nobody else gets a rest of it.
    upstream.answer = () => OK
    client.write(request('GET', '/other'))
    expect((await client.response()).body.toString()).toBe('{"from":"real"}')
  })

  test('the end of the connection before any answer', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, (_request, { socket }) => void socket.end())
    expect((await plane.ask(GET)).status).toBe(502)
    expect(upstream.requests.length).toBe(1)
  })

  test('a reset in the middle of the head', async () => {
    const { plane } = await start({ routes: ROUTES }, (_request, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nX-A:', () => socket.resetAndDestroy())
      return undefined
    })
    expect((await plane.ask(GET)).status).toBe(502)
  })
})

describe('an answer with more behind it', () => {
  test.each([
    ['bytes after the body', `${OK}garbage`],
    ['a second answer', `${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`],
    ['an interim answer behind', `${OK}HTTP/1.1 103 Early Hints\r\n\r\n`],
    [
      'bytes after a chunked body',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{"from":"real"}\r\n0\r\n\r\npoison',
    ],
    ['a body on 204', 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'],
    ['a body on 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison'],
  ])('%s: it is dropped with its connection', async (_name, bytes) => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => bytes)
    const client = await plane.connect()
    client.write(GET)
    expect((await client.response()).status).toBeLessThan(400)
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
    client.write(request('GET', '/other'))
    expect((await client.response()).body.toString()).toBe('clean')
    expect(client.received.includes('poison')).toBe(false)
    expect(client.received.includes('garbage')).toBe(false)
  })

  test('a body on HEAD is not delivered, nor taken for the next answer', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => OK)
    const client = await plane.connect()
    client.write(request('HEAD', '/open'))
    expect((await client.response({ head: true })).status).toBe(200)
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
    client.write(request('GET', '/other'))
    expect((await client.response()).body.toString()).toBe('clean')
  })

  test('an answer on an idle connection is nobody’s (undici CVE-2026-6733)', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } })
    expect((await plane.ask(GET)).status).toBe(200)
    upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
    const answer = await plane.ask(request('GET', '/other'))
    expect(answer.body.toString()).toBe('clean')
  })

  test('an answer that comes before the next request has been written is nobody’s either', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => undefined)
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(GET)
    await upstream.requested(1)
    second.write(request('GET', '/other'))
    await until(() => plane.gateway.inFlight.size === 2)
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
    upstream.connections[0]?.socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`)
    expect((await first.response()).body.toString()).toBe('{"from":"real"}')
    expect((await second.response()).body.toString()).toBe('clean')
  })
})

describe('an answer that ends too soon', () => {
  test.each([
    ['short of its Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfour', 'end'],
    ['without its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n', 'end'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n9\r\nhalf', 'end'],
    ['by a reset', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfour', 'reset'],
    [
      'by a chunk that is malformed',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\nzz\r\n',
      'stay',
    ],
    ['by a reset of a body of unknown length', 'HTTP/1.1 200 OK\r\n\r\nfour', 'reset'],
  ] as const)('%s: the caller sees an abort, the trail an error', async (_name, bytes, how) => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(1)
    const socket = upstream.connections[0]?.socket
    if (how === 'stay') {
      socket?.write(bytes.slice(0, -4))
      await client.until('four')
      socket?.write(bytes.slice(-4))
    } else {
      socket?.write(bytes)
      await client.until('four')
      if (how === 'end') socket?.end()
      else socket?.resetAndDestroy()
    }
    expect(await client.ended).toBe('reset')
    expect(client.received.toString('latin1').endsWith('0\r\n\r\n')).toBe(false)
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({
      decision: 'error',
      reason: 'upstream',
      status: 200,
      bytes: expect.any(Number),
    })
  })

  test('for a caller of HTTP/1.0 too, to whom a plain end would look like the whole', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write('GET /open HTTP/1.0\r\n\r\n')
    await upstream.requested(1)
    upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n')
    await client.until('four')
    upstream.connections[0]?.socket.end()
    expect(await client.ended).toBe('reset')
  })
})

describe('what is an answer', () => {
  test('interim ones are dropped, and their fields do not leak into the final one', async () => {
    const { plane } = await start(
      { routes: ROUTES },
      () => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\nX-Interim: 1\r\n\r\n${OK}`,
    )
    const client = await plane.connect()
    client.write(GET)
    const answer = await client.response()
    expect(answer.status).toBe(200)
    expect(client.received.toString()).not.toMatch(/103|102|link|interim/i)
  })

  test('a body that ends with its connection is relayed whole', async () => {
    const { plane } = await start(
      { routes: ROUTES },
      (_request, { socket }) => void socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'),
    )
    const answer = await plane.ask(GET)
    expect([answer.status, answer.complete, answer.chunked, answer.body.toString()]).toEqual([
      200,
      true,
      true,
      'all of it',
    ])
  })

  test('an answer of HTTP/1.0 is relayed', async () => {
    const { plane } = await start(
      { routes: ROUTES },
      (_request, { socket }) => void socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    )
    expect((await plane.ask(GET)).body.toString()).toBe('ok')
  })

  test.each([
    ['announced', 'Trailer: X-T\r\n'],
    ['unannounced', ''],
  ])('%s trailers are dropped, never turned into fields', async (_name, lines) => {
    const { plane } = await start(
      { routes: ROUTES },
      () => `HTTP/1.1 200 OK\r\n${lines}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: secret\r\n\r\n`,
    )
    const client = await plane.connect()
    client.write(GET)
    expect((await client.response()).body.toString()).toBe('ok')
    expect(client.received.toString()).not.toMatch(/x-t|secret/i)
  })

  test('204 and 304 have neither a body nor Transfer-Encoding', async () => {
    for (const status of [204, 304]) {
      const { plane } = await start(
        { routes: ROUTES },
        () => `HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked\r\n\r\n`,
      )
      const client = await plane.connect()
      client.write(GET)
      const answer = await client.response()
      expect(answer.status).toBe(status)
      await turns()
      expect(client.received.toString()).not.toMatch(/transfer-encoding/i)
      expect(client.received.toString().endsWith('\r\n\r\n')).toBe(true)
    }
  })

  test('a reason phrase that cannot be written is left out', async () => {
    const { plane } = await start({ routes: ROUTES }, () => 'HTTP/1.1 200 \xe9t\xe9\r\nContent-Length: 2\r\n\r\nok')
    expect(await plane.ask(GET)).toMatchObject({ status: 200, reason: '' })
  })
})

describe('an answer before the request has ended', () => {
  test('reaches the caller, closes both connections, and the rest of the upload is never taken for a request', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    upstream.onBytes = ({ socket }) => {
      upstream.onBytes = undefined
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno')
    }
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': '1000' }, 'x'.repeat(10)))
    const answer = await client.response()
    expect([answer.status, answer.body.toString()]).toEqual([413, 'no'])
    expect(answer.fields).toContainEqual(['connection', 'close'])
    await upstream.connections[0]?.closed
    client.write(`${'x'.repeat(990)}${request('GET', '/other')}`)
    expect(await client.ended).toBe('end')
    await turns()
    expect(upstream.requests).toEqual([])
    expect(upstream.connections.length).toBe(1)
  })

  test('keeps the connection where the request had been read to its end', async () => {
    const { plane } = await start({ routes: ROUTES })
    const client = await plane.connect()
    for (let count = 0; count < 3; count++) {
      client.write(request('POST', '/open', { 'Content-Length': '4' }, 'four'))
      const answer = await client.response()
      expect(answer.status).toBe(200)
      expect(answer.fields).not.toContainEqual(['connection', 'close'])
    }
  })
})
