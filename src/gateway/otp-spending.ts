// What one OTP buys: so many people, routes and minutes, with this gateway; then the caller is asked for a fresh one (RFC 9470).
import type { Denial } from '../core/decision.ts'
import type { Route } from '../core/route.ts'
import type { Clock } from '../ports/clock.ts'
import type { BudgetSlab, Item } from '../throttle/budget-slab.ts'
import type { Exchange } from './exchange.ts'

export interface Budget {
  readonly subjects?: number
  readonly routes?: number
  readonly timeMs?: number
}

/** Whatever age is asked for, the OTP that was spent is older. */
const SPENT: Denial = {
  denied: 'insufficient-authentication',
  maxAgeSeconds: 0,
  detail: 'The one-time password has been used for all that it buys: a fresh one is needed.',
}

/** Sessions without an OTP have nothing to spend: whether they may pass is the route's business. */
export function createSpending(slab: BudgetSlab, budget: Budget, clock: Clock) {
  const limits = { people: budget.subjects ?? slab.entriesMax, routes: budget.routes ?? slab.entriesMax }
  const countsPeople = budget.subjects !== undefined
  const countsRoutes = budget.routes !== undefined
  return ({ session }: Pick<Exchange, 'session'>, route: Route, people: readonly string[]): Denial | undefined => {
    if (session?.byOtp !== true) return undefined
    const { authTime } = session
    if (budget.timeMs !== undefined && (authTime === undefined || clock.now() - authTime * 1000 > budget.timeMs))
      return SPENT
    const items: Item[] = countsRoutes ? [{ kind: 'routes', name: route.id }] : []
    if (countsPeople) for (const name of people) items.push({ kind: 'people', name })
    if (items.length === 0) return undefined
    // A refreshed token keeps its session and its OTP; a new OTP has a new time, whatever the issuer calls its session.
    const otp = `${session.session} ${String(authTime ?? session.issuedAt ?? 0)}`
    return slab.spend(otp, items, limits, clock.monotonicMs()) ? undefined : SPENT
  }
}
