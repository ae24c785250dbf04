// Whose records a request touches: identifiers read from where the route says, kept only as keyed pseudonyms.
import type { Source } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { Exchange } from './exchange.ts'

/** The values at a source, decoded; none where it is absent, several where it is repeated. */
export function readSource(exchange: Exchange, source: Source): readonly string[] {
  switch (source.in) {
    case 'param': {
      const value = exchange.params[source.name]
      return value === undefined ? [] : [value]
    }
    case 'query':
      return queryValues(exchange.target?.query ?? '', source.name)
    case 'header': {
      const value = exchange.request.headers[source.name.toLowerCase()]
      return value === undefined ? [] : Array.isArray(value) ? value : [value]
    }
  }
}

function queryValues(query: string, name: string): readonly string[] {
  return query === '' ? [] : new URLSearchParams(query).getAll(name)
}

const SUBJECTS_MAX = 64

export function subjectsOf(exchange: Exchange, route: Route, pseudonyms: Pseudonyms): readonly string[] {
  const { subjects } = route.policy
  if (subjects.length === 0) return NOBODY
  const names = new Set<string>()
  for (const source of subjects) {
    for (const value of readSource(exchange, source))
      if (value !== '' && names.size < SUBJECTS_MAX) names.add(pseudonyms.of('subject', value))
  }
  return [...names]
}

const NOBODY: readonly string[] = []

/** The path as the trail keeps it: every parameter by its pseudonym, an unmatched path by its length and keyed hash. */
export function recordedPath(exchange: Exchange, pseudonyms: Pseudonyms): string {
  const { route, target } = exchange
  if (route === undefined) {
    const raw = target?.path ?? exchange.request.url ?? ''
    return `${raw.length}:${pseudonyms.of('path', raw)}`
  }
  return route.path.replaceAll(/\{([^}*]+)\*?\}/g, (_all, name: string) =>
    pseudonyms.of('subject', exchange.params[name] ?? ''),
  )
}
