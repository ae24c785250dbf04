// Config is no back door: while a lock that was ordered is in force, no reload and no restart takes away from it.
import { coversRoute, modeAt, type Lock } from '../core/lock.ts'
import type { Posture } from '../core/policy.ts'
import type { Responder } from '../core/responder.ts'
import type { RouteMatch } from '../core/route.ts'
import type { Instant } from '../core/time.ts'
import type { Config, ControlConfig, GatewayConfig, RedisConfig } from './config.ts'
import { formatListen } from './listen.ts'
import { quote } from './problem.ts'
import { findSuccessions, type Succession } from './successions.ts'

/** The parts of a Config that the rule compares: plain data, kept beside the locks so that a restart is judged like a reload. */
export interface GuardSnapshot {
  readonly control: Pick<ControlConfig, 'responders' | 'releaseApprovals'>
  readonly gateway?: Pick<GatewayConfig, 'trustedProxies'>
  /** `fleet`: its name and the Redis without credentials; absent: the embedded store. */
  readonly store: { readonly dir: string; readonly fleet?: string }
  readonly routes: Config['routes']
  readonly audit: Pick<Config['audit'], 'pseudonymKeyFile'>
}

export function snapshotOf({ control, gateway, store, routes, audit }: Config): GuardSnapshot {
  return {
    control: { responders: control.responders, releaseApprovals: control.releaseApprovals },
    ...(gateway === undefined ? {} : { gateway: { trustedProxies: gateway.trustedProxies } }),
    store: { dir: store.dir, ...(store.redis === undefined ? {} : { fleet: fleetPlace(store.redis) }) },
    routes,
    audit: { pseudonymKeyFile: audit.pseudonymKeyFile },
  }
}

function fleetPlace({ fleet, url }: RedisConfig): string {
  return `${fleet} at ${url.replace(/^([a-z-]+:\/\/)[^@/]*@/, '$1')}`
}

/** Why a reload or restart is refused. */
export interface ReloadProblem {
  /** Ids of the locks that stand against it. */
  readonly locks: readonly string[]
  /** What of the config it is: `control.responders`, `routes[beneficiary.read]`. */
  readonly path: string
  /** With the locks' ids. */
  readonly message: string
}

/**
 * What of `next` would take away from a lock in force that an order or FREEZE made (contract, 2: "Config is no back
 * door"); empty where nothing would. Flags of locks.yaml and of routes do not count: their review is elsewhere. With
 * `now` (epoch milliseconds), locks that have opened by themselves do not count either.
 */
export function checkReload(
  running: GuardSnapshot,
  next: GuardSnapshot,
  { locks, now }: { readonly locks: readonly Lock[]; readonly now?: Instant },
): readonly ReloadProblem[] {
  const held = locks.filter(
    (lock) =>
      (lock.source === 'order' || lock.source === 'freeze') && (now === undefined || modeAt(lock, now) !== undefined),
  )
  if (held.length === 0) return []
  const ids = held.map((lock) => lock.id)
  const successions = findSuccessions(running.routes, next.routes)
  const refusals: Refusal[] = [
    ...checkResponders(running.control.responders, next.control.responders),
    ...checkSettings(running, next),
    ...successions.flatMap(checkPosture),
  ]
  return distinct([
    ...refusals.map(({ path, what }) => problemOf(ids, path, what)),
    ...held.flatMap((lock) =>
      [...checkNames(lock, running, next), ...successions.flatMap((each) => checkCoverage(lock, each))].map(
        ({ path, what }) => problemOf([lock.id], path, what),
      ),
    ),
  ])
}

interface Refusal {
  readonly path: string
  readonly what: string
}

function problemOf(locks: readonly string[], path: string, what: string): ReloadProblem {
  const shown = locks.length > 3 ? `${locks.slice(0, 3).join(', ')} and ${locks.length - 3} more` : locks.join(', ')
  return { locks, path, message: `${what}; ${locks.length === 1 ? 'lock' : 'locks'} ${shown} must be released first` }
}

function distinct(problems: readonly ReloadProblem[]): readonly ReloadProblem[] {
  const seen = new Set<string>()
  return problems.filter(({ message }) => !seen.has(message) && seen.add(message))
}

function checkResponders(running: readonly Responder[], next: readonly Responder[]): readonly Refusal[] {
  const path = 'control.responders'
  const changed = next.flatMap((responder): readonly Refusal[] => {
    const name = quote(responder.name)
    const before = running.find((each) => each.name === responder.name)
    if (before === undefined) return [{ path, what: `adds the responder ${name}` }]
    const { retiredAt } = before
    return [
      ...(before.key === responder.key ? [] : [{ path, what: `changes the key of ${name}` }]),
      ...(before.role === responder.role
        ? []
        : [{ path, what: `changes the role of ${name} from ${before.role} to ${responder.role}` }]),
      ...(retiredAt !== undefined && (responder.retiredAt === undefined || responder.retiredAt > retiredAt)
        ? [{ path, what: `takes back that ${name} is retired` }]
        : []),
    ]
  })
  const gone = running.filter((before) => !next.some((each) => each.name === before.name))
  return [
    ...changed,
    ...gone.map(({ name }) => ({
      path,
      what: `removes the responder ${quote(name)} (whoever leaves is retired by a date, which is allowed)`,
    })),
  ]
}

