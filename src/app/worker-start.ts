// What a data-plane thread is started with. Types only: both composition roots agree on it.
import type { MessagePort } from 'node:worker_threads'
import type { PseudonymKey } from '../adapters/node/pseudonyms.ts'
import type { TelemetrySlab } from '../adapters/prometheus/telemetry-slab.ts'
import type { Config } from '../config/config.ts'
import type { CanaryPorts } from '../gateway/canary-door.ts'
import type { EngineMemory } from '../throttle/engine.ts'
import type { BudgetMemory } from '../throttle/budget-slab.ts'
import type { RateMemory } from '../throttle/rate-slab.ts'
import type { ReplayMemory } from '../throttle/replay-slab.ts'

export interface PeopleStart {
  readonly memory: EngineMemory
  /** As of gateway/people-guard. */
  readonly epochSeconds: number
}

/** Crosses threads by structured clone; the pool adds `name`, `thread` and `tables`. */
export interface WorkerStart {
  readonly name: string
  readonly thread: number
  readonly tables: MessagePort
  readonly config: Config
  readonly gatewayName: string
  readonly locks: SharedArrayBuffer
  readonly canaries: CanaryPorts
  readonly rates: RateMemory
  readonly replays: ReplayMemory
  readonly people: PeopleStart
  readonly budgets: BudgetMemory
  /** One Int32: gateways that count in the fleet. */
  readonly members: SharedArrayBuffer
  readonly telemetry: TelemetrySlab
  /** Counts erasures of recorded detail. */
  readonly erasures: SharedArrayBuffer
  /** One Int32: how many listen to decisions as they come. */
  readonly watched: SharedArrayBuffer
  readonly pseudonymKey: PseudonymKey
  /** Several workers share the port. */
  readonly reusePort: boolean
}
