// Requests that are sent ahead: what a caller may have waiting for it, on its way in and on its way out.
import type { Socket } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { onAccepted } from '../support/accepted.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }] as const
const KIB = 1024
const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

type Started = Awaited<ReturnType<typeof start>>

/** A caller who has sent 1,500 requests for a locked route and reads no answer; `settled`: how many were answered until no more were. */
async function unread({ plane }: Started, look: () => void = () => undefined) {
  plane.lock({ routes: ['open'] }, 'deny', { message: { en: 'x'.repeat(16 * KIB) } })
  const client = await plane.connect()
  client.pause()
  client.write(request('GET', '/open').repeat(1_500))
  let settled = -1
  while (settled !== plane.settled.length) {
    settled = plane.settled.length
    await turns(200)
    look()
  }
  expect(settled).toBeLessThan(1_500)
  return { client, settled }
}

describe('requests that wait for the one ahead of them', () => {
  test.each([
    ['GET', request('GET', '/open', { 'X-Fill': 'x'.repeat(900) })],
    ['POST', request('POST', '/open', { 'Content-Length': '900' }, 'x'.repeat(900))],
  ])('%s: no more of them are read with each one that is answered', async (_method, one) => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const sockets: Socket[] = []
    onAccepted(plane.server, (socket) => void sockets.push(socket))
    const client = await plane.connect()
    client.write(one.repeat(300))
    for (let answered = 0; answered < 20; answered++) {
      await upstream.requested(answered + 1)
      await turns(4)
      // What waits pauses the caller beyond 64 KiB; the read that goes beyond has as much at most.
      expect(sockets[0]?.bytesRead).toBeLessThan((answered + 1) * one.length + 130 * KIB)
      upstream.connections[0]?.socket.write(EMPTY)
    }
    upstream.answer = () => EMPTY
    upstream.connections[0]?.socket.write(EMPTY)
    await upstream.requested(300)
  })
})

describe('requests that are answered in the turn in which they are read', () => {
  test('are taken one in a turn: all that came together would keep everybody else waiting', async () => {
    const { plane } = await start({ routes: ROUTES })
    const [client, other] = [await plane.connect(), await plane.connect()]
    client.write(request('GET', '/nowhere').repeat(1_000))
    other.write(request('GET', '/open'))
    expect((await other.response()).status).toBe(200)
    expect(plane.settled.length).toBeLessThan(200)
    await until(() => plane.settled.length === 1_001)
  })

  test('are not taken on top of answers that the caller does not read', async () => {
    const started = await start({ routes: ROUTES })
    const { plane } = started
    const sockets: Socket[] = []
    onAccepted(plane.server, (socket) => void sockets.push(socket))
    const { client } = await unread(started, () => {
      expect(sockets[0]?.writableLength).toBeLessThan(128 * KIB)
    })
    client.socket.removeAllListeners('data')
    client.resume()
    await until(() => plane.settled.length === 1_500)
  })

  test('are given up with a connection that has ended meanwhile', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(request('GET', '/nowhere') + request('GET', '/open'))
    await until(() => plane.settled.length === 1)
    plane.server.closeAll()
    await turns()
    expect([plane.settled.length, upstream.connections.length]).toEqual([1, 0])
  })

  test('are given up with a caller that does not read their answers', async () => {
    const started = await start({ routes: ROUTES, limits: { idleTimeoutMs: 1_000 } })
    const { plane } = started
    const { settled } = await unread(started)
    plane.clock.advance(2_000)
    await until(() => plane.server.connections === 0)
    expect(plane.settled.length).toBe(settled)
  })
})
