// Whatever port throws: the caller gets 500, the upstream nothing, and the worker lives on.
import { describe, expect, test } from '@jest/globals'
import type { Gateway, Settings } from '../../src/gateway/gateway.ts'
import { until, useRig } from '../support/rig.ts'
import { OK } from '../support/raw-upstream.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTE = {
  id: 'record',
  path: '/record/{id}',
  methods: ['GET', 'POST'],
  audit: 'strict',
  session: { level: 'required', bind: [] },
  subjects: [{ in: 'param', name: 'id' }],
} as const

/** Set by each test: what fails, while it is to fail. */
let failing = true
const fail = (): never => {
  throw new Error('a port has failed')
}
const failIf = <A extends readonly unknown[], R>(work: (...args: A) => R): ((...args: A) => R) => {
  return (...args) => (failing ? fail() : work(...args))
}
/** A port whose function fails. */
const broken = <T extends object>(port: T, name: keyof T & string): T => {
  const work = (port[name] as (...args: unknown[]) => unknown).bind(port)
  return Object.assign(Object.create(port) as T, { [name]: failIf(work) })
}

type Break = (gateway: Gateway) => Partial<Gateway>
const setting =
  (change: (settings: Settings) => Partial<Settings>): Break =>
  (gateway) => ({ settings: { ...gateway.settings, ...change(gateway.settings) } })

const BEFORE_THE_UPSTREAM: readonly (readonly [string, Break])[] = [
  ['addresses.parse', ({ addresses }) => ({ addresses: broken(addresses, 'parse') })],
  ['isTrustedProxy', setting(({ isTrustedProxy }) => ({ isTrustedProxy: failIf(isTrustedProxy) }))],
  ['randomness.requestId', ({ randomness }) => ({ randomness: broken(randomness, 'requestId') })],
  ['randomness.hex', ({ randomness }) => ({ randomness: broken(randomness, 'hex') })],
  ['clock.now', ({ clock }) => ({ clock: broken(clock, 'now') })],
  ['clock.monotonicMs', ({ clock }) => ({ clock: broken(clock, 'monotonicMs') })],
  ['verifier.verify', setting(() => ({ verifier: { verify: fail } }))],
  ['verifier.verify, later', setting(() => ({ verifier: { verify: () => Promise.reject(new Error('late')) } }))],
  ['pseudonyms.of', ({ pseudonyms }) => ({ pseudonyms: broken(pseudonyms, 'of') })],
  ['a detector', () => ({ detectors: [{ name: 'broken', observe: fail }] })],
  ['telemetry.sessionChecked', ({ telemetry }) => ({ telemetry: broken(telemetry, 'sessionChecked') })],
  ['upstreams.send', setting(({ upstreams }) => ({ upstreams: broken(upstreams, 'send') }))],
]

