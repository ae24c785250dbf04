// A tunnel may carry anything: what lets safe methods alone pass refuses its handshake, and cuts it where it is open.
import { describe, expect, test } from '@jest/globals'
import { countCoreWaits } from '../support/core-waits.ts'
import type { RawClient } from '../support/raw-client.ts'
import { OK, type Answer } from '../support/raw-upstream.ts'
import { until, useRig, type Rig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'
import { frame, handshake, SWITCH, TEXT } from '../security/behaviours/websocket.ts'
import { onAccepted } from '../support/accepted.ts'

const start = useRig()
const switching: Answer = ({ fields }) => (fields.some(([name]) => name === 'upgrade') ? SWITCH : OK)
const TRY_AGAIN_LATER = Buffer.from([0x88, 2, 0x03, 0xf5])

async function open(rig: Rig, target: string): Promise<RawClient> {
  const client = await rig.plane.connect()
  client.write(handshake(target))
  expect((await client.response()).status).toBe(101)
  return client
}

async function ask(rig: Rig, bytes: string): Promise<number> {
  return (await rig.plane.ask(bytes)).status
}

describe('a lock in mode read-only', () => {
  const ROUTES = [{ path: '/socket', audit: 'strict' }] as const

  test('refuses the handshake, though it is a GET, and no other GET', async () => {
    const rig = await start({ routes: ROUTES }, switching)
    rig.plane.lock({ all: true }, 'read-only')
    expect(await ask(rig, handshake('/socket'))).toBe(503)
    expect(rig.upstream.connections.length).toBe(0)
    expect(await ask(rig, request('GET', '/socket'))).toBe(200)
  })

  test('cuts a tunnel that is open with its close code, and leaves an open answer to a GET alone', async () => {
    const rig = await start({ routes: ROUTES }, switching)
    const { plane, upstream } = rig
    const tunnel = await open(rig, '/socket')
    tunnel.write(TEXT)
    await until(() => upstream.connections[0]?.bytes.includes(TEXT) === true)
    upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfour'
    const download = await plane.connect()
    download.write(request('GET', '/socket'))
    await download.until('four')
    const waits = countCoreWaits()
    const from = performance.now()
    const { id } = plane.lock({ all: true }, 'read-only')
    await tunnel.ended
    expect(performance.now() - from - waits()).toBeLessThan(100)
    await upstream.connections[0]?.closed
    expect(tunnel.received.subarray(-4)).toEqual(TRY_AGAIN_LATER)
    upstream.connections[1]?.socket.write('more')
    expect((await download.response()).body.toString()).toBe('fourmore')
    await until(() => plane.settled.length === 2)
    expect(plane.trail.requests.find(({ reason }) => reason === 'severed')).toMatchObject({
      phase: 'outcome',
      lock: id,
      status: 101,
      bytes: 0,
      received: TEXT.length,
    })
  })
})

describe('where the lease has run out', () => {
  const ROUTES = [
    { path: '/read-only', stale: 'read-only' },
    { path: '/serve', stale: 'serve' },
  ] as const

  test('the handshake on a read-only route is refused, on one that is served it is not', async () => {
    const rig = await start({ routes: ROUTES }, switching)
    rig.plane.endLease()
    expect(await ask(rig, handshake('/read-only'))).toBe(503)
    expect(rig.upstream.connections.length).toBe(0)
    expect(await ask(rig, request('GET', '/read-only'))).toBe(200)
    await open(rig, '/serve')
  })

  test.each(['caller', 'upstream'])(
    'a tunnel of a read-only route is cut before the next byte of the %s',
    async (who) => {
      const rig = await start({ routes: ROUTES }, switching)
      const { plane, upstream } = rig
      const tunnel = await open(rig, '/read-only')
      const seen = upstream.seen
      plane.endLease()
      if (who === 'caller') tunnel.write(TEXT)
      else upstream.connections[0]?.socket.write(frame(1, Buffer.from('secret')))
      await tunnel.ended
      await upstream.connections[0]?.closed
      expect([upstream.seen, tunnel.received.includes('secret')]).toEqual([seen, false])
      await until(() => plane.settled.length === 1)
      expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', decision: 'locked', reason: 'severed' })
    },
  )
})

test('the caller of a tunnel is probed by TCP: one that is gone without a word would hold both sides for ever', async () => {
  const rig = await start({ routes: [{ path: '/socket' }] }, switching)
  const probes: unknown[][] = []
  onAccepted(rig.plane.server, (socket) => {
    socket.setKeepAlive = (...wanted) => {
      probes.push(wanted)
      return socket
    }
  })
  await open(rig, '/socket')
  expect(probes).toEqual([[true, 15_000]])
})
