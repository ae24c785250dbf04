// Bytes at the pace of those who read them: aborts, timeouts, bodies, backpressure both ways.
import { describe, expect, test } from '@jest/globals'
import { field, problemOf } from '../support/raw-client.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }] as const
const GET = request('GET', '/open')
const MIB = 1024 * 1024
const LARGE = { headersMax: 100, bodyBytesMax: 100 * MIB }

describe('a caller that goes away', () => {
  test('while the upstream thinks: the upstream request is aborted', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(1)
    client.close()
    await upstream.connections[0]?.closed
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({
      phase: 'outcome',
      reason: 'aborted',
      status: 499,
      decision: 'allow',
    })
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('in the middle of a download: the upstream is aborted, what left is recorded', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfour',
    )
    const client = await plane.connect()
    client.write(GET)
    await client.until('four')
    client.close()
    await upstream.connections[0]?.closed
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ reason: 'aborted', status: 200, bytes: 4 })
  })

  test('in the middle of an upload: the upstream never sees a whole request', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    for (const fields of [{ 'Content-Length': '1000' }, { 'Transfer-Encoding': 'chunked' }]) {
      const before = upstream.connections.length
      const client = await plane.connect()
      client.write(request('POST', '/open', fields, '4\r\nfour\r\n'))
      await upstream.connected(before + 1)
      await until(() => (upstream.connections[before]?.bytes.length ?? 0) > 0)
      client.close()
      await upstream.connections[before]?.closed
    }
    expect(upstream.requests).toEqual([])
    await until(() => plane.gateway.inFlight.size === 0)
  })

  test('by a reset, in the middle of an upload: it has aborted, it has not sent a malformed request', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': '1000' }, 'four'))
    await upstream.sawBytes(1)
    client.socket.resetAndDestroy()
    await upstream.connections[0]?.closed
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ decision: 'allow', reason: 'aborted', status: 499 })
  })

  test('while its record is being written: the upstream is not called', async () => {
    const { plane, upstream } = await start({ routes: [{ path: '/open', methods: ['POST'], audit: 'strict' }] })
    plane.trail.mode = 'hold'
    const client = await plane.connect()
    client.write(request('POST', '/open'))
    await plane.trail.waitedFor(1)
    client.close()
    await turns()
    plane.trail.mode = 'sync'
    plane.trail.release()
    await until(() => plane.settled.length === 1)
    expect(upstream.connections.length).toBe(0)
    expect(plane.trail.requests.at(-1)).toMatchObject({ reason: 'aborted', status: 499 })
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('while it waits for a connection: its place is free at once', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => undefined)
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(GET)
    await upstream.requested(1)
    second.write(GET)
    await until(() => plane.gateway.inFlight.size === 2)
    await turns()
    second.close()
    await until(() => plane.settled.length === 1)
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    expect((await first.response()).status).toBe(200)
    await turns()
    expect(upstream.requests.length).toBe(1)
  })

  test('hundreds of them leave nothing behind', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 10 }, () => plane.connect()))
      for (const client of clients) client.write(GET)
      await upstream.requested((round + 1) * 10)
      for (const client of clients) client.close()
      await until(() => plane.settled.length === (round + 1) * 10)
    }
    await Promise.all(upstream.connections.map(({ closed }) => closed))
    expect(plane.gateway.inFlight.size).toBe(0)
    upstream.answer = () => OK
    expect((await plane.ask(GET)).status).toBe(200)
  })
})

describe('an upstream that fails', () => {
  test('to be there: 502', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    await upstream.close()
    const answer = await plane.ask(GET)
    expect(answer.status).toBe(502)
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:upstream-refused' })
    expect(plane.trail.requests.at(-1)).toMatchObject({ decision: 'error', reason: 'upstream', status: 502 })
  })

  test('to answer in time: 504, and its connection is closed', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { headersTimeoutMs: 50 } }, () => undefined)
    const answer = await plane.ask(GET)
    expect(answer.status).toBe(504)
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:upstream-timeout' })
    await upstream.connections[0]?.closed
    expect(upstream.requests.length).toBe(1)
  })

  test('to go on in time: the response is cut', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES, pool: { bodyTimeoutMs: 50 } },
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfour',
    )
    const client = await plane.connect()
    client.write(GET)
    expect(await client.ended).toBe('reset')
    await upstream.connections[0]?.closed
  })

  test('is told to the caller with neither its address nor its words', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => 'HTTP/1.1 abc secret words\r\n\r\n')
    const client = await plane.connect()
    client.write(GET)
    await client.response()
    expect(client.received.toString()).not.toMatch(new RegExp(`secret|127\\.0\\.0\\.1|${upstream.port}`))
  })
})

