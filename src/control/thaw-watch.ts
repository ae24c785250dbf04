// Watches what a thaw plan lets pass, and ends the plan where one of its metrics comes back: the locks hold again at once.
import type { Ledger } from '../core/ledger.ts'
import { coveredRoutes } from '../core/lock-table.ts'
import type { Lock } from '../core/lock.ts'
import type { Route } from '../core/route.ts'
import { findTrigger, keepWindow, type TrafficSample, type TrafficTotals } from '../core/thaw-traffic.ts'
import { thawState, type ThawRun } from '../core/thaw.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderDesk } from './order-desk.ts'

export interface ThawWatchDeps {
  readonly desk: Pick<OrderDesk, 'ledger' | 'refreeze'>
  readonly clock: Clock
  readonly routes: () => readonly Route[]
  /** Counts of this gateway's own workers on these routes. */
  readonly traffic: (routes: ReadonlySet<string>) => TrafficTotals
}

export interface ThawWatch {
  /** One look, to be called each second. */
  look(): Promise<void>
}

interface Watched {
  readonly run: ThawRun
  readonly locks: readonly Lock[]
}

/** A plan is measured from its own start: what came before is not its doing. */
export function createThawWatch({ desk, clock, routes, traffic }: ThawWatchDeps): ThawWatch {
  let samples = new Map<string, readonly TrafficSample[]>()
  return {
    async look() {
      const now = clock.now()
      const next = new Map<string, readonly TrafficSample[]>()
      for (const [release, { run, locks }] of running(desk.ledger, now)) {
        const covered = new Set(locks.flatMap((lock) => coveredRoutes(lock, routes())))
        const kept = keepWindow(samples.get(release) ?? [], { at: now, ...traffic(covered) })
        const [from, to] = [kept[0], kept.at(-1)]
        const trigger = from === undefined || to === undefined ? undefined : findTrigger(run.plan, from, to)
        if (trigger === undefined) next.set(release, kept)
        else await desk.refreeze(release, `${trigger.metric} ${rounded(trigger.value)} is above ${trigger.above}`)
      }
      samples = next
    },
  }
}

/** By release: the locks that its plan lets something pass now. */
function running(ledger: Ledger, now: number): ReadonlyMap<string, Watched> {
  const found = new Map<string, Watched>()
  for (const { lock } of ledger.held.values()) {
    const { thaw: run } = lock
    if (run === undefined || run.plan.refreezeOn.length === 0 || thawState(run, now).is !== 'stage') continue
    found.set(run.release, { run, locks: [...(found.get(run.release)?.locks ?? []), lock] })
  }
  return found
}

function rounded(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(3)
}
