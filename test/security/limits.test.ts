// What one connection, one address or one target may cost; who asks for more is refused in words, recorded and counted.
import net from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { field, problemOf } from '../support/raw-client.ts'
import { OK } from '../support/raw-upstream.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { LIMITS, request, type DataPlane } from '../support/start-data-plane.ts'
import { onAccepted } from '../support/accepted.ts'

const start = useRig()
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }, { path: '/open/{rest*}' }] as const
const GET = request('GET', '/open')

/** A target of so many bytes, all in its query. */
const target = (bytes: number): string => `/open?${'a'.repeat(bytes - '/open?'.length)}`

describe('a request target', () => {
  test.each([300, 8_192, 20_000])(
    'of %d bytes is the longest, where that is the limit; one more is 414',
    async (most) => {
      const limits = { urlBytesMax: most, headerBytesMax: 32_768 }
      const { plane, upstream } = await start({ routes: ROUTES, limits })
      expect((await plane.ask(request('GET', target(most)))).status).toBe(200)
      const client = await plane.connect()
      client.write(request('GET', target(most + 1)) + GET)
      const answer = await client.response()
      expect([answer.status, problemOf(answer).type]).toEqual([414, 'urn:portcullis:problem:target-too-long'])
      // What follows has no known beginning.
      expect(field(answer, 'connection')).toBe('close')
      await client.ended
      expect(upstream.requests.length).toBe(1)
      await until(() => plane.settled.length === 2)
      expect(plane.settled.at(-1)).toMatchObject({ route: 'none', status: 414, decision: 'rejected' })
      expect(plane.trail.requests.at(-1)).toMatchObject({
        status: 414,
        decision: 'rejected',
        reason: 'malformed-target',
        client: '127.0.0.1',
        path: '',
      })
    },
  )

  test('is refused as soon as it is too long, before its line has ended, and where the fields are too many bytes too', async () => {
    const { plane } = await start({ routes: ROUTES, limits: { urlBytesMax: 300 } })
    const unfinished = await plane.connect()
    unfinished.write(`GET ${target(301)}`)
    expect((await unfinished.response()).status).toBe(414)
    expect((await plane.ask(request('GET', target(30_000)))).status).toBe(414)
    expect((await plane.ask(request('GET', '/open', { 'X-A': 'a'.repeat(30_000) }))).status).toBe(431)
    expect((await plane.ask(request('GET', '/open', { 'X-A': 'a'.repeat(3_000) }))).status).toBe(200)
    expect((await plane.ask(`GET/${'a'.repeat(400)}\r\n\r\n`)).status).toBe(400)
  })
})

describe('a header section', () => {
  test('of the longest length is taken wherever its reads end, one more byte is 431', async () => {
    const { plane } = await start({ routes: ROUTES, limits: { headerBytesMax: 1_000, urlBytesMax: 300 } })
    const bare = request('GET', '/open', { 'X-Fill': '' }).length - '\r\n\r\n'.length
    const longest = request('GET', '/open', { 'X-Fill': 'x'.repeat(1_000 - bare) })
    for (let cut = 0; cut < 8; cut++) {
      const client = await plane.connect()
      client.write(longest.slice(0, longest.length - cut))
      await turns()
      client.write(longest.slice(longest.length - cut))
      expect((await client.response()).status).toBe(200)
    }
    expect((await plane.ask(longest.replace('x', 'xx'))).status).toBe(431)
  })
})

describe('connections of one address', () => {
  const others: net.Socket[] = []
  afterEach(() => {
    for (const socket of others.splice(0)) socket.destroy()
  })

  /** Whether a connection from there is served. */
  async function isServed(port: number, localAddress: string): Promise<boolean> {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress })
    others.push(socket)
    return new Promise((resolve) => {
      socket.once('data', () => {
        resolve(true)
      })
      socket
        .on('error', () => undefined)
        .once('close', () => {
          resolve(false)
        })
      socket.write(GET)
    })
  }

  test('beyond the limit are turned away and counted; other addresses are not concerned; who goes makes room', async () => {
    const { plane } = await start({ routes: ROUTES, limits: { connectionsPerAddressMax: 2 } })
    expect([await isServed(plane.port, '127.0.0.1'), await isServed(plane.port, '127.0.0.1')]).toEqual([true, true])
    expect(await isServed(plane.port, '127.0.0.1')).toBe(false)
    expect(await isServed(plane.port, '127.0.0.2')).toBe(true)
    expect(plane.turnedAway).toEqual(['address'])
    others[0]?.destroy()
    await until(() => plane.server.connections === 2)
    expect(await isServed(plane.port, '127.0.0.1')).toBe(true)
    expect(plane.turnedAway).toEqual(['address'])
  })

  test('that is a trusted proxy have no limit: it stands for all of its callers', async () => {
    const trustedProxies = ['127.0.0.1/32']
    const { plane } = await start({ routes: ROUTES, trustedProxies, limits: { connectionsPerAddressMax: 1 } })
    for (let count = 0; count < 4; count++) expect(await isServed(plane.port, '127.0.0.1')).toBe(true)
    expect([await isServed(plane.port, '127.0.0.2'), await isServed(plane.port, '127.0.0.2')]).toEqual([true, false])
  })
})

