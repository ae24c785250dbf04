// How much an upstream is given at once, who waits for a turn, and which of its targets answers.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterEach, beforeAll, afterAll, describe, expect, test } from '@jest/globals'
import { createAuthority, type Authority } from '../support/certificates.ts'
import { field, problemOf, type RawClient } from '../support/raw-client.ts'
import { OK, startRawUpstream, type Answer, type RawUpstream } from '../support/raw-upstream.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { request, startDataPlane, type DataPlane, type DataPlaneOptions } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/record', methods: ['GET', 'POST'] }] as const
const GET = request('GET', '/record')
const silent: Answer = () => undefined

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-upstreams-'))
let authority: Authority
beforeAll(() => {
  authority = createAuthority(home)
})
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

async function upstreamWith(answer?: Answer): Promise<RawUpstream> {
  const upstream = await startRawUpstream(answer)
  opened.push(upstream)
  return upstream
}

async function planeBefore(options: Omit<DataPlaneOptions, 'routes'>): Promise<DataPlane> {
  const plane = await startDataPlane({ routes: ROUTES, ...options })
  opened.push(plane)
  return plane
}

async function asking(plane: DataPlane): Promise<RawClient> {
  const client = await plane.connect()
  client.write(GET)
  return client
}

/** In this order: each has reached the queue before the next one asks. */
async function askInTurn(plane: DataPlane, count: number): Promise<readonly RawClient[]> {
  const clients: RawClient[] = []
  for (let index = 0; index < count; index++) {
    clients.push(await asking(plane))
    const size = plane.gateway.inFlight.size
    await until(() => plane.gateway.inFlight.size >= Math.max(size, index + 1))
  }
  return clients
}

describe('the queue', () => {
  test('takes as many as are configured; the next is answered 503 at once, recorded and counted', async () => {
    const pool = { connectionsMax: 1, inFlightMax: 1, queue: { requestsMax: 2, timeoutMs: 60_000 } }
    const { plane, upstream } = await start({ routes: ROUTES, pool }, silent)
    const clients = await askInTurn(plane, 3)
    await upstream.requested(1)
    const turnedAway = await plane.ask(GET)
    expect([turnedAway.status, problemOf(turnedAway).type]).toEqual([503, 'urn:portcullis:problem:upstream-overloaded'])
    expect(plane.turnedAway).toEqual(['registry queue-full'])
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', status: 503, decision: 'error' })
    // Who waits is served, first come first served, over the one connection.
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    for (const client of clients) expect((await client.response()).status).toBe(200)
    expect([upstream.requests.length, upstream.connections.length]).toEqual([3, 1])
  })

  test('of none: whoever would wait is turned away', async () => {
    const pool = { connectionsMax: 1, inFlightMax: 1, queue: { requestsMax: 0, timeoutMs: 60_000 } }
    const { plane, upstream } = await start({ routes: ROUTES, pool }, silent)
    await asking(plane)
    await upstream.requested(1)
    expect((await plane.ask(GET)).status).toBe(503)
  })

  test('lets nobody wait longer than is configured: 503, counted, and not a byte sent', async () => {
    const pool = { connectionsMax: 1, inFlightMax: 1, queue: { requestsMax: 10, timeoutMs: 50 } }
    const { plane, upstream } = await start({ routes: ROUTES, pool }, silent)
    const [first, ...late] = await askInTurn(plane, 3)
    for (const client of late) {
      const answer = await client.response()
      expect([answer.status, problemOf(answer).type]).toEqual([503, 'urn:portcullis:problem:upstream-overloaded'])
    }
    expect(plane.turnedAway).toEqual(['registry queue-timeout', 'registry queue-timeout'])
    // Whoever was given a turn is bound by no queue any more.
    upstream.connections[0]?.socket.write(OK)
    expect((await first?.response())?.status).toBe(200)
    expect(upstream.requests.length).toBe(1)
  })

  test('forgets whoever has gone', async () => {
    const pool = { connectionsMax: 1, inFlightMax: 1, queue: { requestsMax: 1, timeoutMs: 60_000 } }
    const { plane, upstream } = await start({ routes: ROUTES, pool }, silent)
    const [, waiting] = await askInTurn(plane, 2)
    waiting?.close()
    await until(() => plane.settled.length === 1)
    const next = await asking(plane)
    await until(() => plane.gateway.inFlight.size === 2)
    await turns()
    expect(plane.turnedAway).toEqual([])
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    expect((await next.response()).status).toBe(200)
    expect(upstream.requests.length).toBe(2)
  })

  test('answers whom a lock reaches while it waits, with nothing sent', async () => {
    const pool = { connectionsMax: 1, inFlightMax: 1, queue: { requestsMax: 5, timeoutMs: 60_000 } }
    const { plane, upstream } = await start({ routes: [...ROUTES, { path: '/other' }], pool }, silent)
    const first = await plane.connect()
    first.write(request('GET', '/other'))
    await upstream.requested(1)
    const waiting = await asking(plane)
    await until(() => plane.gateway.inFlight.size === 2)
    plane.lock({ routes: ['record'] })
    expect(problemOf(await waiting.response())).toMatchObject({ type: 'urn:portcullis:problem:locked' })
    expect(upstream.requests.length).toBe(1)
  })
})

