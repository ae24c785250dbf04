// proxy-behaviours F, 59 to 68: what fails, goes away, is slow or too much ends in one clean way, and never lets anything pass.
import { once } from 'node:events'
import path from 'node:path'
import { expect } from '@jest/globals'
import type { Gateway } from '../../../src/gateway/gateway.ts'
import { checklist, responsesIn } from '../../support/checklist.ts'
import { eventually, runCommand, startGateway, startRawUpstream } from '../../support/gateway-process.ts'
import { connectRaw, field, problemOf } from '../../support/raw-client.ts'
import { OK } from '../../support/raw-upstream.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours F, failures and limits')
const ROUTES = [{ path: '/open', methods: ['GET', 'POST', 'PUT'] }] as const
const GET = request('GET', '/open')

line(59, 'an upstream that refuses, resets or has no address is 502 at once, and is recorded', async () => {
  const refused = await start({ routes: ROUTES })
  await refused.upstream.close()
  const reset = await start({ routes: ROUTES }, (_seen, { socket }) => void socket.resetAndDestroy())
  const hangup = await start({ routes: ROUTES }, (_seen, { socket }) => void socket.destroy())
  const nowhere = await start({ routes: ROUTES, pool: { targets: ['http://nowhere.invalid:80'] } })
  for (const { plane } of [refused, reset, hangup, nowhere]) {
    for (let count = 0; count < 2; count++) {
      const answer = await plane.ask(GET)
      expect([answer.status, problemOf(answer).status]).toEqual([502, 502])
      expect(answer.body.toString()).not.toMatch(/127\.0\.0\.1|nowhere|ECONN|ENOTFOUND/)
    }
    expect(plane.trail.requests.at(-1)).toMatchObject({ decision: 'error', reason: 'upstream', status: 502 })
  }
})

line(60, 'an upstream that does not answer in time is 504, and its connection is closed', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: { headersTimeoutMs: 60 } }, () => undefined)
  const answer = await plane.ask(GET)
  expect([answer.status, problemOf(answer).type]).toEqual([504, 'urn:portcullis:problem:upstream-timeout'])
  await upstream.connections[0]?.closed
  // Interim answers are no answer: the time runs on.
  let interim = 0
  upstream.answer = (_seen, { socket }) => {
    const drip = (): void => {
      if (socket.destroyed) return
      interim += 1
      socket.write(interim < 100 ? 'HTTP/1.1 102 Processing\r\n\r\n' : OK)
      if (interim < 100) setTimeout(drip, 20)
    }
    drip()
    return undefined
  }
  expect([502, 504]).toContain((await plane.ask(GET)).status)
  expect(interim).toBeLessThan(100)
  upstream.answer = () => OK
  expect((await plane.ask(GET)).status).toBe(200)
})

line(61, 'a caller’s abort reaches the upstream, and a thousand of them leave nothing behind', async () => {
  const warnings: Error[] = []
  const hear = (warning: Error): void => void warnings.push(warning)
  process.on('warning', hear)
  const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 50 } }, () => undefined)
  for (let round = 1; round <= 20; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => plane.connect()))
    for (const [index, client] of clients.entries())
      client.write(index % 2 === 0 ? GET : request('POST', '/open', { 'Content-Length': '2' }, 'ok'))
    await upstream.requested(round * 50)
    for (const [index, client] of clients.entries())
      if (index % 3 === 0) client.socket.resetAndDestroy()
      else client.close()
    await until(() => plane.settled.length === round * 50)
  }
  await Promise.all(upstream.connections.map(({ closed }) => closed))
  expect(plane.gateway.inFlight.size).toBe(0)
  expect(plane.trail.requests.filter(({ reason }) => reason === 'aborted').length).toBe(1_000)
  upstream.answer = () => OK
  expect((await plane.ask(GET)).status).toBe(200)
  process.off('warning', hear)
  expect(warnings.map(({ name }) => name)).not.toContain('MaxListenersExceededWarning')
})

line(62, 'nothing is written to a caller that has gone, and late bytes are thrown away', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } }, () => undefined)
  for (const leave of ['close', 'reset'] as const) {
    const before = upstream.requests.length
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(before + 1)
    if (leave === 'reset') client.socket.resetAndDestroy()
    else client.close()
    // Late, and at a connection that may still be open.
    upstream.connections.at(-1)?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    await until(() => plane.settled.length === before + 1)
  }
  upstream.answer = () => OK
  const answer = await plane.ask(GET)
  expect([answer.status, answer.body.toString()]).toEqual([200, '{"from":"real"}'])
  expect(plane.errors).toEqual([])
})

