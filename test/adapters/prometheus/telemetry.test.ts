// Metrics: counted in shared memory by one writer each, summed at scrape, and never falling.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from '@jest/globals'
import type { GaugeReadings } from '../../../src/adapters/prometheus/gauges.ts'
import { createMetricsRegistry, type MetricsRegistry } from '../../../src/adapters/prometheus/metrics-registry.ts'
import { createTelemetrySlab, type SeriesAnnouncement } from '../../../src/adapters/prometheus/telemetry-slab.ts'
import { createWorkerTelemetry, type WorkerTelemetry } from '../../../src/adapters/prometheus/worker-telemetry.ts'

const calm: GaugeReadings = {
  epoch: 7,
  frozen: false,
  locksByMode: { deny: 1, 'read-only': 0, 'step-up': 0, throttle: 2, observe: 0 },
  leaseRemainingSeconds: 1.5,
  checkpointAgeSeconds: 0.4,
  auditDiskFreeBytes: 1e9,
  auditDiskFullSeconds: undefined,
  clockOffsetSeconds: undefined,
  clockSpreadSeconds: undefined,
  witnessLagSeconds: [0, 2],
  gateways: { proven: 2, missing: 1 },
  workers: { current: 2, behind: 0, dead: 1 },
  reloadOk: true,
  configSince: 1_700_000_000.25,
  drillAgeSeconds: undefined,
  incidentsOpen: 1,
  reportDueSeconds: 7200,
  boardDueSeconds: undefined,
  locksOverdue: 0,
  otpOutstanding: undefined,
  targets: [{ upstream: 'registry', target: 0, isUp: true }],
  oldestRecordAgeSeconds: 86_400,
  exports: [{ name: 'siem', lag: 3, failures: 2, lost: 0 }],
}
const routes = [
  { id: 'beneficiary.read', methods: ['GET'] },
  { id: 'appointment.write', methods: ['POST', 'PUT'] },
]

function open(readings: Partial<GaugeReadings> = {}): MetricsRegistry {
  return createMetricsRegistry({
    version: '0.1.0',
    routes,
    detectors: ['request-rate'],
    readGauges: () => ({ ...calm, ...readings }),
  })
}

function count(registry: MetricsRegistry, thread = 1, slots?: number): WorkerTelemetry {
  const slab = createTelemetrySlab(slots)
  registry.addSlab(thread, slab)
  return createWorkerTelemetry(slab, (announcement) => {
    expect(registry.addSeries(thread, announcement)).toBe(true)
  })
}

