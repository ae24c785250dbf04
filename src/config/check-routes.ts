// Rules across the keys of routes: names, paths, upstreams, sessions, locks.
import { didYouMean } from '../core/did-you-mean.ts'
import type { SessionPolicy } from '../core/policy.ts'
import { paramNames, parseTemplate } from '../core/route.ts'
import { DEFAULTS } from './defaults.ts'
import type { Draft } from './draft.ts'
import { findEffective, sessionPolicyOf, type Effective, type RouteDraft } from './effective.ts'
import { formatPath, quote, type Path } from './problem.ts'
import { parseSource } from './scalars.ts'

/** Says what is wrong with the value at a path. */
export type Report = (path: Path, message: string, atKey?: boolean) => void

export function checkRoutes(draft: Draft, report: Report): void {
  const routes = (draft.routes ?? []).flatMap((route, index) => (route === undefined ? [] : [{ route, index }]))
  checkIds(routes, report)
  checkShapes(draft, routes, report)
  for (const { route, index } of routes) {
    checkMethods(draft, route, index, report)
    checkUpstream(draft, route, index, report)
    checkSession(draft, route, index, report)
    checkSubjects(draft, route, index, report)
    checkRecord(draft, route, index, report)
  }
}

interface Indexed {
  readonly route: RouteDraft
  readonly index: number
}

function checkIds(routes: readonly Indexed[], report: Report): void {
  const first = new Map<string, number>()
  for (const { route, index } of routes) {
    if (route.id === undefined) continue
    const other = first.get(route.id)
    if (other === undefined) first.set(route.id, index)
    else
      report(
        ['routes', index, 'id'],
        `two routes are named ${quote(route.id)}, the other is routes[${other}]: a route's id is its own`,
      )
  }
}

interface Taker {
  readonly index: number
  readonly path: string
  readonly ignoresCase: boolean
  /** The shapes of the paths that it takes: two, where it takes either slash at their end. */
  readonly shapes: readonly string[]
}

/** Two routes that take the same method of the same paths: which one answers would be chance. */
function checkShapes(draft: Draft, routes: readonly Indexed[], report: Report): void {
  const taken = new Map<string, Taker[]>()
  for (const { route, index } of routes) {
    const { path = '' } = route
    const shape = shapeOf(path)
    if (shape === undefined) continue
    const ignoresCase = findEffective(draft, route, index, 'ignoreCase').value === true
    const either = findEffective(draft, route, index, 'trailingSlash').value === 'either'
    const taker: Taker = { index, path, ignoresCase, shapes: either ? withEitherSlash(shape) : [shape] }
    const { value: methods = [] } = findEffective(draft, route, index, 'methods')
    const keys = withHead(methods).flatMap((method) =>
      taker.shapes.map((each) => ({ method, key: `${method} ${each.toLowerCase()}` })),
    )
    const clash = keys
      .map(({ method, key }) => ({ method, other: taken.get(key)?.find((each) => takeTheSame(each, taker)) }))
      .find(({ other }) => other !== undefined)
    if (clash?.other !== undefined) {
      const head = clash.method === 'HEAD' ? ' (HEAD goes with GET)' : ''
      const what = `takes ${clash.method} of ${likeness(taker, clash.other)}, which is routes[${clash.other.index}]${head}`
      report(['routes', index, 'path'], `${what}: keep one, or give them different methods`)
    }
    for (const { key } of keys) taken.set(key, [...(taken.get(key) ?? []), taker])
  }
}

function takeTheSame(a: Taker, b: Taker): boolean {
  const fold = (shape: string): string => (a.ignoresCase || b.ignoresCase ? shape.toLowerCase() : shape)
  return a.shapes.some((one) => b.shapes.some((two) => fold(one) === fold(two)))
}

function likeness(taker: Taker, other: Taker): string {
  if (other.path === taker.path) return 'the same path'
  const why = [
    ...(shapeOf(taker.path)?.toLowerCase() !== shapeOf(other.path)?.toLowerCase() ? ['trailingSlash: either'] : []),
    ...(taker.ignoresCase || other.ignoresCase ? ['ignoreCase'] : []),
  ]
  return `the same shape as ${quote(other.path)}${why.length === 0 ? '' : ` (under ${why.join(' and ')})`}`
}

/** A rest takes the slash by itself, and the root has none but its own. */
function withEitherSlash(shape: string): readonly string[] {
  if (shape === '' || shape.endsWith('{*}')) return [shape]
  return shape.endsWith('/') ? [shape, shape.slice(0, -1)] : [shape, `${shape}/`]
}

/** Paths of one shape match the same requests: parameters are told apart by name alone. */
export function shapeOf(path: string): string | undefined {
  const segments = parseTemplate(path)
  if ('problem' in segments) return undefined
  return segments
    .map((segment) => ('literal' in segment ? segment.literal : 'param' in segment ? '{}' : '{*}'))
    .join('/')
}