line(63, 'no unsafe request is sent twice, nor one whose body has begun', async () => {
  for (const [method, fields, body] of [
    ['POST', { 'Content-Length': '4' }, 'four'],
    ['POST', {}, ''],
    ['PUT', { 'Content-Length': '4' }, 'four'],
    ['GET', { 'Content-Length': '4' }, 'four'],
    ['GET', { 'Transfer-Encoding': 'chunked' }, '4\r\nfour\r\n0\r\n\r\n'],
  ] as const) {
    const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } })
    // A connection that is kept alive first: that is where a retry would be thought of.
    expect((await plane.ask(GET)).status).toBe(200)
    upstream.answer = (_seen, { socket }) => void socket.destroy()
    const answer = await plane.ask(request(method, '/open', fields, body))
    await turns()
    expect([method, body, answer.status, upstream.requests.length]).toEqual([method, body, 502, 2])
  }
})

line(64, 'a kept-alive connection that closes just then: a GET is sent once more at most, never hangs', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } })
  expect((await plane.ask(GET)).status).toBe(200)
  // Closed while idle: noticed or not, the next one is answered.
  upstream.connections[0]?.socket.end()
  expect((await plane.ask(GET)).status).toBe(200)
  // Closed with the request just read.
  upstream.answer = (_seen, { socket }) => {
    upstream.answer = () => OK
    socket.destroy()
    return undefined
  }
  const before = upstream.requests.length
  expect([200, 502]).toContain((await plane.ask(GET)).status)
  expect(upstream.requests.length - before).toBeLessThanOrEqual(2)
  // Each time: it ends, in 502.
  upstream.answer = (_seen, { socket }) => void socket.destroy()
  const again = upstream.requests.length
  expect((await plane.ask(GET)).status).toBe(502)
  expect(upstream.requests.length - again).toBeLessThanOrEqual(2)
})

line(65, 'slow heads, slow bodies and idle connections end in time, and connections are bounded', async () => {
  const limits = { headersTimeoutMs: 80, requestTimeoutMs: 160, idleTimeoutMs: 80 }
  const { plane, upstream } = await start({ routes: ROUTES, limits }, () => undefined)
  for (const bytes of ['', 'GET /op', 'GET /open HTTP/1.1\r\nHost: a\r\nX-A:']) {
    const client = await plane.connect()
    client.write(bytes)
    await turns()
    plane.clock.advance(1_000)
    await client.ended
    expect(client.received.toString()).toMatch(/^(HTTP\/1\.1 408 |$)/)
  }
  // One byte now and then buys no time, neither in a head nor in a body.
  for (const bytes of ['GET /open HTTP/1.1\r\nX-A: ', request('POST', '/open', { 'Content-Length': '1000' }, 'x')]) {
    const client = await plane.connect()
    client.write(bytes)
    const drip = setInterval(() => {
      client.write('x')
      plane.clock.advance(10)
    }, 10)
    await client.ended
    clearInterval(drip)
    expect(client.received.toString()).toMatch(/^(HTTP\/1\.1 408 |$)/)
  }
  await upstream.connections[0]?.closed
  expect([upstream.connections.length, upstream.requests.length]).toEqual([1, 0])
  upstream.answer = () => OK
  const idle = await plane.connect()
  idle.write(GET)
  expect((await idle.response()).status).toBe(200)
  plane.clock.advance(1_000)
  await idle.ended
  // One more than are served is turned away at once.
  const full = await start({ routes: ROUTES, limits: { connectionsMax: 1 } })
  const first = await full.plane.connect()
  await full.plane.connect().then(
    (second) => second.ended,
    () => 'refused',
  )
  first.write(GET)
  expect((await first.response()).status).toBe(200)
})

