import type { LockTable } from '../core/lock-table.ts'

/** What one worker has shown of a table. */
export interface WorkerReport {
  readonly worker: string
  /** Epoch that it enforces. */
  readonly epoch: number
  /** Open exchanges that it cut. */
  readonly severed: number
}

/** A refusal that a worker showed to a canary request through its own HTTP server. */
export interface CanaryProof {
  readonly worker: string
  readonly epoch: number
  /** Route that the canary asked for. */
  readonly route: string
  readonly status: number
  readonly refused: boolean
  readonly at: number
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
  /** Sends a canary for each of the routes through each worker's own server; of a drill, where one is named. */
  prove(routes: readonly string[], drill?: string): Promise<readonly CanaryProof[]>
  readonly workers: readonly WorkerState[]
  /** Milliseconds until the workers' lease ends. */
  readonly leaseRemainingMs: number
}
