// The traffic of some routes so far, out of the workers' counters: what thaw plans are watched by.
import type { DecisionLabel } from '../../core/decision.ts'
import type { TrafficTotals } from '../../core/thaw-traffic.ts'
import type { SlabSums } from './slab-sums.ts'

const REFUSALS = ['unauthenticated', 'forbidden', 'throttled']

/** Without what locks have refused: that a lock holds is no sign of trouble. */
export function trafficOf(sums: Pick<SlabSums, 'read'>, routes: ReadonlySet<string>): TrafficTotals {
  const totals = { requests: 0, errors: 0, refusals: 0, anomalies: 0 }
  for (const { labels, values } of sums.read('http_requests_total')) {
    const { route = '', decision = '', code = '' } = labels
    if (!routes.has(route) || decision === 'locked') continue
    const count = values[0] ?? 0
    totals.requests += count
    if (code.startsWith('5')) totals.errors += count
    if (REFUSALS.includes(decision)) totals.refusals += count
  }
  for (const { values } of sums.read('anomalies_total')) totals.anomalies += values[0] ?? 0
  return totals
}

export interface DecisionTotal {
  readonly route: string
  readonly decision: DecisionLabel
  readonly count: number
}

/** Requests by route and decision, whatever their method and status. */
export function decisionsOf(sums: Pick<SlabSums, 'read'>): readonly DecisionTotal[] {
  const totals = new Map<string, { route: string; decision: DecisionLabel; count: number }>()
  for (const { labels, values } of sums.read('http_requests_total')) {
    const { route = '', decision = 'error' } = labels
    const key = `${decision} ${route}`
    const total = totals.get(key) ?? { route, decision: decision as DecisionLabel, count: 0 }
    total.count += values[0] ?? 0
    totals.set(key, total)
  }
  return [...totals.values()]
}
