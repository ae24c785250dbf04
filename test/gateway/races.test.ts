// A lock that lands while a request is on its way: at every place where the request waits.
import { describe, expect, test } from '@jest/globals'
import type { Verification } from '../../src/ports/token-verifier.ts'
import { problemOf } from '../support/raw-client.ts'
import { turns, until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const RECORD = { id: 'record', path: '/record', methods: ['GET', 'POST'], tags: ['pii'] } as const
const REQUIRED = { level: 'required', bind: [] } as const

describe('during the session look-up', () => {
  test('a lock that lands while the verifier is asked denies, and no permit is recorded', async () => {
    const { plane, upstream } = await start({ routes: [{ ...RECORD, session: REQUIRED }] })
    const client = await plane.connect()
    const asked = Promise.withResolvers<void>()
    const release = Promise.withResolvers<Verification>()
    plane.verifier.answer = (found) => {
      asked.resolve()
      return release.promise.then(() => found)
    }
    client.write(request('GET', '/record', { Authorization: `Bearer ${plane.token()}` }))
    await asked.promise
    const lock = plane.lock({ tags: ['pii'] })
    release.resolve({ refused: 'invalid', detail: '' })
    const answer = await client.response()
    expect(answer.status).toBe(503)
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:locked', lock: { id: lock.id } })
    expect(upstream.seen).toBe(0)
    expect(plane.trail.requests.map(({ phase, decision }) => `${phase} ${decision}`)).toEqual(['outcome locked'])
  })

  test('nothing is awaited between the last check and the permit: whoever lands a lock then finds the permit to sever', async () => {
    const { plane, upstream } = await start({
      routes: [RECORD],
      gateway: (gateway) => ({
        detectors: [
          {
            name: 'lands-a-lock',
            // Called after the last check of the locks, in the same turn.
            observe: () => {
              queueMicrotask(() => {
                plane.lock({ all: true })
                void gateway.view.current
              })
              return undefined
            },
          },
        ],
      }),
    })
    const answer = await plane.ask(request('GET', '/record'))
    expect(answer.status).toBe(503)
    expect(plane.cuts).toBe(1)
    expect(upstream.seen).toBe(0)
  })

  test('a lock that lands in the very turn of the permit is seen before the first byte is written', async () => {
    const { plane, upstream } = await start({
      routes: [RECORD],
      gateway: () => ({
        detectors: [
          {
            name: 'lands-a-lock',
            observe: () => {
              plane.lock({ all: true })
              return undefined
            },
          },
        ],
      }),
    })
    const answer = await plane.ask(request('GET', '/record'))
    expect(answer.status).toBe(503)
    expect(upstream.seen).toBe(0)
  })
})

describe('while the decision is being recorded', () => {
  const STRICT = { ...RECORD, audit: 'strict' } as const

  test('a lock denies at once, though the trail has not answered, and nothing reaches the upstream', async () => {
    const { plane, upstream } = await start({ routes: [STRICT] })
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(request('POST', '/record', { 'Content-Length': '2' }, '{}'))
    await plane.trail.waitedFor(1)
    plane.trail.mode = 'sync'
    const lock = plane.lock({ routes: ['record'] }, 'read-only')
    const answer = await client.response()
    expect(answer.status).toBe(503)
    expect(problemOf(answer)).toMatchObject({ lock: { id: lock.id } })
    plane.trail.release()
    await turns()
    expect(upstream.connections.length).toBe(0)
    expect(plane.trail.requests.map(({ phase, decision }) => `${phase} ${decision}`)).toEqual([
      'decision allow',
      'outcome locked',
    ])
  })

  test('a lock whose table has not been taken yet is seen all the same', async () => {
    const { plane, upstream } = await start({ routes: [STRICT] })
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    client.write(request('POST', '/record', { 'Content-Length': '2' }, '{}'))
    await plane.trail.waitedFor(1)
    plane.trail.mode = 'sync'
    // Both in one turn: the permit goes to forward before any message event.
    plane.lock({ all: true })
    plane.trail.release()
    expect((await client.response()).status).toBe(503)
    await turns()
    expect(upstream.connections.every(({ bytes }) => bytes.length === 0)).toBe(true)
  })

  test('a lock that does not cover the request sends it back to admit, and then on with its body whole', async () => {
    const { plane, upstream } = await start({ routes: [STRICT, { path: '/other' }] })
    const client = await plane.connect()
    plane.trail.mode = 'hold'
    const body = 'x'.repeat(100_000)
    client.write(
      request(
        'POST',
        '/record',
        { 'Transfer-Encoding': 'chunked' },
        `${(100_000).toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      ),
    )
    await plane.trail.waitedFor(1)
    plane.trail.mode = 'sync'
    plane.lock({ routes: ['other'] })
    plane.trail.release()
    expect((await client.response()).status).toBe(200)
    expect(upstream.requests.map(({ body: { length } }) => length)).toEqual([100_000])
    // Judged again, under the table that is in force now.
    const decisions = plane.trail.requests.filter(({ phase }) => phase === 'decision')
    expect(decisions.map(({ epoch }) => epoch)).toEqual([1, 2])
  })
})

describe('while the request waits for a connection', () => {
  test('a lock answers it at once, and nothing of it reaches the upstream', async () => {
    const { plane, upstream } = await start(
      { routes: [RECORD, { path: '/slow' }], pool: { connectionsMax: 1 } },
      () => undefined,
    )
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(request('GET', '/slow'))
    await upstream.requested(1)
    second.write(request('POST', '/record', { 'Content-Length': '2' }, '{}'))
    // Judged, and in the queue in the same turn: the decision of an unsafe method is recorded, a safe one's is not.
    await plane.trail.appended(1)
    await turns()
    plane.lock({ routes: ['record'] })
    expect((await second.response()).status).toBe(503)
    // Its place in the queue is free: the next one is served over the same connection.
    const third = plane.ask(request('GET', '/slow?3'))
    await until(() => plane.settled.length === 1 && plane.gateway.inFlight.size === 2)
    await turns()
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    expect((await first.response()).status).toBe(200)
    expect((await third).status).toBe(200)
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/slow', '/slow?3'])
    expect(upstream.connections.length).toBe(1)
  })

  test('a lock whose table has not come is seen when the request is taken from the queue', async () => {
    const { plane, upstream } = await start(
      { routes: [RECORD, { path: '/slow', stale: 'serve' }], pool: { connectionsMax: 1 } },
      () => undefined,
    )
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(request('GET', '/slow'))
    await upstream.requested(1)
    second.write(request('GET', '/record'))
    await until(() => plane.gateway.inFlight.size === 2)
    await turns()
    plane.store(plane.epoch + 1)
    upstream.connections[0]?.socket.write(OK)
    const answer = await second.response()
    expect(answer.status).toBe(503)
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/slow'])
  })

  test('a lease that runs out meanwhile refuses it by its posture', async () => {
    const { plane, upstream } = await start(
      { routes: [RECORD, { path: '/slow', stale: 'serve' }], pool: { connectionsMax: 1 } },
      () => undefined,
    )
    const [first, second] = [await plane.connect(), await plane.connect()]
    first.write(request('GET', '/slow'))
    await upstream.requested(1)
    second.write(request('GET', '/record'))
    await until(() => plane.gateway.inFlight.size === 2)
    await turns()
    plane.endLease()
    upstream.connections[0]?.socket.write(OK)
    expect((await first.response()).status).toBe(200)
    expect((await second.response()).status).toBe(503)
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/slow'])
  })

  test('those that wait go on, one after the other, over the one connection', async () => {
    const { plane, upstream } = await start({ routes: [RECORD], pool: { connectionsMax: 1 } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => plane.ask(request('GET', '/record'))))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(upstream.connections.length).toBe(1)
  })
})

describe('while the body is on its way', () => {
  test('a lock that is in shared memory alone stops the next byte of an upload', async () => {
    const { plane, upstream } = await start({ routes: [RECORD] }, () => undefined)
    const client = await plane.connect()
    client.write(request('POST', '/record', { 'Content-Length': '1000' }, 'a'.repeat(10)))
    await upstream.sawBytes(100)
    const before = upstream.seen
    // No table comes for this epoch: only the check at each chunk can see it.
    plane.store(plane.epoch + 1)
    client.write('b'.repeat(10))
    expect((await client.response()).status).toBe(503)
    expect(upstream.seen).toBe(before)
  })

  test('a lock stops an upload whose head has not been written yet', async () => {
    const { plane, upstream } = await start({ routes: [RECORD] }, () => undefined)
    const client = await plane.connect()
    client.write(request('POST', '/record', { 'Content-Length': '1000' }))
    await upstream.connected(1)
    plane.store(plane.epoch + 1)
    client.write('b'.repeat(1000))
    expect((await client.response()).status).toBe(503)
    expect(upstream.seen).toBe(0)
  })
})