describe('a request body', () => {
  test.each([
    ['with Content-Length', 'length'],
    ['in chunks', 'chunked'],
  ])('of 3 MiB %s arrives whole and unchanged', async (_name, how) => {
    const { plane, upstream } = await start({ routes: ROUTES, settings: LARGE })
    const body = Buffer.alloc(3 * MIB, how === 'length' ? 'ab\r\n0\r\n\r\n' : 'xyz')
    const client = await plane.connect()
    if (how === 'length') {
      client.write(request('POST', '/open', { 'Content-Length': String(body.length) }))
      client.write(body)
    } else {
      client.write(request('POST', '/open', { 'Transfer-Encoding': 'chunked' }))
      for (let at = 0; at < body.length; at += 100_000) {
        const part = body.subarray(at, at + 100_000)
        client.write(`${part.length.toString(16)}\r\n`)
        client.write(part)
        client.write('\r\n')
      }
      client.write('0\r\n\r\n')
    }
    expect((await client.response()).status).toBe(200)
    expect(upstream.requests[0]?.body.equals(body)).toBe(true)
  })

  test('is streamed: the upstream sees the head and the first bytes before the last', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': '8' }, 'four'))
    await until(() => upstream.connections[0]?.bytes.toString().endsWith('\r\n\r\nfour') ?? false)
    client.write('more')
    expect((await client.response()).status).toBe(200)
    expect(upstream.requests[0]?.body.toString()).toBe('fourmore')
  })

  test('whose declared length is over the limit: 413, and nothing is forwarded', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('POST', '/open', { 'Content-Length': '1000001' }))
    expect(answer.status).toBe(413)
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:body-too-large' })
    expect(upstream.connections.length).toBe(0)
  })

  test('that grows over the limit in chunks: 413, and the upstream sees an aborted request', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Transfer-Encoding': 'chunked' }))
    for (let count = 0; count < 11; count++) {
      client.write(`${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`)
      await turns(2)
    }
    client.write('0\r\n\r\n')
    const answer = await client.response()
    expect(answer.status).toBe(413)
    expect(field(answer, 'connection')).toBe('close')
    await upstream.connections[0]?.closed
    expect(upstream.requests).toEqual([])
    await until(() => plane.settled.length === 1)
    expect(plane.settled).toMatchObject([{ status: 413, decision: 'rejected' }])
  })

  test('at the limit passes', async () => {
    const { plane } = await start({ routes: ROUTES })
    const body = 'x'.repeat(1_000_000)
    expect((await plane.ask(request('POST', '/open', { 'Content-Length': '1000000' }, body))).status).toBe(200)
    expect(
      (await plane.ask(request('POST', '/open', { 'Transfer-Encoding': 'chunked' }, `f4240\r\n${body}\r\n0\r\n\r\n`)))
        .status,
    ).toBe(200)
  })
})

