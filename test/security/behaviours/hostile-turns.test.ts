// Hostile upstreams, 3: answers at the wrong time: interim ones, early ones, unasked ones, and connections that come and go.
import { expect, test } from '@jest/globals'
import { responsesIn } from '../../support/checklist.ts'
import { connectRaw } from '../../support/raw-client.ts'
import { OK, type UpstreamConnection } from '../../support/raw-upstream.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'
import { CLEAN, endure, MARK, outcomeOf, POISON } from './hostile.ts'

const start = useRig()
let cases = 0
let held = 0
const suite = (name: string, show: () => Promise<void>): void => {
  cases += 1
  test(name, async () => {
    await show()
    held += 1
  })
}
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }, { path: '/other' }] as const
const POOL = { connectionsMax: 1, headersTimeoutMs: 250, bodyTimeoutMs: 250 } as const
const GET = request('GET', '/open')
const OTHER = request('GET', '/other')

/** Interim answers that nobody asked for, and then a real one: it is given, or nothing is. */
for (const [name, interim] of [
  ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['102', 'HTTP/1.1 102 Processing\r\nX-Mark: poison\r\n\r\n'],
  ['103', 'HTTP/1.1 103 Early Hints\r\nLink: </poison>\r\n\r\n'],
  ['199', 'HTTP/1.1 199 Unknown\r\nX-Mark: poison\r\n\r\n'],
  [
    'three of them',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Mark: poison\r\n\r\nHTTP/1.1 102 P\r\n\r\n',
  ],
  ['one that sets a cookie', 'HTTP/1.1 103 Early Hints\r\nSet-Cookie: poison=1\r\n\r\n'],
] as const) {
  suite(`interim: ${name}: dropped, or 502`, async () => {
    const { plane } = await start({ routes: ROUTES, pool: POOL }, () => `${interim}${CLEAN}`)
    const client = await plane.connect()
    client.write(GET)
    const outcome = await outcomeOf(client)
    if (outcome !== 'aborted') {
      const { status, body } = outcome.answered
      expect(status === 502 || (status === 200 && body.toString() === 'clean')).toBe(true)
    }
    await turns()
    expect([responsesIn(client.received) <= 1, client.received.includes(MARK)]).toEqual([true, false])
  })
}

for (const [name, bytes] of [
  ['101 unasked', `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${MARK}`],
  ['101 with nothing else', `HTTP/1.1 101 Switching Protocols\r\n\r\n${POISON}`],
  ['101 behind 100', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n${MARK}`],
  ['an interim answer with a body', `HTTP/1.1 103 Early Hints\r\nContent-Length: 6\r\n\r\n${MARK}${POISON}`],
  [
    'an interim answer in chunks',
    `HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`,
  ],
  ['an interim answer that is malformed', `HTTP/1.1 103 Early Hints\r\nnonsense\r\n\r\n${POISON}`],
  ['an interim answer of 100 KB', `HTTP/1.1 103 Early Hints\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n${POISON}`],
] as const) {
  suite(`interim: ${name}: 502 or an abort`, async () => {
    const outcome = await endure(start, { bytes })
    if (outcome !== 'aborted') expect([502, 504]).toContain(outcome.answered.status)
  })
}

suite('interim: a flood without an end: 502, 504 or an abort, long before 32 MB', async () => {
  let written = 0
  const flood = ({ socket }: UpstreamConnection): undefined => {
    const block = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(1_000)
    const pump = (): void => {
      while (!socket.destroyed && written < 32_000_000) {
        written += block.length
        if (!socket.write(block)) {
          socket.once('drain', pump)
          return
        }
      }
      if (!socket.destroyed) socket.write(OK)
    }
    pump()
  }
  const { plane, upstream } = await start({ routes: ROUTES, pool: POOL }, (_seen, connection) => flood(connection))
  const client = await plane.connect()
  client.write(GET)
  const outcome = await outcomeOf(client)
  if (outcome !== 'aborted') expect([502, 504]).toContain(outcome.answered.status)
  expect(written).toBeLessThan(32_000_000)
  await upstream.connections[0]?.closed
  upstream.answer = () => CLEAN
  expect((await plane.ask(OTHER)).body.toString()).toBe('clean')
})

for (const [name, bytes] of [
  ['a whole answer', POISON],
  ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npoison'],
  ['an interim answer', 'HTTP/1.1 103 Early Hints\r\nX-Mark: poison\r\n\r\n'],
  ['garbage', MARK],
  ['one byte', 'H'],
  [
    '408, as servers that time out send',
    'HTTP/1.1 408 Request Timeout\r\nContent-Length: 6\r\nConnection: close\r\n\r\npoison',
  ],
] as const) {
  suite(`idle: ${name} on an idle connection is nobody’s, and ends it (undici CVE-2026-6733)`, async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => CLEAN)
    expect((await plane.ask(GET)).body.toString()).toBe('clean')
    upstream.connections[0]?.socket.write(bytes)
    // At once, and not when it has been idle for long enough.
    await turns(100)
    expect(upstream.connections[0]?.isClosed).toBe(true)
    const client = await plane.connect()
    client.write(OTHER)
    expect((await client.response()).body.toString()).toBe('clean')
    expect([client.received.includes(MARK), upstream.connections.length]).toEqual([false, 2])
  })
}

suite('idle: an answer written just as the next request comes is not the next caller’s', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => CLEAN)
  const client = await plane.connect()
  for (let count = 0; count < 20; count++) {
    client.write(GET)
    expect((await client.response()).body.toString()).toBe('clean')
    // The poison is on its way before the request is written at all.
    const last = upstream.connections.at(-1)
    await new Promise((resolve) => last?.socket.write(POISON, resolve))
    client.write(OTHER)
    expect((await client.response()).body.toString()).toBe('clean')
  }
  expect(client.received.includes(MARK)).toBe(false)
})

/** Fields of a body that is not to come; and then it comes, once the next request has been sent. */
for (const [name, method, head] of [
  ['HEAD with a length', 'HEAD', `HTTP/1.1 200 OK\r\nContent-Length: ${POISON.length}\r\n\r\n`],
  ['HEAD with chunks', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['304 with a length', 'GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${POISON.length}\r\n\r\n`],
  ['304 with chunks', 'GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['204 with a length', 'GET', `HTTP/1.1 204 No Content\r\nContent-Length: ${POISON.length}\r\n\r\n`],
  ['204 with chunks', 'GET', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'],
] as const) {
  suite(`late: the body of ${name} is not the next caller’s answer`, async () => {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => head)
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(request(method, '/open'))
    await first.response({ head: true })
    const [before] = upstream.connections
    upstream.answer = (_seen, connection) => (connection === before ? `${POISON}${CLEAN}` : CLEAN)
    second.write(OTHER)
    expect((await second.response()).body.toString()).toBe('clean')
  })
}

suite('idle: a connection that its upstream has half-closed is not used again', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => CLEAN)
  expect((await plane.ask(GET)).status).toBe(200)
  upstream.connections[0]?.socket.end()
  await upstream.connections[0]?.closed
  expect((await plane.ask(OTHER)).body.toString()).toBe('clean')
  expect(upstream.connections.length).toBe(2)
})

