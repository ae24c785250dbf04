// Stage 2: the ladder of checks, cheapest and gravest first; the first denial wins, and only this file can make a Permit.
import type { Decision, Denial } from '../../core/decision.ts'
import {
  findLocks,
  hasLocks,
  findReturn,
  freshSinceOf,
  type CompiledTable,
  type LocksInForce,
} from '../../core/lock-table.ts'
import { isNearMiss } from '../../core/near-miss.ts'
import { grantPermit } from '../../core/permit.ts'
import { isWrongMethod, matchRoute, type Route } from '../../core/route.ts'
import { checkAssurance, checkOwnership, isRevoked, NOT_OWNER, type Session } from '../../core/session.ts'
import type { Verification } from '../../ports/token-verifier.ts'
import { observeAll } from '../../throttle/detector.ts'
import { credentialOf } from '../credentials.ts'
import { isDestination } from '../destination.ts'
import { lockTargetOf, type Exchange } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { STALE } from '../in-flight.ts'
import { refusesWhenStale } from '../lock-view.ts'
import { checkPeople, countStrangers } from '../people.ts'
import { checkPossession } from '../possession.ts'
import { readJudgedBody } from '../judged-body.ts'
import { checkSources, readBound } from '../sources.ts'
import { subjectsOf } from '../subjects.ts'

/** In this turn, unless the credential's judgement takes longer. */
export function admit(exchange: Exchange, gateway: Gateway): Decision | Promise<Decision> {
  if (exchange.refusal !== undefined) return exchange.refusal
  const route = takeRoute(exchange, gateway)
  if ('denied' in route) return route

  const early = checkLocks(exchange, route, gateway)
  if (early.denial !== undefined) return early.denial
  const ambiguous = checkSources(exchange, route)
  if (ambiguous !== undefined) return ambiguous

  const credential = verifyCredential(exchange, route, gateway)
  if (credential === undefined) return admitBody(exchange, route, gateway)
  return 'then' in credential ? credential.then((denial) => denial ?? admitBody(exchange, route, gateway)) : credential
}

/** A body that is judged is read now: after all that can be judged without it, so that nobody makes us hold bytes for nothing. */
function admitBody(exchange: Exchange, route: Route, gateway: Gateway): Decision | Promise<Decision> {
  const bytesMax = route.policy.bodyBytesMax
  if (bytesMax === undefined || exchange.body !== undefined) return admitSession(exchange, route, gateway)
  const check = checkLocks(exchange, route, gateway)
  const denial = check.denial ?? checkSession(exchange, route, check, gateway, false)
  if (denial !== undefined) return denial
  const reading = readJudgedBody(exchange, route, bytesMax)
  if (!('then' in reading)) return reading
  return reading.then((problem) => problem ?? checkSources(exchange, route) ?? admitSession(exchange, route, gateway))
}

function admitSession(exchange: Exchange, route: Route, gateway: Gateway): Decision | Promise<Decision> {
  exchange.subjects = subjectsOf(exchange, route, gateway.pseudonyms)

  // Nothing is awaited from here to the grant: a lock that landed during the look-ups is seen.
  const late = checkLocks(exchange, route, gateway)
  if (late.denial !== undefined) return late.denial
  if (late.locks?.undecided !== undefined) return locked(late.locks.undecided, exchange, route, gateway)
  const unproven = checkSession(exchange, route, late, gateway)
  if (unproven !== undefined) {
    if (unproven.denied === 'not-owner') countStrangers(exchange, route, gateway)
    return unproven
  }
  const throttled = checkThrottle(exchange, route, late.locks, gateway)
  if (throttled !== undefined) return throttled
  const delayed = exchange.delayMs === 0 ? undefined : delay(exchange, route, gateway)
  if (delayed !== undefined) return delayed
  const spent = gateway.settings.spend?.(exchange, route, exchange.subjects)
  // Others have been asked: what was granted is known here by now, and all the rest is judged once more.
  if (spent !== undefined)
    return 'then' in spent ? spent.then((denial) => denial ?? admitSession(exchange, route, gateway)) : spent
  // A cut that came before this grant was of another permit, by which nothing was sent.
  exchange.severedBy = undefined
  exchange.permit = grantPermit(route, late.epoch)
  gateway.ring.note(exchange, route)
  return exchange.permit
}

