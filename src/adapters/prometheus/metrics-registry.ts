// What /metrics shows: the sums of the workers' slabs, and gauges that are read when somebody asks.
import { collectDefaultMetrics, Counter, Histogram, Registry } from '@prometheus-io/client'
import type { TrafficTotals } from '../../core/thaw-traffic.ts'
import type { OtpMeter } from '../../ports/otp.ts'
import { FAMILIES, PREFIX, SESSION_RESULTS, type FamilyName } from './families.ts'
import { registerGauges, type GaugeReadings } from './gauges.ts'
import { registerOtpCounters } from './otp-counters.ts'
import { registerFamily } from './register-family.ts'
import { createSlabSums } from './slab-sums.ts'
import { decisionsOf, trafficOf, type DecisionTotal } from './traffic.ts'
import type { SeriesAnnouncement, TelemetrySlab } from './telemetry-slab.ts'

interface RouteLabels {
  readonly id: string
  readonly methods: readonly string[]
}

export interface MetricsRegistryOptions {
  readonly version: string
  readonly routes: readonly RouteLabels[]
  /** Names of the detectors at work, whose counters appear with zero. */
  readonly detectors: readonly string[]
  readonly readGauges: () => GaugeReadings
}

export interface MetricsRegistry {
  /** A thread of the data plane, or the main thread under a number of its own, counts in this slab from now on. */
  addSlab(thread: number, slab: TelemetrySlab): void
  /** False where the announcement names nothing that exists; then it counts nothing. */
  addSeries(thread: number, announcement: SeriesAnnouncement): boolean
  /** After a reload: the new routes appear with zero. Series of routes that are gone stay, since counters never fall. */
  setRoutes(routes: readonly RouteLabels[]): void
  /** From the acceptance of a lock to the proof of every worker, in seconds. */
  locked(seconds: number): void
  /** What has become of a message to somebody outside. */
  notified(result: string): void
  readonly otp: OtpMeter
  /** What the workers have counted on these routes so far, without what locks have refused. */
  traffic(routes: ReadonlySet<string>): TrafficTotals
  /** Requests so far, by route and decision. */
  decisions(): readonly DecisionTotal[]
  readonly contentType: string
  /** The text format of Prometheus, version 0.0.4. */
  render(): Promise<string>
}

const NOTIFICATION_RESULTS = ['delivered', 'retried', 'failed', 'dropped'] as const
const TIME_TO_LOCK_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SINGLE_SERIES = [
  'streams_cut_total',
  'audit_records_total',
  'audit_gaps_total',
  'audit_durable_seconds',
  'gateway_overhead_seconds',
] as const

export function createMetricsRegistry(options: MetricsRegistryOptions): MetricsRegistry {
  const registry = new Registry()
  const sums = createSlabSums()
  for (const metric of Object.keys(FAMILIES) as FamilyName[]) registerFamily(registry, metric, () => sums.read(metric))
  // Read once a scrape, so that one exposition tells of one moment.
  let readings: GaugeReadings | undefined
  registerGauges(registry, options.version, () => readings ?? options.readGauges())
  const timeToLock = new Histogram({
    name: `${PREFIX}time_to_lock_seconds`,
    help: 'From the acceptance of a lock to the proof of every worker.',
    buckets: TIME_TO_LOCK_SECONDS,
    registers: [registry],
  })
  const notifications = new Counter({
    name: `${PREFIX}notifications_total`,
    help: 'Messages to receivers outside, by what became of each try.',
    labelNames: ['result'],
    registers: [registry],
  })
  for (const result of NOTIFICATION_RESULTS) notifications.inc({ result }, 0)
  const otp = registerOtpCounters(registry)
  collectDefaultMetrics({ register: registry, prefix: PREFIX })

  const setRoutes = (routes: readonly RouteLabels[]): void => {
    for (const { id: route, methods } of routes) {
      const method = methods[0] ?? 'GET'
      sums.declare('http_requests_total', { route, method, code: '200', decision: 'allow' })
      sums.declare('http_requests_total', { route, method, code: '503', decision: 'locked' })
      sums.declare('http_request_duration_seconds', { route })
      sums.declare('upstream_request_duration_seconds', { route })
      for (const otp of ['yes', 'no']) sums.declare('people_read_total', { route, otp })
      for (const detector of options.detectors) sums.declare('throttled_total', { route, detector })
    }
  }
  for (const result of SESSION_RESULTS) sums.declare('session_checks_total', { result })
  for (const detector of options.detectors) sums.declare('anomalies_total', { detector })
  sums.declare('observed_total', { mode: 'observe' })
  for (const single of SINGLE_SERIES) sums.declare(single, {})
  setRoutes(options.routes)

  return {
    addSlab: (thread, slab) => {
      sums.addSlab(thread, slab)
    },
    addSeries: (thread, announcement) => sums.addSeries(thread, announcement),
    setRoutes,
    locked: (seconds) => {
      timeToLock.observe(seconds > 0 ? seconds : 0)
    },
    notified: (result) => {
      notifications.inc({ result })
    },
    otp,
    traffic: (routes) => trafficOf(sums, routes),
    decisions: () => decisionsOf(sums),
    contentType: registry.contentType,
    render: async () => {
      readings = options.readGauges()
      return registry.metrics()
    },
  }
}
