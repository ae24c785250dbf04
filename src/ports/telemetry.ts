import type { DecisionLabel } from '../core/decision.ts'

export interface SettledExchange {
  /** Route id, or `none` where no route matched. */
  readonly route: string
  /** A method of the closed set, or `OTHER`. */
  readonly method: string
  readonly status: number
  readonly decision: DecisionLabel
  readonly durationMs: number
  readonly upstreamMs?: number | undefined
  /** How many people's records it asked for or was given, where it was let through. */
  readonly people?: number
  /** Whether its session was opened by a one-time password. */
  readonly byOtp?: boolean
}

export type SessionCheck = 'ok' | 'missing' | 'invalid' | 'revoked' | 'insufficient' | 'forbidden' | 'unavailable'

/** One method an event worth counting. Never throws, never blocks; labels come from config or closed sets, never from a request. */
export interface Telemetry {
  settled(exchange: SettledExchange): void
  sessionChecked(result: SessionCheck): void
  throttled(route: string, detector: string): void
  observed(mode: string): void
  /** A detector has found something, whatever its answer. */
  anomaly(detector: string): void
  /** An answer could not be judged: it did not name whose record it is, or could not be read. */
  unjudged(route: string): void
  streamCut(): void
  /** A connection was turned away: too many from its address, or of this worker. */
  connectionRefused(limit: 'address' | 'worker'): void
  /** A request was turned away before anything was sent: the upstream has all that it may have. */
  upstreamOverloaded(upstream: string, reason: 'queue-full' | 'queue-timeout'): void
  recorded(count: number): void
  /** Records that the trail did not take. */
  lost(count: number): void
  durable(seconds: number): void
}