/** Everything is judged anew afterwards, but what has been counted. */
function delay(exchange: Exchange, route: Route, gateway: Gateway): Promise<Decision> | undefined {
  const wait = gateway.delays?.wait(exchange, exchange.delayMs)
  exchange.delayMs = 0
  return wait?.then(() => admitSession(exchange, route, gateway))
}

function takeRoute(exchange: Exchange, gateway: Gateway): Route | Denial {
  const { view, settings } = gateway
  const { routes, nearMisses } = settings
  const path = exchange.target?.path ?? ''
  const match = matchRoute(routes, exchange.method, path)
  const plain = match === undefined || isWrongMethod(match) ? undefined : match.route
  const table = view.current
  const held =
    table !== undefined && hasLocks(table) ? (each: Route) => isHeld(exchange, each, table, gateway) : undefined
  // Where its own route is locked as well, it is the lock that answers.
  const isLocked = held && ((other: Route) => held(other) && (plain === undefined || !held(plain)))
  if (isNearMiss(nearMisses, plain, exchange.method, path, isLocked)) return { denied: 'near-miss' }
  if (match === undefined) return { denied: 'no-route' }
  if (isWrongMethod(match)) return { denied: 'method-not-allowed', allow: match.allow }
  exchange.route = match.route
  exchange.params = match.params
  return match.route
}

/** Whether a lock in force would keep this request from a route that it may be read as. */
function isHeld(exchange: Exchange, route: Route, table: CompiledTable, { clock }: Gateway): boolean {
  const locks = findLocks(table, lockTargetOf(exchange, route), clock.now())
  return (locks?.denying ?? locks?.undecided ?? locks?.stepUp) !== undefined
}

interface LockCheck {
  readonly denial?: Denial
  readonly locks?: LocksInForce | undefined
  readonly table?: CompiledTable
  readonly epoch: number
}

/** Locks as far as the request is known now: people are judged once the session is. */
function checkLocks(exchange: Exchange, route: Route, gateway: Gateway): LockCheck {
  const { view, clock } = gateway
  const table = view.current
  if (table === undefined) return { denial: STALE, epoch: exchange.epoch }
  exchange.epoch = table.epoch
  const locks = hasLocks(table) ? findLocks(table, lockTargetOf(exchange, route), clock.now()) : undefined
  if (locks?.denying !== undefined)
    return { denial: locked(locks.denying, exchange, route, gateway), epoch: table.epoch }
  if (locks?.stepUp !== undefined && route.policy.session.level === 'none')
    return { denial: locked(locks.stepUp, exchange, route, gateway), epoch: table.epoch }
  if (!view.isFresh(clock) && refusesWhenStale(route, exchange.isSafe)) return { denial: STALE, epoch: table.epoch }
  return { epoch: table.epoch, table, locks }
}

/** Where the lock is thawing, the caller is told when its turn comes. */
function locked(lock: NonNullable<Denial['lock']>, exchange: Exchange, route: Route, { clock }: Gateway): Denial {
  const turn = findReturn(lock, lockTargetOf(exchange, route), clock.now())
  return { denied: 'locked', lock, ...(turn && { retryAfterMs: turn.afterMs, retrySpreadMs: turn.spreadMs }) }
}

/** Turns the credential into a session. A remembered token is answered in the same turn. */
function verifyCredential(
  exchange: Exchange,
  route: Route,
  gateway: Gateway,
): Denial | undefined | Promise<Denial | undefined> {
  const { level } = route.policy.session
  if (level === 'none' || exchange.session !== undefined) return undefined
  const credential = credentialOf(exchange.request.fields, gateway.settings.carriers)
  if (credential === undefined) {
    if (level === 'optional') return undefined
    gateway.telemetry.sessionChecked('missing')
    return noSession(route, gateway)
  }
  if ('malformed' in credential) {
    gateway.telemetry.sessionChecked('invalid')
    return { denied: 'malformed-request', detail: credential.malformed }
  }
  const answer = gateway.settings.verifier.verify(credential.token, gateway.clock.now())
  return 'then' in answer
    ? answer.then((verification) => takeVerification(exchange, route, credential, verification, gateway))
    : takeVerification(exchange, route, credential, answer, gateway)
}

/** Told how to come: by a bearer token, or by one that is bound to a key (RFC 9449, 7.1). */
function noSession(route: Route, { settings: { proofs } }: Gateway): Denial {
  const isBound = route.policy.session.binding === 'dpop' && proofs !== undefined
  return { denied: 'no-session', ...(isBound && { proof: { algorithms: proofs.algorithms } }) }
}