describe.each(BEFORE_THE_UPSTREAM)('%s fails', (_name, gateway) => {
  test.each(['GET', 'POST'])('%s gets 500 and nothing reaches the upstream', async (method) => {
    failing = true
    const { plane, upstream } = await start({ routes: [ROUTE], gateway })
    const client = await plane.connect()
    client.write(request(method, '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    const answer = await client.response()
    expect(answer.status).toBe(500)
    expect(answer.fields).toContainEqual(['cache-control', 'no-store'])
    expect(client.received.toString()).not.toMatch(/port has failed|late|src\//)
    expect(upstream.seen).toBe(0)
    expect(plane.gateway.inFlight.size).toBe(0)
  })
})

describe('trail.append fails', () => {
  const gateway: Break = ({ trail }) => ({ trail: broken(trail, 'append') })

  test('POST gets 500 and nothing reaches the upstream', async () => {
    failing = true
    const { plane, upstream } = await start({ routes: [ROUTE], gateway })
    const answer = await plane.ask(request('POST', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    expect(answer.status).toBe(500)
    expect(upstream.seen).toBe(0)
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  // A safe method's record is written when its answer is there: the upstream has been called, and no byte of it leaves.
  test.each([
    ['whole', OK],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nreal\r\n0\r\n\r\n'],
  ])('GET gets 500 and no byte of an answer that comes %s', async (_name, sent) => {
    failing = true
    const { plane, upstream } = await start({ routes: [ROUTE], gateway }, () => sent)
    const client = await plane.connect()
    client.write(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    const answer = await client.response()
    expect(answer.status).toBe(500)
    expect(answer.fields).toContainEqual(['cache-control', 'no-store'])
    expect(client.received.toString()).not.toMatch(/real|port has failed|src\//)
    expect(upstream.requests.length).toBe(1)
    await until(() => plane.gateway.inFlight.size === 0)
  })
})

describe('what fails later', () => {
  test('trail.onDurable that throws: as a trail that cannot be written', async () => {
    const { plane } = await start({
      routes: [ROUTE],
      gateway: ({ trail }) => ({ trail: { ...trail, onDurable: fail } }),
    })
    const answer = await plane.ask(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    expect(answer.status).toBe(503)
    expect(answer.body.includes('real')).toBe(false)
  })

  test('the clock, once, when the upstream answers: 500 and the upstream is cut', async () => {
    failing = false
    const failsOnce = (work: () => number) => () => {
      if (!failing) return work()
      failing = false
      return fail()
    }
    const { plane, upstream } = await start(
      {
        routes: [{ ...ROUTE, audit: 'best-effort' }],
        gateway: ({ clock }) => ({ clock: { ...clock, monotonicMs: failsOnce(clock.monotonicMs) } }),
      },
      () => {
        failing = true
        return OK
      },
    )
    const answer = await plane.ask(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    expect(answer.status).toBe(500)
    expect(answer.body.includes('real')).toBe(false)
    await upstream.connections[0]?.closed
  })

  test('a check: the failure is told as a problem, recorded as an error, and logged', async () => {
    failing = true
    const { plane } = await start({
      routes: [ROUTE],
      gateway: () => ({ detectors: [{ name: 'broken', observe: fail }] }),
    })
    const answer = await plane.ask(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    expect(JSON.parse(answer.body.toString())).toMatchObject({ type: 'urn:portcullis:problem:internal', status: 500 })
    expect(plane.trail.requests).toMatchObject([{ phase: 'outcome', decision: 'error', status: 500 }])
    expect(plane.errors.length).toBe(1)
  })

  test('the clock, in the middle of a download: the download is cut', async () => {
    failing = false
    const { plane, upstream } = await start(
      {
        routes: [{ ...ROUTE, audit: 'best-effort' }],
        gateway: ({ clock }) => ({ clock: broken(clock, 'monotonicMs') }),
      },
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n',
    )
    const client = await plane.connect()
    client.write(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    await client.until('four')
    failing = true
    upstream.connections[0]?.socket.write('4\r\nmore\r\n0\r\n\r\n')
    expect(await client.ended).toBe('reset')
    expect(client.received.includes('more')).toBe(false)
  })

  test('telemetry.settled: the answer has left, the exchange is over, and it is logged', async () => {
    failing = true
    const { plane } = await start({
      routes: [ROUTE],
      gateway: ({ telemetry }) => ({ telemetry: broken(telemetry, 'settled') }),
    })
    const answer = await plane.ask(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    expect(answer.status).toBe(200)
    await until(() => plane.errors.length === 1)
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('the log itself: still 500', async () => {
    failing = true
    const { plane, upstream } = await start({
      routes: [ROUTE],
      gateway: ({ logger, pseudonyms }) => ({ logger: broken(logger, 'error'), pseudonyms: broken(pseudonyms, 'of') }),
    })
    const answer = await plane.ask(request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` }))
    expect(answer.status).toBe(500)
    expect(upstream.seen).toBe(0)
  })

  test('the trail, for what the parser refused: the connection is closed', async () => {
    failing = true
    const { plane } = await start({ routes: [ROUTE], gateway: ({ trail }) => ({ trail: broken(trail, 'append') }) })
    const client = await plane.connect()
    client.write('nonsense\r\n\r\n')
    expect(await client.ended).toBe('end')
  })
})

test('the worker serves on after each of them', async () => {
  failing = true
  const { plane } = await start({
    routes: [ROUTE],
    gateway: ({ pseudonyms }) => ({ pseudonyms: broken(pseudonyms, 'of') }),
  })
  const ask = request('GET', '/record/7', { Authorization: `Bearer ${plane.token()}` })
  expect((await plane.ask(ask)).status).toBe(500)
  failing = false
  expect((await plane.ask(ask)).status).toBe(200)
})
