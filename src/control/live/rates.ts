// The last quarter of an hour of decisions, second by second, out of the counters that the workers keep for the metrics anyway.
import type { DecisionLabel } from '../../core/decision.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChangeView, RateSecond, RatesView, RouteRate } from '../../ports/live-views.ts'
import { formatInstant } from '../instants.ts'

const SECONDS_MAX = 900
/** What the list of routes looks back on. */
const ROUTES_SECONDS = 60

/** A counter that only grows. */
export interface DecisionTotal {
  readonly route: string
  readonly decision: DecisionLabel
  readonly count: number
}

export interface Rates {
  /** One look, to be called each second. */
  look(): void
  readonly view: RatesView
  /** Returns how to stop listening. */
  listen(listener: (second: RateSecond) => void): () => void
}

export function createRates(
  clock: Pick<Clock, 'now'>,
  read: () => readonly DecisionTotal[],
  changes: () => readonly ChangeView[] = () => [],
): Rates {
  const listeners = new Set<(second: RateSecond) => void>()
  const seconds: RateSecond[] = []
  const routes: ReadonlyMap<string, RouteRate>[] = []
  let before: ReadonlyMap<string, number> | undefined
  return {
    look() {
      const totals = read()
      const now = new Map(totals.map((each) => [keyOf(each), each.count]))
      const grown = before === undefined ? [] : growth(totals, before)
      before = now
      const second = { at: clock.now(), decisions: sumOf(grown) }
      keep(seconds, second, SECONDS_MAX)
      keep(routes, routesOf(grown), ROUTES_SECONDS)
      for (const listener of listeners) listener(second)
    },
    get view() {
      const since = clock.now() - SECONDS_MAX * 1000
      return {
        ...{ now: formatInstant(clock.now()), seconds: [...seconds], routes: totalOf(routes) },
        changes: changes().filter(({ at }) => at >= since),
      }
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function keep<T>(list: T[], item: T, max: number): void {
  list.push(item)
  if (list.length > max) list.shift()
}

function keyOf({ route, decision }: DecisionTotal): string {
  return `${decision} ${route}`
}

function growth(totals: readonly DecisionTotal[], before: ReadonlyMap<string, number>): readonly DecisionTotal[] {
  return totals
    .map((each) => ({ ...each, count: each.count - (before.get(keyOf(each)) ?? 0) }))
    .filter(({ count }) => count > 0)
}

function sumOf(grown: readonly DecisionTotal[]): RateSecond['decisions'] {
  const sums: Partial<Record<DecisionLabel, number>> = {}
  for (const { decision, count } of grown) sums[decision] = (sums[decision] ?? 0) + count
  return sums
}

function routesOf(grown: readonly DecisionTotal[]): ReadonlyMap<string, RouteRate> {
  const found = new Map<string, RouteRate>()
  for (const { route, decision, count } of grown) add(found, route, decision === 'allow' ? [count, 0] : [0, count])
  return found
}

function add(rates: Map<string, RouteRate>, route: string, [allowed, refused]: readonly [number, number]): void {
  const sum = rates.get(route)
  rates.set(route, { route, allowed: (sum?.allowed ?? 0) + allowed, refused: (sum?.refused ?? 0) + refused })
}

function totalOf(routes: readonly ReadonlyMap<string, RouteRate>[]): readonly RouteRate[] {
  const sums = new Map<string, RouteRate>()
  for (const each of routes)
    for (const { route, allowed, refused } of each.values()) add(sums, route, [allowed, refused])
  return [...sums.values()].toSorted((a, b) => b.allowed + b.refused - a.allowed - a.refused)
}
