// What signed releases and exemptions do to a lock: it is gone, it is released in stages, or a part passes it for a while.
import type { Exemption, Lock } from './lock.ts'
import type { Proposal } from './proposal.ts'
import type { ThawRun } from './thaw.ts'
import type { Instant } from './time.ts'

export interface Fate {
  /** Nothing is left of it but a tombstone. */
  readonly isReleased: boolean
  /** The lock with what passes it now: the very same object where nothing has changed. */
  apply(lock: Lock): Lock
}

/** Of the proposals that enough people have signed. A release without a plan opens for good; of plans the newest counts. */
export function fateOf(
  id: string,
  done: readonly Proposal[],
  refreezes: ReadonlyMap<string, { readonly at: Instant; readonly why: string }>,
): Fate {
  const ours = done.filter(({ locks }) => locks.includes(id)).toSorted(byEnd)
  const isReleased = ours.some(({ order }) => order.kind === 'release' && order.thaw === undefined)
  const thaw = ours.flatMap((each) => runOf(each, refreezes)).at(-1)
  const exemptions = ours.flatMap(exemptionOf)
  return {
    isReleased,
    apply(lock) {
      const { thaw: thawBefore, exemptions: exemptionsBefore, ...bare } = lock
      if (isSame(thaw, thawBefore) && isSame(exemptions, exemptionsBefore ?? [])) return lock
      return {
        ...bare,
        ...(exemptions.length === 0 ? {} : { exemptions }),
        ...(thaw === undefined ? {} : { thaw }),
      }
    },
  }
}

function runOf(
  { id, order, doneAt }: Proposal,
  refreezes: ReadonlyMap<string, { readonly at: Instant; readonly why: string }>,
): readonly ThawRun[] {
  if (order.kind !== 'release' || order.thaw === undefined || doneAt === undefined) return []
  const refrozen = refreezes.get(id)
  return [{ release: id, plan: order.thaw, startedAt: doneAt, ...(refrozen === undefined ? {} : { refrozen }) }]
}

function exemptionOf({ id, order, doneAt }: Proposal): readonly Exemption[] {
  if (order.kind !== 'exempt' || doneAt === undefined) return []
  return [{ id, scope: order.scope, until: doneAt + order.ttlMs }]
}

function byEnd(a: Proposal, b: Proposal): number {
  return (a.doneAt ?? 0) - (b.doneAt ?? 0) || (a.id < b.id ? -1 : 1)
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
