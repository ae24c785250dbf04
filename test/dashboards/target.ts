// What Prometheus scrapes: a real gateway process with two workers, under traffic of every kind, with locks that land.
import { setTimeout as delay } from 'node:timers/promises'
import { signOrder, startGateway, startRawUpstream } from '../support/gateway-process.ts'

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

/** Each request in turn until it is stopped: allowed, unauthenticated, forbidden, throttled, rejected, locked and observed. */
export async function startTarget(): Promise<Target> {
  const upstream = await startRawUpstream()
  const gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES, workers: 2 })
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
      ])
      if (round % 20 === 19) await lock(['locked'], 'deny')
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
    },
  }
}
