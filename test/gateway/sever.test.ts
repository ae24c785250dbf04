// A freeze cuts what is open: downloads, event streams, uploads, answers that have not begun.
import fs from 'node:fs'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { countCoreWaits } from '../support/core-waits.ts'
import { field, problemOf, type RawClient } from '../support/raw-client.ts'
import { turns, until, useRig, type Rig } from '../support/rig.ts'
import { OK, startRawUpstream } from '../support/raw-upstream.ts'
import { request, startDataPlane } from '../support/start-data-plane.ts'
import { onAccepted } from '../support/accepted.ts'

const start = useRig()
const SSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n'
const REAL_IN_CHUNKS = `${CHUNKED.slice(0, CHUNKED.indexOf('4'))}4\r\nreal\r\n0\r\n\r\n`
const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfour'

/** An answer that has begun to arrive at the client, and goes on as the test likes. */
async function opened(rig: Rig, sent: string, until: string): Promise<RawClient> {
  const client = await rig.plane.connect()
  client.write(request('GET', '/record'))
  await rig.upstream.requested(1)
  rig.upstream.connections.at(-1)?.socket.write(sent)
  await client.until(until)
  return client
}

describe('a download that runs', () => {
  test.each([
    ['of a known length', LENGTH, 'four', 'best-effort'],
    ['in chunks', CHUNKED, 'four', 'best-effort'],
    ['of events', SSE, 'data: one', 'best-effort'],
    ['of events on a strict route', SSE, 'data: one', 'strict'],
  ] as const)('%s is reset within 100 ms, on both sides', async (_name, sent, mark, audit) => {
    const rig = await start({ routes: [{ path: '/record', audit }] }, () => undefined)
    const client = await opened(rig, sent, mark)
    const before = client.received.length
    const waits = countCoreWaits()
    const from = performance.now()
    const lock = rig.plane.lock({ all: true })
    expect(await client.ended).toBe('reset')
    expect(performance.now() - from - waits()).toBeLessThan(100)
    await rig.upstream.connections[0]?.closed
    expect(client.received.length).toBe(before)
    expect(rig.plane.cuts).toBe(1)
    await until(() => rig.plane.settled.length === 1)
    expect(rig.plane.trail.requests.at(-1)).toMatchObject({
      decision: 'locked',
      reason: 'severed',
      lock: lock.id,
      status: 200,
    })
  })

  test('is reset for a caller of HTTP/1.0, to whom a plain end would look like the whole', async () => {
    const rig = await start({ routes: [{ path: '/record' }] }, () => undefined)
    const client = await rig.plane.connect()
    client.write('GET /record HTTP/1.0\r\n\r\n')
    await rig.upstream.requested(1)
    rig.upstream.connections[0]?.socket.write(SSE)
    await client.until('data: one')
    rig.plane.lock({ all: true })
    expect(await client.ended).toBe('reset')
  })

  test('by a slow reader gives no more than what had left', async () => {
    const rig = await start({ routes: [{ path: '/record' }] }, () => undefined)
    let accepted: Socket | undefined
    onAccepted(rig.plane.server, (socket) => {
      accepted = socket
    })
    const client = await rig.plane.connect()
    client.pause()
    client.write(request('GET', '/record'))
    await rig.upstream.requested(1)
    const socket = rig.upstream.connections[0]?.socket
    socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`)
    const block = Buffer.alloc(1024 * 1024, 'x')
    const pump = (): void => {
      while (socket?.write(block) === true);
      socket?.once('drain', pump)
    }
    pump()
    // Every buffer on the way is full.
    await until(() => accepted?.writableNeedDrain === true && (socket?.writableNeedDrain ?? false))
    await turns(200)
    rig.plane.lock({ all: true })
    await rig.upstream.connections[0]?.closed
    client.resume()
    expect(await client.ended).toBe('reset')
    // What its own kernel had taken already; plain closing would let it have what ours holds too, which is megabytes.
    expect(client.received.length).toBeLessThan(1_500_000)
  })

  test('whose last bytes wait for their record is cut, and the cut is recorded after it', async () => {
    const rig = await start({ routes: [{ path: '/record', audit: 'strict' }] }, () => undefined)
    const client = await opened(rig, CHUNKED, 'four')
    rig.plane.trail.mode = 'hold'
    rig.upstream.connections[0]?.socket.write('0\r\n\r\n')
    await rig.plane.trail.waitedFor(1)
    rig.plane.trail.mode = 'sync'
    rig.plane.lock({ all: true })
    expect(await client.ended).toBe('reset')
    rig.plane.trail.release()
    await until(() => rig.plane.settled.length === 1)
    expect(rig.plane.trail.requests.map(({ phase, decision, reason }) => [phase, decision, reason])).toEqual([
      ['decision', 'allow', undefined],
      ['outcome', 'allow', undefined],
      ['outcome', 'locked', 'severed'],
    ])
  })

  test('outside the scope of the lock goes on', async () => {
    const rig = await start({ routes: [{ path: '/record' }, { path: '/other' }] }, () => undefined)
    const client = await opened(rig, CHUNKED, 'four')
    rig.plane.lock({ routes: ['other'] })
    rig.plane.lock({ routes: ['record'] }, 'read-only')
    await turns()
    rig.upstream.connections[0]?.socket.write('4\r\nmore\r\n0\r\n\r\n')
    expect((await client.response()).body.toString()).toBe('fourmore')
  })

  test('is cut by the lock that shared memory shows, before the next bytes pass', async () => {
    const rig = await start({ routes: [{ path: '/record' }] }, () => undefined)
    const client = await opened(rig, CHUNKED, 'four')
    rig.plane.store(rig.plane.epoch + 1)
    rig.upstream.connections[0]?.socket.write('4\r\nmore\r\n')
    expect(await client.ended).toBe('reset')
    expect(client.received.includes('more')).toBe(false)
  })
})

describe('what ends a stream besides a deny', () => {
  const SESSION = { path: '/record', session: { level: 'required', bind: [] } } as const

  async function streaming(rig: Rig, facts = {}): Promise<{ client: RawClient; session: string }> {
    const token = rig.plane.token(facts)
    const client = await rig.plane.connect()
    client.write(request('GET', '/record', { Authorization: `Bearer ${token}` }))
    await rig.upstream.requested(1)
    rig.upstream.connections[0]?.socket.write(SSE)
    await client.until('data: one')
    return { client, session: token }
  }

  test('a revocation of its session', async () => {
    const rig = await start({ routes: [SESSION] }, () => undefined)
    const { client } = await streaming(rig)
    rig.plane.revoke({})
    expect(await client.ended).toBe('reset')
    await until(() => rig.plane.settled.length === 1)
    expect(rig.plane.trail.requests.at(-1)).toMatchObject({ decision: 'unauthenticated', reason: 'severed' })
  })

  test('a step-up lock, where its OTP is older than the lock', async () => {
    const rig = await start({ routes: [SESSION] }, () => undefined)
    const { client } = await streaming(rig)
    rig.plane.clock.advance(1_000)
    rig.plane.lock({ all: true }, 'step-up')
    expect(await client.ended).toBe('reset')
  })

  test('the end of the lease, with the next bytes, where the route is frozen then', async () => {
    const rig = await start({ routes: [SESSION] }, () => undefined)
    const { client } = await streaming(rig)
    rig.plane.endLease()
    rig.upstream.connections[0]?.socket.write('data: two\n\n')
    expect(await client.ended).toBe('reset')
    expect(client.received.includes('two')).toBe(false)
  })

  test('not the end of the lease, where the route is served then', async () => {
    const rig = await start({ routes: [{ ...SESSION, stale: 'serve' }] }, () => undefined)
    const { client } = await streaming(rig)
    rig.plane.endLease()
    rig.upstream.connections[0]?.socket.write('data: two\n\n')
    await client.until('data: two')
  })

  test('not the end of its session: a session is judged when the exchange begins', async () => {
    const rig = await start({ routes: [SESSION] }, () => undefined)
    const { client } = await streaming(rig, { expiresAt: rig.plane.clock.now() + 1_000 })
    rig.plane.clock.advance(60_000)
    rig.plane.renewLease()
    rig.upstream.connections[0]?.socket.write('data: two\n\n')
    await client.until('data: two')
  })
})

describe('an answer that has not begun', () => {
  test('becomes the answer of the lock, where the upstream has not spoken', async () => {
    const rig = await start({ routes: [{ path: '/record' }] }, () => undefined)
    const client = await rig.plane.connect()
    client.write(request('GET', '/record'))
    await rig.upstream.requested(1)
    const lock = rig.plane.lock({ all: true })
    const answer = await client.response()
    expect(answer.status).toBe(503)
    expect(problemOf(answer)).toMatchObject({ lock: { id: lock.id } })
    await rig.upstream.connections[0]?.closed
    // The connection serves on.
    client.write(request('GET', '/nowhere'))
    expect((await client.response()).status).toBe(404)
  })

  test.each([
    ['whole', OK, [], [['decision', 'allow', undefined]]],
    ['in chunks', REAL_IN_CHUNKS, [['decision', 'allow', undefined]], []],
  ])(
    'becomes the answer of the lock, where all of it has come %s but its record is not durable',
    async (_name, sent, first, told) => {
      const rig = await start({ routes: [{ path: '/record', audit: 'strict' }] }, () => sent)
      const client = await rig.plane.connect()
      rig.plane.trail.mode = 'hold'
      client.write(request('GET', '/record'))
      await rig.plane.trail.waitedFor(first.length + 1)
      rig.plane.trail.mode = 'sync'
      rig.plane.lock({ all: true })
      const answer = await client.response()
      expect(answer.status).toBe(503)
      rig.plane.trail.release()
      await turns()
      expect(client.received.includes('real')).toBe(false)
      expect(rig.plane.trail.requests.map(({ phase, decision, status }) => [phase, decision, status])).toEqual([
        ...first,
        ['outcome', 'allow', 200],
        // The refusal alone would hide that the upstream has been called.
        ...told,
        ['outcome', 'locked', 503],
      ])
    },
  )

  test.each([
    ['of all', OK, 1],
    ['of its end', REAL_IN_CHUNKS, 2],
  ])(
    'becomes the answer of the lock, where a lock and the durable record %s come in one turn',
    async (_name, sent, waits) => {
      const rig = await start({ routes: [{ path: '/record', audit: 'strict' }] }, () => sent)
      const client = await rig.plane.connect()
      rig.plane.trail.mode = 'hold'
      client.write(request('GET', '/record'))
      await rig.plane.trail.waitedFor(waits)
      rig.plane.trail.mode = 'sync'
      rig.plane.lock({ all: true })
      rig.plane.trail.release()
      expect((await client.response()).status).toBe(503)
      expect(client.received.includes('real')).toBe(false)
    },
  )
})

describe('an upload that runs', () => {
  test.each([
    ['a freeze', 'deny'],
    ['a read-only lock', 'read-only'],
  ] as const)('is cut by %s: the upstream sees it aborted, the caller the lock', async (_name, mode) => {
    const rig = await start({ routes: [{ path: '/record', methods: ['POST'] }] }, () => undefined)
    const client = await rig.plane.connect()
    client.write(request('POST', '/record', { 'Content-Length': '1000000' }, 'x'.repeat(1000)))
    await rig.upstream.sawBytes(1000)
    rig.plane.lock({ all: true }, mode)
    const answer = await client.response()
    expect(answer.status).toBe(503)
    expect(field(answer, 'connection')).toBe('close')
    await rig.upstream.connections[0]?.closed
    const seen = rig.upstream.seen
    client.write('y'.repeat(100_000))
    expect(await client.ended).toBe('end')
    expect(rig.upstream.seen).toBe(seen)
    expect(rig.upstream.requests.length).toBe(0)
  })
})

describe('on a unix socket, where there is no RST', () => {
  test('every stream is cut all the same', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'portcullis-'))
    const upstream = await startRawUpstream(() => SSE)
    const plane = await startDataPlane({
      routes: [{ path: '/record' }],
      upstream: upstream.port,
      listen: path.join(dir, 'gateway.sock'),
    })
    try {
      const clients = [await plane.connect(), await plane.connect(), await plane.connect()]
      for (const client of clients) {
        client.write(request('GET', '/record'))
        await client.until('data: one')
      }
      plane.lock({ all: true })
      await Promise.all(clients.map(({ ended }) => ended))
      await Promise.all(upstream.connections.map(({ closed }) => closed))
      expect(plane.cuts).toBe(3)
      await until(() => plane.settled.length === 3)
      const outcomes = plane.trail.requests.filter(({ phase }) => phase === 'outcome')
      expect(outcomes.map(({ reason }) => reason)).toEqual(['severed', 'severed', 'severed'])
    } finally {
      await plane.close()
      await upstream.close()
      fs.rmSync(dir, { recursive: true })
    }
  })
})
