// What an order reaches: the dimensions by which requests are told apart.

/** A request is inside when every named dimension matches. Identifiers of people are pseudonyms (key id and value). */
export interface LockScope {
  readonly all?: true
  readonly routes?: readonly string[]
  readonly tags?: readonly string[]
  readonly methods?: readonly string[]
  readonly upstreams?: readonly string[]
  readonly principals?: readonly string[]
  readonly subjects?: readonly string[]
  readonly sessions?: readonly string[]
  readonly clients?: readonly string[]
  readonly cidrs?: readonly string[]
  readonly userAgents?: readonly string[]
}

export const SCOPE_DIMENSIONS = [
  'routes',
  'tags',
  'methods',
  'upstreams',
  'principals',
  'subjects',
  'sessions',
  'clients',
  'cidrs',
  'userAgents',
] as const satisfies readonly (keyof LockScope)[]
