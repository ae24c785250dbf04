// A canary shows what this worker's own server answers, and is never traffic.
import { describe, expect, test } from '@jest/globals'
import { proveRefusals } from '../../src/gateway/canary.ts'
import { useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()
const ROUTES = [
  { id: 'read', path: '/records/{id}', audit: 'strict' },
  { id: 'write', path: '/records', methods: ['GET', 'POST'], audit: 'strict' },
  { id: 'rest', path: '/catalogue/{rest*}' },
] as const

const asked = (...routes: readonly string[]) => routes.map((route) => ({ route, stands: 1 }))

describe('a canary', () => {
  test('is refused under a freeze, on each route, with the epoch that is enforced', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const proofs = await proveRefusals(plane.server, plane.gateway, asked('read', 'write', 'rest', 'unknown'))
    expect(proofs).toEqual(
      ['read', 'write', 'rest'].map((route) => ({
        epoch: plane.epoch,
        route,
        status: 503,
        refused: true,
        at: plane.clock.now(),
        stands: 1,
      })),
    )
    expect(upstream.connections.length).toBe(0)
    expect(plane.trail.records).toEqual([])
    expect(plane.settled).toEqual([])
  })

  test('asks by an unsafe method where the route has one, so that a read-only lock is shown', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true }, 'read-only')
    const proofs = await proveRefusals(plane.server, plane.gateway, asked('read', 'write'))
    expect(proofs.map(({ refused }) => refused)).toEqual([false, true])
  })

  test('that is not refused is never forwarded, recorded or counted', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const proofs = await proveRefusals(plane.server, plane.gateway, asked('read', 'write'))
    expect(proofs.map(({ refused, status }) => [refused, status])).toEqual([
      [false, 200],
      [false, 200],
    ])
    expect(upstream.connections.length).toBe(0)
    expect(plane.trail.records).toEqual([])
    expect(plane.settled).toEqual([])
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('is answered though the trail hangs', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    plane.trail.mode = 'hang'
    expect(await proveRefusals(plane.server, plane.gateway, asked('read'))).toMatchObject([{ refused: true }])
  })

  test('cannot be played by a caller', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expect((await plane.ask('GET /records/canary HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n')).status).toBe(
      200,
    )
    expect(upstream.requests.length).toBe(1)
    expect(plane.trail.requests).toMatchObject([{ phase: 'outcome', decision: 'allow', status: 200 }])
    expect((await plane.ask(request('GET', '/catalogue/x'))).status).toBe(200)
  })
})
