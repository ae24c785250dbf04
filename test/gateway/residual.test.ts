// What a freeze came too late for is counted: cut, finished, bytes after the epoch, requests that nobody can recall.
import { describe, expect, test } from '@jest/globals'
import { NO_RESIDUAL } from '../../src/core/residual.ts'
import type { RawClient } from '../support/raw-client.ts'
import { turns, until, useRig, type Rig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'
const ROUTES = [{ path: '/record', methods: ['GET', 'POST'] }, { path: '/other' }]

async function open(rig: Rig, method: string, path: string, body = '', sent = `${HEAD}four`): Promise<RawClient> {
  const client = await rig.plane.connect()
  const before = rig.upstream.connections.length
  client.write(request(method, path, body === '' ? {} : { 'Content-Length': String(body.length) }, body))
  await rig.upstream.requested(before + 1)
  rig.upstream.connections.at(-1)?.socket.write(sent)
  if (sent !== '') await client.until('four')
  return client
}

describe('a freeze', () => {
  test('counts what it cut, and what the upstream may have executed: an unsafe request that had been sent whole', async () => {
    const rig = await start({ routes: ROUTES }, () => undefined)
    const download = await open(rig, 'GET', '/record')
    const sent = await open(rig, 'POST', '/record', 'a whole body', '')
    await open(rig, 'GET', '/other')
    rig.plane.clock.advance(1000)
    rig.plane.lock({ routes: ['record'] })
    await download.ended
    expect((await sent.response()).status).toBe(503)
    expect(rig.plane.residuals.at(-1)).toEqual({ inFlight: 2, cut: 2, finished: 0, bytesAfter: 0, maybeExecuted: 1 })
  })

  test('does not say executed of a request whose body had not come whole', async () => {
    const rig = await start({ routes: ROUTES }, () => undefined)
    const client = await rig.plane.connect()
    client.write(request('POST', '/record', { 'Content-Length': '100' }, 'a part'))
    await until(() => rig.upstream.connections.length === 1)
    await turns()
    rig.plane.lock({ all: true })
    expect((await client.response()).status).toBe(503)
    expect(rig.plane.residuals.at(-1)).toMatchObject({ cut: 1, maybeExecuted: 0 })
  })

  test('counts the bytes that were written in the turn in which its epoch was stored', async () => {
    const rig = await start({ routes: ROUTES }, () => undefined)
    const client = await open(rig, 'GET', '/record')
    rig.upstream.connections[0]?.socket.write('1234567890')
    await client.until('1234567890')
    // No time has passed since: another thread may have stored it between the last look and that write.
    rig.plane.lock({ all: true })
    await client.ended
    expect(rig.plane.residuals.at(-1)).toEqual({ inFlight: 1, cut: 1, finished: 0, bytesAfter: 10, maybeExecuted: 0 })
  })

  test('counts what had finished in that very turn, where it covers it', async () => {
    const rig = await start({ routes: ROUTES }, () => undefined)
    const client = await rig.plane.connect()
    client.write(request('GET', '/record'))
    await rig.upstream.requested(1)
    rig.upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole')
    await until(() => rig.plane.settled.length === 1)
    rig.plane.lock({ routes: ['other'] })
    await turns(3)
    expect(rig.plane.residuals.at(-1)).toEqual(NO_RESIDUAL)
    rig.plane.lock({ routes: ['record'] })
    await turns(3)
    expect(rig.plane.residuals.at(-1)).toEqual({ inFlight: 1, cut: 0, finished: 1, bytesAfter: 5, maybeExecuted: 0 })
    expect((await client.response()).body.toString()).toBe('whole')
  })

  test('whose exchanges wrote nothing since its epoch claims no byte after it', async () => {
    const rig = await start({ routes: ROUTES }, () => undefined)
    const client = await open(rig, 'GET', '/record', '', `${HEAD}four${'x'.repeat(100_000)}`)
    await client.until('x'.repeat(100))
    await turns(50)
    rig.plane.clock.advance(1000)
    rig.plane.lock({ all: true })
    await client.ended
    expect(rig.plane.residuals.at(-1)).toEqual({ inFlight: 1, cut: 1, finished: 0, bytesAfter: 0, maybeExecuted: 0 })
  })
})
