// Detectors of people in the live gateway: facts from an exchange, one answer out of what they find, and who is told.
import type { Denial } from '../core/decision.ts'
import type { PeoplePosture, Source } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import type { Session } from '../core/session.ts'
import type { Limit } from '../core/time.ts'
import { factsOf, personOf, stackOf } from '../throttle/facts-of.ts'
import type { Budget, Facts } from '../throttle/facts.ts'
import { graver, isRefusal, type Finding } from '../throttle/finding.ts'
import { BUILT_IN } from '../throttle/new-subjects.ts'
import { delayMs } from './delays.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import type { Exemptions, PeopleSettings } from './people-guard.ts'
import { readSource } from './sources.ts'

interface RouteGuard {
  readonly index: number
  readonly posture: PeoplePosture
  readonly budgets: readonly Budget[] | undefined
  readonly target: Source | undefined
  /** Sources whose people the session has been shown to own. */
  readonly isOwn: boolean
  readonly isIdle: boolean
  /** As `isOwn`, of the people whom the answer names. */
  readonly ownsReturned: boolean
}

const guards = new WeakMap<Route, RouteGuard>()
let known = 0
const indexes = new Map<string, number>()

/** A route keeps its counters through a reload. */
function guardOf(route: Route): RouteGuard {
  const found = guards.get(route)
  if (found !== undefined) return found
  const { throttle, subjects, session, response } = route.policy
  const named = response?.subjects ?? []
  const index = indexes.get(route.id) ?? known++
  indexes.set(route.id, index)
  const posture = throttle.people ?? 'observe'
  const made: RouteGuard = {
    index,
    posture,
    budgets: throttle.budgets?.map(asBudget),
    target: throttle.target,
    isOwn: session.bind.length > 0 && subjects.every((each) => session.bind.some(({ source }) => isSame(source, each))),
    isIdle:
      posture === 'off' ||
      (subjects.length === 0 && named.length === 0 && throttle.attempt === undefined && session.level === 'none'),
    ownsReturned: named.every((each) => response?.owner.some(({ pointer }) => pointer === each)),
  }
  guards.set(route, made)
  return made
}

function isSame(one: Source, two: Source): boolean {
  return one.in === two.in && one.name === two.name
}

function asBudget({ count, periodMs }: Limit): Budget {
  return { minutes: Math.ceil(periodMs / 60_000), count, source: 'by config' }
}

/** Undefined where nobody looks: the route has nothing that detectors could count. */
function factsFor(exchange: Exchange, route: Route, guard: RouteGuard, gateway: Gateway): Facts | undefined {
  const people = gateway.people
  if (people === undefined || guard.isIdle) return undefined
  const { session, subjects, request } = exchange
  const { settings, seed, epochSeconds } = people
  const { fields } = request
  return factsOf(
    {
      second: epochSeconds + Math.floor(gateway.clock.monotonicMs() / 1000),
      wallMs: gateway.clock.now(),
      route: { index: guard.index, id: route.id },
      session: session?.session,
      account: session?.principal,
      address: gateway.addresses.aggregate(exchange.address),
      stack: () => stackOf(fields.first('user-agent'), fields.names),
      verifiedAtMs: verifiedAt(session),
      people: subjects.length === 0 ? NOBODY : peopleOf(exchange, route, guard, seed),
      budgets: guard.budgets ?? settings.learned?.[session === undefined ? 'address' : 'session'] ?? BUILT_IN,
      partner: partnerOf(session, settings),
      attempt: route.policy.throttle.attempt,
      target: targetOf(exchange, guard, gateway),
    },
    seed,
  )
}

function verifiedAt(session: Session | undefined): number | undefined {
  return session?.byOtp === true ? (session.authTime ?? session.issuedAt ?? 0) * 1000 : undefined
}

