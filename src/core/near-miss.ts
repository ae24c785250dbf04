// The near-miss guard: a path that a lenient upstream would read as another route is refused, even where a catch-all takes it.
import { compileRoutes, isWrongMethod, matchRoute, type Route, type RouteTable } from './route.ts'

export interface NearMissGuard {
  /** The routes with folded literals, one for each shape. */
  readonly lenient: RouteTable
  /** The folded shape of each route and of its copy in `lenient`; routes of one shape are no near misses of each other. */
  readonly shapes: ReadonlyMap<Route, string>
  /** Every literal is its own folded form, so that a path which is its own skeleton needs no second look. */
  readonly isPlain: boolean
}

/** Compiles the same routes with their literals folded as the most lenient upstream would fold them. */
export function compileNearMissGuard(routes: readonly Route[]): NearMissGuard {
  const shapes = new Map<Route, string>()
  const folded = new Map<string, { route: Route; path: string; methods: string[] }>()
  for (const route of routes) {
    const path = foldTemplate(route.path)
    const shape = shapeOf(path)
    shapes.set(route, shape)
    const same = folded.get(shape)
    // Two routes that differ in case alone fold into one: neither is a near miss of the other.
    if (same === undefined) folded.set(shape, { route, path, methods: [...route.methods] })
    else same.methods.push(...route.methods)
  }
  const lenient = compileRoutes([...folded.values()].map(({ route, path, methods }) => ({ ...route, path, methods })))
  for (const copy of lenient.routes) shapes.set(copy, shapeOf(copy.path))
  return { lenient, shapes, isPlain: routes.every((route) => foldTemplate(route.path) === route.path) }
}

// What is not in here differs in case and in a trailing slash at most.
const FOLDABLE = /[%;]|[.](?:\/|$)/
// What is not in here is read by everybody as it is written.
const SUSPICIOUS = /[A-Z%;]|[.](?:\/|$)|.\/$/

/**
 * Whether a lenient reading of a canonical `path` is another route's than `plain`, the one that `path` itself matched. Also
 * true for what has no innocent reading: dot segments and controls that come to light after decoding (`..;` at Tomcat,
 * `..%20` at Windows, `%252e%252e`), and more layers of encoding than `LAYERS_MAX`.
 */
export function isNearMiss(guard: NearMissGuard, plain: Route | undefined, method: string, path: string): boolean {
  if (guard.isPlain && !SUSPICIOUS.test(path)) return false
  const readings = readingsOf(path)
  return readings === undefined || readings.some((reading) => isOfAnother(guard, plain, method, reading))
}

function isOfAnother(guard: NearMissGuard, plain: Route | undefined, method: string, reading: string): boolean {
  const match = matchRoute(guard.lenient, method, reading)
  if (match === undefined) return false
  if (plain === undefined) return !isWrongMethod(match)
  const found = isWrongMethod(match) ? matchRoute(guard.lenient, match.allow[0] ?? '', reading) : match
  return (
    found !== undefined &&
    !isWrongMethod(found) &&
    guard.shapes.get(found.route) !== (guard.shapes.get(plain) ?? shapeOf(foldTemplate(plain.path)))
  )
}

function foldTemplate(template: string): string {
  const parts = template.split('/').map((part) => {
    const bare = part.startsWith('{') ? part : encode(bareOf(unfold(part)))
    return bare === '' ? part : bare
  })
  return parts.join('/').replace(/(.)\/$/, '$1')
}

function shapeOf(template: string): string {
  return template.replaceAll(/\{[^}*]+(\*?)\}/g, '{$1}')
}

/**
 * Every reading that a lenient upstream may have of a canonical path, or undefined where one of them has a dot segment or a
 * control. Upstreams differ in how often they have decoded when they split at slashes or end the path at a `?` or `#`, in
 * whether they do, and in whether they drop segments of which nothing is left; in all else the folded form stands for what
 * they read.
 */
function readingsOf(path: string): readonly string[] | undefined {
  if (!FOLDABLE.test(path)) return [withoutSlash(path.toLowerCase())]
  const readings = new Set<string>()
  const unfoldAgain = remembered(unfold)
  for (const layer of layersOf(path.slice(1).split('/'))) {
    for (const whole of cut(layer) === layer ? [layer] : [layer, cut(layer)]) {
      for (const segments of segmentations(whole)) {
        const texts = segments.map(unfoldAgain)
        if (splitAgain(texts).some(isTreacherous)) return undefined
        readings.add(join(texts.map(bareOf).filter((bare) => bare !== '')))
        const kept = join(texts.map((text) => bareOf(text) || text))
        readings.add(path.endsWith('/') ? withoutSlash(kept) : kept)
      }
    }
  }
  return [...readings]
}

