// Every metric that is counted in shared memory: its name, its meaning, its labels (contract, 6). Labels come from config or closed sets.
import type { SessionCheck } from '../../ports/telemetry.ts'

export const PREFIX = 'portcullis_'

interface Family {
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds in seconds, for histograms. */
  readonly buckets?: readonly number[]
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const OVERHEAD_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05]
const DURABLE_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

export const FAMILIES = {
  http_requests_total: {
    help: 'Requests that have ended, by route, method, status and decision.',
    labels: ['route', 'method', 'code', 'decision'],
  },
  http_request_duration_seconds: {
    help: 'From the first byte of a request to the last byte of its response.',
    labels: ['route'],
    buckets: REQUEST_SECONDS,
  },
  upstream_request_duration_seconds: {
    help: 'From the first byte sent to the upstream to the head of its answer.',
    labels: ['route'],
    buckets: REQUEST_SECONDS,
  },
  gateway_overhead_seconds: {
    help: 'What a request took beyond the wait for the upstream: own work, and sending bodies.',
    labels: [],
    buckets: OVERHEAD_SECONDS,
  },
  people_read_total: {
    help: "People whose records were asked for or given by requests that were let through, each time anew, by route and whether the session's one-time password was shown.",
    labels: ['route', 'otp'],
  },
  session_checks_total: { help: 'Sessions that were judged, by result.', labels: ['result'] },
  throttled_total: { help: 'Requests refused by a limit, by route and detector.', labels: ['route', 'detector'] },
  observed_total: { help: 'Requests that a lock in an observing mode would have refused.', labels: ['mode'] },
  anomalies_total: { help: 'Findings of the detectors.', labels: ['detector'] },
  responses_unjudged_total: {
    help: 'Answers that did not name whose record they are, or could not be read, by route; response.unknown says what became of them.',
    labels: ['route'],
  },
  connections_refused_total: {
    help: 'Connections turned away at once: too many from one address, or of the worker.',
    labels: ['limit'],
  },
  upstream_overloaded_total: {
    help: 'Requests turned away because the upstream had all that it may have: the queue was full, or the wait too long.',
    labels: ['upstream', 'reason'],
  },
  streams_cut_total: { help: 'Open exchanges that a lock or a revocation has cut.', labels: [] },
  audit_records_total: { help: 'Records appended to the audit trail.', labels: [] },
  audit_gaps_total: { help: 'Records known to be lost from the audit trail: always 0.', labels: [] },
  audit_durable_seconds: {
    help: 'How long records waited until they were durable.',
    labels: [],
    buckets: DURABLE_SECONDS,
  },
} as const satisfies Record<string, Family>

export type FamilyName = keyof typeof FAMILIES

export function isFamilyName(name: string): name is FamilyName {
  return Object.hasOwn(FAMILIES, name)
}

export function bucketsOf(name: FamilyName): readonly number[] | undefined {
  const family: Family = FAMILIES[name]
  return family.buckets
}

/** Cells that one series takes: one for a counter; one a bucket, one beyond the last bound and one for the sum for a histogram. */
export function cellsOf(name: FamilyName): number {
  const buckets = bucketsOf(name)
  return buckets === undefined ? 1 : buckets.length + 2
}

export const SESSION_RESULTS = [
  'ok',
  'missing',
  'invalid',
  'revoked',
  'insufficient',
  'forbidden',
  'unavailable',
] as const satisfies readonly SessionCheck[]
