// Where a request names people: what is read there is what any upstream would read there, or the request is refused.
import type { Denial } from '../core/decision.ts'
import { decodeLeniently } from '../core/fold.ts'
import { overridesMethod } from '../core/method-override.ts'
import type { Source } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import type { Fields } from '../http1/fields.ts'
import type { Exchange } from './exchange.ts'
import { spelledAlike } from './field-spelling.ts'
import { nominated } from './headers.ts'

/** The values at a source, decoded; none where it is absent, several where it is repeated. */
export function readSource(exchange: Exchange, source: Source): readonly string[] {
  switch (source.in) {
    case 'param': {
      const value = exchange.params[source.name]
      return value === undefined ? [] : [value]
    }
    case 'query':
      return queryOf(exchange).getAll(source.name)
    case 'header':
      return headerValues(exchange.request.fields, source.name)
    case 'body':
      return exchange.body?.picked.get(source.name)?.values ?? []
  }
}

/** As `readSource`; none where a value is missing in the body: what is bound must be there in each element. */
export function readBound(exchange: Exchange, source: Source): readonly string[] {
  if (source.in === 'body' && exchange.body?.picked.get(source.name)?.isWhole !== true) return []
  return readSource(exchange, source)
}

/** More people than these are not named in one request: each is recorded, and judged by each lock. */
const VALUES_MAX = 64

/**
 * A route that judges by a query parameter or counts people by it must see the parameters that its upstream sees: `;` parts
 * them at some (golang/go#25192), and names fold at others (case, `id[]`, `id.x`, a blank in front). No route's upstream may
 * take the query's method for the request's.
 */
export function checkSources(exchange: Exchange, route: Route): Denial | undefined {
  if (overridesMethod(exchange.target?.query ?? '', exchange.method)) return OVERRIDDEN
  const { sources, names, owners, counted } = judgedBy(route)
  if (sources.length === 0) return undefined
  if (sources.some((source) => readSource(exchange, source).length > VALUES_MAX)) return TOO_MANY
  if (hasUnread(exchange, counted)) return UNREAD
  if (owners.length > 0 && exchange.target?.query !== '' && isOverlaid(exchange, owners)) return AMBIGUOUS
  return names.length === 0 ? undefined : checkQuery(exchange, names)
}

function checkQuery(exchange: Exchange, names: readonly string[]): Denial | undefined {
  if (exchange.isSafe && exchange.request.bodyLength !== 0) return SECOND_PARAMETERS
  return isPlainQuery(exchange, names) ? undefined : AMBIGUOUS
}

interface Judged {
  readonly sources: readonly Source[]
  /** Of those in the query. */
  readonly names: readonly string[]
  /** Parameters of the path that must be the session's own. */
  readonly owners: readonly string[]
  /** Of those in the body the ones that need not be the session's own. */
  readonly counted: readonly string[]
}

const judged = new WeakMap<Route, Judged>()

/** Put together once a route. */
function judgedBy(route: Route): Judged {
  let known = judged.get(route)
  if (known === undefined) {
    const { subjects, session } = route.policy
    const owned = [...session.bind.map((binding) => binding.source), ...(session.number ?? [])]
    const sources = [...subjects, ...owned]
    const bound = namesIn('body', owned)
    const counted = namesIn('body', subjects).filter((name) => !bound.includes(name))
    known = { sources, names: namesIn('query', sources), owners: namesIn('param', owned), counted }
    judged.set(route, known)
  }
  return known
}

function namesIn(place: Source['in'], sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => (source.in === place ? [source.name] : []))
}

/** Whether the query has another value for a parameter of the path: Laravel's `$request->id` is the query's. */
function isOverlaid(exchange: Exchange, owners: readonly string[]): boolean {
  const folded = new Map(owners.map((name) => [foldName(name), exchange.params[name]]))
  for (const [name, value] of queryOf(exchange)) {
    const own = folded.get(foldName(name))
    if (own !== undefined && own !== value) return true
  }
  return false
}

function hasUnread({ body }: Exchange, names: readonly string[]): boolean {
  return body !== undefined && names.some((name) => body.picked.get(name)?.isOdd === true)
}

const TOO_MANY: Denial = { denied: 'malformed-request', detail: 'The request names too many records.' }

const AMBIGUOUS: Denial = {
  denied: 'malformed-target',
  detail: 'The query of the request target can be read in more than one way.',
}

/** Rack reads a form's parameters before the query's, with a GET as well. */
const SECOND_PARAMETERS: Denial = {
  denied: 'malformed-request',
  detail: 'A body that could name other records than the query does.',
}

/** Who is locked would pass, and nobody would be counted: `7.0` is 7 to most, and `["7"]` to some. */
const UNREAD: Denial = {
  denied: 'malformed-request',
  detail: 'The body names a record by something that is neither a text nor a whole number.',
}

const OVERRIDDEN: Denial = {
  denied: 'malformed-target',
  detail: 'The query names another method than the request line.',
}

function isPlainQuery(exchange: Exchange, names: readonly string[]): boolean {
  const query = exchange.target?.query ?? ''
  if (query === '') return true
  if (/;|%3b/i.test(query)) return false
  const folded = new Map(names.map((name) => [foldName(name), name]))
  for (const name of queryOf(exchange).keys()) {
    const meant = folded.get(foldName(name))
    if (meant !== undefined && meant !== name) return false
  }
  return true
}

/**
 * What the most lenient upstream makes of a parameter's name: PHP and qs cut at `[`, Zope at the `:` of a type, PHP writes `_`
 * for dots and blanks, and one that stands behind another decodes again.
 */
function foldName(name: string): string {
  return decodeLeniently(name)
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .trim()
    .replace(/[[:\0].*$/s, '')
    .replaceAll(/[. ]/g, '_')
    .toUpperCase()
    .toLowerCase()
}

function queryOf(exchange: Exchange): URLSearchParams {
  return new URLSearchParams(exchange.target?.query ?? '')
}

/**
 * Every field that an upstream may take for this one: each repetition, and every spelling that some read as one. A field that Connection names does not reach the upstream: it is absent.
 */
function headerValues(fields: Fields, name: string): readonly string[] {
  const wanted = spelledAlike(name.toLowerCase())
  const dropped = nominated(fields)
  const values: string[] = []
  fields.names.forEach((each, index) => {
    if (spelledAlike(each) === wanted && !dropped?.has(each)) values.push(fields.raw[2 * index + 1] ?? '')
  })
  return values
}