/** Values by series: `name{a="b"}`, labels in the order of the text. */
async function scrape(registry: MetricsRegistry): Promise<ReadonlyMap<string, number>> {
  const lines = (await registry.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')).replace(/^portcullis_/, ''),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  )
}

const exchange = {
  route: 'beneficiary.read',
  method: 'GET',
  status: 200,
  decision: 'allow',
  durationMs: 12,
  upstreamMs: 11.5,
} as const

describe('before anything has happened', () => {
  test('every route has an allowed and a locked series, every session result one, all zero', async () => {
    const series = await scrape(open())
    for (const name of [
      'http_requests_total{route="beneficiary.read",method="GET",code="200",decision="allow"}',
      'http_requests_total{route="beneficiary.read",method="GET",code="503",decision="locked"}',
      'http_requests_total{route="appointment.write",method="POST",code="503",decision="locked"}',
      ...['ok', 'missing', 'invalid', 'revoked', 'insufficient', 'forbidden', 'unavailable'].map(
        (result) => `session_checks_total{result="${result}"}`,
      ),
      'http_request_duration_seconds_count{route="appointment.write"}',
      'upstream_request_duration_seconds_bucket{route="appointment.write",le="+Inf"}',
      'throttled_total{route="beneficiary.read",detector="request-rate"}',
      'anomalies_total{detector="request-rate"}',
      'streams_cut_total',
      'audit_records_total',
      'audit_durable_seconds_count',
      'gateway_overhead_seconds_count',
      'audit_gaps_total',
      'time_to_lock_seconds_count',
      ...['sent', 'withheld', 'limited', 'unavailable'].map((result) => `otp_requests_total{result="${result}"}`),
      ...['delivered', 'retried', 'failed'].map((result) => `otp_deliveries_total{result="${result}"}`),
      'otp_verifications_total{way="number",result="verified"}',
      'otp_verifications_total{way="number",result="exhausted"}',
      'otp_verifications_total{way="account",result="replayed"}',
    ]) {
      expect([name, series.get(name)]).toEqual([name, 0])
    }
  })

  test('the gauges tell the state at the moment of the scrape', async () => {
    let readings = calm
    const registry = createMetricsRegistry({ version: '0.1.0', routes, detectors: [], readGauges: () => readings })
    const before = await scrape(registry)
    readings = {
      ...calm,
      epoch: 8,
      frozen: true,
      reloadOk: false,
      checkpointAgeSeconds: undefined,
      auditDiskFullSeconds: 90,
      gateways: { proven: 3, missing: 0 },
      drillAgeSeconds: 12.5,
      locksOverdue: 2,
      otpOutstanding: 4,
      targets: [{ upstream: 'reports', target: 1, isUp: false }],
    }
    const after = await scrape(registry)
    const both = (name: string): unknown[] => [before.get(name), after.get(name)]
    expect(both('lock_epoch')).toEqual([7, 8])
    expect(both('frozen')).toEqual([0, 1])
    expect(both('config_last_reload_successful')).toEqual([1, 0])
    expect(both('audit_checkpoint_age_seconds')).toEqual([0.4, undefined])
    expect(both('audit_disk_free_bytes')).toEqual([1e9, 1e9])
    expect(both('audit_witness_lag_seconds{witness="1"}')).toEqual([2, 2])
    expect(both('audit_disk_full_seconds')).toEqual([undefined, 90])
    expect(both('locks_active{mode="throttle"}')).toEqual([2, 2])
    expect(both('locks_active{mode="read-only"}')).toEqual([0, 0])
    expect(both('fleet_gateways{state="proven"}')).toEqual([2, 3])
    expect(both('fleet_gateways{state="missing"}')).toEqual([1, 0])
    expect(both('drill_age_seconds')).toEqual([undefined, 12.5])
    expect(both('locks_overdue')).toEqual([0, 2])
    expect(both('otp_outstanding')).toEqual([undefined, 4])
    expect(both('upstream_target_up{upstream="registry",target="0"}')).toEqual([1, undefined])
    expect(both('upstream_target_up{upstream="reports",target="1"}')).toEqual([undefined, 0])
    expect(both('lease_remaining_seconds')).toEqual([1.5, 1.5])
    expect(both(`build_info{version="0.1.0",node="${process.versions.node}"}`)).toEqual([1, 1])
  })

  test('one-time passwords are counted as they are told', async () => {
    const registry = open()
    registry.otp.requested('sent')
    registry.otp.requested('sent')
    registry.otp.delivered('failed')
    registry.otp.verified('number', 'wrong')
    const series = await scrape(registry)
    expect(series.get('otp_requests_total{result="sent"}')).toBe(2)
    expect(series.get('otp_deliveries_total{result="failed"}')).toBe(1)
    expect(series.get('otp_verifications_total{way="number",result="wrong"}')).toBe(1)
    expect(series.get('otp_verifications_total{way="account",result="wrong"}')).toBe(0)
  })

  test('the process itself is measured, under the same prefix', async () => {
    const text = await open().render()
    expect(text).toMatch(/^portcullis_process_cpu_seconds_total /m)
    expect(text).toMatch(/^portcullis_nodejs_eventloop_lag_seconds /m)
    for (const line of text.split('\n')) if (line !== '' && !line.startsWith('#')) expect(line).toMatch(/^portcullis_/)
  })
})

describe('what a worker counts', () => {
  test('is one more in its series, for each kind of event', async () => {
    const registry = open()
    const telemetry = count(registry)
    telemetry.settled(exchange)
    telemetry.settled(exchange)
    telemetry.settled({ ...exchange, status: 503, decision: 'locked' })
    telemetry.sessionChecked('revoked')
    telemetry.throttled('beneficiary.read', 'request-rate')
    telemetry.observed('observe')
    telemetry.anomaly('request-rate')
    telemetry.streamCut()
    telemetry.recorded(3)
    telemetry.durable(0.0007)
    registry.locked(0.03)
    const series = await scrape(registry)
    expect(series.get('http_requests_total{route="beneficiary.read",method="GET",code="200",decision="allow"}')).toBe(2)
    expect(series.get('http_requests_total{route="beneficiary.read",method="GET",code="503",decision="locked"}')).toBe(
      1,
    )
    expect(series.get('session_checks_total{result="revoked"}')).toBe(1)
    expect(series.get('throttled_total{route="beneficiary.read",detector="request-rate"}')).toBe(1)
    expect(series.get('observed_total{mode="observe"}')).toBe(1)
    expect(series.get('anomalies_total{detector="request-rate"}')).toBe(1)
    expect(series.get('streams_cut_total')).toBe(1)
    expect(series.get('audit_records_total')).toBe(3)
    expect(series.get('audit_durable_seconds_bucket{le="0.0005"}')).toBe(0)
    expect(series.get('audit_durable_seconds_bucket{le="0.001"}')).toBe(1)
    expect(series.get('time_to_lock_seconds_bucket{le="0.05"}')).toBe(1)
  })

  test('fills cumulative buckets, with sum and count, a bound belonging to its own bucket', async () => {
    const registry = open()
    const telemetry = count(registry)
    for (const durationMs of [0, 1, 1.01, 30, 10_000, 10_001, 99_999])
      telemetry.settled({ ...exchange, durationMs, upstreamMs: 0 })
    const series = await scrape(registry)
    const name = 'http_request_duration_seconds'
    const at = (le: string): unknown => series.get(`${name}_bucket{route="beneficiary.read",le="${le}"}`)
    expect(['0.001', '0.0025', '0.05', '10', '+Inf'].map(at)).toEqual([2, 3, 4, 5, 7])
    expect(series.get(`${name}_count{route="beneficiary.read"}`)).toBe(7)
    expect(series.get(`${name}_sum{route="beneficiary.read"}`)).toBeCloseTo(120.03201, 9)
  })

  test('of the upstream and of the overhead is told apart', async () => {
    const registry = open()
    const telemetry = count(registry)
    telemetry.settled(exchange)
    const { upstreamMs: _none, ...refused } = exchange
    telemetry.settled({ ...refused, durationMs: 0.2, decision: 'locked', status: 503 })
    const series = await scrape(registry)
    expect(series.get('upstream_request_duration_seconds_count{route="beneficiary.read"}')).toBe(1)
    expect(series.get('upstream_request_duration_seconds_sum{route="beneficiary.read"}')).toBeCloseTo(0.0115, 9)
    expect(series.get('gateway_overhead_seconds_count')).toBe(2)
    expect(series.get('gateway_overhead_seconds_sum')).toBeCloseTo(0.0007, 9)
  })

  test('never takes a label from a request: methods and statuses outside their sets become OTHER and none', async () => {
    const registry = open()
    const telemetry = count(registry)
    telemetry.settled({ ...exchange, method: 'X-INVENTED' })
    telemetry.settled({ ...exchange, method: '__proto__', status: 0, decision: 'error' })
    telemetry.settled({ ...exchange, method: 'get', status: 999 })
    telemetry.settled({ ...exchange, decision: 'invented' as 'allow', status: NaN })
    telemetry.sessionChecked('invented' as 'ok')
    const text = await registry.render()
    expect(text).not.toMatch(/INVENTED|invented|__proto__|code="(999|NaN)"/)
    const series = await scrape(registry)
    expect(series.get('http_requests_total{route="beneficiary.read",method="OTHER",code="200",decision="allow"}')).toBe(
      1,
    )
    expect(
      series.get('http_requests_total{route="beneficiary.read",method="OTHER",code="none",decision="error"}'),
    ).toBe(1)
  })

  test('is never spoilt by a number that is none', async () => {
    const registry = open()
    const telemetry = count(registry)
    telemetry.settled({ ...exchange, durationMs: NaN, upstreamMs: -5 })
    telemetry.settled({ ...exchange, durationMs: 1, upstreamMs: 2 })
    telemetry.durable(NaN)
    telemetry.recorded(-1)
    telemetry.recorded(NaN)
    for (const [name, value] of await scrape(registry)) {
      if (/^(http|upstream|gateway|audit)_/.test(name)) expect([name, value >= 0]).toEqual([name, true])
    }
  })

  test('is announced once a series, not once an event', () => {
    const seen: SeriesAnnouncement[] = []
    const telemetry = createWorkerTelemetry(createTelemetrySlab(), (announcement) => seen.push(announcement))
    const atStart = seen.length
    for (let turn = 0; turn < 100; turn++) telemetry.settled(exchange)
    expect(seen.slice(atStart).map(({ metric }) => metric)).toEqual([
      'http_request_duration_seconds',
      'upstream_request_duration_seconds',
      'http_requests_total',
    ])
    expect(new Set(seen.map(({ slot }) => slot)).size).toBe(seen.length)
  })
})

describe('several workers', () => {
  const total = 'http_requests_total{route="beneficiary.read",method="GET",code="200",decision="allow"}'

  test('are summed', async () => {
    const registry = open()
    const [one, two] = [count(registry, 1), count(registry, 2)]
    one.settled(exchange)
    two.settled(exchange)
    two.settled(exchange)
    const series = await scrape(registry)
    expect(series.get(total)).toBe(3)
    expect(series.get('http_request_duration_seconds_count{route="beneficiary.read"}')).toBe(3)
  })

  test('that are replaced leave what they counted, however often', async () => {
    const registry = open()
    let last = 0
    for (let life = 1; life <= 50; life++) {
      const telemetry = count(registry, 1)
      telemetry.settled(exchange)
      telemetry.durable(0.01)
      const series = await scrape(registry)
      expect(series.get(total)).toBe(life)
      expect(series.get('audit_durable_seconds_count')).toBe(life)
      const sum = series.get('http_request_duration_seconds_sum{route="beneficiary.read"}') ?? 0
      expect(sum).toBeGreaterThan(last)
      last = sum
    }
  })

  test('in threads of their own are seen by the main thread without being asked', async () => {
    const registry = open()
    const workers = [1, 2].map((thread) => {
      const slab = createTelemetrySlab()
      registry.addSlab(thread, slab)
      const worker = new Worker(new URL('telemetry-thread.ts', import.meta.url), {
        workerData: { slab, exchanges: 10_000 },
      })
      worker.on('message', (announcement: SeriesAnnouncement) => registry.addSeries(thread, announcement))
      return once(worker, 'exit')
    })
    await Promise.all(workers)
    const series = await scrape(registry)
    expect(series.get('http_requests_total{route="a",method="GET",code="200",decision="allow"}')).toBe(10_000)
    expect(series.get('session_checks_total{result="ok"}')).toBe(20_000)
    expect(series.get('audit_records_total')).toBe(40_000)
    expect(series.get('gateway_overhead_seconds_count')).toBe(20_000)
  })

  test('can announce nothing that does not exist', () => {
    const registry = open()
    registry.addSlab(1, createTelemetrySlab(256))
    const labels = { route: 'x' }
    expect(registry.addSeries(2, { slot: 0, metric: 'streams_cut_total', labels })).toBe(false)
    expect(registry.addSeries(1, { slot: -1, metric: 'streams_cut_total', labels })).toBe(false)
    expect(registry.addSeries(1, { slot: 250, metric: 'http_request_duration_seconds', labels })).toBe(false)
    expect(registry.addSeries(1, { slot: 0, metric: 'constructor' as 'streams_cut_total', labels })).toBe(false)
  })
})

describe('a slab that is full', () => {
  test('counts what is new as overflow, loses nothing, and tells refusals from answers', async () => {
    const registry = open()
    const telemetry = count(registry, 1, 256)
    const decisions = ['allow', 'locked', 'unauthenticated', 'forbidden', 'throttled', 'rejected', 'error'] as const
    for (let route = 0; route < 200; route++) {
      for (const decision of decisions) telemetry.settled({ ...exchange, route: `r${route}`, decision })
      telemetry.throttled(`r${route}`, 'request-rate')
      telemetry.observed(`m${route}`)
      telemetry.anomaly(`d${route}`)
    }
    const series = [...(await scrape(registry))]
    const sum = (pattern: RegExp): number =>
      series.filter(([name]) => pattern.test(name)).reduce((total, [, value]) => total + value, 0)
    for (const decision of decisions) expect(sum(new RegExp(`^http_requests_total.*decision="${decision}"`))).toBe(200)
    expect(sum(/^http_request_duration_seconds_count/)).toBe(1400)
    expect(sum(/^upstream_request_duration_seconds_count/)).toBe(1400)
    expect(sum(/^throttled_total/)).toBe(200)
    expect(sum(/^observed_total/)).toBe(200)
    expect(sum(/^anomalies_total/)).toBe(200)
    expect(sum(/^http_requests_total.*route="overflow"/)).toBeGreaterThan(1000)
    expect(series.length).toBeLessThan(600)
  })

  test('still counts the series that it had', async () => {
    const registry = open()
    const telemetry = count(registry, 1, 256)
    telemetry.settled(exchange)
    for (let route = 0; route < 200; route++) telemetry.settled({ ...exchange, route: `r${route}` })
    telemetry.settled(exchange)
    expect(
      (await scrape(registry)).get(
        'http_requests_total{route="beneficiary.read",method="GET",code="200",decision="allow"}',
      ),
    ).toBe(2)
  })
})

test('a reload adds its routes with zero and takes none away', async () => {
  const registry = open()
  count(registry).settled(exchange)
  registry.setRoutes([{ id: 'new', methods: ['DELETE'] }])
  const series = await scrape(registry)
  expect(series.get('http_requests_total{route="new",method="DELETE",code="200",decision="allow"}')).toBe(0)
  expect(series.get('http_requests_total{route="beneficiary.read",method="GET",code="200",decision="allow"}')).toBe(1)
})

test('route names are escaped, whatever they hold', async () => {
  const registry = open()
  count(registry).settled({ ...exchange, route: 'a"b\\c\nd' })
  expect(await registry.render()).toContain('route="a\\"b\\\\c\\nd"')
})

test('promtool finds nothing to complain of', async () => {
  const promtool = '/usr/bin/promtool'
  if (!existsSync(promtool)) {
    console.warn(`SKIPPED: ${promtool} is absent (Debian package prometheus)`)
    return
  }
  const registry = open()
  const telemetry = count(registry)
  telemetry.settled(exchange)
  telemetry.observed('observe')
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: await registry.render(),
    encoding: 'utf8',
  })
  // The client names its own metrics of the process as it likes; ours are held to the conventions.
  const ours = `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line !== '' && !/portcullis_(nodejs|process)_/.test(line))
  expect(ours).toEqual([])
  expect([0, 3]).toContain(status)
})
