// Who calls like clockwork, without a session: a health probe, a monitor, a partner's poll. A lock makes them cry first.

export interface RegularCaller {
  readonly route: string
  /** The product that it names itself, never its address. */
  readonly caller: string
  readonly requests: number
  /** Between two calls; 0 where it is known by its name or its route alone. */
  readonly everyMs: number
}

/** Names that probes and monitors give themselves. */
const PROBES =
  /^(?:kube-probe|GoogleHC|ELB-HealthChecker|Amazon-Route53-Health|AzureLB|Prometheus|Blackbox|UptimeRobot|Pingdom|StatusCake|Better Uptime|Datadog|Zabbix|check_http|Consul Health)/i
/** Tags of routes that exist for probes. */
const PROBE_TAGS: readonly string[] = ['health', 'probe', 'probes']
const CALLS_MIN = 5
const CALLERS_MAX = 4096
/** Gaps that are so near to the middle one are of one clock. */
const NEAR = 0.25
const SHARE_MIN = 0.8
const TOLD_MAX = 20
/** A probe looks at the same record each time, or at none; who asks for more people than these reads them, however regularly. */
const PEOPLE_MAX = 3

export interface Call {
  readonly route: { readonly id: string; readonly tags: readonly string[] }
  readonly address: string
  readonly userAgent: string
  readonly session?: string | undefined
  readonly subjects: readonly string[]
  readonly at: number
}

interface Seen {
  readonly route: string
  readonly caller: string
  readonly isProbe: boolean
  requests: number
  readonly times: number[]
  /** At most one more than a probe has. */
  readonly people: Set<string>
}

export class RegularCallers {
  readonly #seen = new Map<string, Seen>()

  /** `weight`: for how many calls this one stands; only where each was seen can gaps be told. */
  add({ route, address, userAgent, session, subjects, at }: Call, weight: number): void {
    if (session !== undefined) return
    const key = `${route.id}\n${address}\n${userAgent}`
    let seen = this.#seen.get(key)
    if (seen === undefined) {
      if (this.#seen.size >= CALLERS_MAX) return
      const isProbe = PROBES.test(userAgent) || route.tags.some((tag) => PROBE_TAGS.includes(tag))
      seen = { route: route.id, caller: productOf(userAgent), isProbe, requests: 0, times: [], people: new Set() }
      this.#seen.set(key, seen)
    }
    seen.requests += weight
    if (weight === 1) seen.times.push(at)
    for (const subject of subjects) if (seen.people.size <= PEOPLE_MAX) seen.people.add(subject)
  }

  get found(): readonly RegularCaller[] {
    const found = [...this.#seen.values()].flatMap(({ route, caller, isProbe, requests, times, people }) => {
      if (people.size > PEOPLE_MAX) return []
      const everyMs = rhythmOf(times)
      return isProbe || everyMs !== undefined ? [{ route, caller, requests, everyMs: everyMs ?? 0 }] : []
    })
    return mergeCallers(found)
  }
}

/** One line for each name on each route, the busiest first: several machines of one monitor are one caller. */
export function mergeCallers(callers: readonly RegularCaller[]): readonly RegularCaller[] {
  const merged = new Map<string, RegularCaller>()
  for (const each of callers) {
    const key = `${each.route}\n${each.caller}`
    const before = merged.get(key)
    const everyMs = [before?.everyMs ?? 0, each.everyMs].filter((ms) => ms > 0)
    merged.set(key, {
      ...each,
      requests: (before?.requests ?? 0) + each.requests,
      everyMs: everyMs.length === 0 ? 0 : Math.min(...everyMs),
    })
  }
  return [...merged.values()].toSorted((a, b) => b.requests - a.requests).slice(0, TOLD_MAX)
}

/** Milliseconds between calls, where most of them are about as far apart. */
function rhythmOf(times: readonly number[]): number | undefined {
  if (times.length < CALLS_MIN) return undefined
  const sorted = times.toSorted((a, b) => a - b)
  const gaps = sorted.slice(1).map((at, index) => at - (sorted[index] ?? at))
  const middle = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? 0
  if (middle < 500) return undefined
  const near = gaps.filter((gap) => Math.abs(gap - middle) <= middle * NEAR)
  return near.length >= gaps.length * SHARE_MIN ? middle : undefined
}

/** The first product of a User-Agent (RFC 9110, 10.1.5), as far as it is one: nothing else of it is told. */
function productOf(userAgent: string): string {
  return /^[A-Za-z0-9._-]{1,40}(?:\/[A-Za-z0-9._-]{1,20})?/.exec(userAgent)?.[0] ?? 'unnamed'
}