describe('backpressure', () => {
  test('a caller that stops reading stops the upstream, in bounded memory, and goes on when it reads again', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => `HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`,
    )
    const client = await plane.connect()
    client.pause()
    client.write(GET)
    await upstream.requested(1)
    const socket = upstream.connections[0]?.socket
    const block = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    const pump = (): void => {
      while (sent < 64 * MIB) {
        sent += block.length
        if (socket?.write(block) === false) {
          socket.once('drain', pump)
          return
        }
      }
    }
    pump()
    let before = -1
    while (before !== sent) {
      before = sent
      await turns(200)
    }
    expect(sent).toBeLessThan(24 * MIB)
    client.socket.removeAllListeners('data')
    let received = client.received.length
    client.socket.on('data', (chunk) => (received += chunk.length))
    client.resume()
    await until(() => received >= 64 * MIB)
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ decision: 'allow', bytes: 64 * MIB })
  })

  test('an upstream that stops reading stops the caller', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, settings: LARGE }, () => undefined)
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': String(64 * MIB) }))
    client.write('x')
    await upstream.connected(1)
    await until(() => upstream.seen > 0)
    const socket = upstream.connections[0]?.socket
    socket?.pause()
    const block = Buffer.alloc(64 * 1024, 'x')
    let sent = 1
    const pump = (): void => {
      while (sent < 64 * MIB) {
        const part = block.subarray(0, Math.min(block.length, 64 * MIB - sent))
        sent += part.length
        if (!client.socket.write(part)) {
          client.socket.once('drain', pump)
          return
        }
      }
    }
    pump()
    let before = -1
    while (before !== sent) {
      before = sent
      await turns(200)
    }
    expect(sent).toBeLessThan(24 * MIB)
    socket?.removeAllListeners('data')
    let seen = 0
    socket?.on('data', (chunk) => (seen += chunk.length))
    socket?.resume()
    await until(() => sent >= 64 * MIB && seen > 40 * MIB)
    socket?.write(OK)
    expect((await client.response()).status).toBe(200)
  })

  test('a caller that never reads again is cut, and its upstream connection is free', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES, settings: { patience: { trailMs: 5_000, lockTrailMs: 250, readerMs: 40 } } },
      () => `HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`,
    )
    const client = await plane.connect()
    client.pause()
    client.write(GET)
    await upstream.requested(1)
    const socket = upstream.connections[0]?.socket
    const block = Buffer.alloc(MIB, 'x')
    const pump = (): void => {
      while (socket?.write(block) === true);
      socket?.once('drain', pump)
    }
    pump()
    await upstream.connections[0]?.closed
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ reason: 'aborted', status: 200 })
  })
})

test('a body that was answered before it had been passed on ends the connection, and what follows is no request', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, settings: LARGE }, () => undefined)
  const client = await plane.connect()
  client.write(request('POST', '/open', { 'Content-Length': '10000000' }, 'x'))
  await upstream.sawBytes(1)
  // Until every buffer on the way to the upstream is full.
  upstream.connections[0]?.socket.pause()
  const block = 'x'.repeat(65_536)
  for (let count = 0; count < 100 && client.socket.writableLength === 0; count++) {
    client.write(block)
    await turns(2)
  }
  upstream.connections[0]?.socket.write(OK)
  const answer = await client.response()
  expect([answer.status, field(answer, 'connection')]).toEqual([200, 'close'])
  client.write(GET)
  await client.ended
  upstream.connections[0]?.socket.resume()
  await upstream.connections[0]?.closed
  expect(upstream.requests.length).toBe(0)
})

describe('events', () => {
  test('the first arrives before the second is made', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n',
    )
    const client = await plane.connect()
    client.write(GET)
    // The head leaves with no event at all.
    await client.until('text/event-stream')
    upstream.connections[0]?.socket.write('data: one\n\n')
    await client.until('data: one')
    upstream.connections[0]?.socket.write('data: two\n\n')
    await client.until('data: two')
  })
})

describe('connections', () => {
  test('Connection: close of one side does not decide the other', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    for (let count = 0; count < 3; count++) {
      const answer = await plane.ask(request('GET', '/open', { Connection: 'close' }))
      expect(field(answer, 'connection')).toBe('close')
    }
    expect(upstream.connections.length).toBe(1)
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
    const client = await plane.connect()
    for (let count = 0; count < 3; count++) {
      client.write(GET)
      expect(field(await client.response(), 'connection')).toBeUndefined()
    }
  })

  test('a caller of HTTP/1.0 gets no chunks, and the end of the connection', async () => {
    const { plane } = await start(
      { routes: ROUTES },
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n',
    )
    const client = await plane.connect()
    client.write('GET /open HTTP/1.0\r\n\r\n')
    const answer = await client.response()
    expect([answer.status, answer.chunked, answer.body.toString(), answer.complete]).toEqual([200, false, 'four', true])
  })
})
