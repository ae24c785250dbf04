// A lock: what is refused, to whom, since when, until when, and on whose word.
import type { Instant } from './time.ts'
import type { Route } from './route.ts'
import { isSafeMethod } from './policy.ts'
import type { LockScope } from './scope.ts'
import { isThawed, thawState, type ThawRun } from './thaw.ts'

/** From strictest to mildest. */
export const LOCK_MODES = ['deny', 'read-only', 'step-up', 'throttle', 'observe'] as const
export type LockMode = (typeof LOCK_MODES)[number]

/** `drill`: met by the canaries of a drill alone. */
export type LockSource = 'order' | 'file' | 'config' | 'freeze' | 'drill'

/** What passes a lock for a while, on the word of two people. */
export interface Exemption {
  /** Id of the order. */
  readonly id: string
  readonly scope: LockScope
  readonly until: Instant
}

export interface Lock {
  readonly id: string
  readonly scope: LockScope
  readonly mode: LockMode
  readonly source: LockSource
  /** When it landed at the gateway that accepted it. */
  readonly since: Instant
  readonly reason: string
  readonly incident: string
  /** The responder who ordered it; absent for locks by file, config or FREEZE. */
  readonly by?: string
  /** When the lock's time to live ends; absent: until released. */
  readonly until?: Instant
  readonly onExpiry: 'stay' | 'read-only' | 'open'
  /** Status of the refusal: 503 unless the order says 423, 451 or 403. */
  readonly status: number
  /** Public message by language tag. */
  readonly message: Readonly<Record<string, string>>
  /** Requests allowed under mode `throttle`, per session or address. */
  readonly limit?: { readonly count: number; readonly periodMs: number }
  readonly exemptions?: readonly Exemption[]
  /** It is being released in stages. */
  readonly thaw?: ThawRun
}

/** What is known of a request when locks are checked. It only ever grows. */
export interface LockTarget {
  readonly route: Route
  readonly method: string
  readonly address: string
  readonly userAgent: string
  readonly principal?: string | undefined
  readonly session?: string | undefined
  /** The client by each of its names: `azp` or `client_id`, and `iss#azp`. */
  readonly clients?: readonly string[] | undefined
  readonly subjects: readonly string[]
  /** Id of the drill whose canary this is; requests have none. */
  readonly drill?: string | undefined
  /** It asks for a tunnel, or has become one: that may carry anything, whatever its method. */
  readonly isTunnel?: boolean
}

/** The mode that the lock has at `now`, or undefined where it has opened: by itself (`onExpiry: open`) or by a plan's last stage. */
export function modeAt(lock: Lock, now: Instant): LockMode | undefined {
  if (lock.thaw !== undefined && isThawed(lock.thaw, now)) return undefined
  if (lock.until === undefined || now < lock.until || lock.onExpiry === 'stay') return lock.mode
  if (lock.onExpiry === 'open') return undefined
  return lock.mode === 'deny' ? 'read-only' : lock.mode
}

/** Nothing passes it now by an exemption or a thaw plan. */
export function isWhole({ thaw, exemptions = [] }: Lock, now: Instant): boolean {
  return exemptions.every(({ until }) => until <= now) && (thaw === undefined || thawState(thaw, now).is === 'frozen')
}

/** Whether a static reading of the scope leaves the route inside; people, networks and agents are judged per request. */
export function coversRoute(scope: LockScope, route: Route): boolean {
  if (scope.all) return true
  return (
    includes(scope.routes, route.id) &&
    (scope.tags === undefined || scope.tags.some((tag) => route.tags.includes(tag))) &&
    includes(scope.upstreams, route.upstream) &&
    (scope.methods === undefined ||
      route.methods.some((method) => coversMethod(scope, method) || (method === 'GET' && coversMethod(scope, 'HEAD'))))
  )
}

/** HEAD goes with GET: its headers tell of the same record. */
function coversMethod(scope: LockScope, method: string): boolean {
  return includes(scope.methods, method) || (method === 'HEAD' && includes(scope.methods, 'GET'))
}

function includes(names: readonly string[] | undefined, name: string | undefined): boolean {
  return names === undefined || (name !== undefined && names.includes(name))
}

/** Whether a request can change nothing at the upstream. */
export function isSafeTarget({ method, isTunnel = false }: Pick<LockTarget, 'method' | 'isTunnel'>): boolean {
  return !isTunnel && isSafeMethod(method)
}

/** Whether a mode refuses the request outright. */
export function refuses(mode: LockMode, target: Pick<LockTarget, 'method' | 'isTunnel'>): boolean {
  return mode === 'deny' || (mode === 'read-only' && !isSafeTarget(target))
}

/** Judges the dimensions of a scope that change from request to request. `inCidrs` is compiled once by the caller. */
export function coversRequest(scope: LockScope, target: LockTarget, inCidrs: (address: string) => boolean): boolean {
  if (scope.all) return true
  return (
    coversMethod(scope, target.method) &&
    includes(scope.principals, target.principal) &&
    includes(scope.sessions, target.session) &&
    overlaps(scope.subjects, target.subjects) &&
    overlaps(scope.clients, target.clients) &&
    (scope.cidrs === undefined || inCidrs(target.address)) &&
    (scope.userAgents === undefined || scope.userAgents.some((pattern) => matchesAgent(pattern, target.userAgent)))
  )
}

function overlaps(names: readonly string[] | undefined, values: readonly string[] | undefined): boolean {
  return names === undefined || (values !== undefined && values.some((value) => names.includes(value)))
}

/** `*` stands for any run of characters, case is ignored: `python-requests/*`. Linear, so no pattern can stall the worker. */
export function matchesAgent(pattern: string, agent: string): boolean {
  const parts = pattern.toLowerCase().split('*')
  const text = agent.toLowerCase()
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (parts.length === 1) return text === first
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  const end = text.length - last.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
