// The traffic of some routes so far, out of the workers' counters: what thaw plans are watched by.
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
