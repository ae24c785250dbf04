// What the control plane tells while it happens: decisions, rates, client stacks, proofs as they arrive (GET /api/v1/events, /api/v1/rates).
import type { DecisionLabel } from '../core/decision.ts'

/** One exchange that has ended, as the event `decisions` tells it; people by pseudonym alone. */
export interface DecisionView {
  /** Epoch milliseconds. */
  readonly time: number
  readonly id: string
  readonly client: string
  readonly method: string
  readonly route?: string
  readonly path: string
  readonly decision: DecisionLabel
  readonly reason?: string
  readonly lock?: string
  readonly status?: number
  readonly durationMs?: number
  readonly principal?: string
  readonly session?: string
  readonly subjects?: readonly string[]
}

export interface DecisionsEvent {
  readonly decisions: readonly DecisionView[]
  /** More than are told in full. */
  readonly untold: number
}

/** What was decided in one second, by decision; what is absent is none. */
export interface RateSecond {
  /** Epoch milliseconds. */
  readonly at: number
  readonly decisions: Readonly<Partial<Record<DecisionLabel, number>>>
}

/** This gateway has started or stops, or its config was read anew: what a time line shows beside locks. All of it stands in the trail. */
export interface ChangeView {
  /** Epoch milliseconds. */
  readonly at: number
  readonly kind: 'start' | 'stop' | 'config'
  readonly version?: string
  /** SHA-256 of the config's text, hex. */
  readonly config?: string
  readonly outcome?: 'taken' | 'refused'
  /** The first of the sections that have changed, by name, and how many more there are. */
  readonly changed?: readonly string[]
  readonly more?: number
  readonly reason?: string
}

export interface RouteRate {
  readonly route: string
  readonly allowed: number
  readonly refused: number
}

export interface RatesView {
  readonly now: string
  /** Up to 900, oldest first. */
  readonly seconds: readonly RateSecond[]
  /** Of the last minute, busiest first. */
  readonly routes: readonly RouteRate[]
  /** Of the time that the seconds span, oldest first. */
  readonly changes: readonly ChangeView[]
}

/** One client stack in the last minute: how a tool is seen that comes from many addresses. */
export interface CohortView {
  /** The user agent, `#` for its numbers; empty where there is none. */
  readonly agent: string
  /** Names of the request's fields in the order in which they come. */
  readonly fields: string
  readonly requests: number
  readonly refused: number
  /** How many different ones; some 4 % off beyond 512. */
  readonly addresses: number
  readonly people: number
}

export interface CohortsEvent {
  /** The busiest first. */
  readonly cohorts: readonly CohortView[]
  /** Of all stacks beside these. */
  readonly others: Pick<CohortView, 'requests' | 'refused'>
}

/** A gateway of the fleet has proven an order, so many milliseconds after it was accepted here. */
export interface FleetProofEvent {
  readonly id: string
  readonly gateway: string
  readonly elapsedMs: number
  readonly proven: number
  readonly total: number
}
