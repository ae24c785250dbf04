// No response without a record: what is durable before what leaves.
import { describe, expect, test } from '@jest/globals'
import { problemOf } from '../support/raw-client.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const STRICT = { id: 'record', path: '/record', methods: ['GET', 'POST'], audit: 'strict' } as const
const QUICK = { patience: { trailMs: 40, lockTrailMs: 40, readerMs: 60_000 } }
const POST = request('POST', '/record', { 'Content-Length': '2' }, '{}')
const GET = request('GET', '/record')
const HEAD = request('HEAD', '/record')

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{"from":"real"}\r\n0\r\n\r\n'

/** Answers that come whole: head and body in one read, by length. */
const WHOLE = [
  ['of a known length', GET, OK],
  ['to HEAD', HEAD, 'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n'],
  ['204', GET, 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['304', GET, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 15\r\n\r\n'],
  ['with an empty body', GET, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
] as const
const RESPONSES = [...WHOLE, ['in chunks', GET, CHUNKED]] as const

/** Answers that do not: what comes with the head, and what follows it. */
const PARTED = [
  ['in chunks', GET, CHUNKED, ''],
  ['in chunks, its last one late', GET, CHUNKED.slice(0, -5), '0\r\n\r\n'],
  ['of a known length, its head alone at first', GET, OK.slice(0, -15), '{"from":"real"}'],
  ['of a known length, its last byte late', GET, OK.slice(0, -1), '}'],
] as const

describe('the decision', () => {
  test('of an unsafe method is durable before the first byte to the upstream', async () => {
    const { plane, upstream } = await start({ routes: [STRICT] })
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(POST)
    await plane.trail.waitedFor(1)
    await turns()
    expect(upstream.connections.length).toBe(0)
    plane.trail.mode = 'sync'
    plane.trail.release()
    expect((await client.response()).status).toBe(200)
    expect(upstream.requests.length).toBe(1)
  })

  test.each(PARTED)(
    'of a safe method is durable before the first byte of a response %s',
    async (_name, ask, begun, rest) => {
      const { plane, upstream } = await start({ routes: [STRICT] }, () => begun)
      const client = await plane.connect()
      plane.trail.mode = 'hold'
      plane.trail.only = 'decision'
      client.write(ask)
      // The head is there, and it does not come whole: it is asked for now.
      await plane.trail.waitedFor(1)
      await turns()
      expect(upstream.requests.length).toBe(1)
      expect(plane.trail.requests[0]).toMatchObject({ phase: 'decision', decision: 'allow' })
      expect(client.received.length).toBe(0)
      upstream.connections[0]?.socket.write(rest)
      // The outcome is appended once every byte of the response has come.
      await plane.trail.appended(2)
      await turns()
      expect(client.received.length).toBe(0)
      plane.trail.release()
      expect((await client.response()).complete).toBe(true)
      expect(plane.trail.requests.map(({ phase }) => phase)).toEqual(['decision', 'outcome'])
    },
  )

  test('of a safe method that asks for nothing is not written before the head of its response', async () => {
    const { plane, upstream } = await start({ routes: [STRICT] }, () => undefined)
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(1)
    await turns()
    expect(plane.trail.records).toEqual([])
    upstream.connections[0]?.socket.write(CHUNKED)
    expect((await client.response()).status).toBe(200)
    expect(plane.trail.requests.map(({ phase }) => phase)).toEqual(['decision', 'outcome'])
  })

  test('of an unsafe method stands apart from its outcome, also where the response comes whole', async () => {
    const { plane } = await start({ routes: [STRICT] })
    expect((await plane.ask(POST)).status).toBe(200)
    expect(plane.trail.requests.map(({ phase }) => phase)).toEqual(['decision', 'outcome'])
  })

  test('of a safe method is durable before the first event of a stream', async () => {
    const { plane, upstream } = await start({ routes: [STRICT] }, () => 'HTTP/1.1 200 OK\r\n\r\ndata: one\n\n')
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(GET)
    await plane.trail.waitedFor(1)
    await upstream.requested(1)
    await turns()
    expect(client.received.length).toBe(0)
    plane.trail.release()
    await client.until('data: one')
  })

  test('holds back no more than a bounded part of the response while it waits', async () => {
    const { plane, upstream } = await start(
      { routes: [STRICT] },
      () => `HTTP/1.1 200 OK\r\nContent-Length: ${16 * 1024 * 1024}\r\n\r\n`,
    )
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    plane.trail.only = 'decision'
    client.write(GET)
    await plane.trail.waitedFor(1)
    const socket = upstream.connections[0]?.socket
    const block = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    const pump = (): void => {
      while (sent < 16 * 1024 * 1024) {
        sent += block.length
        if (socket?.write(block) === false) {
          socket.once('drain', pump)
          return
        }
      }
    }
    pump()
    await until(() => socket?.writableNeedDrain ?? false)
    await turns(100)
    expect(client.received.length).toBe(0)
    expect(sent).toBeLessThan(14 * 1024 * 1024)
    plane.trail.release()
    const answer = await client.response()
    expect(answer.body.length).toBe(16 * 1024 * 1024)
  })
})

describe('the one record of a safe method whose response comes whole', () => {
  test.each(WHOLE)('is durable before the first byte of a response %s', async (_name, ask, answer) => {
    const { plane, upstream } = await start({ routes: [STRICT] }, () => answer)
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(ask)
    await plane.trail.waitedFor(1)
    await turns()
    expect(upstream.requests.length).toBe(1)
    expect(client.received.length).toBe(0)
    expect(plane.trail.requests).toMatchObject([{ phase: 'outcome', decision: 'allow', route: 'record' }])
    plane.trail.release()
    const response = await client.response({ head: ask === HEAD })
    expect(response.complete).toBe(true)
    expect(plane.trail.requests).toMatchObject([{ status: response.status, bytes: response.body.length }])
    expect(response.fields).toContainEqual(['x-request-id', plane.trail.requests[0]?.id])
  })

  test('is written on a best-effort route as well, and waited for by nobody', async () => {
    const { plane } = await start({ routes: [{ ...STRICT, audit: 'best-effort' }] })
    plane.trail.mode = 'hang'
    expect((await plane.ask(GET)).status).toBe(200)
    expect(plane.trail.requests.map(({ phase }) => phase)).toEqual(['outcome'])
  })
})

describe('a gateway that dies after it has called the upstream, while the trail hangs, has let no byte go', () => {
  test.each([...WHOLE, ...PARTED.map(([name, ask, begun]) => [name, ask, begun] as const)])(
    'of a response %s',
    async (_name, ask, answer) => {
      const { plane, upstream } = await start({ routes: [STRICT] }, () => answer)
      const client = await plane.connect()
      plane.trail.mode = 'hang'
      client.write(ask)
      await plane.trail.waitedFor(1)
      await turns()
      expect(upstream.requests.length).toBe(1)
      plane.server.closeAll()
      await client.ended
      expect(client.received.length).toBe(0)
    },
  )
})

describe('the outcome', () => {
  test.each(RESPONSES)('is durable before the last byte of a response %s', async (_name, ask, answer) => {
    const { plane } = await start({ routes: [STRICT] }, () => answer)
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    plane.trail.only = 'outcome'
    client.write(ask)
    await plane.trail.waitedFor(1)
    await turns()
    const early = client.received.toString('latin1')
    if (answer.includes('chunked')) expect(early.endsWith('0\r\n\r\n')).toBe(false)
    else expect(early).toBe('')
    plane.trail.release()
    expect((await client.response({ head: ask === HEAD })).complete).toBe(true)
  })

  test.each(RESPONSES.filter(([, ask]) => ask === GET))(
    'is durable before the last byte of a response to an unsafe method %s',
    async (_name, _ask, answer) => {
      const { plane } = await start({ routes: [STRICT] }, () => answer)
      const client = await plane.connect()
      plane.trail.mode = 'hold'
      plane.trail.only = 'outcome'
      client.write(POST)
      await plane.trail.waitedFor(1)
      await turns()
      const early = client.received.toString('latin1')
      if (answer.includes('chunked')) expect(early.endsWith('0\r\n\r\n')).toBe(false)
      else expect(early).toBe('')
      plane.trail.release()
      expect((await client.response()).complete).toBe(true)
    },
  )

  test('is durable before the last byte of a response that was held back as long as its decision', async () => {
    const bytes = 600_000
    const { plane } = await start(
      { routes: [STRICT] },
      () => `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`,
    )
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(GET)
    await plane.trail.waitedFor(1)
    await turns(100)
    plane.trail.release()
    await plane.trail.waitedFor(2)
    await turns(100)
    expect(client.received.length).toBeLessThan(bytes)
    plane.trail.release()
    expect((await client.response()).body.length).toBe(bytes)
  })

  test('is durable before the last byte of a response that came in parts', async () => {
    const { plane, upstream } = await start(
      { routes: [STRICT] },
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789',
    )
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    plane.trail.only = 'outcome'
    client.write(GET)
    await client.until('0123456789')
    upstream.connections[0]?.socket.write('abcdefghij')
    await plane.trail.waitedFor(1)
    await turns()
    expect(client.received.includes('j')).toBe(false)
    plane.trail.release()
    expect((await client.response()).body.toString()).toBe('0123456789abcdefghij')
  })

  test('tells status, bytes, times and the route, under the id of the decision', async () => {
    const { plane } = await start({ routes: [STRICT] }, () => CHUNKED)
    const answer = await plane.ask(GET)
    const [decision, outcome] = plane.trail.requests
    expect(decision).toMatchObject({
      phase: 'decision',
      decision: 'allow',
      route: 'record',
      path: '/record',
      client: '127.0.0.1',
    })
    expect(outcome).toMatchObject({
      phase: 'outcome',
      decision: 'allow',
      status: 200,
      bytes: 15,
      method: 'GET',
      epoch: plane.epoch,
    })
    expect(outcome?.id).toBe(decision?.id)
    expect(answer.fields).toContainEqual(['x-request-id', decision?.id])
  })
})

describe('where the trail cannot be written', () => {
  test.each([
    ['refuses records', 'full'],
    ['fails to make them durable', 'reject'],
    ['hangs', 'hang'],
  ] as const)(
    'and %s, an unsafe method gets 503 audit-unavailable and the upstream is not called',
    async (_name, mode) => {
      const { plane, upstream } = await start({ routes: [STRICT], settings: QUICK })
      plane.trail.mode = mode
      const answer = await plane.ask(POST)
      expect(answer.status).toBe(503)
      expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:audit-unavailable', status: 503 })
      expect(upstream.connections.length).toBe(0)
      await until(() => plane.settled.length === 1)
      expect(plane.settled).toMatchObject([{ decision: 'error', status: 503 }])
    },
  )

  test.each([
    ['refuses records', 'full'],
    ['fails to make them durable', 'reject'],
    ['hangs', 'hang'],
  ] as const)('and %s, nothing of a safe method’s response leaves', async (_name, mode) => {
    for (const sent of [OK, CHUNKED]) {
      const { plane } = await start({ routes: [STRICT], settings: QUICK }, () => sent)
      plane.trail.mode = mode
      const client = await plane.connect()
      client.write(GET)
      const answer = await client.response()
      expect(answer.status).toBe(503)
      expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:audit-unavailable' })
      expect(client.received.includes('real')).toBe(false)
    }
  })

  test.each([
    ['GET', GET],
    ['POST', POST],
  ])('and it knows so, the upstream is not called for a %s', async (_name, ask) => {
    const { plane, upstream } = await start({ routes: [STRICT], settings: QUICK })
    Object.assign(plane.trail, { healthy: false, mode: 'full' })
    const answer = await plane.ask(ask)
    expect(answer.status).toBe(503)
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:audit-unavailable' })
    expect(upstream.connections.length).toBe(0)
  })

  test.each([
    ['refuses', 'full'],
    ['fails', 'reject'],
    ['hangs', 'hang'],
  ] as const)('for the outcome alone, and %s, a short response becomes 503', async (_name, mode) => {
    const { plane } = await start({ routes: [STRICT], settings: QUICK })
    plane.trail.mode = mode
    plane.trail.only = 'outcome'
    const client = await plane.connect()
    client.write(GET)
    expect((await client.response()).status).toBe(503)
    expect(client.received.includes('real')).toBe(false)
  })

  test('for the outcome alone, a response of which only the head had come becomes 503', async () => {
    const { plane, upstream } = await start({ routes: [STRICT] }, () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n')
    plane.trail.mode = 'reject'
    plane.trail.only = 'outcome'
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(1)
    await turns()
    upstream.connections[0]?.socket.write('four')
    expect((await client.response()).status).toBe(503)
    expect(client.received.includes('four')).toBe(false)
  })

  test.each([
    ['refuses', 'full'],
    ['fails', 'reject'],
    ['hangs', 'hang'],
  ] as const)('for the decision alone, and %s, nothing of a safe method’s response leaves', async (_name, mode) => {
    const { plane } = await start({ routes: [STRICT], settings: QUICK }, () => CHUNKED)
    plane.trail.mode = mode
    plane.trail.only = 'decision'
    const client = await plane.connect()
    client.write(GET)
    expect((await client.response()).status).toBe(503)
    await turns()
    expect(client.received.includes('real')).toBe(false)
  })

  test('for the outcome alone, a response that has begun is cut short', async () => {
    const { plane, upstream } = await start(
      { routes: [STRICT] },
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n',
    )
    plane.trail.mode = 'reject'
    plane.trail.only = 'outcome'
    const client = await plane.connect()
    client.write(GET)
    await client.until('four')
    upstream.connections[0]?.socket.write('0\r\n\r\n')
    expect(await client.ended).toBe('reset')
    expect(client.received.toString('latin1').endsWith('0\r\n\r\n')).toBe(false)
    await until(() => plane.settled.length === 1)
    expect(plane.settled).toMatchObject([{ decision: 'error' }])
  })

  test.each([
    ['refuses', 'full'],
    ['fails', 'reject'],
    ['hangs', 'hang'],
  ] as const)('and %s, a lock’s refusal is given all the same', async (_name, mode) => {
    const { plane } = await start({
      routes: [STRICT],
      settings: { patience: { trailMs: 60_000, lockTrailMs: 40, readerMs: 60_000 } },
    })
    plane.lock({ all: true })
    plane.trail.mode = mode
    const answer = await plane.ask(GET)
    expect(answer.status).toBe(503)
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:locked' })
  })

  test('a refusal of another kind becomes 503: it would tell of a session that nobody recorded', async () => {
    const { plane } = await start({ routes: [{ ...STRICT, session: { level: 'required', bind: [] } }] })
    plane.trail.mode = 'reject'
    const answer = await plane.ask(GET)
    expect(answer.status).toBe(503)
    expect(answer.fields.some(([name]) => name === 'www-authenticate')).toBe(false)
  })

  test('a path that no route matches is refused as ever', async () => {
    const { plane } = await start({ routes: [STRICT] })
    plane.trail.mode = 'full'
    expect((await plane.ask(request('GET', '/nowhere'))).status).toBe(404)
  })
})

describe('other duties', () => {
  test('best-effort records and waits for nothing', async () => {
    const { plane } = await start({ routes: [{ path: '/record', methods: ['POST'], audit: 'best-effort' }] })
    plane.trail.mode = 'hang'
    expect((await plane.ask(POST)).status).toBe(200)
    expect(plane.trail.requests.map(({ phase }) => phase)).toEqual(['decision', 'outcome'])
    plane.trail.mode = 'full'
    expect((await plane.ask(POST)).status).toBe(200)
  })

  test('off records nothing, not even a refusal', async () => {
    const { plane } = await start({ routes: [{ path: '/record', audit: 'off' }] })
    expect((await plane.ask(GET)).status).toBe(200)
    plane.lock({ all: true })
    expect((await plane.ask(GET)).status).toBe(503)
    expect(plane.trail.records).toEqual([])
  })

  test('a refusal has one record, its outcome', async () => {
    const { plane } = await start({ routes: [STRICT] })
    const lock = plane.lock({ all: true })
    expect((await plane.ask(GET)).status).toBe(503)
    expect(plane.trail.requests).toMatchObject([
      { phase: 'outcome', decision: 'locked', reason: 'locked', lock: lock.id, status: 503, epoch: plane.epoch },
    ])
  })
})
