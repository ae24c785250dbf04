// What holds for a route: its own keys, else those of `defaults`; and where each was said.
import type { SessionPolicy } from '../core/policy.ts'
import { routeOtpOf } from './build-session.ts'
import type { Draft } from './draft.ts'
import type { Path } from './problem.ts'
import { parseSource } from './scalars.ts'

export type RouteDraft = NonNullable<NonNullable<Draft['routes']>[number]>
type PolicyKey = keyof NonNullable<Draft['defaults']>

export interface Effective<T> {
  /** Undefined where nobody says it, and where what is said is wrong. */
  readonly value: T | undefined
  /** Where it is said; the route itself where nobody says it. */
  readonly path: Path
  readonly isSaid: boolean
}

/** A route's own key, else the one of `defaults`. Whole keys: a mapping is replaced, never merged. */
export function findEffective<K extends PolicyKey>(
  draft: Pick<Draft, 'defaults'>,
  route: RouteDraft,
  index: number,
  key: K,
): Effective<RouteDraft[K]> {
  if (key in route) return { value: route[key], path: ['routes', index, key], isSaid: true }
  const { defaults } = draft
  if (defaults !== undefined && key in defaults) return { value: defaults[key], path: ['defaults', key], isSaid: true }
  return { value: undefined, path: ['routes', index], isSaid: false }
}

/** `none`, `required` or a mapping to one SessionPolicy. */
export function sessionPolicyOf(said: NonNullable<RouteDraft['session']>): SessionPolicy {
  if (typeof said === 'string') return { level: said, bind: [] }
  const bind = Object.entries(said.bind ?? {}).flatMap(([source, claim]) =>
    claim === undefined ? [] : [{ source: parseSource(source), claim: claim.slice('claim.'.length) }],
  )
  return {
    level: said.level ?? 'required',
    ...routeOtpOf(said.otp),
    ...(said.binding === undefined ? {} : { binding: said.binding }),
    ...(said.maxAge === undefined ? {} : { maxAgeMs: said.maxAge }),
    bind,
    ...(said.number === undefined ? {} : { number: [parseSource(said.number)] }),
  }
}
