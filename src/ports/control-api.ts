// Shapes of the control plane's JSON answers (contract, 5): what control/ writes and cli/ reads.
import type { LockMode, LockSource } from '../core/lock.ts'
import type { LockScope } from '../core/scope.ts'
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
}

export interface PendingRelease {
  readonly id: string
  readonly locks: readonly string[]
  readonly reason: string
  readonly since: string
  readonly approvals: readonly string[]
  readonly required: number
}

export interface GatewayView {
  readonly name: string
  readonly epoch: number
  readonly leaseRemainingMs: number
  readonly workers: readonly WorkerState[]
  /** Every worker enforces the gateway's epoch. */
  readonly proven: boolean
}

export interface StatusView {
  readonly epoch: number
  readonly frozen: boolean
  readonly now: string
  readonly locks: readonly LockView[]
  readonly pendingReleases: readonly PendingRelease[]
  readonly fleet: { readonly gateways: readonly GatewayView[]; readonly proven: number; readonly total: number }
  readonly audit: {
    readonly healthy: boolean
    readonly size: number
    readonly checkpointAgeSeconds: number | null
    readonly vkey: string
  }
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
  /** Ed25519 over the canonical JSON of the other fields, base64url. */
  readonly signature: string
}
