// What the control plane's HTTP side needs; app.ts gives it.
import type { GatewayCondition } from '../core/fleet-messages.ts'
import type { Addresses } from '../ports/addresses.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import type { StatusView } from '../ports/control-api.ts'
import type { DataPlane } from '../ports/data-plane.ts'
import type { Logger } from '../ports/logger.ts'
import type { OrderVerifier } from '../ports/order-verifier.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { Signer } from '../ports/signer.ts'
import type { ConsoleFiles } from './console-files.ts'
import type { TrailSearch } from '../ports/trail-search.ts'
import type { FleetParts } from './fleet/fleet.ts'
import type { Cohorts } from './live/cohorts.ts'
import type { Changes } from './live/changes.ts'
import type { LiveFeed } from './live/live-feed.ts'
import type { PeopleDesk } from './people/people-desk.ts'
import type { Rates } from './live/rates.ts'
import type { ImpactDesk } from './impact-desk.ts'
import type { Suggestions } from './suggestions.ts'
import type { DeskSettings, OrderDesk } from './order-desk.ts'

export interface ControlSettings extends DeskSettings {
  /** SHA-256 of the read token, lower-case hex; absent: reading takes a login. */
  readonly readTokenSha256?: string
  /** SHA-256 of the token that Alertmanager brings, lower-case hex; absent: no alert is taken. */
  readonly alertTokenSha256?: string
  /** Names, with or without a port, by which this control plane may be asked beside its own address. */
  readonly names: readonly string[]
}

export interface Readiness {
  readonly ready: boolean
  /** By check: `true`, or what is wrong. */
  readonly checks: Readonly<Record<string, boolean | string>>
}

/** Keys of recorded detail. */
export interface DetailDesk {
  readonly dir: string
  readonly holds: () => readonly { readonly incident: string; readonly since?: number }[]
  /** No writer uses a key again that it has made before. */
  readonly forgetKeys: () => void
}

export interface ControlDeps {
  readonly desk: OrderDesk
  /** Read anew at each request, so that a reload takes effect. */
  readonly settings: () => ControlSettings
  readonly verifier: OrderVerifier
  readonly dataPlane: DataPlane
  readonly trail: AuditTrail
  readonly pseudonyms: Pseudonyms
  /** Of the keys before, and after: for what is searched. */
  readonly pastPseudonyms?: readonly Pseudonyms[]
  readonly addresses: Addresses
  readonly signer: Signer
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  readonly gatewayName: string
  /** Where checkpoint and tiles lie. */
  readonly auditDir: string
  readonly search: TrailSearch
  /** Absent without a data plane: nothing is recorded in detail. */
  readonly details?: DetailDesk
  readonly audit: () => StatusView['audit']
  /** Beside those of the desk: a locks file that cannot be read, a reload that was refused. */
  readonly problems: () => readonly string[]
  /** A lock never makes it unready. */
  readonly readiness: () => Readiness
  /** How this gateway stands, for its line in the list of gateways. */
  readonly condition?: () => GatewayCondition
  /** Absent with the embedded store. */
  readonly fleet?: FleetParts
  /** Absent where nothing remembers what came. */
  readonly impact?: ImpactDesk
  /** Absent where nobody may suggest. */
  readonly suggestions?: Suggestions
  /** Absent where the page has not been built. */
  readonly console?: ConsoleFiles | undefined
  /** Absent without a data plane, as `cohorts` and `rates` are. */
  readonly live?: LiveFeed | undefined
  readonly cohorts?: Cohorts | undefined
  readonly rates?: Rates | undefined
  readonly changes?: Changes
  /** What detectors of people found, and their limits. */
  readonly people?: PeopleDesk
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>
}