test('the last request of a connection is answered with Connection: close, and no further one is taken', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, limits: { requestsPerConnectionMax: 2 } })
  const client = await plane.connect()
  client.write(GET + GET + GET)
  const answers = [await client.response(), await client.response()]
  expect(answers.map((answer) => [answer.status, field(answer, 'connection')])).toEqual([
    [200, undefined],
    [200, 'close'],
  ])
  expect(await client.ended).toBe('end')
  expect(upstream.requests.length).toBe(2)
})

describe('a body', () => {
  const limits = { minimumRate: { bytesPerSecond: 10, graceMs: 1_000 }, idleTimeoutMs: 500 }
  const HEAD = request('POST', '/open', { 'Content-Length': '100' })

  /** Lets time pass until every connection has been looked at: an idle one, opened last, is ended by that look. */
  async function pass(plane: DataPlane, ms: number): Promise<void> {
    const idle = await plane.connect()
    idle.write(GET)
    await idle.response()
    plane.clock.advance(ms)
    await idle.ended
  }

  test.each([
    ['nothing', '', 1_000],
    ['too little for its grace', 'x'.repeat(5), 1_000],
    ['enough at first', 'x'.repeat(20), 2_000],
  ])('of which %s comes in time is 408 after its grace, and its request is aborted', async (_name, sent, goodMs) => {
    const { plane, upstream } = await start({ routes: ROUTES, limits })
    const client = await plane.connect()
    client.write(HEAD + sent)
    await upstream.connected(1)
    await upstream.sawBytes(sent.length + 1)
    await turns()
    await pass(plane, goodMs)
    expect(client.received.length).toBe(0)
    plane.clock.advance(1)
    expect((await client.response()).status).toBe(408)
    await upstream.connections[0]?.closed
    expect(upstream.requests.map(({ method }) => method)).toEqual(['GET'])
    expect(plane.trail.requests.at(-1)).toMatchObject({ status: 408, decision: 'rejected' })
  })

  test('for which the upstream was not ready is not judged over that time: it was not the caller who was slow', async () => {
    const size = 24 * 1024 * 1024
    let reader: net.Socket | undefined
    let seen = 0
    const slow = net.createServer((socket) => {
      reader ??= socket.on('error', () => undefined).pause()
      socket.on('data', (chunk) => {
        seen += chunk.length
        if (socket !== reader || seen > size) socket.end(OK)
      })
    })
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    const targets = [`http://127.0.0.1:${(slow.address() as net.AddressInfo).port}`]
    const { plane } = await start({
      routes: ROUTES,
      limits: { ...limits, minimumRate: { bytesPerSecond: 1_000_000, graceMs: 1_000 } },
      pool: { targets },
      settings: { bodyBytesMax: 2 * size },
    })
    let accepted: net.Socket | undefined
    onAccepted(plane.server, (socket) => (accepted = socket))
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': String(size) }))
    client.write(Buffer.alloc(size - 1_000, 'x'))
    await until(() => reader !== undefined && accepted?.isPaused() === true)
    await turns(200)
    await pass(plane, 40_000)
    expect(client.received.length).toBe(0)
    reader?.resume()
    await until(() => seen >= size - 1_000)
    await pass(plane, 600)
    expect(client.received.length).toBe(0)
    client.write(Buffer.alloc(1_000, 'x'))
    expect((await client.response()).status).toBe(200)
    await new Promise((resolve) => slow.close(resolve))
  })
})

test('limits that are replaced count for connections that are open', async () => {
  const { plane } = await start({ routes: ROUTES })
  const [one, two, three] = [await plane.connect(), await plane.connect(), await plane.connect()]
  for (const client of [one, two, three]) {
    client.write(GET)
    expect((await client.response()).status).toBe(200)
  }
  plane.server.useLimits({ ...LIMITS, urlBytesMax: 300, requestsPerConnectionMax: 2, idleTimeoutMs: 50 })
  one.write(request('GET', target(301)))
  expect((await one.response()).status).toBe(414)
  two.write(GET)
  expect(field(await two.response(), 'connection')).toBe('close')
  plane.clock.advance(51)
  expect(await three.ended).toBe('end')
})
