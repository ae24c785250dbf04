// Routes are matched by specificity, never by order: a literal segment before a parameter, a parameter before the rest.
// A route may declare that it takes literals in any case, or a slash more or less at its end. What is forwarded is the path as it
// came, byte for byte: such a route says that its upstream reads all of these spellings alike, so none of them is rewritten. Locks,
// throttle and trail go by the route and its parameters, which are the same in each spelling.
import { decodeSegment } from './target.ts'
import type { RoutePolicy } from './policy.ts'

export interface Route {
  readonly id: string
  /** The template: `/api/v2/beneficiaries/{beneficiaryId}`, `{name*}` at the end takes none or more segments. */
  readonly path: string
  readonly methods: readonly string[]
  readonly upstream: string
  readonly tags: readonly string[]
  readonly policy: RoutePolicy
}

/** A matched route and the decoded values of its parameters. */
export interface RouteMatch {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

export interface WrongMethod {
  /** The methods that the path allows, for the Allow header. */
  readonly allow: readonly string[]
}

interface Node {
  readonly literals: Map<string, Node>
  /** Bit n: a literal has n characters, modulo 32. A value that was never seen is not looked up as a text where none can be it. */
  lengths: number
  param?: Node
  rest?: Leaf
  leaf?: Leaf
}

/** The routes that end at a node and spell their literals alike. */
interface Leaf {
  /** The literals as they are written; absent where no request can come here in another spelling, or any case is taken. */
  readonly spelling?: readonly Segment[]
  readonly methods: Map<string, Route>
  /** Parameter names in the order of the path; the last one may be the rest. */
  readonly paramsOf: Map<string, readonly string[]>
  /** Routes of the same path in another case; those that take any case come last. */
  next?: Leaf
}

export interface RouteTable {
  readonly routes: readonly Route[]
  readonly root: Node
  /** Some route takes any case: literals are looked up in lower case, and compared as written at the leaf. */
  readonly foldsCase: boolean
}

type Segment = { readonly literal: string } | { readonly param: string } | { readonly rest: string }

const PARAM = /^\{((?!__)[A-Za-z_][A-Za-z0-9_.-]*)(\*?)\}$/

/** A path template's segments, or what is wrong with it. */
export function parseTemplate(template: string): readonly Segment[] | { readonly problem: string } {
  if (!template.startsWith('/')) return { problem: 'a path begins with a slash' }
  const parts = template.slice(1).split('/')
  const segments: Segment[] = []
  const names = new Set<string>()
  for (const [index, part] of parts.entries()) {
    const found = PARAM.exec(part)
    if (found === null) {
      if (/[{}]/.test(part))
        return { problem: `"${part}": a parameter fills a whole segment, as in /records/{recordId}` }
      if (part === '' && index < parts.length - 1) return { problem: 'a double slash' }
      if (!part.isWellFormed())
        return { problem: `"${part.toWellFormed()}": half a character, which no request can hold` }
      segments.push({ literal: encodeLiteral(part) })
      continue
    }
    const name = found[1] ?? ''
    if (names.has(name)) return { problem: `the parameter {${name}} stands twice` }
    names.add(name)
    if (found[2] === '*' && index < parts.length - 1)
      return { problem: `{${name}*} takes the rest of the path and must be last` }
    segments.push(found[2] === '*' ? { rest: name } : { param: name })
  }
  return segments
}

/** The names of a template's parameters, in order. */
export function paramNames(template: string): readonly string[] {
  const segments = parseTemplate(template)
  if ('problem' in segments) return []
  return segments.flatMap((segment) => ('param' in segment ? [segment.param] : 'rest' in segment ? [segment.rest] : []))
}

// Literals are compared with canonical paths, so they are spelled as parseTarget spells.
function encodeLiteral(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9\-._~!$&'()*+,;=:@%]/gu, (char) => encodeURIComponent(char))
}

/**
 * Compiles routes once. Throws a TypeError on a bad template or on two routes with the same shape and method:
 * config/ has refused both with line and column before.
 */
export function compileRoutes(routes: readonly Route[]): RouteTable {
  const root = newNode()
  const foldsCase = routes.some(({ policy }) => policy.ignoreCase === true)
  for (const route of routes) {
    const segments = parseTemplate(route.path)
    if ('problem' in segments) throw new TypeError(`route ${route.id}: ${segments.problem}`)
    for (const spelling of withEitherSlash(segments, route)) add(root, route, spelling, foldsCase)
  }
  return { routes, root, foldsCase }
}

/** The path, and with `trailingSlash: either` the same path with the slash at its end, or without. A rest takes both by itself. */
function withEitherSlash(segments: readonly Segment[], { policy }: Route): readonly (readonly Segment[])[] {
  const last = segments.at(-1)
  if (policy.trailingSlash !== 'either' || last === undefined || 'rest' in last) return [segments]
  if (!('literal' in last) || last.literal !== '') return [segments, [...segments, { literal: '' }]]
  return segments.length === 1 ? [segments] : [segments, segments.slice(0, -1)]
}

function add(root: Node, route: Route, segments: readonly Segment[], foldsCase: boolean): void {
  const node = nodeFor(root, segments, foldsCase)
  const last = segments.at(-1)
  const end = last !== undefined && 'rest' in last ? 'rest' : 'leaf'
  const isExact = foldsCase && route.policy.ignoreCase !== true
  const leaf = leafOf(node, end, isExact ? segments : undefined)
  const names = paramNames(route.path)
  for (const method of withHead(route.methods)) {
    for (let other = node[end]; other !== undefined; other = other.next) {
      const taken = other.methods.get(method)
      if (taken === undefined || taken === route) continue
      // In another case each has its own spelling, unless one of them takes any.
      if (other === leaf || other.spelling === undefined || leaf.spelling === undefined)
        throw new TypeError(`routes ${taken.id} and ${route.id} both take ${method} ${route.path}`)
    }
    leaf.methods.set(method, route)
    leaf.paramsOf.set(method, names)
  }
}

/** HEAD goes with GET. */
function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods
}

