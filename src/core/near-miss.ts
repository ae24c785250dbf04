// The near-miss guard: a path that a lenient upstream would read as a stricter route is refused, even where a catch-all takes it.
import { compileRoutes, isWrongMethod, matchRoute, type Route, type RouteTable } from './route.ts'

export interface NearMissGuard {
  readonly lenient: RouteTable
}

/** Compiles the same routes with their literals folded as the most lenient upstream would fold them. */
export function compileNearMissGuard(routes: readonly Route[]): NearMissGuard {
  const seen = new Set<string>()
  const folded: Route[] = []
  for (const route of routes) {
    const path = foldTemplate(route.path)
    for (const method of route.methods) {
      const key = `${method} ${path.replaceAll(/\{[^}*]+(\*?)\}/g, '{$1}')}`
      // Two routes that differ in case alone fold into one: neither is a near miss of the other.
      if (seen.has(key)) continue
      seen.add(key)
      folded.push({ ...route, path, methods: [method] })
    }
  }
  return { lenient: compileRoutes(folded) }
}

// Lower case with nothing to strip or decode is its own skeleton.
const SUSPICIOUS = /[A-Z%;]|[.](?:\/|$)|.\/$/

/**
 * Whether a lenient reading of `path` (case folded, `;params` dropped, trailing dots, spaces and slashes dropped, decoded
 * twice, NFKC) is another route's than the one that `path` itself matched.
 */
export function isNearMiss(guard: NearMissGuard, plain: Route | undefined, method: string, path: string): boolean {
  if (!SUSPICIOUS.test(path)) return false
  const skeleton = skeletonOf(path)
  if (skeleton === path) return false
  const match = matchRoute(guard.lenient, method, skeleton)
  if (match === undefined) return false
  if (isWrongMethod(match)) return plain !== undefined && !sharesTemplate(plain, guard, match.allow, skeleton)
  return plain === undefined || foldTemplate(plain.path) !== match.route.path
}

function sharesTemplate(plain: Route, guard: NearMissGuard, allow: readonly string[], skeleton: string): boolean {
  const other = matchRoute(guard.lenient, allow[0] ?? '', skeleton)
  return other !== undefined && !isWrongMethod(other) && other.route.path === foldTemplate(plain.path)
}

/** What a lenient upstream might make of a canonical path. Pure, total, idempotent. */
export function skeletonOf(path: string): string {
  let text = path
  // Double encoding, and once more for an upstream behind an upstream.
  for (let round = 0; round < 3 && text.includes('%'); round++) text = decodeLeniently(text)
  const segments: string[] = []
  for (const segment of fold(text).replaceAll('\\', '/').split('/')) {
    const bare = segment
      .replace(/;.*$/s, '')
      .replace(/[\s.]+$/u, (tail) => (segment === '..' || segment === '.' ? tail : ''))
    if (bare === '..') segments.pop()
    else if (bare !== '' && bare !== '.') segments.push(encodeURIComponent(bare))
  }
  return `/${segments.join('/')}`
}

// Upper case first: a dotless i and a Kelvin sign fold only on the way up.
function fold(text: string): string {
  return text.normalize('NFKC').toUpperCase().toLowerCase()
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replaceAll(/%[0-7][0-9A-Fa-f]/g, (escape) => decodeURIComponent(escape))
  }
}

function foldTemplate(template: string): string {
  return template
    .split('/')
    .map((part) => (part.startsWith('{') ? part : encodeURIComponent(fold(decodeLeniently(part)))))
    .join('/')
    .replace(/(.)\/$/, '$1')
}