/** HEAD goes with GET. */
export function withHead(methods: readonly (string | undefined)[]): readonly string[] {
  const known = methods.filter((method) => method !== undefined)
  return known.includes('GET') && !known.includes('HEAD') ? [...known, 'HEAD'] : [...new Set(known)]
}

function checkMethods(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  if (!findEffective(draft, route, index, 'methods').isSaid)
    report(['routes', index, 'methods'], 'is missing: it must be a list of methods, as in [GET]')
}

function checkUpstream(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const upstream = findEffective(draft, route, index, 'upstream')
  const known = draft.upstreams === undefined ? undefined : Object.keys(draft.upstreams)
  if (!upstream.isSaid)
    report(
      ['routes', index, 'upstream'],
      `is missing: it must be the name of an upstream${known?.length ? `: ${known.slice(0, 5).map(quote).join(', ')}` : ''}`,
    )
  else if (upstream.value !== undefined && known !== undefined && !known.includes(upstream.value)) {
    report(
      upstream.path,
      `there is no upstream ${quote(upstream.value)}${didYouMean(upstream.value, known) || (known.length === 0 ? ': name it under upstreams' : `; there are ${known.join(', ')}`)}`,
    )
  }
}

function checkSession(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const session = findEffective(draft, route, index, 'session')
  // Said and wrong: nothing follows from it.
  if (session.isSaid && session.value === undefined) return
  const said = session.value ?? DEFAULTS.route.session
  const policy = sessionPolicyOf(said)
  const name = nameOf(route, index)
  if (policy.level !== 'none' && opensNone(draft)) {
    report(
      session.path,
      `asks for a session (${policy.level}), but session.issuers names nobody who opens one: add an issuer, or set session: none`,
    )
  }
  if (policy.level === 'none') checkNone(session, policy, said, report)
  const lock = findEffective(draft, route, index, 'lock')
  if (lock.value === 'step-up' && policy.level === 'none') {
    report(
      lock.path,
      `step-up asks for a fresh one-time password, but ${name} has session: none: set lock: deny, or ask for a session`,
    )
  }
  for (const source of typeof said === 'string' ? [] : Object.keys(said.bind ?? {})) {
    checkSource({ route, index }, source, [...session.path, 'bind', source], report)
  }
}

/** Nobody opens sessions; the gateway's own one-time passwords do. */
function opensNone({ session, otp }: Draft): boolean {
  return session?.issuers?.length === 0 && session.opaque === undefined && otp === undefined
}

function checkNone(
  session: Effective<unknown>,
  policy: SessionPolicy,
  said: NonNullable<RouteDraft['session']>,
  report: Report,
): void {
  if (typeof said === 'string') return
  if (policy.bind.length > 0)
    report(
      [...session.path, 'bind'],
      'binds to the claims of a session, but the level is none: set level: required',
      true,
    )
  if (policy.maxAgeMs !== undefined)
    report([...session.path, 'maxAge'], 'limits the age of a session, but the level is none: set level: required', true)
}

function checkSubjects(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const subjects = findEffective(draft, route, index, 'subjects')
  for (const [at, source] of (subjects.value ?? []).entries()) {
    if (source !== undefined) checkSource({ route, index }, source, [...subjects.path, at], report)
  }
}

/** Levels of the trail beside its duty. */
function checkRecord(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const record = findEffective(draft, route, index, 'record')
  if (record.value === undefined) return
  const audit = findEffective(draft, route, index, 'audit')
  const said = typeof record.value === 'string' ? { level: record.value } : record.value
  if (said.level === 'None' && 'audit' in route && route.audit !== 'off')
    report(
      record.path,
      `records nothing, and audit: ${route.audit ?? ''} asks for a record: say audit: off, or another level`,
    )
  if (audit.value === 'off' && said.level !== 'None')
    report(record.path, `needs a record, and audit is off: say audit: strict or best-effort`)
  for (const [at, source] of (said.request ?? []).entries()) {
    if (source === undefined) continue
    checkSource({ route, index }, source, [...record.path, 'request', at], report)
    const { in: place, name } = parseSource(source)
    if (place === 'header' && CREDENTIALS.has(name))
      report([...record.path, 'request', at], 'is where a credential stands, and none is ever recorded')
  }
}

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'dpop'])

function checkSource({ route, index }: Indexed, source: string, path: Path, report: Report): void {
  const { in: place, name } = parseSource(source)
  if (place !== 'param' || route.path === undefined) return
  const known = paramNames(route.path)
  if (known.includes(name)) return
  const where = path[0] === 'defaults' ? ` of ${nameOf(route, index)}` : ''
  const hint =
    didYouMean(name, known) ||
    (known.length === 0 ? ': it has no parameters' : `; it has ${known.map((each) => `{${each}}`).join(', ')}`)
  report(path, `the path ${quote(route.path)}${where} has no parameter {${name}}${hint}`, path.at(-2) === 'bind')
}

function nameOf(route: RouteDraft, index: number): string {
  return route.id === undefined ? formatPath(['routes', index]) : `the route ${quote(route.id)}`
}
