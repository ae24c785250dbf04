// The data plane as the main thread starts it: the address claimed, the memory that workers share, the pool.
import { extname } from 'node:path'
import { claimListen } from '../adapters/node/claim-listen.ts'
import { seedOf, type PseudonymKey } from '../adapters/node/pseudonyms.ts'
import { WorkerPool } from '../adapters/node/worker-pool.ts'
import {
  createTelemetrySlab,
  type SeriesAnnouncement,
  type TelemetrySlab,
} from '../adapters/prometheus/telemetry-slab.ts'
import { vouch } from '../audit/worker-proof.ts'
import type { DurableBatch } from '../audit/write-ahead.ts'
import type { Config, GatewayConfig } from '../config/config.ts'
import { createCanaryPorts, forgetCanaries } from '../gateway/canary-door.ts'
import { LOCK_MEMORY_BYTES, lockMemory } from '../gateway/lock-view.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import type { CohortCounts } from '../ports/worker-protocol.ts'
import type { AskOtp } from '../ports/otp.ts'
import type { Logger } from '../ports/logger.ts'
import type { Signer } from '../ports/signer.ts'
import type { AnomalyRecord } from '../core/audit-record.ts'
import { createBudgetMemory } from '../throttle/budget-slab.ts'
import { createRateMemory } from '../throttle/rate-slab.ts'
import { createReplayMemory } from '../throttle/replay-slab.ts'
import type { PeopleStart, WorkerStart } from './worker-start.ts'

export type Pool = WorkerPool<Config, DurableBatch, SeriesAnnouncement>

/** Counters of the rate limiter: 2^18 keys at once, 6 MiB. */
const RATE_CELLS = 1 << 18
/** People and routes that one OTP may be given to buy without a restart. */
const BUDGET_ENTRIES_MIN = 64

/** Proofs of possession that are told apart at one time: 8 MiB, some 5,000 a second where each counts for 90 s. */
const REPLAY_SLOTS = 1 << 20

export interface DataPlaneDeps {
  readonly config: Config
  readonly gateway: GatewayConfig
  /** The gateway's own key: it vouches for those of the workers. */
  readonly signer: Signer
  readonly pseudonymKey: PseudonymKey
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  readonly onBatch: (batch: DurableBatch) => void
  /** Shared by all workers: what the detectors of people count. */
  readonly people: PeopleStart
  readonly erasures: SharedArrayBuffer
  /** One Int32: how many listen to decisions as they come. */
  readonly watched: SharedArrayBuffer
  readonly onAnomaly: (anomaly: AnomalyRecord) => void
  readonly onCounted: (deltas: Int32Array) => void
  readonly onCohorts: (counts: CohortCounts) => void
  readonly onSlab: (thread: number, slab: TelemetrySlab) => void
  readonly askOtp: AskOtp
  /** One Int32: gateways that count in the fleet. */
  readonly members: SharedArrayBuffer
  readonly onSeries: (thread: number, announcement: SeriesAnnouncement) => void
}

/** Rejects where the address is taken. Nothing listens before `start` of the pool. */
export async function openDataPlane(deps: DataPlaneDeps): Promise<Pool> {
  const { config, gateway, randomness } = deps
  const listen = await claimListen('gateway.listen', gateway.listen)
  const locks = new SharedArrayBuffer(LOCK_MEMORY_BYTES)
  const canaries = createCanaryPorts()
  const seed = (): number => Number.parseInt(randomness.hex(4), 16) | 0
  const rates = createRateMemory(RATE_CELLS, seed())
  const { subjects = 0, routes = 0 } = config.session.budget ?? {}
  // Untouched they cost nothing, and a reload may set a budget.
  const replays = createReplayMemory(REPLAY_SLOTS)
  // A fleet counts together: what an OTP was used for has the same name everywhere.
  const budgetSeed = config.store.redis === undefined ? seed() : seedOf(deps.pseudonymKey, 'budgets')
  const budgets = createBudgetMemory(Math.max(BUDGET_ENTRIES_MIN, subjects + routes), budgetSeed)
  return new WorkerPool({
    // In development TypeScript itself, in the build what became of it.
    script: new URL(`./worker${extname(import.meta.url)}`, import.meta.url),
    count: gateway.workers,
    memory: lockMemory(locks),
    ...(config.store.redis === undefined ? { leaseMs: config.store.leaseMs } : {}),
    workerData: (_name, thread) => {
      const telemetry = createTelemetrySlab()
      deps.onSlab(thread, telemetry)
      const start: Omit<WorkerStart, 'name' | 'thread' | 'tables'> = {
        config: { ...config, gateway: { ...gateway, listen } },
        gatewayName: deps.signer.name,
        locks,
        canaries,
        rates,
        replays,
        people: { memory: deps.people.memory, epochSeconds: deps.people.epochSeconds },
        budgets,
        members: deps.members,
        telemetry,
        erasures: deps.erasures,
        watched: deps.watched,
        pseudonymKey: deps.pseudonymKey,
        reusePort: gateway.workers > 1,
      }
      return { ...start }
    },
    vouch: (worker, key) => vouch(deps.signer, worker, key),
    clock: deps.clock,
    logger: deps.logger,
    onGone: (thread) => {
      forgetCanaries(canaries, thread)
    },
    onBatch: deps.onBatch,
    onSeries: deps.onSeries,
    onAnomaly: deps.onAnomaly,
    onCounted: deps.onCounted,
    onCohorts: deps.onCohorts,
    askOtp: deps.askOtp,
  })
}
