// What Prometheus scrapes: a real gateway process with two workers, under traffic of every kind, with locks that land.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { signOrder, prepareGateway, startRawUpstream } from '../support/gateway-process.ts'
import { startTimeServer } from '../support/time-server.ts'

export interface Target {
  /** `host:port` of the control plane, whose metrics stand at /metrics. */
  readonly address: string
  stop(): Promise<void>
}

const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, tags: [pii], session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } } }
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none, audit: best-effort, throttle: { requests: 5/s } }
  - { id: locked, path: /api/v2/locked, methods: [GET], upstream: registry, session: none }
  - { id: watched, path: /api/v2/watched, methods: [GET], upstream: registry, session: none }
`

/** Nobody is there to send the messages. */
const OTP = `otp:
  issuer: https://gate.example.in
  audience: registry
  webhook: { url: "http://127.0.0.1:9/sms", secretFile: ./webhook.secret }
  limits: { address: 1000/s }
`

/** Each request in turn until it is stopped: allowed, unauthenticated, forbidden, throttled, rejected, locked and observed. */
export async function startTarget(): Promise<Target> {
  const upstream = await startRawUpstream()
  const times = [await startTimeServer(), await startTimeServer()]
  const gateway = await prepareGateway({
    ...{ upstreamPort: upstream.port, routes: ROUTES, workers: 2, extra: OTP },
    audit: `clock: { servers: [${times.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')}], every: 1m, alarm: 1s }`,
  })
  writeFileSync(join(gateway.home, 'webhook.secret'), 'a secret of more than thirty-two characters', { mode: 0o600 })
  await gateway.start()
  const config = readFileSync(gateway.configFile, 'utf8')
  const [desk] = gateway.people
  if (desk === undefined) throw new Error('there is nobody to give orders')
  const lock = (routes: readonly string[], mode: string): Promise<Response> =>
    gateway.order(
      signOrder(desk, { kind: 'lock', scope: { routes }, mode, reason: 'drill', incident: 'INC-1' }),
      '?wait=2s',
    )
  await lock(['locked'], 'deny')
  await lock(['watched'], 'observe')
  await gateway.order(signOrder(desk, { kind: 'drill' }), '?wait=2s')

  const otp = (path: string, body: object): Promise<Response> =>
    fetch(`${gateway.url}/.portcullis/otp/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const token = gateway.issuer.token({ record_ids: ['r1'] })
  const stopping = new AbortController()
  const traffic = (async () => {
    for (let round = 0; !stopping.signal.aborted; round++) {
      await Promise.all([
        gateway.get('/api/v2/records/r1', token),
        gateway.get('/api/v2/records/r2', token),
        gateway.get('/api/v2/records/r1'),
        gateway.get('/api/v2/facilities'),
        gateway.get('/nowhere'),
        gateway.get('/api/v2/locked'),
        gateway.get('/api/v2/watched'),
        otp('request', { number: '+919876543210' }),
        otp('verify', { transaction: 'x', code: '123456' }),
      ])
      if (round % 20 === 19) {
        await lock(['locked'], 'deny')
        // Another text is another config, though it says the same.
        writeFileSync(gateway.configFile, `${config}# round ${round}\n`)
      }
      await delay(20)
    }
  })()
  return {
    address: `127.0.0.1:${gateway.controlPort}`,
    stop: async () => {
      stopping.abort()
      await traffic
      await gateway.cleanUp()
      await upstream.close()
      for (const time of times) time.close()
    },
  }
}
