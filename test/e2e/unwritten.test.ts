// A gateway that ends while its trail cannot be written: what waited in memory is gone, and the next start says so.
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readTrail } from '../../src/audit/reader.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import {
  eventually,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: strict, path: /strict, methods: [GET], upstream: registry, session: none }
`
let gateway: GatewayProcess
let upstream: Upstream

beforeAll(async () => {
  upstream = await startRawUpstream()
  gateway = await prepareGateway({ upstreamPort: upstream.port, routes: ROUTES })
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

test('an order that was accepted meanwhile holds, and its missing record is a gap', async () => {
  const wal = join(gateway.home, 'data/audit/wal')
  const note = join(gateway.home, 'data/trail.unwritten')
  await gateway.start()
  expect((await gateway.get('/strict')).status).toBe(200)
  // No file can be begun where there is no directory, and the open ones are noticed to be gone.
  renameSync(wal, `${gateway.home}/wal-before`)
  writeFileSync(wal, '')
  expect(await eventually(async () => (await gateway.get('/strict')).status === 503, 30_000)).toBe(true)
  expect(await eventually(async () => existsSync(note), 30_000)).toBe(true)
  const lock = { kind: 'lock', scope: { all: true }, reason: 'leak suspected', incident: 'INC-7' }
  const landed = await gateway.order(signOrder(gateway.people[0]!, lock))
  expect([landed.status, await landed.json()]).toMatchObject([201, { durable: true }])
  await gateway.stop('SIGKILL')
  rmSync(wal)
  renameSync(`${gateway.home}/wal-before`, wal)

  await gateway.start('/healthz')
  expect(await (await gateway.api('/api/v1/status')).json()).toMatchObject({ frozen: true })
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
  expect(metrics).toMatch(/^portcullis_audit_gaps_total 1$/m)
  expect(await eventually(async () => !existsSync(note), 30_000)).toBe(true)
  expect(await gateway.stop()).toBe(0)
  const dir = join(gateway.home, 'data/audit')
  expect((await verifyTrail(dir)).problems).toEqual([])
  const records: Record<string, unknown>[] = []
  for await (const [, entry] of readTrail(dir)) records.push(JSON.parse(entry.toString()) as Record<string, unknown>)
  expect(records.filter(({ kind }) => kind === 'gap')).toMatchObject([
    {
      lost: 1,
      reason: expect.stringContaining('ended while the trail could not be written'),
      from: expect.any(Number),
    },
  ])
  expect(records.some(({ order }) => order === 'lock')).toBe(false)
}, 120_000)

test('a gateway whose trail was written to its end tells of no gap', async () => {
  await gateway.start('/healthz')
  expect(gateway.log().match(/THE TRAIL HAS A GAP/g)).toHaveLength(1)
  expect(await gateway.stop()).toBe(0)
}, 60_000)
