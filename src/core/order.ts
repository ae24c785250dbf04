// A signed order's payload (contract, 4): what each kind of order says. Parsed by parse-statement.ts.
import type { LockMode } from './lock.ts'
import type { Role } from './responder.ts'
import type { LockScope } from './scope.ts'
import type { ThawPlan } from './thaw.ts'
import type { Instant, Limit } from './time.ts'

interface LockOrder {
  readonly kind: 'lock'
  readonly scope: LockScope
  readonly mode: LockMode
  readonly reason: string
  readonly incident: string
  readonly ttlMs?: number
  readonly onExpiry: 'stay' | 'read-only' | 'open'
  readonly status: number
  readonly message: Readonly<Record<string, string>>
  readonly limit?: Limit
}

/** The trail's checkpoint (C2SP tlog-checkpoint) that the signer saw; the root in base64. */
export interface SeenCheckpoint {
  readonly origin: string
  readonly size: number
  readonly root: string
}

/** What a signature under something that opens is given over. */
interface Seen {
  /** The signer's epoch: refused if a lock in the same scope came since. */
  readonly epoch?: number
  /** Refused by the gateway whose trail it is, if that is shorter now, or another. */
  readonly checkpoint?: SeenCheckpoint
}

export interface ReleaseOrder extends Seen {
  readonly kind: 'release'
  readonly locks: readonly string[]
  readonly reason: string
  /** Opens in stages; absent: at once. */
  readonly thaw?: ThawPlan
  /** Taken back by the one who locked, alone, within a minute of it. */
  readonly withdraw?: true
}

/** Signs what another has proposed: a release, an exemption, an enrolment or a retirement. */
export interface ApproveOrder extends Seen {
  readonly kind: 'approve'
  /** Id of the proposal. */
  readonly release: string
}

export interface RevokeOrder {
  readonly kind: 'revoke'
  readonly before?: Instant
  readonly subject?: string
  readonly session?: string
  readonly client?: string
  readonly reason: string
  readonly incident: string
}

/** Enrols a responder, or one more key of one: proposed and approved by commanders. */
export interface EnrolOrder {
  readonly kind: 'enrol'
  readonly name: string
  readonly role: Role
  /** Raw Ed25519 public key, base64url. */
  readonly key: string
  /** Tells this key from the others of the same name. */
  readonly keyId?: string
  readonly reason: string
}

/** Retires a responder for good, or one key of theirs: proposed and approved by commanders. */
export interface RetireOrder {
  readonly kind: 'retire'
  readonly name: string
  /** The one public key that is retired; absent: all that the person has had until then. */
  readonly key?: string
  readonly reason: string
}

/** Lets a part of what locks hold pass for a while: proposed and approved like a release. */
export interface ExemptOrder extends Seen {
  readonly kind: 'exempt'
  readonly locks: readonly string[]
  readonly scope: LockScope
  readonly ttlMs: number
  readonly reason: string
}

/** Rehearses a freeze: a lock that only canaries meet. */
interface DrillOrder {
  readonly kind: 'drill'
  readonly reason?: string
}

/** Founds a fleet: a gateway without a table believes a store only where a commander has said that there is a fleet. */
interface GenesisOrder {
  readonly kind: 'genesis'
  readonly reason: string
}

/** A gateway that is gone for good: it is no longer waited for. */
interface ForgetOrder {
  readonly kind: 'forget'
  readonly gateway: string
  readonly reason: string
}

/** Opens an incident, marks it as reported, or closes it. It locks and opens nothing. */
export interface IncidentOrder {
  readonly kind: 'incident'
  readonly incident: string
  readonly action: (typeof INCIDENT_ACTIONS)[number]
  /** When it was noticed, or somebody told of it: both clocks run from here. */
  readonly noticedAt?: Instant
  /** Of an opening: what it is about. */
  readonly reason: string
}

/** What takes effect once enough people have signed it. */
export type ProposedOrder = ReleaseOrder | EnrolOrder | RetireOrder | ExemptOrder

/** About the fleet itself: one commander's word, durable before it counts. */
type FleetOrder = GenesisOrder | ForgetOrder

export type Order = IncidentOrder | LockOrder | ApproveOrder | RevokeOrder | DrillOrder | ProposedOrder | FleetOrder

/** Times in seconds, as in RFC 7519. */
export interface Statement {
  readonly iss: string
  /** Of a sealed order it is not judged. */
  readonly iat: number
  readonly nbf?: number
  readonly exp?: number
  readonly jti: string
  /** Names of fleets that it is for (RFC 7519, 4.1.3). */
  readonly aud?: readonly string[]
  readonly order: Order
  /** Signed beforehand and kept offline: judged by `nbf` and `exp` alone. */
  readonly sealed?: true
}

export interface OrderProblems {
  readonly problems: readonly string[]
}

export const INCIDENT_ACTIONS = ['open', 'reported-cert-in', 'reported-board', 'close'] as const

export const LOCK_STATUSES = [503, 423, 451, 403] as const
