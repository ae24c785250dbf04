// What one OTP buys: so many people, routes and minutes, with this gateway or its fleet; then a fresh one is asked for (RFC 9470).
import type { Denial } from '../core/decision.ts'
import type { Route } from '../core/route.ts'
import { isByOtp, type Session } from '../core/session.ts'
import type { Clock } from '../ports/clock.ts'
import type { FleetTally } from '../ports/fleet-tally.ts'
import { kindOf, type BudgetSlab, type Item, type Looked } from '../throttle/budget-slab.ts'
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

/** Too much for what this gateway may grant while it cannot ask the others. */
const UNTOLD: Denial = { denied: 'sessions-unavailable', retryAfterMs: 1_000 }

interface Means {
  readonly slab: BudgetSlab
  readonly clock: Clock
  /** In a fleet: the gateways count together. */
  readonly tally?: FleetTally
}

/**
 * Sessions without an OTP have nothing to spend: whether they may pass is the route's business. In this turn, unless it is used
 * for something new in a fleet.
 */
export function createSpending({ slab, clock, tally }: Means, budget: Budget) {
  const limits = { people: budget.subjects ?? slab.entriesMax, routes: budget.routes ?? slab.entriesMax }
  const countsPeople = budget.subjects !== undefined
  const countsRoutes = budget.routes !== undefined
  return (
    { session }: Pick<Exchange, 'session'>,
    route: Route,
    people: readonly string[],
  ): Denial | undefined | Promise<Denial | undefined> => {
    if (session === undefined || !isOpenedByOtp(session, route)) return undefined
    const { otpTime = session.authTime } = session
    if (budget.timeMs !== undefined && (otpTime === undefined || clock.now() - otpTime * 1000 > budget.timeMs))
      return SPENT
    const items: Item[] = countsRoutes ? [{ kind: 'routes', name: route.id }] : []
    if (countsPeople) for (const name of people) items.push({ kind: 'people', name })
    if (items.length === 0) return undefined
    const otp = nameOtp(session, otpTime)
    if (tally !== undefined) return spendTogether(otp, items, limits, { slab, clock, tally })
    return slab.spend(otp, items, limits, clock.monotonicMs()) ? undefined : SPENT
  }
}

/** By the issuer's words, or by the route's own. */
function isOpenedByOtp(session: Session, { policy }: Route): boolean {
  const { otp } = policy.session
  return session.byOtp || (otp !== undefined && isByOtp(session, otp))
}

/**
 * One person's OTP of one moment, whatever the tokens are called that it opened: renewed ones may each have a name of their own,
 * and a fresh OTP may keep the session's. Where nobody tells its moment, that of the token stands for it.
 */
function nameOtp({ principal, session, issuedAt = 0 }: Session, otpTime: number | undefined): string {
  return otpTime === undefined ? `${session} ${String(issuedAt)}` : `${principal} ${String(otpTime)}`
}

type Limits = Readonly<Record<'people' | 'routes', number>>

/**
 * What was granted before is known here, and asks nobody. What is new is granted by the store, for all gateways in one step: exact,
 * for the price of one question for each person and route of an OTP.
 */
function spendTogether(
  otp: string,
  items: readonly Item[],
  limits: Limits,
  means: Required<Means>,
): Denial | undefined | Promise<Denial | undefined> {
  const { slab, clock, tally } = means
  const looked = slab.look(otp, items, clock.monotonicMs())
  if (looked === undefined) return undefined
  // All that is held was granted by the fleet: what goes beyond it here goes beyond it there.
  if (isOver(looked, limits)) return SPENT
  return tally.spend({ otp, ...looked }, limits).then((verdict) => {
    if (verdict === undefined) return spendAlone(otp, items, limits, means)
    slab.merge(otp, verdict.fits ? looked.fresh : verdict.held, clock.monotonicMs())
    return verdict.fits ? undefined : SPENT
  })
}

function isOver({ held, fresh }: Looked, limits: Limits): boolean {
  const counts = { people: 0, routes: 0 }
  for (const entry of held) counts[kindOf(entry)] += 1
  for (const entry of fresh) counts[kindOf(entry)] += 1
  return fresh.some((entry) => counts[kindOf(entry)] > limits[kindOf(entry)])
}

/**
 * Nobody tells what the others have granted: this gateway's share of the limit, all that it knows of counted against it. So all
 * gateways alone grant no more than the limit once over (or one each, where it is below their number).
 */
function spendAlone(
  otp: string,
  items: readonly Item[],
  limits: Limits,
  { slab, clock, tally }: Required<Means>,
): Denial | undefined {
  const members = tally.members()
  const shareOf = (limit: number): number => (members > 0 ? Math.max(1, Math.floor(limit / members)) : 1)
  const shares = { people: shareOf(limits.people), routes: shareOf(limits.routes) }
  return slab.spend(otp, items, shares, clock.monotonicMs()) ? undefined : UNTOLD
}
