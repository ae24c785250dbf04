// The worker's end of the metrics: plain additions to memory that it alone writes.
import { DECISION_LABELS } from '../../core/decision.ts'
import { METHODS } from '../../core/policy.ts'
import type { SettledExchange, Telemetry } from '../../ports/telemetry.ts'
import { SESSION_RESULTS } from './families.ts'
import {
  boundsOf,
  createSlabWriter,
  type SeriesAnnouncement,
  type SlabWriter,
  type TelemetrySlab,
} from './telemetry-slab.ts'

export interface WorkerTelemetry extends Telemetry {
  anomaly(detector: string): void
}

interface RouteSlots {
  readonly duration: number
  readonly upstream: number
  /** By method, status and decision as one number: no text is put together and hashed for each request. */
  readonly requests: Map<number, number>
  /** By whether there was a one-time password; opened by the first person, since most routes name nobody. */
  readonly people: { yes?: number; no?: number }
}

const REQUEST_BOUNDS = boundsOf('http_request_duration_seconds')
const UPSTREAM_BOUNDS = boundsOf('upstream_request_duration_seconds')
const OVERHEAD_BOUNDS = boundsOf('gateway_overhead_seconds')
const DURABLE_BOUNDS = boundsOf('audit_durable_seconds')
const METHOD_INDEX: ReadonlyMap<string, number> = new Map(METHODS.map((method, index) => [method, index]))
const DECISION_INDEX: ReadonlyMap<string, number> = new Map(DECISION_LABELS.map((decision, index) => [decision, index]))
const OTHER = METHODS.length - 1
const ERROR = DECISION_LABELS.length - 1

/**
 * One for each slab, in the thread that owns it. `announce` is called once for each new series, in the turn in which it is first
 * counted; what it is given must reach the main thread before anybody can see the count.
 */
export function createWorkerTelemetry(
  slab: TelemetrySlab,
  announce: (announcement: SeriesAnnouncement) => void,
): WorkerTelemetry {
  const writer = createSlabWriter(slab, announce)
  const routes = new Map<string, RouteSlots>()
  const checks = new Map(SESSION_RESULTS.map((result) => [result, writer.open('session_checks_total', { result })]))
  const cut = writer.open('streams_cut_total', {})
  const records = writer.open('audit_records_total', {})
  const gaps = writer.open('audit_gaps_total', {})
  const durable = writer.open('audit_durable_seconds', {})
  const overhead = writer.open('gateway_overhead_seconds', {})
  const throttled = countByLabels(writer, 'throttled_total', 'route', 'detector')
  const observed = countByLabels(writer, 'observed_total', 'mode')
  const connectionRefused = countByLabels(writer, 'connections_refused_total', 'limit')
  const upstreamOverloaded = countByLabels(writer, 'upstream_overloaded_total', 'upstream', 'reason')
  const anomaly = countByLabels(writer, 'anomalies_total', 'detector')
  const unjudged = countByLabels(writer, 'responses_unjudged_total', 'route')

  return {
    settled: (exchange) => {
      const { route, durationMs, upstreamMs, people = 0 } = exchange
      const slots = routes.get(route) ?? openRoute(writer, routes, route)
      writer.add(requestSlot(writer, slots, exchange), 1)
      if (people > 0) writer.add(peopleSlot(writer, slots, exchange), people)
      writer.observe(slots.duration, REQUEST_BOUNDS, durationMs / 1000)
      if (upstreamMs !== undefined) writer.observe(slots.upstream, UPSTREAM_BOUNDS, upstreamMs / 1000)
      writer.observe(overhead, OVERHEAD_BOUNDS, (durationMs - (upstreamMs ?? 0)) / 1000)
    },
    sessionChecked: (result) => {
      const slot = checks.get(result)
      if (slot !== undefined) writer.add(slot, 1)
    },
    throttled,
    observed,
    anomaly,
    unjudged,
    connectionRefused,
    upstreamOverloaded,
    streamCut: () => {
      writer.add(cut, 1)
    },
    recorded: (count) => {
      if (count > 0) writer.add(records, count)
    },
    lost: (count) => {
      writer.add(gaps, count)
    },
    durable: (seconds) => {
      writer.observe(durable, DURABLE_BOUNDS, seconds)
    },
  }
}

function openRoute(writer: SlabWriter, routes: Map<string, RouteSlots>, route: string): RouteSlots {
  const slots: RouteSlots = {
    duration: writer.open('http_request_duration_seconds', { route }),
    upstream: writer.open('upstream_request_duration_seconds', { route }),
    requests: new Map<number, number>(),
    people: {},
  }
  routes.set(route, slots)
  return slots
}

function peopleSlot(writer: SlabWriter, { people }: RouteSlots, { route, byOtp }: SettledExchange): number {
  const otp = byOtp === true ? 'yes' : 'no'
  return (people[otp] ??= writer.open('people_read_total', { route, otp }))
}

function requestSlot(
  writer: SlabWriter,
  slots: RouteSlots,
  { route, method, status, decision }: SettledExchange,
): number {
  const methodIndex = METHOD_INDEX.get(method) ?? OTHER
  const decisionIndex = DECISION_INDEX.get(decision) ?? ERROR
  // Zero stands for an exchange that ended before it had a status.
  const code = status >= 100 && status <= 599 ? Math.trunc(status) : 0
  const key = (code * METHODS.length + methodIndex) * DECISION_LABELS.length + decisionIndex
  const known = slots.requests.get(key)
  if (known !== undefined) return known
  const labels = {
    route,
    method: METHODS[methodIndex] ?? 'OTHER',
    code: code === 0 ? 'none' : String(code),
    decision: DECISION_LABELS[decisionIndex] ?? 'error',
  }
  const slot = writer.open('http_requests_total', labels)
  slots.requests.set(key, slot)
  return slot
}

/** A counter of one or two labels that come from config or closed sets. */
function countByLabels(
  writer: SlabWriter,
  metric:
    | 'throttled_total'
    | 'observed_total'
    | 'anomalies_total'
    | 'responses_unjudged_total'
    | 'connections_refused_total'
    | 'upstream_overloaded_total',
  ...names: readonly string[]
): (...values: readonly string[]) => void {
  const slots = new Map<string, number>()
  return (...values) => {
    const key = values.join('\0')
    let slot = slots.get(key)
    if (slot === undefined) {
      slot = writer.open(metric, Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])))
      slots.set(key, slot)
    }
    writer.add(slot, 1)
  }
}
