// The near-miss guard: a path that a lenient upstream would read as another route is refused, even where a catch-all takes it, and
// so is a second spelling of a parameter that names a person. Cheap: a path is looked at again only where it has something that
// somebody folds, and its readings are matched only where the route that took it has a rival.
import { keyOf, unfold } from './fold.ts'
import { addLiteral, addRest, newNode, reach, type LenientNode, type Reach, type Shape } from './lenient-match.ts'
import { plainReadingOf, plainTextOf, readingsOf, type Reading } from './lenient-reading.ts'
import { compileParamRules, isRespelled, type ParamRules } from './param-spelling.ts'
import type { RouteFlag, SessionPolicy } from './policy.ts'
import { parseTemplate, type Route } from './route.ts'

export interface NearMissGuard {
  readonly root: LenientNode
  readonly facts: ReadonlyMap<Route, Facts>
  /** Every literal is its own folded form, so that a path which is its own skeleton needs no second look. */
  readonly isPlain: boolean
}

/** What is known of a route before any request comes. */
interface Facts {
  /** The one path that it takes, where there is only one. */
  readonly only: string | undefined
  /** Its own shape, and those that its template itself can be read as: the config declares both, so neither hides the other. */
  readonly kin: ReadonlySet<Shape>
  /** It takes the rest of a path: it says nothing of what the paths under it are. */
  readonly isWide: boolean
  /** Some other route could be read in a path of its own, segment for segment. */
  readonly hasRivals: boolean
  readonly params: ParamRules
}

/** A segment of a template: its literal as folded, or null for a parameter. */
type Part = string | null

/** Compiles the same routes with their literals folded as the most lenient upstream would fold them. */
export function compileNearMissGuard(routes: readonly Route[]): NearMissGuard {
  const root = newNode()
  const compiled = routes.map((route) => {
    const parts = partsOf(route)
    return { route, ...parts, shape: addShape(root, route, parts) }
  })
  const facts = new Map<Route, Facts>()
  for (const each of compiled) {
    const { route, parts, isWide, shape } = each
    const kin = new Set([shape, ...shapesReadIn(root, sampleOf(route)).map(({ shape: other }) => other)])
    const isFixed = !isWide && !parts.includes(null)
    facts.set(route, {
      only:
        isFixed && route.policy.ignoreCase !== true && route.policy.trailingSlash !== 'either'
          ? sampleOf(route)
          : undefined,
      kin,
      isWide,
      hasRivals: compiled.some((other) => !kin.has(other.shape) && (isWide || isRival(parts, other))),
      params: compileParamRules(route),
    })
  }
  const isPlain = compiled.every(({ route, parts }) => !SUSPICIOUS.test(sampleOf(route)) && isItself(route, parts))
  return { root, facts, isPlain }
}

function partsOf(route: Route): { readonly parts: readonly Part[]; readonly isWide: boolean } {
  const segments = parseTemplate(route.path)
  if ('problem' in segments) throw new TypeError(`route ${route.id}: ${segments.problem}`)
  const parts = segments.flatMap((segment): readonly Part[] => {
    if ('rest' in segment) return []
    if ('param' in segment) return [null]
    // A slash at the end is no segment: some upstreams drop it, some add it.
    return segment.literal === '' ? [] : [keyOf(unfold(segment.literal))]
  })
  return { parts, isWide: segments.some((segment) => 'rest' in segment) }
}

function addShape(root: LenientNode, route: Route, { parts, isWide }: ReturnType<typeof partsOf>): Shape {
  let node = root
  for (const part of parts) node = part === null ? (node.param ??= newNode()) : addLiteral(node, part)
  const endsLiteral = !isWide && parts.at(-1) !== null
  const shape = isWide ? addRest(node) : (node.shape ??= { routes: [], endsLiteral })
  shape.routes.push(route)
  return shape
}

/** A path of the route, with words for parameters that no literal is. */
function sampleOf(route: Route): string {
  const segments = parseTemplate(route.path)
  if ('problem' in segments) return route.path
  return `/${segments.map((segment) => ('literal' in segment ? segment.literal : FRESH)).join('/')}`
}

const FRESH = 'zqxjzqxjzqxj'

function shapesReadIn(root: LenientNode, path: string): readonly Reach[] {
  return (readingsOf(path) ?? []).flatMap((reading) => reach(root, reading, true))
}

function isItself(route: Route, parts: readonly Part[]): boolean {
  const segments = parseTemplate(route.path)
  if ('problem' in segments) return false
  return segments.every((segment, at) => !('literal' in segment) || segment.literal === (parts[at] ?? ''))
}

