// Operations of an OpenAPI document become routes: one a method and shape of path, with an id of its own.
import { shapeOf } from './check-routes.ts'
import type { Operation } from './openapi-document.ts'
import { quote } from './problem.ts'
import { template } from './scalars.ts'

export interface PlannedRoute {
  readonly id: string
  readonly path: string
  readonly method: string
  readonly tags: readonly string[]
  readonly session: 'none' | 'optional' | 'required'
  /** What the document says and what was done to it, a line each. */
  readonly notes: readonly string[]
}

interface Draft {
  readonly operations: Operation[]
  readonly path: string
  readonly notes: string[]
}

/** One route for each operation; operations that one request would fit both share one, and a warning says so. */
export function planRoutes(operations: readonly Operation[]): {
  readonly routes: readonly PlannedRoute[]
  readonly warnings: readonly string[]
} {
  const warnings: string[] = []
  const drafts = new Map<string, Draft>()
  // HEAD goes with GET, so a GET comes first, wherever it stands.
  const ordered = [...operations].sort((a, b) => Number(a.method === 'HEAD') - Number(b.method === 'HEAD'))
  for (const operation of ordered) {
    const slash = operation.path.startsWith('/') ? '' : '/'
    const { path, notes } = convertPath(`${operation.base}${slash}${operation.path}`)
    const refusal = template.safeParse(path).error?.issues[0]?.message
    const said =
      refusal === undefined ? [...notes, ...place(drafts, operation, path, notes)] : [`left out: its path ${refusal}`]
    warnings.push(...said.map((each) => `${operation.method} ${quote(operation.path)}: ${each}`))
  }
  const ids = new Set<string>()
  const position = (draft: Draft): number =>
    Math.min(...draft.operations.map((operation) => operations.indexOf(operation)))
  const inOrder = [...drafts.values()].sort((a, b) => position(a) - position(b))
  return { routes: inOrder.map((draft) => finish(draft, ids)), warnings }
}

/** Puts the operation with those of the same requests, and says so; or by itself. */
function place(
  drafts: Map<string, Draft>,
  operation: Operation,
  path: string,
  notes: readonly string[],
): readonly string[] {
  const shape = shapeOf(path) ?? path
  const key = `${operation.method} ${shape}`
  const twin = drafts.get(key) ?? (operation.method === 'HEAD' ? drafts.get(`GET ${shape}`) : undefined)
  if (twin === undefined) {
    drafts.set(key, { operations: [operation], path, notes: [...notes] })
    return []
  }
  const [first] = twin.operations
  const isHead = operation.method === 'HEAD' && first?.method === 'GET'
  const why = isHead
    ? 'HEAD goes with GET'
    : `its requests are those of ${first?.method ?? ''} ${quote(first?.path ?? '')} too`
  twin.operations.push(operation)
  twin.notes.push(...notes)
  return [`${why}: both are one route, under the stricter of their demands`]
}

const FIRMNESS = ['none', 'optional', 'required'] as const

function finish({ operations, path, notes }: Draft, ids: Set<string>): PlannedRoute {
  const [first] = operations
  const firmness = Math.max(0, ...operations.map((operation) => FIRMNESS.indexOf(operation.session)))
  return {
    id: uniqueId(idOf(first, path), ids),
    path,
    method: first?.method ?? 'GET',
    tags: [...new Set(operations.flatMap((operation) => operation.tags.map(cleanTag)))].filter((tag) => tag !== ''),
    session: FIRMNESS[firmness] ?? 'required',
    notes: [...operations.flatMap((operation, index) => describe(operation, index > 0)), ...notes],
  }
}

function describe(operation: Operation, isSecond: boolean): readonly string[] {
  const summary = operation.summary === undefined ? '' : operation.summary
  const schemes =
    operation.schemes.length === 0
      ? ''
      : `${operation.session === 'optional' ? 'optional' : 'asked for'}: ${operation.schemes.join(', ')}`
  return [
    ...(isSecond
      ? [`Also ${operation.method} ${operation.path}${summary === '' ? '' : `: ${summary}`}`]
      : summary === ''
        ? []
        : [summary]),
    ...(operation.isDeprecated ? ['Deprecated in the document.'] : []),
    ...(schemes === '' ? [] : [`Security ${schemes}.`]),
  ]
}

// Tags are kept as they are but for what a list on a command line cannot hold.
function cleanTag(tag: string): string {
  return tag
    .replaceAll(/[\s,\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 100)
    .trim()
}

function idOf(operation: Operation | undefined, path: string): string {
  const named = kebab(operation?.operationId ?? '')
  if (named !== '') return named
  const words = path
    .split('/')
    .map((segment) => kebab(segment))
    .filter((word) => word !== '')
  return [...words, (operation?.method ?? 'GET').toLowerCase()]
    .join('.')
    .slice(-90)
    .replace(/^[^a-z0-9]+/, '')
}

/** `getCertifyV3_errors` to `get-certify-v3-errors`; dots stay. */
function kebab(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/-*\.[-.]*/g, '.')
    .slice(0, 90)
    .replaceAll(/^[-.]+|[-.]+$/g, '')
}

function uniqueId(id: string, taken: Set<string>): string {
  let unique = id
  for (let count = 2; taken.has(unique); count++) unique = `${id}-${count}`
  taken.add(unique)
  return unique
}

/** A path of the document as a template of ours: a parameter fills a whole segment. */
export function convertPath(written: string): { readonly path: string; readonly notes: readonly string[] } {
  const notes: string[] = []
  const bare = written.replace(/[?#].*$/s, '')
  if (bare !== written) notes.push('the query or fragment in its path is dropped: a route has neither')
  const single = bare.replaceAll(/\/{2,}/g, '/')
  if (single !== bare) notes.push('the double slash in its path is made one: requests with two are refused')
  const names = new Set<string>()
  const segments = single.slice(1).split('/')
  const converted = segments.map((segment, index) =>
    convertSegment(segment, index === segments.length - 1, names, notes),
  )
  return { path: `/${converted.join('/')}`, notes }
}

function convertSegment(segment: string, isLast: boolean, names: Set<string>, notes: string[]): string {
  if (!/[{}]/.test(segment)) return segment
  const whole = /^\{([^{}]+)\}$/.exec(segment)?.[1]
  if (whole !== undefined) {
    // {+path}, {path*} and {path+} stand for several segments (RFC 6570, and gateways that borrowed from it).
    const isRest = /^\+|[*+]$/.test(whole)
    const name = uniqueName(whole, names)
    if (isRest && isLast) return `{${name}*}`
    if (isRest) notes.push(`${quote(segment)} takes one segment here: only the end of a path can take several`)
    return `{${name}}`
  }
  const inside = [...segment.matchAll(/\{([^{}]+)\}/g)].map((found) => found[1] ?? '')
  const name = uniqueName(inside.join('_'), names)
  notes.push(
    `${quote(segment)} is widened to {${name}}, the whole segment: paths that differ in the rest of it pass too`,
  )
  return `{${name}}`
}

function uniqueName(written: string, names: Set<string>): string {
  const plain = written
    .replaceAll(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^[^A-Za-z]+/, '')
    .replace(/_+$/, '')
  const base = plain === '' ? 'value' : plain
  let name = base
  for (let count = 2; names.has(name); count++) name = `${base}_${count}`
  names.add(name)
  return name
}
