// Routes are matched by specificity, never by order: a literal segment before a parameter, a parameter before the rest.
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
  param?: Node
  rest?: Leaf
  leaf?: Leaf
}

interface Leaf {
  readonly methods: Map<string, Route>
  /** Parameter names in the order of the path; the last one may be the rest. */
  readonly paramsOf: Map<string, readonly string[]>
}

export interface RouteTable {
  readonly routes: readonly Route[]
  readonly root: Node
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
  for (const route of routes) {
    const segments = parseTemplate(route.path)
    if ('problem' in segments) throw new TypeError(`route ${route.id}: ${segments.problem}`)
    const leaf = leafFor(root, segments)
    const names = paramNames(route.path)
    for (const method of withHead(route.methods)) {
      const taken = leaf.methods.get(method)
      if (taken !== undefined && taken !== route)
        throw new TypeError(`routes ${taken.id} and ${route.id} both take ${method} ${route.path}`)
      leaf.methods.set(method, route)
      leaf.paramsOf.set(method, names)
    }
  }
  return { routes, root }
}

/** HEAD goes with GET. */
function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods
}

function newNode(): Node {
  return { literals: new Map() }
}

function leafFor(root: Node, segments: readonly Segment[]): Leaf {
  let node = root
  for (const segment of segments) {
    if ('rest' in segment) return (node.rest ??= { methods: new Map(), paramsOf: new Map() })
    if ('param' in segment) {
      node = node.param ??= newNode()
      continue
    }
    let next = node.literals.get(segment.literal)
    if (next === undefined) node.literals.set(segment.literal, (next = newNode()))
    node = next
  }
  return (node.leaf ??= { methods: new Map(), paramsOf: new Map() })
}

/**
 * The most specific path decides; where it does not allow the method the answer is WrongMethod, even if a wider route
 * would take it, so that a catch-all never answers for a path that has rules of its own.
 */
export function matchRoute(table: RouteTable, method: string, path: string): RouteMatch | WrongMethod | undefined {
  const segments = path.slice(1).split('/')
  const values: string[] = []
  const leaf = descend(table.root, segments, 0, values)
  if (leaf === undefined) return undefined
  const route = leaf.methods.get(method)
  if (route === undefined) return { allow: [...leaf.methods.keys()] }
  if (values.length === 0) return { route, params: NO_PARAMS }
  // Without a prototype, so that a name such as `constructor` is there only where the template has it.
  const params = Object.create(null) as Record<string, string>
  for (const [index, name] of (leaf.paramsOf.get(method) ?? []).entries())
    params[name] = decodeSegment(values[index] ?? '')
  return { route, params }
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>)

export function isWrongMethod(match: RouteMatch | WrongMethod): match is WrongMethod {
  return 'allow' in match
}

function descend(node: Node, segments: readonly string[], at: number, values: string[]): Leaf | undefined {
  const segment = segments[at]
  if (segment === undefined) return node.leaf ?? takeRest(node, segments, at, values)
  const literal = node.literals.get(segment)
  if (literal !== undefined) {
    const found = descend(literal, segments, at + 1, values)
    if (found !== undefined) return found
  }
  // An empty segment (a trailing slash) is not a value.
  if (node.param !== undefined && segment !== '') {
    const depth = values.push(segment)
    const found = descend(node.param, segments, at + 1, values)
    if (found !== undefined) return found
    values.length = depth - 1
  }
  return takeRest(node, segments, at, values)
}

function takeRest(node: Node, segments: readonly string[], at: number, values: string[]): Leaf | undefined {
  if (node.rest === undefined) return undefined
  values.push(segments.slice(at).join('/'))
  return node.rest
}