/**
 * Whether a path that fits `own` segment for segment may be read as the other: in another case, or with suffixes dropped. One
 * that takes the rest counts where it is the more specific one for such a path: `/admin/{rest*}` beside `/{area}/{page}`.
 */
function isRival(own: readonly Part[], other: { readonly parts: readonly Part[]; readonly isWide: boolean }): boolean {
  const shared = own.slice(0, other.parts.length)
  if (shared.length < other.parts.length || (shared.length < own.length && !other.isWide)) return false
  if (other.isWide && shared.every((part, at) => part === other.parts[at])) return false
  return shared.every((part, at) => {
    const literal = other.parts[at] ?? null
    return part === null || (literal !== null && stemOf(literal) === stemOf(part))
  })
}

function stemOf(text: string): string {
  const dot = text.indexOf('.', 1)
  return dot === -1 ? text : text.slice(0, dot)
}

// What is not in here is read by everybody as it is written.
const SUSPICIOUS = /[A-Z%;+&(.]|:\$|\/(?:index|default)(?:\/|$)|.\/$/
// What may change the number of segments without more than letters, a slash, and the suffix of a script before what it is given.
const MOVES = /.\/$|\/(?:index|default)(?=[./]|$)|\.[^/]*\/./i

/**
 * Whether a lenient reading of a canonical `path` is another route's than `plain`, the one that `path` itself matched. Also
 * true for what has no innocent reading: dot segments and controls that come to light after decoding (`..;` at Tomcat,
 * `..%20` at Windows, `%252e%252e`), and more layers of encoding than `LAYERS_MAX`. `isLocked`: by a lock in force, which makes
 * any route the stricter one.
 */
export function isNearMiss(
  guard: NearMissGuard,
  plain: Route | undefined,
  method: string,
  path: string,
  isLocked: (route: Route) => boolean = BY_NONE,
): boolean {
  const facts = plain === undefined ? NOT_FOUND : (guard.facts.get(plain) ?? NOT_FOUND)
  if (facts.only === path) return false
  if (!SUSPICIOUS.test(path)) {
    if (guard.isPlain || !facts.hasRivals) return false
  } else if (isRespelled(facts.params, path)) return true
  const text = plainTextOf(path)
  if (text !== undefined && !facts.hasRivals && !MOVES.test(path)) return false
  const readings = text === undefined ? readingsOf(path) : [plainReadingOf(text)]
  return (
    readings === undefined ||
    readings.some((reading) => isOfAnother(guard, facts, reading, { plain, method, isLocked }))
  )
}

const BY_NONE = (): boolean => false

/** A path that no route takes may be read as any. */
const NOT_FOUND: Facts = {
  only: undefined,
  kin: new Set(),
  isWide: true,
  hasRivals: true,
  params: { places: [], isProtected: false, folded: /$^/ },
}

interface Asked {
  readonly plain: Route | undefined
  readonly method: string
  readonly isLocked: (route: Route) => boolean
}

function isOfAnother({ root }: NearMissGuard, { kin, isWide }: Facts, reading: Reading, asked: Asked): boolean {
  const { plain, method } = asked
  return reach(root, reading, isWide).some(
    (reached) =>
      !kin.has(reached.shape) &&
      counts(reached, isWide, asked) &&
      (plain !== undefined || reached.shape.routes.some((route) => takes(route, method))),
  )
}

/** A reading that few upstreams have is held against a path only where it could matter, so that names and files pass. */
function counts({ shape, cut, isIndex, isGuess }: Reach, isWide: boolean, { plain, isLocked }: Asked): boolean {
  const isInName = cut !== 'by none' && !isWide && !shape.endsLiteral
  if (isInName && cut === 'by few') return false
  if (isGuess || isInName || (isIndex && !isWide))
    return plain === undefined || shape.routes.some((route) => isStricter(route, plain) || isLocked(route))
  return true
}

function takes({ methods }: Route, method: string): boolean {
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))
}

const LOCKS: Readonly<Record<RouteFlag, number>> = { open: 0, 'read-only': 1, 'step-up': 2, deny: 3 }
const SESSIONS: Readonly<Record<SessionPolicy['level'], number>> = { none: 0, optional: 1, required: 2 }

function isStricter({ policy }: Route, { policy: than }: Route): boolean {
  return LOCKS[policy.lock] > LOCKS[than.lock] || SESSIONS[policy.session.level] > SESSIONS[than.session.level]
}
