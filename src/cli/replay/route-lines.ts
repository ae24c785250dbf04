// Which route of a config a line of a log would have met, and whose record it asked for.
import type { Config } from '../../config/config.ts'
import { DEFAULTS } from '../../config/defaults.ts'
import type { Source } from '../../core/policy.ts'
import { compileRoutes, isWrongMethod, matchRoute, type Route } from '../../core/route.ts'
import { isRefused, parseTarget } from '../../core/target.ts'
import type { Budget } from '../../throttle/facts.ts'
import { createGuard, type Arm } from '../../throttle/replay/guard.ts'
import type { LogEvent } from '../../throttle/replay/event.ts'

export interface PolicyArm {
  readonly arm: Arm
  /** The line as this config sees it; undefined where no route of it takes the line. */
  place(event: LogEvent): LogEvent | undefined
}

/** `only`: the route that lines without a path are of. */
export function createPolicyArm(name: string, config: Config, only?: Route): PolicyArm {
  const table = compileRoutes(config.routes)
  const byId = new Map(config.routes.map((route) => [route.id, route]))
  const budgets = new Map(config.routes.map((route) => [route.id, budgetsOf(route)]))
  const learn = config.throttle?.learn ?? DEFAULTS.throttle.learn
  const clients = Object.entries(config.throttle?.clients ?? {})
  const arm = createGuard({
    name,
    budgetsOf: ({ route }) => budgets.get(route ?? ''),
    requestsOf: ({ route }) => byId.get(route ?? '')?.policy.throttle.requests,
    ...(learn === 'off' ? {} : { learn }),
    enforces: ({ route }) => byId.get(route ?? '')?.policy.throttle.people === 'enforce',
    partners: Object.fromEntries(clients.map(([client, limits]) => [client, limits.map(asBudget)])),
    honey: new Set(config.throttle?.honey ?? []),
    size: { sessions: config.throttle?.sessions ?? 100_000, addresses: config.throttle?.addresses ?? 50_000 },
  })
  const fallback = only ?? soleGuarded(config.routes)
  return {
    arm,
    place(event) {
      const known = event.route === undefined ? undefined : byId.get(event.route)
      if (known !== undefined) return withRoute(event, known)
      if (event.path !== undefined) {
        const target = parseTarget(event.path)
        const match = isRefused(target) ? undefined : matchRoute(table, event.method ?? 'GET', target.path)
        if (match !== undefined && !isWrongMethod(match) && !isRefused(target))
          return withRoute(event, match.route, (source) => valuesAt(source, match.params, target.query))
      }
      return fallback === undefined || event.subjects.length + (event.attempt === undefined ? 0 : 1) === 0
        ? undefined
        : withRoute(event, fallback)
    },
  }
}

/** Where one route alone counts people, lines that name no route are its. */
function soleGuarded(routes: readonly Route[]): Route | undefined {
  const guarded = routes.filter(({ policy }) => policy.throttle.people !== undefined)
  return guarded.length === 1 ? guarded[0] : undefined
}

function withRoute(event: LogEvent, route: Route, read?: (source: Source) => readonly string[]): LogEvent {
  const { throttle, subjects: sources } = route.policy
  const attempt = event.attempt ?? throttle.attempt
  const target = event.target ?? (throttle.target && read?.(throttle.target)[0])
  const subjects = event.subjects.length > 0 || read === undefined ? event.subjects : sources.flatMap(read)
  return {
    ...event,
    route: route.id,
    subjects,
    ...(attempt === undefined ? {} : { attempt }),
    ...(target === undefined ? {} : { target }),
  }
}

function valuesAt(source: Source, params: Readonly<Record<string, string>>, query: string): readonly string[] {
  if (source.in === 'header') return []
  if (source.in === 'query') return new URLSearchParams(query).getAll(source.name)
  const value = params[source.name]
  return value === undefined ? [] : [value]
}

/** Undefined where the route takes what is built in or learned. */
function budgetsOf({ policy }: Route): readonly Budget[] | undefined {
  return policy.throttle.budgets?.map(asBudget)
}

function asBudget({ count, periodMs }: { readonly count: number; readonly periodMs: number }): Budget {
  return { minutes: Math.ceil(periodMs / 60_000), count, source: 'by config' }
}
