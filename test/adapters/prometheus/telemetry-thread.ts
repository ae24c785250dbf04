// A worker thread that counts in its slab as the gateway does, for as many exchanges as it is told.
import { parentPort, workerData } from 'node:worker_threads'
import type { TelemetrySlab } from '../../../src/adapters/prometheus/telemetry-slab.ts'
import { createWorkerTelemetry } from '../../../src/adapters/prometheus/worker-telemetry.ts'

const { slab, exchanges } = workerData as { slab: TelemetrySlab; exchanges: number }
const telemetry = createWorkerTelemetry(slab, (announcement) => {
  parentPort?.postMessage(announcement)
})
for (let turn = 0; turn < exchanges; turn++) {
  telemetry.settled({
    route: turn % 2 === 0 ? 'a' : 'b',
    method: 'GET',
    status: 200,
    decision: 'allow',
    durationMs: 2,
    upstreamMs: 1,
  })
  telemetry.sessionChecked('ok')
  telemetry.recorded(2)
}
