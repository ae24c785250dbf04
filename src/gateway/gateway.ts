// What the stages work with: the worker's ports, and the settings that a reload replaces as a whole.
import type { Denial } from '../core/decision.ts'
import type { NearMissGuard } from '../core/near-miss.ts'
import type { Route, RouteTable } from '../core/route.ts'
import type { Addresses } from '../ports/addresses.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { DetailSeal } from '../ports/detail-seal.ts'
import type { AskOtp } from '../ports/otp.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { ProofVerifier } from '../ports/proof-verifier.ts'
import type { TokenVerifier } from '../ports/token-verifier.ts'
import type { UpstreamClient } from '../ports/upstream-client.ts'
import type { Detector } from '../throttle/detector.ts'
import type { CohortTally } from './cohort-tally.ts'
import type { Carriers } from './credentials.ts'
import type { ImpactRing } from './impact-ring.ts'
import type { Delays } from './delays.ts'
import type { Destinations } from './destination.ts'
import type { Exchange } from './exchange.ts'
import type { InFlight } from './in-flight.ts'
import type { LockView } from './lock-view.ts'
import type { PeopleGuard } from './people-guard.ts'
import type { RefusalCount } from './refusal-count.ts'
import type { FieldRules } from './upstream-fields.ts'

export interface Settings {
  readonly routes: RouteTable
  readonly nearMisses: NearMissGuard
  readonly isTrustedProxy: (address: string) => boolean
  readonly verifier: TokenVerifier
  /** Where a token may stand; absent: in Authorization. */
  readonly carriers?: Carriers
  /** Absent: no proof can be judged, and a token that is bound to a key is refused. */
  readonly proofs?: ProofVerifier
  readonly fieldRules?: FieldRules
  readonly upstreams: UpstreamClient
  /** The public scheme of the listener, for Forwarded. */
  readonly scheme: 'http' | 'https'
  readonly headersMax: number
  readonly bodyBytesMax: number
  readonly patience?: Patience
  /** Where sessions tell which number their OTP went to. */
  readonly destinations?: Destinations
  /** Takes people and a route from what the session's OTP buys; absent: OTPs have no budget. */
  readonly spend?: (
    exchange: Exchange,
    route: Route,
    people: readonly string[],
  ) => Denial | undefined | Promise<Denial | undefined>
}

/** How long an exchange waits for others before it is given up, in milliseconds. */
export interface Patience {
  /** For a record of a strict route to become durable: then `audit-unavailable`. */
  readonly trailMs: number
  /** For the record of a lock's refusal, which is given even where the trail hangs. */
  readonly lockTrailMs: number
  /** For a caller that has stopped reading: then both sides are cut. */
  readonly readerMs: number
}

export const PATIENCE: Patience = { trailMs: 5_000, lockTrailMs: 250, readerMs: 60_000 }

export interface Gateway {
  /** Replaced, never edited; an exchange may see two of them, so each stage reads it once. */
  settings: Settings
  readonly view: LockView
  readonly inFlight: InFlight
  readonly ring: ImpactRing
  readonly detectors: readonly Detector[]
  /** Detectors of people; absent: nobody counts them. */
  readonly people?: PeopleGuard
  /** Absent: nobody is told which client stacks are busiest. */
  readonly cohorts?: Pick<CohortTally, 'count'>
  /** Absent: nobody is slowed down. */
  readonly delays?: Delays
  readonly addresses: Addresses
  readonly pseudonyms: Pseudonyms
  readonly trail: AuditTrail
  /** Absent: routes record no detail. */
  readonly details?: DetailSeal
  readonly refusals: Pick<RefusalCount, 'isOwn' | 'flush'>
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  /** Absent: the gateway gives no one-time passwords of its own. */
  readonly askOtp?: AskOtp
  draining: boolean
}
