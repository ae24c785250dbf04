import type { LockTable } from '../core/lock-table.ts'
import type { Residual } from '../core/residual.ts'
import type { CanaryResult, ClockReading } from '../core/worker-statement.ts'

/** What one worker has shown of a table. */
export interface WorkerReport {
  readonly worker: string
  /** Epoch that it enforces. */
  readonly epoch: number
  /** Open exchanges that it cut. */
  readonly severed: number
}

/** A refusal that a worker showed to a canary request through its own listener. */
export interface CanaryProof extends CanaryResult {
  readonly worker: string
  readonly epoch: number
  readonly at: number
}

/** What one worker has shown, in its own hand. */
export interface WorkerProof {
  readonly worker: string
  /** Epoch of the table that it enforces. */
  readonly epoch: number
  readonly canaries: readonly CanaryProof[]
  /** What it was too late for, where that has not been told before. */
  readonly residual?: Residual
  /** Signed by the worker's own key, for which the gateway's vouches (audit/worker-proof). */
  readonly text: string
}

/** One canary for each class of locked routes at least. */
export interface CanaryRoute {
  readonly route: string
  readonly stands: number
}

export interface ProveRequest {
  /** Ids of what landed; signed with what is shown. */
  readonly orders: readonly string[]
  /** Empty where no canary can show it: the worker then signs which table it enforces. */
  readonly routes: readonly CanaryRoute[]
  /** Only its canaries meet the lock of a drill. */
  readonly drill?: string
  /** Where the gateway's clock stands beside others. */
  readonly clock?: ClockReading
}

export interface WorkerState {
  readonly worker: string
  readonly alive: boolean
  readonly epoch: number
}

/** The data plane as the control plane sees it. */
export interface DataPlane {
  /**
   * Posts the table to each worker and then stores its epoch in shared memory, both in this turn: from here on no worker
   * forwards what the table covers. Resolves with the reports of the workers that answered within the deadline.
   */
  enforce(table: LockTable): Promise<readonly WorkerReport[]>
  /** Sends a canary for each of the routes through each worker's own listener. Resolves with what was shown within the deadline. */
  prove(request: ProveRequest): Promise<readonly WorkerProof[]>
  readonly workers: readonly WorkerState[]
  /** Milliseconds until the workers' lease ends. */
  readonly leaseRemainingMs: number
}
