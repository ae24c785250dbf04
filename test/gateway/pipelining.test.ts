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
