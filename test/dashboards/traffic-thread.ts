// A worker thread that counts the traffic of a gateway in its slab, every kind of it, until it is told to end.
import { parentPort, workerData } from 'node:worker_threads'
import type { TelemetrySlab } from '../../src/adapters/prometheus/telemetry-slab.ts'
import { createWorkerTelemetry } from '../../src/adapters/prometheus/worker-telemetry.ts'

const { slab } = workerData as { slab: TelemetrySlab }
const telemetry = createWorkerTelemetry(slab, (announcement) => {
  parentPort?.postMessage(announcement)
})
const decisions = [
  'allow',
  'allow',
  'allow',
  'locked',
  'unauthenticated',
  'forbidden',
  'throttled',
  'rejected',
  'error',
] as const
const statuses = {
  allow: 200,
  locked: 503,
  unauthenticated: 401,
  forbidden: 403,
  throttled: 429,
  rejected: 400,
  error: 502,
}
let turn = 0

const timer = setInterval(() => {
  for (const route of ['beneficiary.read', 'appointment.write']) {
    const decision = decisions[turn++ % decisions.length] ?? 'allow'
    const upstream = decision === 'allow' ? { upstreamMs: 3 + (turn % 20) } : {}
    telemetry.settled({
      route,
      method: 'GET',
      status: statuses[decision],
      decision,
      durationMs: 4 + (turn % 30),
      ...upstream,
    })
    telemetry.sessionChecked(decision === 'unauthenticated' ? 'missing' : 'ok')
    telemetry.recorded(2)
    telemetry.durable(0.0004)
    if (decision === 'throttled') telemetry.throttled(route, 'request-rate')
    if (decision === 'locked') telemetry.streamCut()
  }
  telemetry.observed('observe')
}, 20)
parentPort?.once('message', () => {
  clearInterval(timer)
})
