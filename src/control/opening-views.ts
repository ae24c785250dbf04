// What opens, as the API shows it: proposals that wait, thaw plans that run, exemptions.
import type { Lock } from '../core/lock.ts'
import type { Proposal } from '../core/proposal.ts'
import { keyNameOf } from '../core/responder.ts'
import { thawState, type ThawPlan, type ThawRun, type ThawStage } from '../core/thaw.ts'
import type { Instant } from '../core/time.ts'
import type { LockView, PendingRelease, ThawStageView, ThawView } from '../ports/control-api.ts'

const formatInstant = (instant: Instant): string => new Date(instant).toISOString()

export function pendingView(proposal: Proposal): PendingRelease {
  const { id, order, locks, reason, at, expiresAt, signers, required } = proposal
  return {
    id,
    kind: order.kind,
    locks,
    reason,
    since: formatInstant(at),
    approvals: signers.map(keyNameOf),
    required,
    ...(expiresAt === undefined ? {} : { until: formatInstant(expiresAt) }),
    ...detailsOf(order),
  }
}

type Details = Omit<PendingRelease, 'id' | 'kind' | 'locks' | 'reason' | 'since' | 'approvals' | 'required' | 'until'>

function detailsOf(order: Proposal['order']): Details {
  switch (order.kind) {
    case 'release':
      return order.thaw === undefined ? {} : planView(order.thaw)
    case 'exempt':
      return { scope: order.scope, ttlMs: order.ttlMs }
    case 'enrol': {
      const { name, role, key, keyId } = order
      return { responder: { name, role, key, ...(keyId === undefined ? {} : { keyId }) } }
    }
    case 'retire': {
      const { name, key } = order
      return { responder: { name, ...(key === undefined ? {} : { key }) } }
    }
  }
}

function planView({ stages, owner, deadlineMs, refreezeOn }: ThawPlan): Details {
  return { stages: stages.map(stageView), owner, deadlineMs, refreezeOn }
}

function stageView(stage: ThawStage): ThawStageView {
  const { passes, forMs } = stage
  if (stage.passes === 'probes') return { passes, forMs, probes: stage.probes }
  return stage.passes === 'percent' ? { passes, forMs, percent: stage.percent } : { passes, forMs }
}

export function openingsOf(lock: Lock, now: Instant): Pick<LockView, 'thaw' | 'exemptions'> {
  const exemptions = (lock.exemptions ?? []).filter(({ until }) => now < until)
  return {
    ...(lock.thaw === undefined ? {} : { thaw: thawView(lock.thaw, now) }),
    ...(exemptions.length === 0
      ? {}
      : { exemptions: exemptions.map(({ id, scope, until }) => ({ id, scope, until: formatInstant(until) })) }),
  }
}

function thawView(run: ThawRun, now: Instant): ThawView {
  const { release, plan, startedAt, refrozen } = run
  const state = thawState(run, now)
  const index = state.is === 'stage' ? state.index : undefined
  return {
    release,
    state: state.is === 'frozen' ? state.why : state.is,
    owner: plan.owner,
    since: formatInstant(startedAt),
    deadline: formatInstant(startedAt + plan.deadlineMs),
    stages: plan.stages.map(stageView),
    ...(index === undefined ? {} : { stage: index + 1, next: formatInstant(nextAt(plan, startedAt, index)) }),
    ...(refrozen === undefined ? {} : { refrozen: { at: formatInstant(refrozen.at), why: refrozen.why } }),
  }
}

/** When the stage is over; of the last one that is not all, the deadline. */
function nextAt({ stages, deadlineMs }: ThawPlan, startedAt: Instant, index: number): Instant {
  if (index === stages.length - 1 && stages[index]?.passes !== 'all') return startedAt + deadlineMs
  return stages.slice(0, index + 1).reduce((ends, { forMs }) => ends + forMs, startedAt)
}
