// Whether a proposal still waits for signatures.
import type { Ledger } from './ledger.ts'
import { modeAt } from './lock.ts'
import type { Proposal } from './proposal.ts'
import type { Instant } from './time.ts'

export function isExpired(proposal: Proposal, now: Instant): boolean {
  return proposal.expiresAt !== undefined && proposal.expiresAt <= now
}

/** What it opens is open already: released, or by itself, at the end of a thaw plan or of its time. */
export function isOvertaken(ledger: Ledger, { locks }: Proposal, now: Instant): boolean {
  const stands = (id: string): boolean => {
    const held = ledger.held.get(id)
    return held !== undefined && modeAt(held.lock, now) !== undefined
  }
  return locks.length > 0 && !locks.some(stands)
}

/** In the order in which they were proposed. */
export function pendingOf(ledger: Ledger, now: Instant): readonly Proposal[] {
  return [...ledger.proposals.values()].filter(
    (proposal) => !proposal.done && !isExpired(proposal, now) && !isOvertaken(ledger, proposal, now),
  )
}
