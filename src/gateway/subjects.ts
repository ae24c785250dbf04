// Whose records a request touches: identifiers read from where the route says, kept only as keyed pseudonyms.
import type { Route } from '../core/route.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { Exchange } from './exchange.ts'
import { readSource } from './sources.ts'

export function subjectsOf(exchange: Exchange, route: Route, pseudonyms: Pseudonyms): readonly string[] {
  const { subjects } = route.policy
  if (subjects.length === 0) return NOBODY
  const names: string[] = []
  for (const source of subjects) {
    for (const value of readSource(exchange, source)) {
      if (value === '') continue
      const name = pseudonyms.of('subject', value)
      // At most 64 a source (sources.ts).
      if (!names.includes(name)) names.push(name)
    }
  }
  return names
}

const NOBODY: readonly string[] = []

/** The path as the trail keeps it: every parameter by its pseudonym, an unmatched path by its length and keyed hash. */
export function recordedPath(exchange: Exchange, pseudonyms: Pseudonyms): string {
  const { route, target } = exchange
  if (route === undefined) {
    const raw = target?.path ?? exchange.request.target
    return `${raw.length}:${pseudonyms.of('path', raw)}`
  }
  let path = ''
  for (const part of partsOf(route)) {
    path += typeof part === 'string' ? part : pseudonyms.of('subject', exchange.params[part.param] ?? '')
  }
  return path
}

type Part = string | { readonly param: string }

const parts = new WeakMap<Route, readonly Part[]>()

/** A route's template, cut at its parameters once. */
function partsOf(route: Route): readonly Part[] {
  let known = parts.get(route)
  if (known === undefined) {
    known = route.path
      .split(/(\{[^}]+\})/)
      .map((part) => (part.startsWith('{') ? { param: part.replaceAll(/[{}*]/g, '') } : part))
      .filter((part) => part !== '')
    parts.set(route, known)
  }
  return known
}