describe('requests in flight', () => {
  test('are as many as are configured, though there are connections for more', async () => {
    const pool = { connectionsMax: 8, inFlightMax: 2 }
    const { plane, upstream } = await start({ routes: ROUTES, pool }, silent)
    const clients = await askInTurn(plane, 4)
    await upstream.requested(2)
    await turns(50)
    expect([upstream.requests.length, upstream.connections.length]).toEqual([2, 2])
    upstream.answer = () => OK
    for (const { socket } of upstream.connections) socket.write(OK)
    for (const client of clients) expect((await client.response()).status).toBe(200)
    expect(upstream.connections.length).toBe(2)
  })

  test('the target is picked when the turn comes, not before: one that has got stuck keeps nobody', async () => {
    const [stuck, quick] = [await upstreamWith(silent), await upstreamWith(silent)]
    const plane = await planeBefore({ upstream: [stuck.port, quick.port], pool: { connectionsMax: 1, inFlightMax: 2 } })
    await askInTurn(plane, 6)
    await stuck.requested(1)
    await quick.requested(1)
    quick.answer = () => OK
    quick.connections[0]?.socket.write(OK)
    await quick.requested(5)
    expect(stuck.requests.length).toBe(1)
  })
})

describe('a target that is down by its checks', () => {
  test('is asked for nothing while there is another; where all are down, all are asked', async () => {
    const upstreams = [await upstreamWith(), await upstreamWith()]
    const [one, two] = upstreams.map(({ port }) => `registry http://127.0.0.1:${port}`)
    const down = new Set([one])
    const plane = await planeBefore({ upstream: upstreams.map(({ port }) => port), isUp: (key) => !down.has(key) })
    for (let count = 0; count < 4; count++) expect((await plane.ask(GET)).status).toBe(200)
    expect(upstreams.map(({ requests }) => requests.length)).toEqual([0, 4])
    down.add(two)
    for (let count = 0; count < 4; count++) expect((await plane.ask(GET)).status).toBe(200)
    expect(upstreams.map(({ requests }) => requests.length)).toEqual([2, 6])
    down.clear()
    for (let count = 0; count < 4; count++) await plane.ask(GET)
    expect(upstreams.map(({ requests }) => requests.length)).toEqual([4, 8])
  })

  test('does not overflow onto those that are up: they have their limits, and who is beyond waits', async () => {
    const [gone, alive] = [await upstreamWith(silent), await upstreamWith(silent)]
    const plane = await planeBefore({
      upstream: [gone.port, alive.port],
      pool: { connectionsMax: 1, inFlightMax: 2 },
      isUp: (key) => !key.endsWith(String(gone.port)),
    })
    await askInTurn(plane, 3)
    await alive.requested(1)
    await turns(50)
    expect([gone.requests.length, alive.requests.length]).toEqual([0, 1])
  })
})

/** Answers each request, over whatever the server speaks. */
function answering(socket: net.Socket): void {
  let text = ''
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      heads.push(text.slice(0, end))
      text = text.slice(end + 4)
      socket.write(OK)
    }
  })
}

const heads: string[] = []
let sockets = 0

async function listening(server: net.Server, to: string | number): Promise<void> {
  heads.length = 0
  sockets = 0
  server.on('connection', () => (sockets += 1))
  await new Promise<void>((resolve) => server.listen(to, resolve))
  opened.push({ close: () => new Promise((resolve) => server.close(() => resolve())) })
}

describe('a target', () => {
  test('may be a unix socket', async () => {
    const socketPath = path.join(home, `${randomUUID().slice(0, 8)}.sock`)
    await listening(net.createServer(answering), socketPath)
    const plane = await planeBefore({ pool: { targets: [`unix:${socketPath}`] } })
    for (let count = 0; count < 3; count++) expect((await plane.ask(GET)).status).toBe(200)
    expect(heads[0]).toMatch(/^GET \/record HTTP\/1\.1\r\nHost: localhost\r\n/)
    expect(sockets).toBe(1)
  })

  test('by TLS is verified against the authorities that are named, and may ask for our certificate', async () => {
    const [own, ours] = [authority.issue('own'), authority.issue('ours')]
    const server = tls.createServer(
      { ...own, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      answering,
    )
    server.on('tlsClientError', (_, socket) => socket.destroy())
    await listening(server, 0)
    const targets = [`https://127.0.0.1:${(server.address() as net.AddressInfo).port}`]
    const secure = { ca: authority.cert, cert: ours.cert, key: ours.key }
    const plane = await planeBefore({ pool: { targets, secure } })
    expect((await plane.ask(GET)).status).toBe(200)
    for (const wrong of [
      { ca: authority.cert },
      { cert: ours.cert, key: ours.key },
      { ...secure, serverName: 'other' },
    ]) {
      const lacking = await planeBefore({ pool: { targets, secure: wrong } })
      const answer = await lacking.ask(GET)
      expect([answer.status, field(answer, 'content-type')]).toEqual([502, 'application/problem+json'])
    }
    expect(heads.length).toBe(1)
  })

  test('by TLS has no more connections than are configured, and each is used again', async () => {
    const own = authority.issue('own')
    const server = tls.createServer(own, answering)
    await listening(server, 0)
    const targets = [`https://127.0.0.1:${(server.address() as net.AddressInfo).port}`]
    const plane = await planeBefore({
      pool: { targets, secure: { ca: authority.cert }, connectionsMax: 2, inFlightMax: 2 },
    })
    const clients = await Promise.all(Array.from({ length: 20 }, () => asking(plane)))
    for (const client of clients) expect((await client.response()).status).toBe(200)
    expect(heads.length).toBe(20)
    expect(sockets).toBe(2)
  })
})
