// A gateway that stops: open exchanges finish, new ones find no listener, what lasts too long is cut.
import { describe, expect, test } from '@jest/globals'
import { drain } from '../../src/gateway/server.ts'
import { connectRaw, field } from '../support/raw-client.ts'
import { useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [{ path: '/open' }] as const
const GET = request('GET', '/open')
const NEVER = new Promise<void>(() => undefined)

describe('a drain', () => {
  test('lets an open exchange finish, with Connection: close, and is clean', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(GET)
    await upstream.requested(1)
    const drained = drain(plane.server, plane.gateway, NEVER)
    await expect(connectRaw(plane.port)).rejects.toThrow('ECONNREFUSED')
    upstream.connections[0]?.socket.write(OK)
    const answer = await client.response()
    expect([answer.status, field(answer, 'connection')]).toEqual([200, 'close'])
    expect(await drained).toBe(true)
  })

  test('ends idle connections at once', async () => {
    const { plane } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(GET)
    await client.response()
    expect(await drain(plane.server, plane.gateway, NEVER)).toBe(true)
    await client.ended
  })

  test('does not wait for a connection whose answer had begun before and has ended since', async () => {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfour',
    )
    const client = await plane.connect()
    client.write(GET)
    await client.until('four')
    const drained = drain(plane.server, plane.gateway, NEVER)
    upstream.connections[0]?.socket.write('more')
    expect((await client.response()).body.toString()).toBe('fourmore')
    expect(await drained).toBe(true)
  })

  test('cuts what is left at its deadline, records it, and is not clean', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => 'HTTP/1.1 200 OK\r\n\r\ndata: one\n\n')
    const client = await plane.connect()
    client.write(GET)
    await client.until('data: one')
    const deadline = Promise.withResolvers<void>()
    const drained = drain(plane.server, plane.gateway, deadline.promise)
    deadline.resolve()
    expect(await drained).toBe(false)
    await client.ended
    await upstream.connections[0]?.closed
    expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', reason: 'aborted' })
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('refuses as ever while it runs', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const client = await plane.connect()
    client.write(GET + request('GET', '/open?2'))
    await upstream.requested(1)
    const drained = drain(plane.server, plane.gateway, NEVER)
    plane.lock({ all: true })
    const answer = await client.response()
    expect([answer.status, field(answer, 'connection')]).toEqual([503, 'close'])
    expect(await drained).toBe(true)
    expect(upstream.requests.length).toBe(1)
  })
})
