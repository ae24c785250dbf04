// proxy-behaviours E: an answer is passed on as it came, or not as an answer at all.
import { expect } from '@jest/globals'
import { checklist, responsesIn } from '../../support/checklist.ts'
import { field, problemOf } from '../../support/raw-client.ts'
import { OK } from '../../support/raw-upstream.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours E, responses')
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }, { path: '/other' }] as const
const GET = request('GET', '/open')
const OTHER = request('GET', '/other')
const CLEAN = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
/** One connection to the upstream: what is wrongly kept is certainly used again. */
const ONE = { connectionsMax: 1 } as const
const MIB = 1024 * 1024

line(47, 'odd statuses and reasons are relayed; HEAD has fields and no body, whatever the upstream sends', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: ONE })
  for (const [status, reason] of [
    [345, 'Odd Reason'],
    [418, "I'm a teapot"],
    [599, ''],
    [200, 'OK'],
    [299, 'x'],
  ] as const) {
    upstream.answer = () => `HTTP/1.1 ${status} ${reason}\r\nContent-Length: 2\r\n\r\nok`
    const answer = await plane.ask(GET)
    expect([answer.status, answer.reason, answer.body.toString()]).toEqual([status, reason, 'ok'])
  }
  const client = await plane.connect()
  for (const bytes of [POISON, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\npoison\r\n0\r\n\r\n']) {
    upstream.answer = () => bytes
    client.write(request('HEAD', '/open'))
    expect((await client.response({ head: true })).status).toBe(200)
    upstream.answer = () => CLEAN
    client.write(OTHER)
    expect((await client.response()).body.toString()).toBe('clean')
  }
  upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "1"\r\n\r\n'
  client.write(request('HEAD', '/open'))
  const head = await client.response({ head: true })
  expect([field(head, 'content-length'), field(head, 'etag')]).toEqual(['1234', '"1"'])
  expect(client.received.includes('poison')).toBe(false)
})

line(48, 'an answer whose framing is bad or doubled is 502, and no byte of it is relayed', async () => {
  const wrong: string[] = []
  for (const lines of [
    'Content-Length: 6\r\nContent-Length: 7',
    'Content-Length: 6\r\nContent-Length: 6',
    'Content-Length: 6, 6',
    'Content-Length: -1',
    'Content-Length: +6',
    'Content-Length: 0x6',
    'Content-Length: 6 6',
    'Content-Length: six',
    'Content-Length:',
    'Content-Length: 99999999999999999999',
    'Content-Length: 6\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked\r\nContent-Length: 6',
    'Transfer-Encoding: gzip',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, gzip',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding:',
  ]) {
    const { plane } = await start({ routes: ROUTES }, (_seen, { socket }) => {
      socket.end(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n6\r\npoison\r\n0\r\n\r\n`)
      return undefined
    })
    const client = await plane.connect()
    client.write(GET)
    await client.response()
    await turns()
    const status = Number(client.received.toString('latin1', 9, 12))
    if (status !== 502 || client.received.includes('poison')) wrong.push(`${status}: ${lines}`)
  }
  expect(wrong).toEqual([])
})

line(49, 'bytes behind a whole answer are nobody’s; their connection is done (undici CVE-2026-6733)', async () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'
  for (const bytes of [
    `${OK}${POISON}`,
    `${OK}poison`,
    `${chunked}${POISON}`,
    `${chunked}poison`,
    `${OK}\r\n${POISON}`,
  ]) {
    const { plane, upstream } = await start({ routes: ROUTES, pool: ONE }, () => bytes)
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(GET)
    expect((await first.response()).status).toBe(200)
    upstream.answer = () => CLEAN
    second.write(OTHER)
    expect({ bytes, body: (await second.response()).body.toString() }).toEqual({ bytes, body: 'clean' })
    first.write(OTHER)
    expect((await first.response()).body.toString()).toBe('clean')
    for (const client of [first, second]) expect(client.received.includes('poison')).toBe(false)
    await upstream.connections[0]?.closed
  }
})

line(50, 'a body that ends too soon is an abort to the caller, and an error in the trail', async () => {
  for (const [head, rest] of [
    ['Content-Length: 100', 'four'],
    ['Transfer-Encoding: chunked', '4\r\nfour\r\n'],
    ['Transfer-Encoding: chunked', '9\r\nfour'],
    ['Transfer-Encoding: chunked', '4\r\nfour\r\n0\r\n'],
  ] as const) {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(1)
    upstream.connections[0]?.socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${rest}`)
    await client.until('four')
    upstream.connections[0]?.socket.end()
    expect({ rest, ended: await client.ended }).toEqual({ rest, ended: 'reset' })
    expect(client.received.toString('latin1')).not.toMatch(/0\r\n\r\n$/)
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', decision: 'error', reason: 'upstream' })
  }
})

line(51, 'a body that the end of its connection delimits is relayed whole', async () => {
  for (const head of ['HTTP/1.1 200 OK\r\n', 'HTTP/1.0 200 OK\r\n', 'HTTP/1.1 200 OK\r\nConnection: close\r\n']) {
    const { plane } = await start({ routes: ROUTES }, (_seen, { socket }) => {
      socket.write(`${head}\r\nall `)
      setImmediate(() => socket.end('of it'))
      return undefined
    })
    const answer = await plane.ask(GET)
    expect([head, answer.status, answer.complete, answer.body.toString()]).toEqual([head, 200, true, 'all of it'])
  }
})

line(52, 'trailers of an answer are dropped, announced or not, and become no fields', async () => {
  for (const announced of ['', 'Trailer: X-T\r\n']) {
    const { plane } = await start(
      { routes: ROUTES },
      () =>
        `HTTP/1.1 200 OK\r\n${announced}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: late\r\nSet-Cookie: late=1\r\n\r\n`,
    )
    const client = await plane.connect()
    client.write(GET)
    const answer = await client.response()
    expect([answer.body.toString(), answer.complete]).toEqual(['ok', true])
    client.write(OTHER)
    await client.response()
    expect(client.received.toString()).not.toMatch(/x-t|late/i)
  }
})

line(53, 'interim answers are dropped, the final one comes once, and none of their fields is in it', async () => {
  const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\nX-Interim: 1\r\n\r\n'
  const { plane, upstream } = await start({ routes: ROUTES }, () => `${interim}${OK}`)
  const client = await plane.connect()
  for (let count = 0; count < 2; count++) {
    client.write(GET)
    const answer = await client.response()
    expect([answer.status, answer.body.toString()]).toEqual([200, '{"from":"real"}'])
  }
  expect(responsesIn(client.received)).toBe(2)
  expect(client.received.toString()).not.toMatch(/link|interim/i)
  // An upstream that dies after one has given no answer.
  upstream.answer = (_seen, { socket }) => void socket.end(interim)
  const died = await plane.ask(GET)
  expect([died.status, problemOf(died).status]).toEqual([502, 502])
})

line(54, 'events and bodies of unknown length leave as they come: the first before the second is made', async () => {
  for (const type of ['text/event-stream', 'application/octet-stream']) {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const client = await plane.connect()
    client.write(GET)
    await client.until(type)
    for (const word of ['one', 'two', 'three']) {
      upstream.connections[0]?.socket.write(`${(word.length + 8).toString(16)}\r\ndata: ${word}\n\n\r\n`)
      await client.until(`data: ${word}\n\n`)
    }
    upstream.connections[0]?.socket.write('0\r\n\r\n')
    expect((await client.response()).complete).toBe(true)
  }
})

line(55, 'a caller that stops reading stops the upstream, in bounded memory, and then gets it all', async () => {
  const total = 100 * MIB
  const { plane, upstream } = await start(
    { routes: ROUTES },
    () => `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`,
  )
  const client = await plane.connect()
  client.pause()
  client.write(GET)
  await upstream.requested(1)
  const socket = upstream.connections[0]?.socket
  const block = Buffer.alloc(64 * 1024, 'x')
  let sent = 0
  const pump = (): void => {
    while (sent < total) {
      sent += block.length
      if (socket?.write(block) === false) {
        socket.once('drain', pump)
        return
      }
    }
  }
  const before = process.memoryUsage().arrayBuffers
  pump()
  for (let last = -1; last !== sent; await turns(200)) last = sent
  expect(sent).toBeLessThan(24 * MIB)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 * MIB)
  client.socket.removeAllListeners('data')
  let received = client.received.length
  const headed = new Promise<void>((resolve) => {
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received >= total) resolve()
    })
  })
  client.resume()
  await headed
  await until(() => plane.settled.length === 1)
  expect(plane.trail.requests.at(-1)).toMatchObject({ decision: 'allow', bytes: total })
})

