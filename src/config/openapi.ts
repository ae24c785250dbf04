// `portcullis init --openapi`: a commented configuration from an OpenAPI 3 or Swagger 2 document, a route for each operation.
import { basename } from 'node:path'
import { DEFAULTS } from './defaults.ts'
import { isReachedBy, parseListen } from './listen.ts'
import { parseOpenApi, type OpenApiDocument } from './openapi-document.ts'
import { planRoutes, type PlannedRoute } from './openapi-routes.ts'
import type { Problem } from './problem.ts'
import { origin } from './scalars-network.ts'

export interface FromOpenApi {
  /** Name of the document, for the first line of the result. */
  readonly file: string
  /** The upstream's URL: scheme, host and port. Default: the document's first server. */
  readonly upstream?: string
}

const PLACEHOLDER = 'http://127.0.0.1:9000'

/**
 * The text of a configuration that parseConfig accepts as it stands, and what of the document could not be kept as it
 * was. Never throws.
 */
export function configFromOpenApi(
  text: string,
  { file, upstream }: FromOpenApi,
): { readonly yaml: string; readonly warnings: readonly string[] } | { readonly problems: readonly Problem[] } {
  const document = parseOpenApi(text)
  if ('problems' in document) return document
  const target = targetOf(document, upstream)
  if ('problem' in target) return { problems: [{ line: 0, column: 0, path: 'upstream', message: target.problem }] }
  const { routes, warnings } = planRoutes(document.operations)
  if (routes.length === 0)
    return { problems: [{ line: 1, column: 1, path: 'paths', message: `leaves no route over: ${warnings[0] ?? ''}` }] }
  return {
    yaml: render(document.title, basename(file), target.url, routes),
    warnings: [...document.warnings, ...target.warnings, ...warnings],
  }
}

type Target = { readonly url: string; readonly warnings: readonly string[] } | { readonly problem: string }

function targetOf(document: OpenApiDocument, upstream: string | undefined): Target {
  const given = origin.safeParse(upstream ?? document.server)
  if (given.success) return { url: given.data, warnings: [] }
  if (upstream !== undefined) return { problem: given.error.issues[0]?.message ?? 'is no URL' }
  return {
    url: PLACEHOLDER,
    warnings: [`the document names no server with a host: upstreams.api.url is ${PLACEHOLDER}, put your own there`],
  }
}

/** The usual address, or the next port where the upstream has that one itself. */
function freeListen(usual: string, target: string): string {
  const url = new URL(target)
  const upstream = {
    host: url.hostname,
    port: Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port),
  }
  const listen = parseListen(usual)
  if ('problem' in listen || 'path' in listen || !isReachedBy(listen, upstream)) return usual
  return `${listen.host}:${listen.port + 1}`
}

function render(title: string, file: string, target: string, routes: readonly PlannedRoute[]): string {
  const isOwned = routes.find((route) => route.session === 'required' && /\{[^}*]+\}/.test(route.path))
  const param = /\{([^}*]+)\}/.exec(isOwned?.path ?? '')?.[1]
  const lines = [
    `# ${comment(title)}: made from ${comment(file)} by "portcullis init". Check it with "portcullis serve --check --config FILE".`,
    '# Every key, its default and the reason: config/portcullis.example.yaml in the package.',
    '',
    'gateway:',
    `  listen: ${freeListen(DEFAULTS.gateway.listen, target)}`,
    '',
    'control:',
    `  listen: ${freeListen(DEFAULTS.control.listen, target)}`,
    '  # Nobody may give orders yet, and no lock could be released. For each person run "portcullis keygen NAME" and put the',
    '  # line that it prints here: responders lock, a second person who is a commander approves the release.',
    '  responders: []',
    `  releaseApprovals: ${DEFAULTS.control.releaseApprovals}`,
    '',
    'store:',
    `  dir: ${DEFAULTS.store.dir}`,
    '',
    'upstreams:',
    `  api: { url: ${scalar(target)} }`,
    '',
    'session:',
    '  issuers:',
    '    # Placeholders: no session is taken until these are yours.',
    '    - issuer: https://otp.example.in # the "iss" of your tokens',
    '      jwks: { file: ./jwks.json } # its public keys, or { url: https://otp.example.in/jwks.json }',
    '      algorithms: [ES256] # what your tokens are signed with',
    '      audience: api # the "aud" of tokens for this API',
    '      otp: { amr: [otp, sms] } # values of "amr" that tell of a one-time password',
    '',
    'defaults:',
    '  upstream: api',
    '  session: required',
    '  stale: frozen',
    '  audit: strict',
    '  # forward: { authorization: true } # where the upstream checks the token itself',
    ...(param === undefined
      ? []
      : [
          '  # A session reads any record until its routes are bound to a claim, as in:',
          `  # session: { level: required, maxAge: 15m, bind: { param.${param}: claim.beneficiary_ids } }`,
        ]),
    '',
    '# Lock flags by file, for GitOps; it must exist with at least "freeze: false" in it.',
    '# locks: { file: ./locks.yaml }',
    '',
    'routes:',
    ...routes.flatMap(renderRoute),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

function renderRoute(route: PlannedRoute): readonly string[] {
  return [
    ...route.notes.map((note) => `  # ${comment(note)}`),
    `  - id: ${scalar(route.id)}`,
    `    path: ${/^\/[\w.~{}*/-]*$/.test(route.path) ? route.path : JSON.stringify(route.path)}`,
    `    methods: [${route.method}]`,
    ...(route.tags.length === 0 ? [] : [`    tags: [${route.tags.map(scalar).join(', ')}]`]),
    `    session: ${route.session}`,
    '',
  ]
}

/** One line of at most 200 characters without invisible ones: a comment of the document cannot end ours. */
function comment(text: string): string {
  const line = text.replaceAll(/[\s\p{C}\p{Z}]+/gu, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}

const WORDS = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'])

function scalar(text: string): string {
  return /^[A-Za-z][\w.-]*$/.test(text) && !WORDS.has(text.toLowerCase()) ? text : JSON.stringify(text)
}