line(66, 'SIGTERM: what is open ends well, nothing new is taken, the trail is whole, exit 0', async () => {
  let held: (() => void) | undefined
  const upstream = await startRawUpstream((socket, head) => {
    if (head.includes('/hold')) held = () => void socket.write(OK)
    else socket.write(OK)
  })
  const routes = '\n  - { id: all, path: "/{rest*}", methods: [GET], upstream: registry, session: none }\n'
  const gateway = await startGateway({ upstreamPort: upstream.port, routes })
  try {
    const [open, idle] = [await connectRaw(gateway.port), await connectRaw(gateway.port)]
    idle.write(GET)
    expect((await idle.response()).status).toBe(200)
    open.write(request('GET', '/hold'))
    await until(() => held !== undefined)
    const stopped = gateway.stop('SIGTERM')
    await idle.ended
    expect(
      await eventually(() =>
        connectRaw(gateway.port).then(
          (late) => (late.close(), false),
          () => true,
        ),
      ),
    ).toBe(true)
    held?.()
    const answer = await open.response()
    expect([answer.status, field(answer, 'connection'), answer.body.toString()]).toEqual([
      200,
      'close',
      '{"from":"real"}',
    ])
    expect(await stopped).toBe(0)
    expect((await runCommand(['audit', 'verify', path.join(gateway.home, 'data/audit')])).code).toBe(0)
  } finally {
    await gateway.cleanUp()
    await upstream.close()
  }
})

line(
  67,
  'a check that throws fails closed: 5xx, and no byte at the upstream; of a trail that throws, no byte of the answer',
  async () => {
    const fail = (): never => {
      throw new Error('a check has failed')
    }
    const session = { level: 'required', bind: [] } as const
    const broken: readonly ((gateway: Gateway) => Partial<Gateway>)[] = [
      () => ({ detectors: [{ name: 'broken', observe: fail }] }),
      ({ trail }) => ({ trail: { ...trail, append: fail } }),
      ({ settings }) => ({ settings: { ...settings, verifier: { verify: fail } } }),
      ({ settings }) => ({ settings: { ...settings, verifier: { verify: () => Promise.reject(new Error('late')) } } }),
      ({ pseudonyms }) => ({ pseudonyms: { ...pseudonyms, of: fail } }),
      ({ clock }) => ({ clock: { ...clock, now: fail } }),
    ]
    for (const [index, gateway] of broken.entries()) {
      const { plane, upstream } = await start({
        routes: [{ path: '/open', audit: 'strict', session, subjects: [{ in: 'header', name: 'X-Id' }] }],
        gateway,
      })
      // The rig's own clock is what the token is made by.
      const client = await plane.connect()
      client.write(request('GET', '/open', { Authorization: `Bearer ${plane.token()}`, 'X-Id': '7' }))
      const answer = await client.response()
      // The record of a safe method is written when its answer is there, and before any of that leaves.
      const isTrail = index === 1
      const seen = isTrail ? 0 : upstream.seen
      expect(answer.body.toString()).not.toContain('real')
      expect({ index, failed: answer.status >= 500 && answer.status < 600, seen }).toEqual({
        index,
        failed: true,
        seen: 0,
      })
      expect(client.received.toString()).not.toMatch(/a check has failed|late|src\//)
    }
  },
)

line(68, 'too many fields or too long ones are 431 or 400, and are not read on for ever', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const lines of [
    'X-A: a\r\n'.repeat(101),
    `X-A: ${'a'.repeat(20_000)}\r\n`,
    `${'N'.repeat(20_000)}: a\r\n`,
    ':'.repeat(20_000),
  ]) {
    const answer = await plane.ask(`GET /open HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
    expect([431, 400]).toContain(answer.status)
  }
  const target = await plane.ask(request('GET', `/${'a'.repeat(60_000)}`))
  expect([431, 414, 400]).toContain(target.status)
  // One that never ends is cut long before it is all read.
  const client = await connectRaw(plane.port, true)
  client.write('GET /open HTTP/1.1\r\nHost: a\r\n')
  let written = 0
  while (client.isOpen && written < 64 * 1024 * 1024) {
    const piece = 'X-A: a\r\n'.repeat(8_000)
    written += piece.length
    if (!client.socket.write(piece)) await Promise.race([once(client.socket, 'drain'), client.ended])
  }
  await client.ended
  expect(responsesIn(client.received)).toBe(1)
  expect(written).toBeLessThan(64 * 1024 * 1024)
  client.close()
  expect(upstream.connections.length).toBe(0)
  expect((await plane.ask(GET)).status).toBe(200)
})

counts()
