// All connections are read into one buffer: what one of them keeps must be its own when the next one is read.
import { describe, expect, test } from '@jest/globals'
import { onAccepted } from '../support/accepted.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/of/{name}', methods: ['GET', 'POST'] }] as const

/** Fills the buffer with bytes of another. */
const OTHER = request('GET', '/of/other', { 'X-Fill': 'z'.repeat(4_000) })

describe('what is kept of a read', () => {
  test('half a head', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const [one, other] = [await plane.connect(), await plane.connect()]
    const whole = request('GET', '/of/one', { 'X-Long': 'a'.repeat(200) })
    for (let cut = 10; cut < whole.length; cut += 37) {
      one.write(whole.slice(0, cut))
      await turns(3)
      other.write(OTHER)
      expect((await other.response()).status).toBe(200)
      one.write(whole.slice(cut))
      expect((await one.response()).status).toBe(200)
      expect(upstream.requests.at(-1)?.target).toBe('/of/one')
      expect(upstream.requests.at(-1)?.head).toContain('a'.repeat(200))
    }
  })

  test('requests that came together, while the first of them is answered', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, ({ target }) =>
      target === '/of/first' ? undefined : OK,
    )
    const [one, other] = [await plane.connect(), await plane.connect()]
    one.write(request('GET', '/of/first') + request('GET', '/of/second') + request('GET', '/of/third').slice(0, 20))
    await upstream.requested(1)
    other.write(OTHER)
    expect((await other.response()).status).toBe(200)
    one.write(request('GET', '/of/third').slice(20))
    upstream.connections.find(({ requests }) => requests[0]?.target === '/of/first')?.socket.write(OK)
    for (let count = 0; count < 3; count++) expect((await one.response()).status).toBe(200)
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/of/first', '/of/other', '/of/second', '/of/third'])
  })

  test('a body that nobody reads yet, and one that the upstream does not take', async () => {
    // More than the kernel holds for both sides.
    const size = 14 * 1024 * 1024
    const { plane, upstream } = await start({ routes: ROUTES, settings: { bodyBytesMax: 2 * size } }, ({ target }) =>
      target === '/of/body' ? undefined : OK,
    )
    const [one, other] = [await plane.connect(), await plane.connect()]
    const body = Buffer.alloc(size)
    for (let at = 0; at < size; at += 4) body.writeUInt32BE(at, at)
    upstream.onBytes = ({ socket, bytes }) => {
      if (bytes.includes('/of/body')) socket.pause()
    }
    one.write(request('POST', '/of/body', { 'Content-Length': String(size) }))
    one.write(body)
    const full = request('POST', '/of/other', { 'Content-Length': '60000' }, 'z'.repeat(60_000))
    for (let count = 0; count < 20; count++) {
      other.write(full)
      expect((await other.response()).status).toBe(200)
    }
    upstream.onBytes = undefined
    for (const { socket } of upstream.connections) socket.resume()
    await until(() => upstream.requests.some(({ target }) => target === '/of/body'))
    const seen = upstream.requests.find(({ target }) => target === '/of/body')
    expect(seen?.body.equals(body)).toBe(true)
  })
})

test('each connection is counted and forgotten once', async () => {
  const { plane } = await start({ routes: ROUTES })
  let accepted = 0
  onAccepted(plane.server, () => (accepted += 1))
  const clients = await Promise.all(Array.from({ length: 20 }, () => plane.connect()))
  for (const client of clients) {
    client.write(OTHER)
    expect((await client.response()).status).toBe(200)
  }
  expect([accepted, plane.server.connections]).toEqual([20, 20])
  for (const client of clients) client.close()
  await until(() => plane.server.connections === 0)
  const open = await new Promise((resolve, reject) => {
    plane.server.listener.getConnections((error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
  expect(open).toBe(0)
})

test('nobody listens for data: Node makes memory of its own for each of these', async () => {
  const { plane } = await start({ routes: ROUTES })
  const listeners: number[] = []
  onAccepted(plane.server, (socket) => {
    queueMicrotask(() => listeners.push(socket.listenerCount('data')))
  })
  const client = await plane.connect()
  client.write(OTHER)
  expect((await client.response()).status).toBe(200)
  expect(listeners).toEqual([0])
})
