// Shapes of the control plane's JSON answers (contract, 5): what control/ writes and cli/ reads.
import type { ClockStanding, GatewayCondition } from '../core/fleet-messages.ts'
import type { LockMode, LockSource } from '../core/lock.ts'
import type { SeenCheckpoint } from '../core/order.ts'
import type { Residual } from '../core/residual.ts'
import type { Role } from '../core/responder.ts'
import type { LockScope } from '../core/scope.ts'
import type { ThawMetric } from '../core/thaw.ts'
import type { CanaryProof, WorkerState } from './data-plane.ts'

export interface LockView {
  readonly id: string
  readonly scope: LockScope
  readonly mode: LockMode
  readonly source: LockSource
  /** RFC 3339, UTC. */
  readonly since: string
  readonly until?: string
  readonly onExpiry: 'stay' | 'read-only' | 'open'
  readonly reason: string
  readonly incident: string
  readonly by?: string
  /** Epoch at which it landed; absent for flags. */
  readonly epoch?: number
  readonly covers: readonly string[]
  /** What it came too late for at this gateway; absent where the gateway was started since. */
  readonly residual?: Residual
  /** Of an observing lock, at this gateway. */
  readonly observed?: ObservedView
  /** What passes it for a while. */
  readonly exemptions?: readonly { readonly id: string; readonly scope: LockScope; readonly until: string }[]
  /** It is being released in stages, or was until its plan was ended. */
  readonly thaw?: ThawView
}

export interface ImpactNumbers {
  readonly requests: number
  /** Different ones; beyond 512 of a kind estimated to some 4 %. */
  readonly sessions: number
  readonly clients: number
  readonly subjects: number
  readonly addresses: number
  /** Too much came to remember each request: `requests` is an estimate, and the others are at least so many. */
  readonly isSampled: boolean
}

/** An observing lock beside what was expected of it, over times of equal length before and after it landed. */
export interface ObservedView {
  readonly since: string
  readonly until: string
  /** Nothing more will change. */
  readonly isFinal: boolean
  /** Absent where the gateway was started since. */
  readonly predicted?: ImpactNumbers
  readonly came: ImpactNumbers
}

/** What a lock would have refused of the requests that were let through. */
export interface ImpactView extends ImpactNumbers {
  readonly now: string
  readonly windowSeconds: number
  /** How much of the window every gateway has seen: less after a start. */
  readonly seenSeconds: number
  readonly scope: LockScope
  readonly mode: string
  readonly covers: readonly string[]
  readonly routes: readonly { readonly route: string; readonly requests: number }[]
  readonly busiestClients: readonly { readonly client: string; readonly requests: number }[]
  /** Who calls like clockwork or names itself a probe, without a session. */
  readonly probes: readonly {
    readonly route: string
    readonly caller: string
    readonly requests: number
    readonly everySeconds?: number
  }[]
  /** Routes tagged `callback` or `webhook`. */
  readonly callbacks: readonly { readonly route: string; readonly requests: number }[]
  /** The last is the newest. */
  readonly perMinute: readonly number[]
  /** Exchanges that are open now, which it would cut. */
  readonly open: number
  readonly gateways: readonly { readonly gateway: string; readonly requests: number }[]
  /** Members that did not answer in time: what came there is not in the numbers. */
  readonly missing: readonly string[]
}

export interface SuggestionView {
  /** The alert's fingerprint. */
  readonly id: string
  readonly action: 'propose' | 'observe'
  readonly scope: LockScope
  readonly mode: string
  readonly alert: string
  readonly since: string
  readonly lastSaid: string
  /** What a responder would type. */
  readonly command: string
  /** Of one that observes: what such a lock would have refused in the last 15 minutes. */
  readonly wouldRefuse?: ImpactNumbers
}

export interface ThawStageView {
  readonly passes: 'probes' | 'read-only' | 'percent' | 'all'
  readonly forMs: number
  readonly probes?: LockScope
  readonly percent?: number
}

