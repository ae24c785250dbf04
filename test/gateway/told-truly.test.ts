// The trail tells of an exchange what became of it, also where its one record would leave something out.
import { duplexPair } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { OK } from '../support/raw-upstream.ts'
import { until, useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const AUDITS = ['best-effort', 'strict'] as const
const CHUNKED = request('GET', '/open', { 'Transfer-Encoding': 'chunked' })

describe.each(AUDITS)('a reset of the caller and the answer in one turn, audit %s: aborted', (audit) => {
  test.each(['reset', 'answer'])('the %s first', async (first) => {
    const { plane, upstream } = await start({ routes: [{ path: '/open', audit }] }, () => undefined)
    for (let tries = 1; tries <= 20; tries++) {
      const client = await plane.connect()
      client.write(request('GET', '/open'))
      await upstream.requested(tries)
      const connection = upstream.connections.find(({ isClosed }) => !isClosed)
      // Both lie in the kernel when the gateway's next turn begins.
      if (first === 'answer') connection?.socket.write(OK)
      client.socket.resetAndDestroy()
      if (first === 'reset') connection?.socket.write(OK)
      await until(() => plane.settled.length === tries)
      expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', decision: 'allow', reason: 'aborted' })
    }
  })
})

test.each(AUDITS)('a safe request whose body breaks when the upstream has been called, audit %s', async (audit) => {
  const { plane, upstream } = await start({ routes: [{ path: '/open', audit }] }, () => undefined)
  const client = await plane.connect()
  client.write(`${CHUNKED}2\r\nok\r\n`)
  await upstream.sawBytes(1)
  client.write('nonsense\r\n')
  expect((await client.response()).status).toBe(400)
  expect(plane.trail.requests).toMatchObject([
    { phase: 'decision', decision: 'allow' },
    { phase: 'outcome', decision: 'rejected', reason: 'malformed-request', status: 400 },
  ])
})

test.each(AUDITS)(
  'a lock that lands when the upstream has been called and has not answered, audit %s',
  async (audit) => {
    const { plane, upstream } = await start({ routes: [{ path: '/open', audit }] }, () => undefined)
    const client = await plane.connect()
    client.write(request('GET', '/open'))
    await upstream.requested(1)
    plane.lock({ all: true })
    expect((await client.response()).status).toBe(503)
    expect(plane.trail.requests).toMatchObject([
      { phase: 'decision', decision: 'allow' },
      { phase: 'outcome', decision: 'locked', status: 503 },
    ])
  },
)

test('an answer that was waiting for its decision when the lock landed: the decision is told once', async () => {
  const { plane, upstream } = await start({ routes: [{ path: '/open', audit: 'strict' }] }, () => undefined)
  plane.trail.mode = 'hold'
  plane.trail.only = 'decision'
  const client = await plane.connect()
  client.write(request('GET', '/open'))
  await upstream.requested(1)
  upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
  await plane.trail.waitedFor(1)
  plane.lock({ all: true })
  expect((await client.response()).status).toBe(503)
  expect(plane.trail.requests.map(({ phase, decision }) => `${phase} ${decision}`)).toEqual([
    'decision allow',
    'outcome locked',
  ])
})

test('a lock that was there before: one record', async () => {
  const { plane } = await start({ routes: [{ path: '/open', audit: 'strict' }] })
  plane.lock({ all: true })
  expect((await plane.ask(request('GET', '/open'))).status).toBe(503)
  expect(plane.trail.requests.map(({ phase, decision }) => `${phase} ${decision}`)).toEqual(['outcome locked'])
})

test('what was answered before its caller sent the end of the connection is given, though the next one is cut', async () => {
  const { plane, upstream } = await start({ routes: [{ path: '/open' }] }, () => undefined)
  const [caller, accepted] = duplexPair({ allowHalfOpen: true })
  const received: Buffer[] = []
  caller.on('data', (chunk: Buffer) => received.push(chunk))
  plane.server.accept(Object.assign(accepted, { remoteAddress: '127.0.0.1' }))
  // A refusal, and behind it what keeps the connection's exchange open; the end comes before the turn's writes are made.
  accepted.once('data', () => {
    process.nextTick(() => {
      queueMicrotask(() => accepted.emit('end'))
    })
  })
  caller.write(`${request('GET', '/nothing')}${request('GET', '/open')}`)
  await until(() => accepted.destroyed)
  expect(Buffer.concat(received).toString()).toMatch(/^HTTP\/1\.1 404 /)
  expect(upstream.connections.length).toBeLessThanOrEqual(1)
})
