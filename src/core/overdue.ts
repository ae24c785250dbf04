// What somebody has forgotten: it nags, in status, metrics and messages, and does not open.
import type { Ledger } from './ledger.ts'
import type { Lock } from './lock.ts'
import { DEADLINE_NEAR_MS, FORGOTTEN_AFTER_MS, WAITING_AFTER_MS } from './notice.ts'
import { pendingOf } from './pending.ts'
import type { Proposal } from './proposal.ts'
import { thawState, thawTightensAt } from './thaw.ts'
import type { Instant } from './time.ts'

export interface Overdue {
  /** Of the lock or the proposal. */
  readonly lock: string
  /** In words, for a person who has to act. */
  readonly problem: string
}

/** Locks whose time was over and that stay, that have no end and were forgotten, whose thaw has ended or soon will; proposals that wait. */
export function findOverdue(ledger: Ledger, now: Instant): readonly Overdue[] {
  const locks = [...ledger.held.values()].flatMap(({ lock }) => {
    const problem = thawProblem(lock, now) ?? ttlProblem(lock, now) ?? ageProblem(lock, now)
    return problem === undefined ? [] : [{ lock: lock.id, problem }]
  })
  return [...locks, ...pendingOf(ledger, now).flatMap((each) => proposalProblem(each, now))]
}

function ttlProblem({ id, until, onExpiry, by, thaw }: Lock, now: Instant): string | undefined {
  if (until === undefined || now < until || onExpiry === 'open' || thaw !== undefined) return undefined
  const state = onExpiry === 'stay' ? 'stays locked' : 'is read-only'
  return `lock ${id}${by === undefined ? '' : ` of ${by}`} is past its time and ${state}: release it, or lock anew`
}

function ageProblem({ id, until, by, mode, since, thaw }: Lock, now: Instant): string | undefined {
  const days = Math.floor((now - since) / FORGOTTEN_AFTER_MS)
  if (until !== undefined || thaw !== undefined || days < 1) return undefined
  const state = mode === 'observe' ? 'has observed' : 'has stood'
  return `lock ${id}${by === undefined ? '' : ` of ${by}`} ${state} for ${days} d and has no end: is it still wanted? release it, or lock anew with a ttl`
}

function thawProblem({ id, thaw }: Lock, now: Instant): string | undefined {
  if (thaw === undefined) return undefined
  const state = thawState(thaw, now)
  const { owner } = thaw.plan
  if (state.is === 'stage') {
    const leftMs = thawTightensAt(thaw) - now
    if (leftMs > DEADLINE_NEAR_MS) return undefined
    return `the thaw of lock ${id} misses its deadline in ${Math.ceil(leftMs / 60_000)} min and then holds again: ${owner} sees to it`
  }
  if (state.is !== 'frozen' || state.why === 'not-begun') return undefined
  const why = state.why === 'deadline' ? 'has missed its deadline' : `was ended: ${thaw.refrozen?.why ?? ''}`
  return `the thaw of lock ${id} ${why}; it holds again, and ${owner} sees to it: propose another release`
}

function proposalProblem(proposal: Proposal, now: Instant): readonly Overdue[] {
  const { id, at, order, signers, required } = proposal
  if (now - at < WAITING_AFTER_MS) return []
  const waits = `has waited for ${Math.floor((now - at) / WAITING_AFTER_MS)} h with ${signers.length} of ${required} signatures`
  return [{ lock: id, problem: `the ${order.kind} ${id} ${waits}: portcullis approve ${id}, or propose anew` }]
}