function partnerOf(
  session: Session | undefined,
  { clients }: PeopleSettings,
): { name: string; budgets: readonly Budget[] } | undefined {
  const name = session?.clients[0]
  const budgets = name === undefined ? undefined : clients.get(name)
  return name === undefined || budgets === undefined ? undefined : { name, budgets }
}

const NOBODY: Facts['people'] = []

function targetOf(exchange: Exchange, { target }: RouteGuard, { pseudonyms }: Gateway): string | undefined {
  const value = target === undefined ? undefined : readSource(exchange, target)[0]
  return value === undefined || value === '' ? undefined : pseudonyms.of('subject', value)
}

function peopleOf(exchange: Exchange, { policy }: Route, guard: RouteGuard, seed: number): Facts['people'] {
  const { subjects } = exchange
  const identifiers = identifiersOf(exchange, policy.subjects)
  const isPlain = identifiers.length === subjects.length
  return subjects.map((name, index) => personOf(name, isPlain ? (identifiers[index] ?? '') : '', guard.isOwn, seed))
}

function identifiersOf(exchange: Exchange, sources: readonly Source[]): readonly string[] {
  const found: string[] = []
  for (const source of sources) for (const value of readSource(exchange, source)) if (value !== '') found.push(value)
  return found
}

/** The denial that the findings come to, if any; also keeps the facts for `settlePeople`. */
export function checkPeople(exchange: Exchange, route: Route, gateway: Gateway): Denial | undefined {
  const guard = guardOf(route)
  const facts = factsFor(exchange, route, guard, gateway)
  const { people } = gateway
  if (facts === undefined || people === undefined) return undefined
  exchange.facts = facts
  const { honey } = people.settings
  const isHoney = honey.size > 0 && exchange.subjects.some((each) => honey.has(each))
  const delays = route.policy.throttle.delayMs !== undefined
  const place = people.placeOf?.(exchange.address)
  const findings = people.engine.judge(facts, { enforce: guard.posture === 'enforce', isHoney, delays, place })
  return findings.length === 0 ? undefined : answerTo(exchange, route, findings, gateway)
}

/** The answer names these: what they come to is known before any of it leaves. `values` are their identifiers. */
export function checkReturned(
  exchange: Exchange,
  route: Route,
  names: readonly string[],
  values: readonly string[],
  gateway: Gateway,
): Denial | undefined {
  const { facts } = exchange
  const { people } = gateway
  if (facts === undefined || people === undefined) return undefined
  const guard = guardOf(route)
  // The order of a list is not the caller's choice: only one who was asked for alone may be a step of a walk.
  const step = (index: number): string => (names.length === 1 ? (values[index] ?? '') : '')
  const found = names.map((name, index) => personOf(name, step(index), guard.ownsReturned, people.seed))
  const { honey } = people.settings
  const isHoney = honey.size > 0 && names.some((each) => honey.has(each))
  const findings = people.engine.returned(facts, found, { enforce: guard.posture === 'enforce', isHoney })
  return findings.length === 0 ? undefined : answerTo(exchange, route, findings, gateway)
}

/** The session asked for people that it does not own. */
export function countStrangers(exchange: Exchange, route: Route, gateway: Gateway): void {
  const guard = guardOf(route)
  const facts = factsFor(exchange, route, { ...guard, isOwn: false }, gateway)
  if (facts === undefined || gateway.people === undefined) return
  const findings = gateway.people.engine.notOwner(facts)
  if (findings.length > 0) answerTo(exchange, route, findings, gateway)
}

const FAILURES: ReadonlySet<number> = new Set([400, 401, 403, 422])

/** After the answer: whether a try failed. What the gateway itself has refused is no try. */
export function settlePeople(exchange: Exchange, gateway: Gateway): void {
  const { facts, route, status } = exchange
  if (facts?.attempt === undefined || route === undefined || gateway.people === undefined) return
  if (exchange.upstreamMs === undefined) return
  const failed = FAILURES.has(status)
  const findings = gateway.people.engine.settle(facts, { status, failed })
  if (findings.length > 0) answerTo(exchange, route, findings, gateway)
}

