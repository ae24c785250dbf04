// The parts of a gateway once they are open. Types only: start.ts opens them in order, the other files of this folder join them.
import type { PseudonymKey } from '../adapters/node/pseudonyms.ts'
import type { Config } from '../config/config.ts'
import type { Environment } from '../config/process-environment.ts'
import type { FleetParts } from '../control/fleet/fleet.ts'
import type { Cohorts } from '../control/live/cohorts.ts'
import type { Changes } from '../control/live/changes.ts'
import type { LiveFeed } from '../control/live/live-feed.ts'
import type { ImpactDesk } from '../control/impact-desk.ts'
import type { AnomalyBook } from '../control/people/anomaly-book.ts'
import type { OrderDesk } from '../control/order-desk.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import type { DataPlane } from '../ports/data-plane.ts'
import type { Logger } from '../ports/logger.ts'
import type { OrderVerifier } from '../ports/order-verifier.ts'
import type { AskOtp } from '../ports/otp.ts'
import type { OrderJournal } from '../ports/order-journal.ts'
import type { CleanUp } from './clean-up.ts'
import type { PeopleStart } from './worker-start.ts'
import type { Pool } from './data-plane.ts'
import type { Meters } from './meters.ts'
import type { TrailDesk } from './trail-desk.ts'
import type { Trail } from './trail.ts'

/** The desk of the gateway's own one-time passwords. */
export interface Otp {
  readonly ask: AskOtp
  /** Codes that could still be taken at the last look; undefined where none are given, or nobody knows. */
  readonly outstanding: number | undefined
  /** Before workers are told of the config: they read the keys from the file. Rejects with an Error of one line. */
  use(config: Config): Promise<void>
}

export interface Base {
  readonly env: Environment
  readonly clock: Clock
  readonly cleanUp: CleanUp
  readonly logger: Logger
  readonly randomness: Randomness
  readonly journal: OrderJournal
  /** People are named by it. */
  readonly pseudonymKey: PseudonymKey
  /** By these they have been named, or will be: the trail is searched by all of them. */
  readonly pseudonymKeys: readonly PseudonymKey[]
  readonly meters: Meters
  readonly trail: Trail
  readonly otp: Otp
  readonly trailDesk: TrailDesk
  /** Absent in a control-only member. */
  readonly pool: Pool | undefined
  /** One Int32, read by workers: gateways that count in the fleet; 0 until it is known. */
  readonly members: SharedArrayBuffer
  /** Hears what the workers have recorded. */
  readonly live: LiveFeed
  readonly cohorts: Cohorts
  /** Hears of starts, stops and reloads. */
  readonly changes: Changes
  /** Shared with the workers: counts erasures of recorded detail. */
  readonly erasures: SharedArrayBuffer
  readonly people: PeopleStart & {
    readonly book: AnomalyBook
    /** What the workers have counted, until it is taken for the fleet (people-fleet). */
    readonly counted: Int32Array[]
  }
}

export interface Fleet {
  readonly parts: FleetParts
  /** What an operator should mend, beside what its parts say. */
  readonly problems: () => readonly string[]
  /** Says anew what this gateway is and knows: its config has changed. */
  reannounce(): void
  /** From here on it beats: once the workers have their table and the control plane can be reached. */
  start(): void
  /** After the drain: nobody waits for this gateway. */
  leave(): Promise<void>
}

export interface Parts extends Base {
  /** Replaced by a reload. */
  readonly running: { config: Config }
  readonly dataPlane: DataPlane
  readonly verifier: OrderVerifier
  readonly desk: OrderDesk
  readonly impact: ImpactDesk
  /** Absent with the embedded store. */
  readonly fleet: Fleet | undefined
  /** Port of the control plane, once it listens. */
  readonly listening: { controlPort: number | undefined }
}