export interface ThawView {
  /** Id of the release. */
  readonly release: string
  /** `stage` while it runs; the others hold everything. */
  readonly state: 'stage' | 'open' | 'not-begun' | 'refrozen' | 'deadline'
  /** From 1; while it runs. */
  readonly stage?: number
  /** When the stage is over. */
  readonly next?: string
  readonly owner: string
  readonly since: string
  readonly deadline: string
  readonly stages: readonly ThawStageView[]
  readonly refrozen?: { readonly at: string; readonly why: string }
}

/** What waits for signatures. */
export interface PendingRelease {
  readonly id: string
  readonly kind: 'release' | 'exempt' | 'enrol' | 'retire'
  readonly locks: readonly string[]
  readonly reason: string
  readonly since: string
  /** Who has signed, as in a `kid`. */
  readonly approvals: readonly string[]
  readonly required: number
  /** Until when it can be signed. */
  readonly until?: string
  /** Who would be enrolled or retired. */
  readonly responder?: {
    readonly name: string
    readonly role?: Role
    readonly key?: string
    readonly keyId?: string
  }
  /** What an exemption would let pass, and for how long. */
  readonly scope?: LockScope
  readonly ttlMs?: number
  /** Of a release with a thaw plan. */
  readonly stages?: readonly ThawStageView[]
  readonly owner?: string
  /** From the signature that is enough. */
  readonly deadlineMs?: number
  /** The locks hold again where one of these is met while the plan runs. */
  readonly refreezeOn?: readonly { readonly metric: ThawMetric; readonly above: number }[]
}

export interface DrillView {
  readonly id: string
  readonly by: string
  readonly at: string
  readonly ageSeconds: number
  /** What the workers have shown; absent where this gateway was started since. */
  readonly proof?: NonNullable<OrderAccepted['proof']>
}

export interface ExplanationView {
  readonly now: string
  readonly epoch: number
  readonly route: string
  readonly method: string
  readonly verdict: string
  /** Every lock that reaches the request, and what it does to it; the decisive one is marked. */
  readonly locks: readonly (LockView & { readonly effect: string; readonly decides: boolean })[]
  /** The OTP must be newer. */
  readonly freshSince?: string
  readonly revocations: readonly {
    readonly id: string
    readonly by: string
    readonly reason: string
    readonly incident: string
    readonly since: string
    /** Absent where the session is ended for good. */
    readonly before?: string
  }[]
}

export interface ResponderView {
  readonly name: string
  readonly role: Role
  readonly key: string
  readonly keyId?: string
  readonly retired?: string
  /** Where it was enrolled: in the config, by an order, or on this host when the keys were lost. */
  readonly source: 'config' | 'order' | 'recovery'
}

export interface GatewayView {
  readonly name: string
  readonly epoch: number
  readonly leaseRemainingMs: number
  readonly workers: readonly WorkerState[]
  /** Every worker enforces the gateway's epoch; in a fleet also: it was heard of late, and its table is the one that stands here. */
  readonly proven: boolean
  /** In a fleet: `left` by its own signature, `forgotten` by a commander's order. */
  readonly state?: 'live' | 'missing' | 'left' | 'forgotten'
  /** Origin of its control plane. */
  readonly address?: string
  /** When it was last heard, by this gateway's clock. */
  readonly lastSeen?: string
  /** Its record stands by a fleet secret that is not the first here: the old one may not be removed yet. */
  readonly voucher?: 'old'
  /** Hash of its table. */
  readonly table?: string
  /** By its own word; absent of one that has not told it. */
  readonly trail?: GatewayCondition['trail']
  readonly clock?: ClockStanding
}

/** A member of the fleet that has not proven an order. */
export interface MissingGateway {
  readonly name: string
  readonly state: 'live' | 'missing' | 'left' | 'forgotten'
  readonly address?: string
  readonly lastSeen?: string
  /** Since when, or by when, its lease has ended and its routes have taken their posture; absent where that is not known. */
  readonly fenced?: { readonly since: string } | { readonly by: string }
}

export interface FleetProofView {
  /** `gateway/worker` of every member that has proven it. */
  readonly proven: readonly string[]
  /** Names of the members that have not. */
  readonly missing: readonly string[]
  /** From the acceptance to the last proof, or to the end of the wait. */
  readonly elapsedMs: number
  readonly residual: Residual
  readonly gateways: { readonly proven: number; readonly total: number }
  readonly missingGateways: readonly MissingGateway[]
}