line(56, 'a compressed answer passes untouched: coding, length, validator and bytes', async () => {
  const bytes = '\x1f\x8b\x08\x00\x00\xff\r\n0\r\n\r\n'
  const { plane, upstream } = await start(
    { routes: ROUTES },
    () =>
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: W/"1"\r\nVary: Accept-Encoding\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`,
  )
  const answer = await plane.ask(request('GET', '/open', { 'Accept-Encoding': 'gzip, br' }))
  expect(answer.body.toString('latin1')).toBe(bytes)
  expect(['content-encoding', 'etag', 'vary', 'content-length'].map((name) => field(answer, name))).toEqual([
    'gzip',
    'W/"1"',
    'Accept-Encoding',
    String(bytes.length),
  ])
  expect(upstream.requests[0]?.head).toContain('gzip, br')
})

line(57, 'a Location is passed on as it is: nothing here rewrites', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const location of ['//elsewhere.example/x', '/open/../a', 'http://127.0.0.1:9000/internal', '?a', 'x%zz']) {
    upstream.answer = () => `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`
    const answer = await plane.ask(GET)
    expect([answer.status, field(answer, 'location')]).toEqual([302, location])
  }
})

line(58, 'a refusal is no-store, and nothing is cached here: nobody gets what was made for another', async () => {
  let made = 0
  const { plane } = await start(
    { routes: [{ path: '/open', session: { level: 'required', bind: [] } }] },
    () =>
      `HTTP/1.1 200 OK\r\nCache-Control: public, max-age=600\r\nETag: "1"\r\nContent-Length: 1\r\n\r\n${(made += 1)}`,
  )
  const as = (token: string) => request('GET', '/open', { Authorization: `Bearer ${token}`, 'If-None-Match': '"1"' })
  const [one, two] = [plane.token(), plane.token()]
  const bodies = []
  for (const token of [one, two, one]) bodies.push((await plane.ask(as(token))).body.toString())
  expect(bodies).toEqual(['1', '2', '3'])
  const unknown = await plane.ask(GET)
  plane.lock({ all: true })
  const locked = await plane.ask(as(one))
  expect([unknown.status, locked.status]).toEqual([401, 503])
  for (const refusal of [unknown, locked]) {
    expect(field(refusal, 'cache-control')).toBe('no-store')
    expect(field(refusal, 'etag')).toBeUndefined()
  }
})

counts()