/** As it was split, and split again at slashes that have come to light, before parameters are dropped or after. */
function segmentations(whole: readonly string[]): readonly (readonly string[])[] {
  if (!whole.some((text) => /[/\\]/.test(text))) return [whole]
  return [whole, splitAgain(whole), splitAgain(whole.map(withoutParams))]
}

function remembered(judge: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const after = judge(text)
    known.set(text, after)
    return after
  }
}

/** The segments as they stand and after each round of decoding, by an upstream that folds and by one that does not. */
function layersOf(segments: readonly string[]): readonly (readonly string[])[] {
  const layers = new Map<string, readonly string[]>()
  for (const unwrap of [unfoldOnce, decodeLeniently]) {
    let layer = segments
    for (let depth = 0; depth <= LAYERS_MAX; depth++) {
      layers.set(layer.join('/'), layer)
      const before = layer
      layer = layer.map(unwrap)
      if (layer.every((text, index) => text === before[index])) break
    }
  }
  return [...layers.values()]
}

function cut(texts: readonly string[]): readonly string[] {
  const at = texts.findIndex((text) => /[?#]/.test(text))
  return at === -1 ? texts : [...texts.slice(0, at), (texts[at] ?? '').replace(/[?#].*$/s, '')]
}

function splitAgain(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split(/[/\\]/))
}

function join(segments: readonly string[]): string {
  return `/${segments.map(encode).join('/')}`
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

// As parseTarget spells, so that what has nothing to fold is its own reading.
function encode(text: string): string {
  return text.toWellFormed().replaceAll(/[^A-Za-z0-9\-._~!$&'()*+,;=:@]+/gu, encodeURIComponent)
}

// Controls, what would still decode, bytes that are not UTF-8 (overlong slashes among them), and segments of dots alone.
const TREACHEROUS = /[\u0000-\u001f\u007f-\u009f]|%[0-9a-f]{2}/

function isTreacherous(text: string): boolean {
  return TREACHEROUS.test(text) || (bareOf(text) === '' && withoutParams(text).includes('.'))
}

/** A segment without its `;params`, the space around it, and the dots at its end. Linear: a pattern would backtrack. */
function bareOf(text: string): string {
  const bare = withoutParams(text).trim()
  let end = bare.length
  while (end > 0 && (bare[end - 1] === '.' || bare[end - 1]?.trim() === '')) end--
  return bare.slice(0, end)
}

function withoutParams(text: string): string {
  const at = text.indexOf(';')
  return at === -1 ? text : text.slice(0, at)
}

const LAYERS_MAX = 6

/** Decoded and folded until nothing changes: an upstream may stand behind an upstream. */
function unfold(text: string): string {
  let before = text
  for (let layer = 0; layer < LAYERS_MAX; layer++) {
    const after = unfoldOnce(before)
    if (after === before) break
    before = after
  }
  return before
}

function unfoldOnce(text: string): string {
  return fold(decodeLeniently(text))
}

function decodeLeniently(text: string): string {
  if (!text.includes('%')) return text
  return text
    .replaceAll(/%u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll(
      /(?:%[0-9a-f]{2})+/gi,
      (run) => tryDecode(run) ?? run.replaceAll(/%[0-7][0-9a-f]/gi, (escape) => tryDecode(escape) ?? escape),
    )
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

// Letters and slashes that code pages and people take for one another, each before what it is taken for; NFKD knows the rest.
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  'аa еe оo рp сc уy хx іi ѕs јj ԁd һh ԛq ԝw αa οo ιi κk νv ρp τt υu χx ⁄/ ∕/ ⧸/ ∖\\ ⧵\\ ¥\\ ₩\\'
    .split(' ')
    .map((pair) => [pair.slice(0, -1), pair.slice(-1)] as const),
)
const LOOK_ALIKE = new RegExp(`[${[...LOOK_ALIKES.keys()].join('')}]`, 'gu')

/** Case and compatibility folded. Upper case first: a dotless i and a long s fold only on the way up. */
function fold(text: string): string {
  const lower = text.toUpperCase().toLowerCase()
  if (/^[\u0000-\u007f]*$/.test(lower)) return lower
  const folded = lower.normalize('NFKD').replaceAll('i\u0307', 'i')
  return folded
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replaceAll(LOOK_ALIKE, (char) => LOOK_ALIKES.get(char) ?? char)
}
