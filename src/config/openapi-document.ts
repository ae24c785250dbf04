// Reads an OpenAPI 3 or Swagger 2 document: its operations with what they inherit, and nothing of their bodies.
import { formatPath, quote, type Path, type Problem } from './problem.ts'
import { parseYaml } from './yaml-source.ts'

export interface Operation {
  readonly method: string
  /** The path as the document writes it, without what a server or basePath puts before it. */
  readonly path: string
  /** What a server or basePath puts before it: empty, or with a slash at the start and none at the end. */
  readonly base: string
  readonly operationId?: string
  readonly summary?: string
  readonly tags: readonly string[]
  readonly isDeprecated: boolean
  readonly session: 'none' | 'optional' | 'required'
  /** The security schemes that are asked for, with their kinds. */
  readonly schemes: readonly string[]
}

export interface OpenApiDocument {
  readonly title: string
  /** Scheme, host and port of the first server, where it names them. */
  readonly server?: string
  readonly operations: readonly Operation[]
  readonly warnings: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>
type Warn = (path: Path, message: string) => void

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'query'])

/** Parses a document of OpenAPI 3.0 to 3.2 or Swagger 2.0, in YAML or JSON. Never throws. */
export function parseOpenApi(text: string): OpenApiDocument | { readonly problems: readonly Problem[] } {
  const source = parseYaml(text)
  if (source.problems.length > 0) return { problems: source.problems }
  const root = fieldsOf(source.value)
  const problem = checkVersion(root)
  if (problem !== undefined) return { problems: [source.place(problem)] }
  const warnings: string[] = []
  const warn: Warn = (path, message) =>
    warnings.push(`line ${source.place({ path, message }).line}: ${formatPath(path)}: ${message}`)
  const paths = fieldsOf(root.paths)
  const server = serverOf(root, {}, {})
  if (listOf(root.servers).length > 1) warn(['servers'], 'names several servers: routes have the path of the first')
  const operations = Object.keys(paths).flatMap((path) =>
    path.startsWith('x-') ? [] : operationsOf(root, path, paths[path], warn),
  )
  if (operations.length === 0)
    return {
      problems: [source.place({ path: ['paths'], message: 'has no operations: there is nothing to make routes of' })],
    }
  const title = textOf(fieldsOf(root.info).title) ?? 'an API'
  return { title, ...(server.origin === undefined ? {} : { server: server.origin }), operations, warnings }
}

function versionOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function checkVersion(root: Fields): { readonly path: Path; readonly message: string } | undefined {
  if (isSwagger(root)) return undefined
  if (root.openapi === undefined) {
    const hint = root.asyncapi === undefined ? '' : ' (AsyncAPI describes messages, not routes)'
    return { path: [], message: `is no OpenAPI document: it says neither openapi: 3.x nor swagger: "2.0"${hint}` }
  }
  return /^3\.[0-2](?:\.|$)/.test(versionOf(root.openapi))
    ? undefined
    : { path: ['openapi'], message: `must be 3.0, 3.1 or 3.2, not ${quote(versionOf(root.openapi))}` }
}

function isSwagger(root: Fields): boolean {
  return /^2(?:\.0)?$/.test(versionOf(root.swagger))
}

function operationsOf(root: Fields, path: string, value: unknown, warn: Warn): readonly Operation[] {
  const item = resolveItem(root, path, value, warn)
  if (item === undefined) return []
  if (item.trace !== undefined)
    warn(
      ['paths', path, 'trace'],
      'left out: TRACE is never forwarded, it would hand out the header fields of the request',
    )
  const usual = serverOf(root, {}, {}).origin
  const methods = Object.keys(item).filter((key) => METHODS.has(key) && isFields(item[key]))
  return methods.map((method): Operation => {
    const operation = fieldsOf(item[method])
    const at: Path = ['paths', path, method]
    const operationId = textOf(operation.operationId)
    const server = serverOf(root, item, operation)
    if (server.origin !== usual) warn(at, 'has a server of its own: its requests go to the one upstream all the same')
    const summary = textOf(operation.summary) ?? textOf(item.summary) ?? textOf(operation.description)
    return {
      method: method.toUpperCase(),
      path,
      base: server.base,
      ...(operationId === undefined ? {} : { operationId }),
      ...(summary === undefined ? {} : { summary }),
      tags: listOf(operation.tags).flatMap((tag) => textOf(tag) ?? []),
      isDeprecated: operation.deprecated === true,
      ...securityOf(root, operation, at, warn),
    }
  })
}

