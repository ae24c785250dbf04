// A disk that is full: strict routes serve nothing, a freeze lands and is recorded, a restart finds it, and nothing is lost.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readTrail } from '../../src/audit/reader.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import {
  eventually,
  LOCK_ALL,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const disk = mountSmallDisk(128)
afterAll(() => disk?.remove())
const onDisk = disk === undefined ? test.skip : test

const ROUTES = `
  - { id: strict, path: /strict, methods: [GET, POST], upstream: registry, session: none }
  - { id: lenient, path: /lenient, methods: [GET], upstream: registry, session: none, audit: best-effort }
`

/** However busy the machine is; how long it took is told. */
async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const startedMs = performance.now()
  expect([what, await eventually(holds, 60_000)]).toEqual([what, true])
  return performance.now() - startedMs
}

const statusOf = async (gateway: GatewayProcess, path: string): Promise<number> => (await gateway.get(path)).status

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
  return Number(new RegExp(`^portcullis_${name} (\\S+)$`, 'm').exec(text)?.[1])
}

onDisk(
  'full, frozen, killed, restarted, and emptied again',
  async () => {
    const upstream = await startRawUpstream()
    const gateway = await prepareGateway({ upstreamPort: upstream.port, routes: ROUTES, home: disk?.dir ?? '' })
    const [desk] = gateway.people
    if (desk === undefined) throw new Error('nobody gives orders')
    try {
      await gateway.start()
      expect([await statusOf(gateway, '/strict'), await statusOf(gateway, '/lenient')]).toEqual([200, 200])

      disk?.fill()
      const noticedMs = await until('strict is refused', async () => (await statusOf(gateway, '/strict')) === 503)
      expect(await (await gateway.get('/strict')).json()).toMatchObject({
        type: 'urn:portcullis:problem:audit-unavailable',
      })
      expect((await fetch(`${gateway.url}/strict`, { method: 'POST' })).status).toBe(503)
      expect(await statusOf(gateway, '/lenient')).toBe(200)
      expect((await gateway.api('/readyz')).status).toBe(503)

      // A flood of bad orders writes nothing; the good one lands in time and is durable.
      const floods = Array.from({ length: 300 }, () =>
        gateway.order(signOrder({ ...desk, name: 'stranger' }, LOCK_ALL)),
      )
      const startedMs = performance.now()
      const landed = await gateway.order(signOrder(desk, LOCK_ALL))
      const tookMs = performance.now() - startedMs
      expect([landed.status, await landed.json()]).toMatchObject([201, { durable: true }])
      await Promise.all(floods)
      expect(await statusOf(gateway, '/lenient')).toBe(503)
      expect(readFileSync(join(gateway.home, 'data/audit/wal/main-1.wal'), 'latin1')).toContain(
        '"kind":"order","outcome":"accepted"',
      )
      expect(
        readFileSync(join(gateway.home, 'data/audit/wal/main-1.wal'), 'latin1').split('"outcome":"refused"').length,
      ).toBeLessThan(3)
      expect(await metric(gateway, 'audit_gaps_total')).toBe(0)

      await gateway.stop('SIGKILL')
      disk?.fill()
      await gateway.start('/healthz')
      expect(await statusOf(gateway, '/lenient')).toBe(503)
      expect(await (await gateway.api('/api/v1/status')).json()).toMatchObject({ frozen: true })

      disk?.empty()
      await until('it is ready again', async () => (await gateway.api('/readyz')).ok)
      expect(await gateway.stop()).toBe(0)
      const verdict = await verifyTrail(join(gateway.home, 'data/audit'))
      expect([verdict.problems, verdict.warnings]).toEqual([[], []])
      const entries: string[] = []
      for await (const [, entry] of readTrail(join(gateway.home, 'data/audit'))) entries.push(entry.toString())
      expect(entries.filter((entry) => entry.includes('"order":"lock"'))).toHaveLength(1)
      expect(entries.filter((entry) => entry.includes('"kind":"gap"'))).toEqual([])
      console.info(
        `a full disk noticed in ${Math.round(noticedMs)} ms; a freeze on it under 300 bad orders: ${Math.round(tookMs)} ms`,
      )
    } finally {
      await gateway.stop('SIGKILL')
      await upstream.close()
    }
  },
  240_000,
)