function answerTo(
  exchange: Exchange,
  route: Route,
  findings: readonly Finding[],
  gateway: Gateway,
): Denial | undefined {
  const isEnforced = guardOf(route).posture === 'enforce'
  const exempted = gateway.people?.settings.exemptions
  let gravest: Finding | undefined
  for (const finding of findings) {
    const isExempt = exempted !== undefined && exempted.size > 0 && isExempted(exempted, finding.detector, exchange)
    // A honey subject is acted on wherever it is read: that is what it is for.
    const isActedOn = !isExempt && (isEnforced || finding.detector === 'honey-subject')
    gateway.telemetry.anomaly(finding.detector)
    tell(exchange, route, finding, isActedOn ? finding.answer : 'observe', gateway)
    if (isActedOn) gravest = graver(gravest, finding)
  }
  return gravest === undefined ? undefined : denialOf(exchange, route, gravest, gateway)
}

function isExempted(exempted: Exemptions, detector: string, { session, address }: Exchange): boolean {
  const names = session === undefined ? [address] : [session.principal, session.session, ...session.clients]
  return names.some((name) => exempted.has(`${detector}\0${name}`))
}

function denialOf(exchange: Exchange, route: Route, finding: Finding, gateway: Gateway): Denial | undefined {
  const { session } = exchange
  const { answer, detector, retryAfterMs } = finding
  if (answer === 'step-up') {
    const asked = stepUp(exchange, route, finding, gateway.clock.now())
    if (asked !== 'refuse') return asked
  } else if (answer === 'delay') {
    const { delayMs: longestMs = 0 } = route.policy.throttle
    exchange.delayMs = delayMs(longestMs, finding.nearness ?? 0, gateway.randomness.fraction())
    return undefined
  } else if (!isRefusal(answer)) return undefined
  gateway.telemetry.throttled(route.id, detector)
  const { limit, minutes } = finding
  // Told to sessions that an OTP has opened, and to nobody else (stages/respond by headers): a tool learns nothing to stay under.
  exchange.allowance =
    limit === undefined || minutes === undefined || session?.byOtp !== true
      ? undefined
      : { policy: 'subjects', limit: { count: limit, periodMs: minutes * 60_000 }, remaining: 0, resetMs: retryAfterMs }
  if (answer === 'revoke' && session !== undefined)
    return { denied: 'invalid-token', detail: 'The session has ended.', detector }
  return { denied: 'throttled', detector, retryAfterMs }
}

/** A route without sessions has nobody to ask: it refuses. */
function stepUp({ session }: Exchange, route: Route, finding: Finding, now: number): Denial | undefined | 'refuse' {
  const { detector, sinceMs = 0 } = finding
  if (session === undefined)
    return route.policy.session.level === 'none' ? 'refuse' : { denied: 'no-session', detector }
  const openedAt = session.byOtp ? (session.authTime ?? 0) * 1000 : 0
  if (openedAt > sinceMs) return undefined
  return {
    denied: 'insufficient-authentication',
    maxAgeSeconds: Math.max(0, Math.floor((now - sinceMs) / 1000)),
    detector,
  }
}

function tell(exchange: Exchange, route: Route, finding: Finding, answer: string, gateway: Gateway): void {
  const { session } = exchange
  const { detector, threat, key, value, limit, sentence } = finding
  const application = session?.clients[0]
  gateway.people?.tell({
    kind: 'anomaly',
    time: gateway.clock.now(),
    id: exchange.id,
    ...{ detector, answer, sentence },
    route: route.id,
    client: exchange.address,
    ...(threat === undefined ? {} : { threat }),
    ...(session === undefined ? {} : { session: session.session, principal: session.principal }),
    ...(application === undefined ? {} : { application }),
    ...(key === undefined ? {} : { key }),
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
  })
}
