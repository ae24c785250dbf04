// A gateway that has lost its lease falls to each route's posture; a worker without the current table refuses.
import { describe, expect, test } from '@jest/globals'
import { field, problemOf } from '../support/raw-client.ts'
import { useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const METHODS = { methods: ['GET', 'POST'] }
const ROUTES = [
  { path: '/frozen', stale: 'frozen', ...METHODS },
  { path: '/read-only', stale: 'read-only', ...METHODS },
  { path: '/serve', stale: 'serve', ...METHODS },
] as const

describe('when the lease has run out', () => {
  test.each([
    ['frozen', 'GET', 503],
    ['frozen', 'HEAD', 503],
    ['frozen', 'POST', 503],
    ['read-only', 'GET', 200],
    ['read-only', 'POST', 503],
    ['serve', 'GET', 200],
    ['serve', 'POST', 200],
  ] as const)('a route that is to be %s answers %s with %i', async (posture, method, status) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    plane.endLease()
    const answer = await plane.ask(request(method, `/${posture}`), { head: method === 'HEAD' })
    expect(answer.status).toBe(status)
    expect(upstream.requests.length).toBe(status === 200 ? 1 : 0)
  })

  test('the refusal looks like a lock, names none, and asks to come back soon', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.endLease()
    const answer = await plane.ask(request('GET', '/frozen'))
    expect(problemOf(answer)).toMatchObject({ type: 'urn:portcullis:problem:locked' })
    expect(problemOf(answer)).not.toHaveProperty('lock')
    expect(field(answer, 'retry-after')).toBe('3')
    expect(plane.trail.requests).toMatchObject([{ decision: 'locked', reason: 'view-stale' }])
  })

  test('locks hold on routes that are served', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ routes: ['serve'] })
    plane.endLease()
    expect((await plane.ask(request('GET', '/serve'))).status).toBe(503)
  })

  test('everything goes on once it is renewed', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.endLease()
    expect((await plane.ask(request('GET', '/frozen'))).status).toBe(503)
    plane.renewLease()
    expect((await plane.ask(request('GET', '/frozen'))).status).toBe(200)
  })
})

describe('a worker whose table is older than the epoch', () => {
  test('refuses every route, whatever its posture, until it has the table', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    plane.store(plane.epoch + 1)
    for (const path of ['/frozen', '/read-only', '/serve'])
      expect((await plane.ask(request('GET', path))).status).toBe(503)
    expect(upstream.connections.length).toBe(0)
    plane.post({})
    expect((await plane.ask(request('GET', '/frozen'))).status).toBe(200)
  })

  test('takes a table that lies in its port in the turn in which it is asked', async () => {
    const { plane, upstream } = await start({
      routes: ROUTES,
      // The lock lands in the turn in which the request is received, before any message event.
      gateway: (gateway) => ({
        addresses: {
          ...gateway.addresses,
          parse: (text) => {
            if (plane.epoch === 1) plane.lock({ all: true })
            return gateway.addresses.parse(text)
          },
        },
      }),
    })
    const answer = await plane.ask(request('GET', '/frozen'))
    expect(problemOf(answer)).toMatchObject({ lock: { epoch: 2 } })
    expect(upstream.connections.length).toBe(0)
  })

  test('ignores a table that is older than its own', async () => {
    const { plane } = await start({ routes: ROUTES })
    const lock = plane.lock({ all: true })
    expect((await plane.ask(request('GET', '/frozen'))).status).toBe(503)
    plane.gateway.view.recompile()
    const answer = await plane.ask(request('GET', '/frozen'))
    expect(problemOf(answer)).toMatchObject({ lock: { id: lock.id } })
  })
})