suite('half-closed: an upstream that ends its side behind a whole answer', async () => {
  for (const bytes of [CLEAN, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nclean\r\n0\r\n\r\n']) {
    const { plane, upstream } = await start(
      { routes: ROUTES, pool: POOL },
      (_seen, { socket }) => void socket.end(bytes),
    )
    for (let count = 0; count < 3; count++) expect((await plane.ask(GET)).body.toString()).toBe('clean')
    await Promise.all(upstream.connections.map(({ closed }) => closed))
    expect(upstream.requests.length).toBe(3)
  }
})

suite('half-closed: an upstream that ends its side without an answer', async () => {
  const { plane } = await start({ routes: ROUTES, pool: POOL }, (_seen, { socket }) => void socket.end())
  expect((await plane.ask(GET)).status).toBe(502)
  const posted = await plane.ask(request('POST', '/open', { 'Content-Length': '4' }, 'four'))
  expect(posted.status).toBe(502)
})

suite('early: an answer in the middle of the upload closes both sides, whatever comes after it', async () => {
  for (const rest of ['', POISON]) {
    const { plane, upstream } = await start({ routes: ROUTES, pool: POOL }, () => undefined)
    upstream.onBytes = ({ socket }) => {
      upstream.onBytes = undefined
      socket.write(`${CLEAN}${rest}`)
    }
    const client = await connectRaw(plane.port, true)
    client.write(request('POST', '/open', { 'Content-Length': '100000' }, 'x'))
    const outcome = await outcomeOf(client)
    if (outcome !== 'aborted') expect(outcome.answered.body.toString()).toBe('clean')
    client.write(`${'x'.repeat(99_999)}${OTHER}`)
    await client.ended
    await turns()
    expect([client.received.includes(MARK), upstream.requests.length]).toEqual([false, 0])
    client.close()
    await upstream.connections[0]?.closed
    upstream.answer = () => CLEAN
    expect((await plane.ask(OTHER)).body.toString()).toBe('clean')
  }
})

suite('early: an upstream that speaks before it is asked, on a new connection', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: POOL }, () => undefined)
  const first = await plane.connect()
  const greeted = new Set<UpstreamConnection>()
  upstream.onBytes = (connection) => {
    if (greeted.has(connection)) return
    greeted.add(connection)
    connection.socket.write(`220 ready\r\n${POISON}`)
  }
  first.write(GET)
  const outcome = await outcomeOf(first)
  if (outcome !== 'aborted') expect(outcome.answered.status).toBe(502)
  upstream.onBytes = undefined
  upstream.answer = () => CLEAN
  expect((await plane.ask(OTHER)).body.toString()).toBe('clean')
  expect(first.received.includes(MARK)).toBe(false)
})

suite(
  'together: many callers on few connections, one upstream in three misbehaves: nobody gets another’s answer',
  async () => {
    let asked = 0
    const { plane } = await start(
      { routes: [{ path: '/{rest*}' }], pool: { ...POOL, connectionsMax: 4 } },
      (seen, { socket }) => {
        const own = `HTTP/1.1 200 OK\r\nContent-Length: ${seen.target.length}\r\n\r\n${seen.target}`
        asked += 1
        if (asked % 3 !== 0) return own
        if (asked % 2 === 0) return `${own}${POISON}`
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${seen.target}`)
        return undefined
      },
    )
    const wrong: string[] = []
    await Promise.all(
      Array.from({ length: 24 }, async (_each, caller) => {
        for (let turn = 0; turn < 8; turn++) {
          const target = `/${caller}-${turn}`
          const client = await plane.connect()
          client.write(request('GET', target))
          const outcome = await outcomeOf(client)
          if (outcome !== 'aborted' && outcome.answered.status === 200 && outcome.answered.body.toString() !== target)
            wrong.push(`${target}: ${outcome.answered.body.toString()}`)
          if (client.received.includes(MARK)) wrong.push(`${target}: a mark`)
          client.close()
        }
      }),
    )
    await until(() => plane.settled.length === 24 * 8)
    expect(wrong).toEqual([])
  },
)

test('counts', () => {
  console.info(`hostile upstreams, turns: ${cases} cases, ${held} held`)
})
