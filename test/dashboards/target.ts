// What Prometheus scrapes: a metrics endpoint whose numbers come from two worker threads.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { createMetricsRegistry } from '../../src/adapters/prometheus/metrics-registry.ts'
import { createTelemetrySlab, type SeriesAnnouncement } from '../../src/adapters/prometheus/telemetry-slab.ts'

export interface Target {
  /** `host:port` of the control plane, whose metrics stand at /metrics. */
  readonly address: string
  stop(): Promise<void>
}

/** Under traffic of every kind, with a lock that has landed, until it is stopped. */
export async function startTarget(): Promise<Target> {
  let epoch = 1
  const registry = createMetricsRegistry({
    version: '0.1.0',
    routes: ['beneficiary.read', 'appointment.write'].map((id) => ({ id, methods: ['GET'] })),
    detectors: ['request-rate'],
    readGauges: () => ({
      epoch: (epoch += 1),
      frozen: false,
      locksByMode: { deny: 1, 'read-only': 0, 'step-up': 0, throttle: 0, observe: 1 },
      leaseRemainingSeconds: 1.8,
      checkpointAgeSeconds: 0.3,
      auditGaps: 0,
      gateways: { proven: 1, missing: 0 },
      reloadOk: true,
    }),
  })
  const workers = [1, 2].map((thread) => {
    const slab = createTelemetrySlab()
    registry.addSlab(thread, slab)
    const worker = new Worker(new URL('traffic-thread.ts', import.meta.url), { workerData: { slab } })
    worker.on('message', (announcement: SeriesAnnouncement) => registry.addSeries(thread, announcement))
    return worker
  })
  const locks = setInterval(() => {
    registry.locked(0.02)
  }, 200)
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    void registry.render().then((text) => response.setHeader('content-type', registry.contentType).end(text))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      clearInterval(locks)
      await Promise.all(
        workers.map((worker) => {
          worker.postMessage('end')
          return once(worker, 'exit')
        }),
      )
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