/** A path item, or the one of this document that it refers to. */
function resolveItem(root: Fields, path: string, value: unknown, warn: Warn): Fields | undefined {
  let item = fieldsOf(value)
  for (let steps = 0; typeof item.$ref === 'string'; steps++) {
    const { $ref, ...beside } = item
    const target = $ref.startsWith('#/') && steps < 10 ? followPointer(root, $ref) : undefined
    if (!isFields(target)) {
      warn(['paths', path], `left out: what it refers to (${quote($ref)}) is not in this document`)
      return undefined
    }
    item = { ...target, ...beside }
  }
  return item
}

function followPointer(root: Fields, pointer: string): unknown {
  let value: unknown = root
  for (const part of pointer.slice(2).split('/')) {
    const key = decode(part).replaceAll('~1', '/').replaceAll('~0', '~')
    value = isFields(value) && Object.hasOwn(value, key) ? value[key] : undefined
  }
  return value
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Effective security: the operation's own, else the document's. An empty requirement beside others makes it optional. */
function securityOf(root: Fields, operation: Fields, at: Path, warn: Warn): Pick<Operation, 'session' | 'schemes'> {
  const requirements = listOf(operation.security ?? root.security).map(fieldsOf)
  const named = requirements.filter((requirement) => Object.keys(requirement).length > 0)
  if (named.length === 0) return { session: 'none', schemes: [] }
  const known = isSwagger(root)
    ? fieldsOf(root.securityDefinitions)
    : fieldsOf(fieldsOf(root.components).securitySchemes)
  const schemes = [...new Set(named.flatMap((requirement) => Object.keys(requirement)))].map((name) => {
    const scheme = known[name]
    if (!isFields(scheme)) {
      warn(
        [...at, 'security'],
        `the scheme ${quote(name)} is not defined in the document: a session is asked for all the same`,
      )
      return `${name} (not defined in the document)`
    }
    const kind = [scheme.type, scheme.scheme ?? scheme.flow ?? scheme.name]
      .flatMap((word) => textOf(word) ?? [])
      .join(' ')
    // Swagger 2 has no word for a bearer token: an API key in Authorization is how it is written.
    if (/^(?:apiKey(?! authorization$)|basic|http basic|mutualTLS)/i.test(kind)) {
      warn(
        [...at, 'security'],
        `asks for ${quote(name)} (${kind}), which the gateway does not check: it asks for a session by one-time password in its place`,
      )
    }
    return `${name} (${kind})`
  })
  return { session: named.length < requirements.length ? 'optional' : 'required', schemes }
}

interface Server {
  readonly origin?: string
  readonly base: string
}

function serverOf(root: Fields, item: Fields, operation: Fields): Server {
  if (isSwagger(root)) {
    const base = trimBase(textOf(root.basePath) ?? '')
    const host = textOf(root.host)
    const scheme = listOf(root.schemes).find((each) => each === 'https' || each === 'http') ?? 'http'
    return host === undefined ? { base } : { origin: `${scheme}://${host}`, base }
  }
  const servers = [operation.servers, item.servers, root.servers].map(listOf).find((list) => list.length > 0) ?? []
  const first = fieldsOf(servers[0])
  const url = fillVariables(textOf(first.url) ?? '/', fieldsOf(first.variables))
  const found = /^([A-Za-z][A-Za-z0-9+.-]*:)?\/\/([^/?#]*)([^?#]*)/.exec(url)
  if (found === null) return { base: trimBase(url.replace(/[?#].*$/s, '')) }
  return { origin: `${found[1] ?? 'http:'}//${found[2] ?? ''}`, base: trimBase(found[3] ?? '') }
}

function fillVariables(url: string, variables: Fields): string {
  return url.replaceAll(/\{([^{}]+)\}/g, (all, name: string) => {
    const filled = Object.hasOwn(variables, name) ? fieldsOf(variables[name]).default : undefined
    return typeof filled === 'string' || typeof filled === 'number' ? String(filled) : all
  })
}

function trimBase(path: string): string {
  const bare = path.replace(/^\.?\/+/, '').replace(/\/+$/, '')
  return bare === '' ? '' : `/${bare}`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}