function takeVerification(
  exchange: Exchange,
  route: Route,
  credential: Parameters<typeof checkPossession>[2],
  verification: Verification,
  gateway: Gateway,
): Denial | undefined | Promise<Denial | undefined> {
  if ('session' in verification) {
    const { session } = verification
    const { binding } = route.policy.session
    if (session.confirmation === undefined && binding === undefined && credential.scheme !== 'dpop') {
      exchange.session = session
      return undefined
    }
    const shown = checkPossession(exchange, binding, credential, session, gateway)
    const take = (denial: Denial | undefined): Denial | undefined => {
      if (denial === undefined) exchange.session = session
      else gateway.telemetry.sessionChecked(denial.denied === 'sessions-unavailable' ? 'unavailable' : 'invalid')
      return denial
    }
    return shown !== undefined && 'then' in shown ? shown.then(take) : take(shown)
  }
  gateway.telemetry.sessionChecked(verification.refused)
  if (verification.refused === 'unavailable') return { denied: 'sessions-unavailable', retryAfterMs: 5_000 }
  return { denied: 'invalid-token', detail: 'The token is expired, or not one of ours.' }
}

/** Revocation, assurance and ownership, over the table that the grant will name. `isWhole`: the body has been read as well. */
function checkSession(
  exchange: Exchange,
  route: Route,
  check: LockCheck,
  gateway: Gateway,
  isWhole = true,
): Denial | undefined {
  const { session } = exchange
  const stepUp = check.locks?.stepUp
  if (session === undefined) {
    if (stepUp === undefined) return undefined
    gateway.telemetry.sessionChecked('missing')
    return { denied: 'no-session' }
  }
  const denial =
    judgeSession(route, session, check, gateway.clock.now()) ??
    (isWhole ? judgeOwnership(exchange, route, session, gateway) : undefined)
  if (denial !== undefined) gateway.telemetry.sessionChecked(SESSION_RESULTS[denial.denied])
  else if (isWhole && !exchange.counted) gateway.telemetry.sessionChecked('ok')
  return denial
}

type SessionDenial = Denial & { readonly denied: 'invalid-token' | 'insufficient-authentication' | 'not-owner' }

const SESSION_RESULTS = {
  'invalid-token': 'revoked',
  'insufficient-authentication': 'insufficient',
  'not-owner': 'forbidden',
} as const

function judgeSession(route: Route, session: Session, check: LockCheck, now: number): SessionDenial | undefined {
  if (now > session.expiresAt || (check.table !== undefined && isRevoked(session, check.table.revocations))) {
    return { denied: 'invalid-token', detail: 'The session has ended.' }
  }
  return checkAssurance(route.policy.session, session, now, freshSinceOf(check.locks)) as SessionDenial | undefined
}

function judgeOwnership(
  exchange: Exchange,
  route: Route,
  session: Session,
  gateway: Gateway,
): SessionDenial | undefined {
  const policy = route.policy.session
  const denial = checkOwnership(policy, session, (source) => readBound(exchange, source))
  if (denial !== undefined) return denial as SessionDenial
  for (const source of policy.number ?? []) {
    const numbers = readBound(exchange, source)
    if (numbers.length === 0 || !isDestination(session, numbers, gateway.settings)) return NOT_OWNER as SessionDenial
  }
  return undefined
}

function checkThrottle(
  exchange: Exchange,
  route: Route,
  locks: LocksInForce | undefined,
  gateway: Gateway,
): Denial | undefined {
  if (locks?.observing !== undefined) gateway.telemetry.observed(locks.observing.mode)
  if (exchange.counted) return undefined
  exchange.counted = true
  const { session } = exchange
  const lock = locks?.throttling
  const { finding, allowance } = observeAll(gateway.detectors, {
    monotonicMs: gateway.clock.monotonicMs(),
    route,
    key: session?.session ?? gateway.addresses.aggregate(exchange.address),
    hasSession: session !== undefined,
    subjects: exchange.subjects,
    ...(lock?.limit === undefined ? {} : { lock: { id: lock.id, limit: lock.limit } }),
  })
  exchange.allowance = allowance
  if (finding !== undefined) gateway.telemetry.anomaly(finding.detector)
  if (finding?.answer !== 'refuse') return checkPeople(exchange, route, gateway)
  gateway.telemetry.throttled(route.id, finding.detector)
  return { denied: 'throttled', detector: finding.detector, retryAfterMs: finding.retryAfterMs }
}