/** The part of a certificate that is about the whole fleet. */
export interface FleetCertificate {
  readonly orders: readonly string[]
  readonly proven: readonly string[]
  readonly missing: readonly MissingGateway[]
  /** From the acceptance to the last proof, where all have proven it and it was accepted here. */
  readonly elapsedMs?: number
  /** Of all members that have told it. */
  readonly residual: Residual
  /** What the workers of every gateway have signed, each verifying itself (audit/worker-proof, docs/decisions/0012). */
  readonly proofs: readonly string[]
}

/** What belongs to one incident, and the two clocks that the law starts when it is noticed. */
export interface IncidentView {
  readonly id: string
  /** What it is about, as who opened it said; absent where nobody opened it and orders alone name it. */
  readonly title?: string
  readonly state: 'open' | 'closed'
  readonly noticedAt: string
  /** `told`: by who opened it. `order`: nobody did, and this is when the first order that names it came. */
  readonly noticedFrom: 'told' | 'order'
  readonly openedBy?: string
  readonly closedAt?: string
  /** Six hours after it was noticed (CERT-In Directions of 28 April 2022, ii). */
  readonly certInDue: string
  /** Seventy-two hours after (DPDP Rules 2025, 7(2)(b)). */
  readonly boardDue: string
  /** When somebody marked each as done; nothing is sent from here. */
  readonly reported: { readonly certIn?: string; readonly board?: string }
  /** Ids of its locks, the released ones among them. */
  readonly locks: readonly string[]
}

export interface RouteView {
  readonly id: string
  readonly path: string
  readonly methods: readonly string[]
  readonly tags: readonly string[]
  readonly upstream: string
}

export interface StatusView {
  readonly epoch: number
  readonly frozen: boolean
  readonly now: string
  readonly locks: readonly LockView[]
  readonly pendingReleases: readonly PendingRelease[]
  readonly incidents?: readonly IncidentView[]
  readonly fleet: {
    readonly gateways: readonly GatewayView[]
    readonly proven: number
    readonly total: number
    /** The `aud` of its orders; absent with the embedded store. */
    readonly name?: string
  }
  readonly audit: {
    readonly healthy: boolean
    readonly size: number
    readonly checkpointAgeSeconds: number | null
    readonly vkey: string
    /** The last signed one; absent while the trail is empty. What opens is signed over it. */
    readonly checkpoint?: SeenCheckpoint
  }
  /** The last one; absent where there was none. */
  readonly drill?: DrillView
  /** Locks that alerts and detectors of people have suggested: they hold nothing until a person signs. */
  readonly suggestions?: readonly SuggestionView[]
  /** What an operator should mend: a locks file that cannot be read, a reload that was refused. */
  readonly problems: readonly string[]
}

export interface OrderAccepted {
  readonly id: string
  readonly epoch: number
  readonly covers: readonly string[]
  readonly durable: boolean
  /** With ?wait: who has proven the epoch, in how many milliseconds, and who has not. */
  readonly proof?: {
    readonly proven: readonly string[]
    readonly missing: readonly string[]
    readonly elapsedMs: number
    /** What it came too late for, of all who have told it. */
    readonly residual?: Residual
    /** In a fleet: how many members have, of how many, and what is known of those that have not. */
    readonly gateways?: FleetProofView['gateways']
    readonly missingGateways?: readonly MissingGateway[]
  }
}

export interface ReleasePending {
  readonly id: string
  readonly approvals: number
  readonly required: number
}

export interface Certificate {
  readonly epoch: number
  readonly gateway: string
  readonly time: string
  readonly proofs: readonly CanaryProof[]
  /** What this gateway's workers were too late for. */
  readonly residual: Residual
  /** What this gateway's own workers have signed, each verifying itself (audit/worker-proof, docs/decisions/0012). */
  readonly workers: readonly string[]
  /** The orders of this epoch as they were signed: compact JWS, whose ids are those that the workers name. */
  readonly orders: readonly string[]
  /** The gateway's raw Ed25519 public key, base64url: its name follows from it. */
  readonly key: string
  readonly fleet?: FleetCertificate
  /** Ed25519 over the canonical JSON of the other fields, base64url. */
  readonly signature: string
}
