// What somebody has forgotten: it nags, in status and metrics, and does not open.
import type { Ledger } from './ledger.ts'
import type { Lock } from './lock.ts'
import { thawState } from './thaw.ts'
import type { Instant } from './time.ts'

export interface Overdue {
  readonly lock: string
  /** In words, for a person who has to act. */
  readonly problem: string
}

/** Locks whose time was over and that stay, and those whose thaw plan has ended before everything passed. */
export function findOverdue(ledger: Ledger, now: Instant): readonly Overdue[] {
  return [...ledger.held.values()].flatMap(({ lock }) => {
    const problem = thawProblem(lock, now) ?? ttlProblem(lock, now)
    return problem === undefined ? [] : [{ lock: lock.id, problem }]
  })
}

function ttlProblem({ id, until, onExpiry, by, thaw }: Lock, now: Instant): string | undefined {
  if (until === undefined || now < until || onExpiry === 'open' || thaw !== undefined) return undefined
  const state = onExpiry === 'stay' ? 'stays locked' : 'is read-only'
  return `lock ${id}${by === undefined ? '' : ` of ${by}`} is past its time and ${state}: release it, or lock anew`
}

function thawProblem({ id, thaw }: Lock, now: Instant): string | undefined {
  if (thaw === undefined) return undefined
  const state = thawState(thaw, now)
  if (state.is !== 'frozen' || state.why === 'not-begun') return undefined
  const why = state.why === 'deadline' ? 'has missed its deadline' : `was ended: ${thaw.refrozen?.why ?? ''}`
  return `the thaw of lock ${id} ${why}; it holds again, and ${thaw.plan.owner} sees to it: propose another release`
}
