// What the main thread and a data-plane worker say to each other. Tables go by a port of their own (gateway/lock-view).
import type { Distinct } from '../core/distinct.ts'
import type { Impact, ImpactQuestion } from '../core/impact.ts'
import type { Residual } from '../core/residual.ts'
import type { AnomalyRecord } from '../core/audit-record.ts'
import type { CanaryProof, ProveRequest } from './data-plane.ts'
import type { OtpAnswer, OtpQuestion } from './otp.ts'

/** What the main thread tells the detectors of people. */
export interface PeopleUpdate {
  readonly learned?: {
    readonly session: readonly LearnedBudget[]
    readonly address: readonly LearnedBudget[]
  }
  /** Detector and name (pseudonym, client id or address), parted by NUL. */
  readonly exemptions: readonly string[]
  /** Gateways that share each budget, because their counts do not meet; absent: 1. */
  readonly sharers?: number
}

interface LearnedBudget {
  readonly minutes: number
  readonly count: number
  readonly source: string
}

/** Requests of one client stack (throttle/cohort): user agent without its numbers, and the names of the fields in their order. */
export interface CohortCount {
  readonly agent: string
  readonly fields: string
  readonly requests: number
  readonly refused: number
  readonly addresses: Distinct
  /** Whose records were asked for or answered, by pseudonym. */
  readonly people: Distinct
}

export interface CohortCounts {
  /** The busiest first. */
  readonly cohorts: readonly CohortCount[]
  /** Of all stacks beside these. */
  readonly others: Pick<CohortCount, 'requests' | 'refused'>
}

/** `Config` and `Batch` are opaque here: the composition roots agree on them. */
export type ToWorker<Config> =
  | { readonly type: 'reload'; readonly config: Config }
  | { readonly type: 'prove'; readonly id: number; readonly request: ProveRequest; readonly workers: readonly string[] }
  /** Every target that is down by its checks; what is not named is up. */
  | { readonly type: 'down'; readonly targets: readonly string[] }
  /** What a lock would have refused. */
  | { readonly type: 'impact'; readonly id: number; readonly question: ImpactQuestion }
  /** Learned budgets, where they count, and what operators have exempted. */
  | { readonly type: 'people'; readonly people: PeopleUpdate }
  /** Why the trail as a whole cannot be kept; without a problem it can. */
  | { readonly type: 'trail'; readonly problem?: string }
  | { readonly type: 'drain'; readonly timeoutMs: number }
  | { readonly type: 'otp'; readonly id: number; readonly answer: OtpAnswer }

export type FromWorker<Batch, Announcement> =
  /** Before anything else: the public key under which this worker will sign what it shows. */
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'enforcing'; readonly epoch: number; readonly severed: number }
  | { readonly type: 'durable'; readonly batches: readonly Batch[] }
  | { readonly type: 'trail'; readonly healthy: boolean; readonly problem?: string }
  | { readonly type: 'series'; readonly announcement: Announcement }
  | { readonly type: 'anomaly'; readonly anomaly: AnomalyRecord }
  /** What the detectors have counted, for the fleet (throttle/deltas). */
  | { readonly type: 'counted'; readonly deltas: Int32Array<ArrayBuffer> }
  /** By client stack, while somebody watches. */
  | { readonly type: 'cohorts'; readonly counts: CohortCounts }
  | {
      readonly type: 'proof'
      readonly id: number
      readonly epoch: number
      readonly proofs: readonly Omit<CanaryProof, 'worker'>[]
      readonly residual?: Residual
      /** `<payload>.<signature>` by the worker's key. */
      readonly signed: string
    }
  | { readonly type: 'impact'; readonly id: number; readonly impact: Impact }
  /** Asked on behalf of a caller; answered by the same id. */
  | { readonly type: 'otp'; readonly id: number; readonly question: OtpQuestion }
  | { readonly type: 'reloaded'; readonly problem?: string }
  | { readonly type: 'drained'; readonly clean: boolean }
