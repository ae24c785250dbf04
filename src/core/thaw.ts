// A thaw plan: what passes a lock that is being released in stages, by the clock alone, so that every gateway says the same.
import type { LockScope } from './scope.ts'
import type { Instant } from './time.ts'

/** What the control plane watches while a plan runs, each over the last minute. */
export const THAW_METRICS = ['error-share', 'refusal-share', 'anomalies', 'requests'] as const
export type ThawMetric = (typeof THAW_METRICS)[number]

/** What comes to pass with a stage; what earlier stages let pass goes on passing. */
export type ThawStage = { readonly forMs: number } & (
  | { readonly passes: 'probes'; readonly probes: LockScope }
  | { readonly passes: 'read-only' }
  | { readonly passes: 'percent'; readonly percent: number }
  | { readonly passes: 'all' }
)

export interface ThawPlan {
  readonly stages: readonly ThawStage[]
  /** The responder who sees to it. */
  readonly owner: string
  /** From the start; where the plan has not come to its end by then, the locks hold again. */
  readonly deadlineMs: number
  /** The locks hold again where the metric is above the number. */
  readonly refreezeOn: readonly { readonly metric: ThawMetric; readonly above: number }[]
}

/** A plan that two people have signed. */
export interface ThawRun {
  /** Id of the release. */
  readonly release: string
  readonly plan: ThawPlan
  readonly startedAt: Instant
  /** From here on the locks hold again, until another release. */
  readonly refrozen?: { readonly at: Instant; readonly why: string }
}

export type ThawState =
  | { readonly is: 'frozen'; readonly why: 'not-begun' | 'refrozen' | 'deadline' }
  | {
      readonly is: 'stage'
      /** From 0. */
      readonly index: number
      readonly probes: readonly LockScope[]
      readonly readOnly: boolean
      readonly percent: number
    }
  /** The plan has come to its end: everything passes. */
  | { readonly is: 'open' }

/** When everything passes for good; Infinity for a plan that ends before that. */
function thawEndsAt({ plan, startedAt }: ThawRun): Instant {
  if (plan.stages.at(-1)?.passes !== 'all') return Infinity
  return startedAt + totalMs(plan)
}

/** When the locks hold again by the clock alone; Infinity for a plan that comes to its end. */
export function thawTightensAt(run: ThawRun): Instant {
  const { plan, startedAt, refrozen } = run
  if (refrozen !== undefined) return refrozen.at
  return thawEndsAt(run) === Infinity ? startedAt + plan.deadlineMs : Infinity
}

export function totalMs({ stages }: Pick<ThawPlan, 'stages'>): number {
  return stages.reduce((sum, { forMs }) => sum + forMs, 0)
}

export function isThawed(run: ThawRun, now: Instant): boolean {
  return thawState(run, now).is === 'open'
}

/** A plan that has come to its end is not refrozen any more: what comes then is another lock. */
export function thawState(run: ThawRun, now: Instant): ThawState {
  const { plan, startedAt, refrozen } = run
  const endsAt = thawEndsAt(run)
  if (refrozen !== undefined && refrozen.at < endsAt && now >= refrozen.at) return { is: 'frozen', why: 'refrozen' }
  if (now < startedAt) return { is: 'frozen', why: 'not-begun' }
  if (now >= endsAt) return { is: 'open' }
  if (now >= startedAt + plan.deadlineMs) return { is: 'frozen', why: 'deadline' }
  const index = stageAt(plan, now - startedAt)
  return { is: 'stage', index, ...passing(plan.stages.slice(0, index + 1)) }
}

/** The last stage goes on until the deadline. */
function stageAt({ stages }: ThawPlan, elapsedMs: number): number {
  let endsMs = 0
  for (const [index, { forMs }] of stages.entries()) {
    endsMs += forMs
    if (elapsedMs < endsMs) return index
  }
  return stages.length - 1
}

function passing(stages: readonly ThawStage[]): Omit<Extract<ThawState, { is: 'stage' }>, 'is' | 'index'> {
  return {
    probes: stages.flatMap((stage) => (stage.passes === 'probes' ? [stage.probes] : [])),
    readOnly: stages.some(({ passes }) => passes === 'read-only'),
    percent: Math.max(0, ...stages.map(percentOf)),
  }
}

function percentOf(stage: ThawStage): number {
  if (stage.passes === 'all') return 100
  return stage.passes === 'percent' ? stage.percent : 0
}

/**
 * Where a session stands in the queue for this lock, from 0 to 1: the same at every worker and gateway, and another at the next
 * lock, so that nobody is always the last. FNV-1a, then the finalizer of MurmurHash3, which spreads near names apart.
 */
export function placeOf(session: string, lock: string): number {
  let hash = 0x811c9dc5
  for (const text of [lock, '\n', session])
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

export function isInShare(percent: number, session: string, lock: string): boolean {
  return percent >= 100 || placeOf(session, lock) * 100 < percent
}

/** When a caller who is refused now should come back: after `afterMs`, spread over `spreadMs` more. */
export interface Return {
  readonly afterMs: number
  readonly spreadMs: number
}

/**
 * The next stage that lets this caller pass, and a time within it by the caller's own place, so that those whom a stage lets
 * in come one after the other. Without a session any time within the stage that lets everybody in. Undefined where no stage does.
 */
export function returnOf(
  run: ThawRun,
  caller: { readonly session?: string | undefined; readonly isSafe: boolean },
  lock: string,
  now: Instant,
): Return | undefined {
  const state = thawState(run, now)
  if (state.is !== 'stage') return undefined
  const place = caller.session === undefined ? undefined : placeOf(caller.session, lock)
  let percent = state.percent
  let startsAt = run.startedAt
  for (const [index, stage] of run.plan.stages.entries()) {
    const reach = Math.max(percent, percentOf(stage))
    if (index > state.index) {
      const waitMs = startsAt - now
      if (stage.passes === 'all' && place === undefined) return { afterMs: waitMs, spreadMs: stage.forMs }
      if (stage.passes === 'read-only' && caller.isSafe) return { afterMs: waitMs, spreadMs: stage.forMs }
      if (place !== undefined && place * 100 < reach) {
        const within = Math.max(0, (place * 100 - percent) / (reach - percent))
        return { afterMs: waitMs + within * stage.forMs, spreadMs: stage.forMs / 10 }
      }
      percent = reach
    }
    startsAt += stage.forMs
  }
  return undefined
}
