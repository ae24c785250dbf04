// The last minute by client stack, out of what the workers count while somebody listens.
import { sizeOf, unionOf } from '../../core/distinct.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CohortsEvent, CohortView } from '../../ports/live-views.ts'
import type { CohortCount, CohortCounts } from '../../ports/worker-protocol.ts'

const WINDOW_MS = 60_000
const SHOWN_MAX = 10

export interface Cohorts {
  /** What one worker has counted since it told before. */
  add(counts: CohortCounts): void
  /** Tells where something changed since the last time; for a timer. */
  tick(): void
  /** Hears at once what the minute has shown so far. Returns how to stop. */
  listen(listener: (event: CohortsEvent) => void): () => void
}

interface Told extends CohortCounts {
  readonly atMs: number
}

export function createCohorts(clock: Pick<Clock, 'monotonicMs'>): Cohorts {
  const listeners = new Set<(event: CohortsEvent) => void>()
  let kept: readonly Told[] = []
  let hasChanged = false
  const forget = (): void => {
    const from = clock.monotonicMs() - WINDOW_MS
    const left = kept.filter(({ atMs }) => atMs > from)
    hasChanged ||= left.length < kept.length
    kept = left
  }
  return {
    add(counts) {
      kept = [...kept, { ...counts, atMs: clock.monotonicMs() }]
      hasChanged = true
    },
    tick() {
      forget()
      if (!hasChanged) return
      hasChanged = false
      const event = viewOf(kept)
      for (const listener of listeners) listener(event)
    },
    listen(listener) {
      listeners.add(listener)
      forget()
      listener(viewOf(kept))
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

function viewOf(kept: readonly CohortCounts[]): CohortsEvent {
  const byStack = new Map<string, CohortCount[]>()
  for (const each of kept.flatMap(({ cohorts }) => cohorts)) {
    const stack = `${each.agent}\n${each.fields}`
    const before = byStack.get(stack)
    if (before === undefined) byStack.set(stack, [each])
    else before.push(each)
  }
  const all = [...byStack.values()].map(sumOf).toSorted((a, b) => b.requests - a.requests)
  const rest = [...all.splice(SHOWN_MAX), ...kept.map(({ others }) => others)]
  return { cohorts: all, others: { requests: total(rest, 'requests'), refused: total(rest, 'refused') } }
}

function sumOf(counts: readonly CohortCount[]): CohortView {
  return {
    agent: counts[0]?.agent ?? '',
    fields: counts[0]?.fields ?? '',
    requests: total(counts, 'requests'),
    refused: total(counts, 'refused'),
    addresses: sizeOf(unionOf(counts.map(({ addresses }) => addresses))),
    people: sizeOf(unionOf(counts.map(({ people }) => people))),
  }
}

type Numbers = Pick<CohortView, 'requests' | 'refused'>

function total(counts: readonly Numbers[], which: keyof Numbers): number {
  return counts.reduce((sum, count) => sum + count[which], 0)
}
