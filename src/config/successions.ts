// Which route of the next config answers what a route of the running one answers today: found exactly, not by guessing paths.
import {
  compileRoutes,
  isWrongMethod,
  matchRoute,
  parseTemplate,
  type Route,
  type RouteMatch,
  type RouteTable,
} from '../core/route.ts'
import { withHead } from './check-routes.ts'

/** For one method, a path that `before` answers now, and what answers it next (undefined: nothing does). */
export interface Succession {
  readonly method: string
  readonly path: string
  readonly before: RouteMatch
  readonly after: RouteMatch | undefined
}

type Segment = { readonly literal: string } | { readonly param: string } | { readonly rest: string }

/**
 * Every pair of routes that some request would be handed over by. Matching goes by specificity of segments alone, so all
 * paths that fit two templates, with nothing in them but what the templates say, are answered alike: one path with fresh
 * words for the parameters stands for all of them, and one for each length where both templates end in a rest.
 */
export function findSuccessions(running: readonly Route[], next: readonly Route[]): readonly Succession[] {
  const [now, then] = [compileRoutes(running), compileRoutes(next)]
  const templates = new Map([...running, ...next].map((route) => [route.path, segmentsOf(route.path)]))
  const depth = Math.max(0, ...[...templates.values()].map((segments) => segments.length)) + 1
  const word = freshWord([...templates.values()])
  const isEither = [...running, ...next].some((route) => route.policy.trailingSlash === 'either')
  const spellings = isEither ? eitherSlash : (segments: readonly Segment[]) => [segments]
  const found = new Map<string, Succession>()
  for (const route of running) {
    const own = templates.get(route.path) ?? []
    const others = [...new Set([route.path, ...next.map((each) => each.path)])]
    const paths = others.flatMap((other) =>
      spellings(own).flatMap((one) =>
        spellings(templates.get(other) ?? []).flatMap((two) => commonPaths(one, two, depth, word)),
      ),
    )
    for (const succession of [...new Set(paths)].flatMap((path) => successionsAt(now, then, route, path))) {
      const key = JSON.stringify([succession.method, route.id, succession.after?.route.id, succession.after?.params])
      if (!found.has(key)) found.set(key, succession)
    }
  }
  return [...found.values()]
}

function successionsAt(now: RouteTable, then: RouteTable, route: Route, path: string): readonly Succession[] {
  return withHead(route.methods).flatMap((method) => {
    const before = matchRoute(now, method, path)
    if (before === undefined || isWrongMethod(before) || before.route !== route) return []
    const after = matchRoute(then, method, path)
    return [{ method, path, before, after: after === undefined || isWrongMethod(after) ? undefined : after }]
  })
}

function segmentsOf(path: string): readonly Segment[] {
  const segments = parseTemplate(path)
  return 'problem' in segments ? [] : segments
}

/** A route may take a slash more or less at the end of its paths; matching tells which of the two it takes. */
function eitherSlash(segments: readonly Segment[]): readonly (readonly Segment[])[] {
  const last = segments.at(-1)
  if (last === undefined || 'rest' in last) return [segments]
  const isSlash = 'literal' in last && last.literal === ''
  return [segments, isSlash ? segments.slice(0, -1) : [...segments, { literal: '' }]]
}

/** A word that no literal begins with, so that it fits parameters alone. */
function freshWord(templates: readonly (readonly Segment[])[]): string {
  const literals = templates.flat().flatMap((segment) => ('literal' in segment ? [segment.literal.toLowerCase()] : []))
  let word = 'x'
  while (literals.some((literal) => literal.startsWith(word))) word += 'x'
  return word
}

/** Paths that stand for all that fit both templates; none where nothing does. */
function commonPaths(a: readonly Segment[], b: readonly Segment[], depth: number, word: string): readonly string[] {
  const parts: string[] = []
  for (let at = 0; ; at++) {
    const [left, right] = [a[at], b[at]]
    if (left === undefined && right === undefined) return [`/${parts.join('/')}`]
    if (left !== undefined && 'rest' in left) return restPaths(parts, b.slice(at), depth, word)
    if (right !== undefined && 'rest' in right) return restPaths(parts, a.slice(at), depth, word)
    if (left === undefined || right === undefined) return []
    const part = commonPart(left, right, `${word}${at}`)
    if (part === undefined) return []
    parts.push(part)
  }
}

/** In another case the second's spelling stands: the first may take any, which matching tells. */
function commonPart(a: Segment, b: Segment, fresh: string): string | undefined {
  if ('literal' in a) {
    if (!('literal' in b)) return a.literal
    return a.literal.toLowerCase() === b.literal.toLowerCase() ? b.literal : undefined
  }
  return 'literal' in b ? b.literal : fresh
}

/** One template takes all the rest; the other says what it is, or takes the rest too: of any length, and with a trailing slash. */
function restPaths(
  parts: readonly string[],
  others: readonly Segment[],
  depth: number,
  word: string,
): readonly string[] {
  const fixed = [...parts]
  for (const segment of others) {
    if ('rest' in segment) {
      const lengths = Array.from({ length: Math.max(0, depth - fixed.length) + 1 }, (_, length) => length)
      return lengths.flatMap((length) => {
        const tail = Array.from({ length }, (_, index) => `${word}${fixed.length + index}`)
        return [`/${[...fixed, ...tail].join('/')}`, `/${[...fixed, ...tail, ''].join('/')}`]
      })
    }
    fixed.push('literal' in segment ? segment.literal : `${word}${fixed.length}`)
  }
  return [`/${fixed.join('/')}`]
}
