// Which enrolments and retirements are in force: those that commanders have signed, counted in the order of their last signature.
import { weigh, type Approval, type Proposal } from './proposal.ts'
import type { Responder } from './responder.ts'
import type { Enrolment, Retirement, Roster } from './roster.ts'

export interface SignedSet {
  readonly proposals: Iterable<Proposal>
  readonly approvals: ReadonlyMap<string, readonly Approval[]>
  /** By the gateway's own key, when the others were lost. */
  readonly recovered: readonly Enrolment[]
}

/**
 * The roster, and the proposals that made it as they stand now. A retirement takes the signatures away that its person gives
 * from then on; so the earliest is counted first, and two who retire each other in two halves of a fleet end alike in both.
 */
export function rosterOf(set: SignedSet): { readonly roster: Roster; readonly weighed: readonly Proposal[] } {
  const recovered: readonly Responder[] = set.recovered.map(({ responder }) => responder)
  let roster: Roster = { enrolments: set.recovered, retirements: [] }
  let waiting = [...set.proposals].filter(isAboutPeople)
  const weighed: Proposal[] = []
  for (;;) {
    const counted = waiting.map((proposal) =>
      weigh(proposal, { approvals: set.approvals.get(proposal.id) ?? [], landed: [], roster, recovered }),
    )
    const next = counted.filter(({ done }) => done).toSorted(byEnd)[0]
    if (next === undefined) return { roster, weighed: [...weighed, ...counted] }
    weighed.push(next)
    waiting = waiting.filter(({ id }) => id !== next.id)
    roster = withProposal(roster, next)
  }
}

export function isAboutPeople({ order }: Proposal): boolean {
  return order.kind === 'enrol' || order.kind === 'retire'
}

function byEnd(a: Proposal, b: Proposal): number {
  return (a.doneAt ?? 0) - (b.doneAt ?? 0) || (a.id < b.id ? -1 : 1)
}

function withProposal(roster: Roster, { order, doneAt = 0 }: Proposal): Roster {
  switch (order.kind) {
    case 'enrol':
      return { ...roster, enrolments: [...roster.enrolments, enrolmentOf(order, doneAt)] }
    case 'retire':
      return { ...roster, retirements: [...roster.retirements, retirementOf(order, doneAt)] }
    case 'release':
    case 'exempt':
      return roster
  }
}

type Enrol = Extract<Proposal['order'], { kind: 'enrol' }>
type Retire = Extract<Proposal['order'], { kind: 'retire' }>

function enrolmentOf({ name, role, key, keyId }: Enrol, at: number): Enrolment {
  return { responder: { name, role, key, ...(keyId === undefined ? {} : { keyId }) }, at }
}

function retirementOf({ name, key }: Retire, at: number): Retirement {
  return { name, at, ...(key === undefined ? {} : { key }) }
}
