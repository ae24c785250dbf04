// Limits as the schema has them become those of a route, and what all detectors share.
import type { RoutePolicy } from '../core/policy.ts'
import type { Limit } from '../core/time.ts'
import type { ThrottleConfig } from './config.ts'
import { parseSource } from './scalars.ts'
import type { ConfigDocument } from './schema.ts'

type Policy = RoutePolicy['throttle']

/** As the schema leaves them: a limit that was no limit has been told before. */
interface Said {
  readonly requests?: unknown
  readonly subjects?: unknown
  readonly people?: Policy['people'] | undefined
  readonly delay?: number | undefined
  readonly attempt?: Policy['attempt'] | undefined
  readonly target?: string | undefined
}

interface MaybeLimit {
  readonly count?: number | undefined
  readonly periodMs?: number | undefined
}

export function throttlePolicyOf(said: Said | undefined): Policy {
  if (said === undefined) return {}
  const { requests, subjects, attempt, target } = said
  const single = isLimit(subjects) ? subjects : undefined
  const budgets = Array.isArray(subjects) ? subjects.filter(isLimit) : single && [single]
  const people = said.people ?? (subjects === undefined ? undefined : 'enforce')
  return {
    ...(isLimit(requests) ? { requests } : {}),
    ...(single === undefined ? {} : { subjects: single }),
    ...(budgets === undefined ? {} : { budgets }),
    ...(people === undefined ? {} : { people }),
    ...(said.delay === undefined ? {} : { delayMs: said.delay }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(target === undefined ? {} : { target: parseSource(target) }),
  }
}

export function throttleOf(
  throttle: NonNullable<ConfigDocument['throttle']>,
  absolute: (path: string) => string,
): ThrottleConfig {
  const { honey, clients, learn, sessions, addresses, lock, places } = throttle
  return {
    ...{ honey, learn, sessions, addresses },
    clients: Object.fromEntries(
      Object.entries(clients).map(([name, { subjects }]) => [name, subjects.filter(isLimit)]),
    ),
    ...(places === undefined ? {} : { placesFile: absolute(places) }),
    ...(lock === undefined ? {} : { lock: { keyFile: absolute(lock.keyFile), ttlMs: lock.ttl } }),
  }
}

function isLimit(limit: unknown): limit is Limit {
  const { count, periodMs } = (typeof limit === 'object' && limit !== null ? limit : {}) as MaybeLimit
  return count !== undefined && periodMs !== undefined
}