function checkSettings(running: GuardSnapshot, next: GuardSnapshot): readonly Refusal[] {
  const [before, after] = [running.control.releaseApprovals, next.control.releaseApprovals]
  return [
    ...(after < before
      ? [
          {
            path: 'control.releaseApprovals',
            what: `lowers the approvals that a release needs from ${before} to ${after}`,
          },
        ]
      : []),
    ...(running.store.dir === next.store.dir && running.store.fleet === next.store.fleet
      ? []
      : [{ path: 'store', what: 'moves the store, where the locks are' }]),
  ]
}

const LOOSENESS: Readonly<Record<Posture, number>> = { frozen: 0, 'read-only': 1, serve: 2 }

function checkPosture({ before: { route: before }, after }: Succession): readonly Refusal[] {
  if (after === undefined || LOOSENESS[after.route.policy.stale] <= LOOSENESS[before.policy.stale]) return []
  const other = after.route.id === before.id ? '' : ` by its paths going to ${quote(after.route.id)}`
  return [
    {
      path: routePath(before.id),
      what: `loosens stale of route ${quote(before.id)} from ${before.policy.stale} to ${after.route.policy.stale}${other}`,
    },
  ]
}

function routePath(id: string): string {
  return `routes[${id}]`
}

/** Whether the lock's names of people and networks would still mean the same. */
function checkNames({ scope }: Lock, running: GuardSnapshot, next: GuardSnapshot): readonly Refusal[] {
  const refusals: Refusal[] = []
  const namesPeople = scope.subjects !== undefined || scope.principals !== undefined || scope.sessions !== undefined
  if (namesPeople && running.audit.pseudonymKeyFile !== next.audit.pseudonymKeyFile) {
    refusals.push({
      path: 'audit.pseudonyms.keyFile',
      what: 'moves the key of the pseudonyms that the lock names people by',
    })
  }
  const proxies = [running, next].map((each) => JSON.stringify([...(each.gateway?.trustedProxies ?? [])].sort()))
  if (scope.cidrs !== undefined && next.gateway !== undefined && proxies[0] !== proxies[1]) {
    refusals.push({
      path: 'gateway.trustedProxies',
      what: 'changes whose word on client addresses is taken, while the lock goes by address',
    })
  }
  return refusals
}

const FIRMNESS = { none: 0, optional: 1, required: 2 } as const

/** Whether a request that the lock reaches now would still be reached. */
function checkCoverage({ scope }: Lock, { method, before, after }: Succession): readonly Refusal[] {
  const covers = ({ route }: RouteMatch): boolean =>
    coversRoute(scope, { ...route, methods: method === 'HEAD' ? ['HEAD', 'GET'] : [method] })
  if (!covers(before)) return []
  const { route } = before
  const path = routePath(route.id)
  const what = `${method} ${quote(route.path)} (route ${quote(route.id)})`
  if (after === undefined) return [{ path, what: `removes ${what}, which the lock covers` }]
  const to = after.route.id === route.id ? 'so changed' : `answered by route ${quote(after.route.id)}`
  if (!covers(after)) return [{ path, what: `takes ${what} out of the lock: ${to}, it is no longer covered` }]
  const byPerson = scope.principals !== undefined || scope.sessions !== undefined || scope.clients !== undefined
  if (byPerson && FIRMNESS[after.route.policy.session.level] < FIRMNESS[route.policy.session.level]) {
    return [
      {
        path,
        what: `takes ${what} out of the lock: ${to}, it asks less for a session, and the lock goes by who calls`,
      },
    ]
  }
  if (scope.subjects !== undefined && !subjectPlaces(before).every((place) => subjectPlaces(after).includes(place))) {
    return [
      {
        path,
        what: `takes ${what} out of the lock: ${to}, it no longer reads the subjects where it did, and the lock goes by subject`,
      },
    ]
  }
  return []
}

/** Places of subjects, a parameter's by the words that it takes of the path: its name may change. */
function subjectPlaces({ route, params }: RouteMatch): readonly string[] {
  return route.policy.subjects.map((source) =>
    source.in === 'param' ? `path ${params[source.name] ?? ''}` : `${source.in} ${source.name}`,
  )
}

/** Keys that a running process cannot change: a reload leaves them as they are and says so. */
export function findRestartNeeded(running: Config, next: Config): readonly string[] {
  const settings = (config: Config): Readonly<Record<string, string | number | undefined>> => ({
    'gateway.listen': config.gateway && formatListen(config.gateway.listen),
    'gateway.workers': config.gateway?.workers,
    // A listener speaks TLS from its start or never; other files for it are taken.
    'gateway.tls': config.gateway?.tls === undefined ? 'off' : 'on',
    'control.listen': formatListen(config.control.listen),
    'control.tls': JSON.stringify(config.control.tls),
    'session.events': JSON.stringify(config.session.events),
    'store.dir': config.store.dir,
    'store.lease': config.store.leaseMs,
    'store.redis': JSON.stringify(config.store.redis),
    'session.budget': Math.max(64, (config.session.budget?.subjects ?? 0) + (config.session.budget?.routes ?? 0)),
    'audit.dir': config.audit.dir,
    'audit.pseudonyms.keyFile': config.audit.pseudonymKeyFile,
  })
  const [before, after] = [settings(running), settings(next)]
  return Object.keys(before).filter((key) => before[key] !== after[key])
}
