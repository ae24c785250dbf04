// A process of many light gateways. Says when all of them hold a lease, and at the end how many have lost one.
import type { Responder } from '../../../src/core/responder.ts'
import { startLightGateway, type LightGateway } from './light-gateway.ts'

const { redisUrl, responders, count, leaseMs, isLight } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly redisUrl: string
  readonly responders: readonly Responder[]
  readonly count: number
  readonly leaseMs: number
  readonly isLight: boolean
}

const gateways: LightGateway[] = []
// Ten at a time: as many as start at once in a rollout, and no queue of connections.
for (let from = 0; from < count; from += 10)
  gateways.push(
    ...(await Promise.all(
      Array.from({ length: Math.min(10, count - from) }, () =>
        startLightGateway({ redisUrl, responders, leaseMs, isLight }),
      ),
    )),
  )
process.send?.({ started: gateways.length })
process.on('message', (message: unknown) => {
  if (message === 'leases') {
    const held = gateways.filter(({ parts }) => parts.link.leaseRemainingMs > 0).length
    const lost = gateways.reduce((sum, { leasesLost }) => sum + leasesLost, 0)
    process.send?.({ held, lost, cpuMs: Math.round(process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000) })
  }
})
process.on('disconnect', () => {
  process.exit(0)
})