function newNode(): Node {
  return { literals: new Map(), lengths: 0 }
}

function nodeFor(root: Node, segments: readonly Segment[], foldsCase: boolean): Node {
  let node = root
  for (const segment of segments) {
    if ('rest' in segment) return node
    if ('param' in segment) {
      node = node.param ??= newNode()
      continue
    }
    const key = foldsCase ? segment.literal.toLowerCase() : segment.literal
    let next = node.literals.get(key)
    if (next === undefined) {
      node.literals.set(key, (next = newNode()))
      node.lengths |= 1 << (key.length & 31)
    }
    node = next
  }
  return node
}

function leafOf(node: Node, end: 'leaf' | 'rest', spelling: readonly Segment[] | undefined): Leaf {
  for (let leaf = node[end]; leaf !== undefined; leaf = leaf.next) {
    if (sameSpelling(leaf.spelling, spelling)) return leaf
  }
  const leaf: Leaf = { methods: new Map(), paramsOf: new Map(), ...(spelling === undefined ? {} : { spelling }) }
  const first = node[end]
  if (first === undefined) return (node[end] = leaf)
  if (spelling !== undefined) return (node[end] = Object.assign(leaf, { next: first }))
  let last = first
  while (last.next !== undefined) last = last.next
  return (last.next = leaf)
}

function sameSpelling(a: readonly Segment[] | undefined, b: readonly Segment[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.every((segment, at) => {
    const other = b[at]
    return !('literal' in segment) || (other !== undefined && 'literal' in other && other.literal === segment.literal)
  })
}

/**
 * The most specific path decides; where it does not allow the method the answer is WrongMethod, even if a wider route
 * would take it, so that a catch-all never answers for a path that has rules of its own.
 */
export function matchRoute(table: RouteTable, method: string, path: string): RouteMatch | WrongMethod | undefined {
  const segments = path.slice(1).split('/')
  const values: string[] = []
  const found = descend(table, table.root, segments, 0, values)
  if (found === undefined) return undefined
  const leaf = found.next === undefined ? found : leafWith(method, found, segments)
  const route = leaf.methods.get(method)
  if (route === undefined) return { allow: allowedBy(found, segments) }
  if (values.length === 0) return { route, params: NO_PARAMS }
  const params = new Params() as Record<string, string>
  let index = 0
  for (const name of leaf.paramsOf.get(method) ?? []) params[name] = decodeSegment(values[index++] ?? '')
  return { route, params }
}

// Without a prototype's names, so that one such as `constructor` is there only where the template has it; made by a constructor,
// because an object from Object.create(null) is a hash table, and four times as slow.
const Params = function () {
  // Filled by its maker.
} as unknown as new () => object
Params.prototype = Object.create(null) as object

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>)

export function isWrongMethod(match: RouteMatch | WrongMethod): match is WrongMethod {
  return 'allow' in match
}

function leafWith(method: string, first: Leaf, segments: readonly string[]): Leaf {
  for (let leaf = fitting(first, segments); leaf !== undefined; leaf = fitting(leaf.next, segments)) {
    if (leaf.methods.has(method)) return leaf
  }
  return first
}

function allowedBy(first: Leaf, segments: readonly string[]): readonly string[] {
  const allow = new Set<string>()
  for (let leaf = fitting(first, segments); leaf !== undefined; leaf = fitting(leaf.next, segments)) {
    for (const method of leaf.methods.keys()) allow.add(method)
  }
  return [...allow]
}

/** The first of these leaves that the path is spelled for. */
function fitting(leaf: Leaf | undefined, segments: readonly string[]): Leaf | undefined {
  let each = leaf
  while (each?.spelling?.some((segment, at) => 'literal' in segment && segment.literal !== segments[at]))
    each = each.next
  return each
}

function descend(
  table: RouteTable,
  node: Node,
  segments: readonly string[],
  at: number,
  values: string[],
): Leaf | undefined {
  const segment = segments[at]
  if (segment === undefined) return fitting(node.leaf, segments) ?? takeRest(node, segments, at, values)
  const text = table.foldsCase ? segment.toLowerCase() : segment
  const literal = (node.lengths & (1 << (text.length & 31))) === 0 ? undefined : node.literals.get(text)
  if (literal !== undefined) {
    const found = descend(table, literal, segments, at + 1, values)
    if (found !== undefined) return found
  }
  // An empty segment (a trailing slash) is not a value.
  if (node.param !== undefined && segment !== '') {
    const depth = values.push(segment)
    const found = descend(table, node.param, segments, at + 1, values)
    if (found !== undefined) return found
    values.length = depth - 1
  }
  return takeRest(node, segments, at, values)
}

/** The slash at the end is no part of the value, so that it makes no second key of it. */
function takeRest(node: Node, segments: readonly string[], at: number, values: string[]): Leaf | undefined {
  const rest = fitting(node.rest, segments)
  if (rest === undefined) return undefined
  const end = segments.at(-1) === '' ? segments.length - 1 : segments.length
  values.push(segments.slice(at, Math.max(at, end)).join('/'))
  return rest
}
