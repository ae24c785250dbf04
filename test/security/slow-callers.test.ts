// Callers that hold what they do not use: a slow head, a slow body, an idle connection, more connections than are served.
import net from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { turns, until, useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }] as const

describe('within the configured time', () => {
  test.each([
    ['no byte at all', ''],
    ['half a request line', 'GET /op'],
    ['half a head', 'GET /open HTTP/1.1\r\nHost: a\r\nX-A:'],
  ])('a caller that sends %s is answered 408 where it has asked, and its connection ends', async (_name, bytes) => {
    const { plane, upstream } = await start({ routes: ROUTES, limits: { headersTimeoutMs: 60, requestTimeoutMs: 60 } })
    const client = await plane.connect()
    if (bytes !== '') client.write(bytes)
    await until(() => plane.server.connections === 1)
    await turns()
    plane.clock.advance(61)
    await client.ended
    expect(upstream.connections.length).toBe(0)
    if (bytes === '') {
      expect(client.received.toString()).toBe('')
      expect(plane.trail.requests).toEqual([])
      return
    }
    expect(client.received.toString()).toMatch(/^HTTP\/1\.1 408 /)
    await until(() => plane.trail.requests.length === 1)
    expect(plane.trail.requests).toMatchObject([{ status: 408, decision: 'rejected' }])
  })

  test('a body that does not come is answered 408, and the upstream sees an aborted request', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES, limits: { headersTimeoutMs: 60, requestTimeoutMs: 120 } },
      () => undefined,
    )
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': '100' }, 'four'))
    await upstream.sawBytes(4)
    await turns()
    plane.clock.advance(121)
    expect((await client.response()).status).toBe(408)
    await client.ended
    await upstream.connections[0]?.closed
    expect(upstream.requests).toEqual([])
    await until(() => plane.settled.length === 1)
    expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', decision: 'rejected', status: 408 })
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('an idle connection is ended', async () => {
    const { plane } = await start({ routes: ROUTES, limits: { idleTimeoutMs: 60 } })
    const client = await plane.connect()
    client.write(request('GET', '/open'))
    expect((await client.response()).status).toBe(200)
    plane.clock.advance(61)
    await client.ended
    expect(plane.trail.requests.length).toBe(1)
  })

  test('a denied caller that neither goes nor stops sending is cut in the end', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    // Half-open: it takes our end of the connection for no reason to end its own.
    const socket = net.connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    let received = ''
    socket.on('data', (chunk) => (received += chunk.toString()))
    socket.write(request('POST', '/open', { 'Content-Length': '900000' }))
    await new Promise((resolve) => socket.once('end', resolve))
    expect(received).toMatch(/^HTTP\/1\.1 503 /)
    const drip = (): void => {
      if (!socket.destroyed) socket.write('x', () => setImmediate(drip))
    }
    drip()
    await until(() => socket.destroyed)
    socket.destroy()
  }, 10_000)
})

test('connections beyond the limit are turned away at once', async () => {
  const { plane } = await start({ routes: ROUTES, limits: { connectionsMax: 1 } })
  const first = await plane.connect()
  const second = net.connect({ port: plane.port, host: '127.0.0.1' })
  await new Promise((resolve) => second.once('error', () => undefined).once('close', resolve))
  first.write(request('GET', '/open'))
  expect((await first.response()).status).toBe(200)
})

test('a caller that resets an idle connection asked for nothing: nothing is recorded', async () => {
  const { plane } = await start({ routes: ROUTES })
  const client = await plane.connect()
  client.write(request('GET', '/open'))
  await client.response()
  client.socket.resetAndDestroy()
  expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
  await until(() => plane.settled.length === 2)
  expect(plane.trail.requests.length).toBe(2)
})
