// Canaries come in by the worker's own listener, whoever shares its port and however full it is, and nobody else comes in as one.
import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { serverTlsOptions } from '../../src/adapters/node/tls-server.ts'
import { CanaryDoor, createCanaryPorts, forgetCanaries, type CanaryPorts } from '../../src/gateway/canary-door.ts'
import { proveRefusals } from '../../src/gateway/canary.ts'
import { createAuthority } from '../support/certificates.ts'
import { until, useRig } from '../support/rig.ts'
import { request, type DataPlane } from '../support/start-data-plane.ts'

const home = mkdtempSync(path.join(tmpdir(), 'portcullis-canary-'))
const authority = createAuthority(home)
const own = authority.issue('own')
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

const start = useRig()
const ROUTES = [{ id: 'read', path: '/records/{id}' }] as const
const ASKED = [{ route: 'read', stands: 1 }]
const prove = (plane: DataPlane) => proveRefusals(plane.server, plane.gateway, ASKED)
let seeds = 0
const doorOf = (ports: CanaryPorts, thread: number): CanaryDoor =>
  new CanaryDoor(ports, thread, { fraction: () => (seeds += 1) / 1000, requestId: () => `nonce-${(seeds += 1)}` })

/** Ports of those who have come in. */
function countArrivals({ server }: DataPlane): { readonly count: number } {
  const arrivals = { count: 0 }
  server.listener.on('connection', () => (arrivals.count += 1))
  return arrivals
}

describe('over TCP', () => {
  test('by a connection that the listener has accepted', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const arrivals = countArrivals(plane)
    expect(await prove(plane)).toMatchObject([{ status: 503, refused: true }])
    expect(arrivals.count).toBe(1)
  })

  test('of several workers on one port each shows itself, never another', async () => {
    const ports = createCanaryPorts()
    const { plane: locked } = await start({ routes: ROUTES, canaries: doorOf(ports, 1) })
    const more = []
    for (const thread of [2, 3, 4])
      more.push(await start({ routes: ROUTES, listen: { port: locked.port }, canaries: doorOf(ports, thread) }))
    locked.lock({ all: true })
    for (let round = 0; round < 8; round += 1) {
      expect(await prove(locked)).toMatchObject([{ refused: true }])
      for (const { plane } of more) expect(await prove(plane)).toMatchObject([{ status: 200, refused: false }])
    }
    // What the kernel gave to another was never taken for traffic by it.
    for (const { plane, upstream } of more) {
      expect(upstream.connections.length).toBe(0)
      expect(plane.trail.records).toEqual([])
      expect(plane.settled).toEqual([])
    }
    // Each port is free again.
    await until(() => ports.every((mark) => mark === 0))
  })

  test('though no caller gets in any more', async () => {
    const { plane } = await start({ routes: ROUTES, limits: { connectionsMax: 1, connectionsPerAddressMax: 1 } })
    plane.lock({ all: true })
    await plane.connect()
    expect(await prove(plane)).toMatchObject([{ refused: true }])
    expect(plane.turnedAway).toEqual([])
  })

  test('a port that a thread left behind when it died is nobody’s', () => {
    const ports = createCanaryPorts()
    ports[50_000] = 1 + 7
    ports[50_001] = 1 + 8
    forgetCanaries(ports, 7)
    expect([ports[50_000], ports[50_001]]).toEqual([0, 9])
  })

  test('a port that somebody else has is left to them', async () => {
    const door = new CanaryDoor(createCanaryPorts(), 0, { fraction: () => 0.5, requestId: () => 'nonce' })
    const { plane } = await start({ routes: ROUTES, canaries: door })
    plane.lock({ all: true })
    const first = 49_152 + Math.floor(0.5 * (65_536 - 49_152)) + 1
    const taken = net.createServer().listen(first, '127.0.0.1')
    try {
      expect(await prove(plane)).toMatchObject([{ refused: true }])
    } finally {
      taken.close()
    }
  })
})

describe('over TLS', () => {
  test('through the handshake', async () => {
    const { plane } = await start({ routes: ROUTES, secure: serverTlsOptions(own, 5000) })
    plane.lock({ all: true })
    expect(await prove(plane)).toMatchObject([{ refused: true }])
    expect(await prove(plane)).toMatchObject([{ refused: true }])
  })

  test('also where every caller must show a certificate, as every caller still must', async () => {
    const { plane } = await start({ routes: ROUTES, secure: serverTlsOptions({ ...own, ca: authority.cert }, 5000) })
    plane.lock({ all: true })
    expect(await prove(plane)).toMatchObject([{ refused: true }])
    expect(plane.server.listener).toMatchObject({ requestCert: true, rejectUnauthorized: true })
  })
})

describe('over a unix socket', () => {
  test('by a nonce, and also where the worker is full', async () => {
    const listen = path.join(home, 'full.sock')
    const { plane, upstream } = await start({ routes: ROUTES, listen, limits: { connectionsMax: 1 } })
    await plane.connect()
    expect(await prove(plane)).toMatchObject([{ status: 200, refused: false }])
    expect(upstream.connections.length).toBe(0)
    plane.lock({ all: true })
    const arrivals = countArrivals(plane)
    expect(await prove(plane)).toMatchObject([{ refused: true }])
    expect(arrivals.count).toBe(1)
    expect(plane.trail.records).toEqual([])
  })

  test('a caller that gives one is a caller', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, listen: path.join(home, 'caller.sock') })
    const fields = { 'Portcullis-Canary': 'nonce-1', Connection: 'close' }
    expect((await plane.ask(request('GET', '/records/1', fields))).status).toBe(200)
    expect(upstream.requests.length).toBe(1)
  })

  test('a nonce that nobody has given out makes no canary, though one is awaited', () => {
    const door = doorOf(createCanaryPorts(), 0)
    const downstream = { isCanary: false }
    door.recognise({ fields: { first: () => 'guessed' } } as never, downstream as never)
    expect(downstream.isCanary).toBe(false)
  })
})
