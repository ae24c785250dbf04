// A gateway at work sends its trail on, and deletes what is older than its retention; neither can be seen by a caller.
import { createHmac } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  eventually,
  prepareGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none }
`
const SECRET = Buffer.alloc(32, 5)

let gateway: GatewayProcess
let upstream: Upstream
let receiver: Server
let isDown = true
const taken: string[] = []

beforeAll(async () => {
  upstream = await startRawUpstream()
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers
      const mac = createHmac('sha256', SECRET)
        .update(`${String(id)}.${String(at)}.${body}`)
        .digest('base64')
      const isTrue = signature === `v1,${mac}`
      if (!isDown && isTrue) taken.push(...body.trimEnd().split('\n'))
      response.writeHead(isDown || !isTrue ? 503 : 200).end()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const { port } = receiver.address() as AddressInfo
  gateway = await prepareGateway({
    upstreamPort: upstream.port,
    routes: ROUTES,
    audit: `exports: { siem: { kind: webhook, url: "http://127.0.0.1:${port}/in", secretFile: ./hook.secret, format: ocsf }, shipper: { kind: file, path: ./shipped.ndjson } }`,
  })
  writeFileSync(path.join(gateway.home, 'hook.secret'), `whsec_${SECRET.toString('base64')}\n`, { mode: 0o600 })
  await gateway.start()
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
  receiver.closeAllConnections()
  receiver.close()
})

const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()

test('a receiver that is down delays nobody and loses nothing; what it gets is what the file has', async () => {
  const started = performance.now()
  for (let i = 0; i < 20; i += 1) expect((await gateway.get('/api/v2/facilities')).status).toBe(200)
  expect(performance.now() - started).toBeLessThan(5_000)
  expect(
    await eventually(async () => /portcullis_audit_export_failures_total\{export="siem"\} [1-9]/.test(await metrics())),
  ).toBe(true)
  isDown = false
  const file = path.join(gateway.home, 'shipped.ndjson')
  const shipped = (): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [])
  const requests = (): number => taken.filter((line) => line.includes('"class_uid":6003')).length
  expect(await eventually(async () => requests() >= 20 && shipped().length >= 20, 15_000)).toBe(true)
  const ids = (lines: readonly string[], name: string): string[] =>
    lines.flatMap((line) => new RegExp(`"${name}":"([\\w-]{22})"`).exec(line)?.[1] ?? [])
  expect(ids(taken, 'correlation_uid')).toEqual(expect.arrayContaining(ids(shipped(), 'id').slice(0, 20)))
  expect(
    await eventually(async () => (await metrics()).includes('portcullis_audit_export_lag_records{export="siem"} 0')),
  ).toBe(true)
  expect(await metrics()).toMatch(/portcullis_audit_oldest_record_age_seconds/)
})
