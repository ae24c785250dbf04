// Which lock decides for a request that a responder describes, on whose word, and why: nothing of it is ever told to a caller.
import { didYouMean } from '../../core/did-you-mean.ts'
import { explain, type Described } from '../../core/explain.ts'
import { isPseudonym } from '../../core/pseudonym.ts'
import { mayAudit } from '../../core/responder.ts'
import { compileRoutes, isWrongMethod, matchRoute, type Route } from '../../core/route.ts'
import { parseInstant } from '../../core/time.ts'
import type { ExplanationView } from '../../ports/control-api.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'
import { formatInstant } from '../instants.ts'
import { lockView } from '../views.ts'

export function explainResource(deps: ControlDeps): Resource {
  return {
    path: '/api/v1/explain',
    access: 'read',
    cost: 5,
    methods: {
      POST: (request, response, caller) => {
        if (caller.kind !== 'responder' || !mayAudit(caller.responder.role)) {
          sendProblem(response, 'forbidden', 'reasons are told to responders and auditors who have logged in')
          return
        }
        const described = parseDescribed(request.body, deps)
        if ('problems' in described) {
          const { problems } = described
          sendProblem(response, 'bad-request', problems.join('; '), { problems })
          return
        }
        sendJson(response, 200, explanationView(deps, described))
      },
    },
  }
}

function explanationView(deps: ControlDeps, described: Described): ExplanationView {
  const { desk, clock, addresses, settings } = deps
  const now = clock.now()
  const compile = (cidrs: readonly string[]): ((address: string) => boolean) => addresses.compile(cidrs)
  const found = explain(desk.ledger, settings().routes, described, compile, now)
  return {
    now: formatInstant(now),
    epoch: desk.ledger.epoch,
    route: described.target.route.id,
    method: described.target.method,
    verdict: found.verdict,
    locks: found.locks.map(({ lock, effect, decides }) => ({ ...lockView(deps, lock), effect, decides })),
    revocations: found.revocations.map(({ id, by, reason, incident, since, before }) => ({
      id,
      by,
      reason,
      incident,
      since: formatInstant(since),
      // A session is ended for good, which no date can say.
      ...(before < 8.64e15 ? { before: formatInstant(before) } : {}),
    })),
    ...(found.freshSince === undefined ? {} : { freshSince: formatInstant(found.freshSince) }),
  }
}

type Problems = { readonly problems: readonly string[] }

const KEYS = [
  'route',
  'path',
  'method',
  'address',
  'userAgent',
  'principal',
  'session',
  'subjects',
  'clients',
  'openedAt',
] as const

/** What is wrong never repeats what was sent of people. */
function parseDescribed(body: unknown, { settings, addresses }: ControlDeps): Described | Problems {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return { problems: ['the body must be an object with route or path, and method'] }
  const fields = body as Readonly<Record<string, unknown>>
  const problems = Object.keys(fields)
    .filter((key) => !KEYS.some((known) => known === key))
    .map((key) => `${key} is not known here${didYouMean(key, KEYS)}`)
  const text = (key: (typeof KEYS)[number]): string | undefined => {
    const value = fields[key]
    if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= 1000)) return value
    problems.push(`${key} must be a text`)
    return undefined
  }
  const method = text('method')?.toUpperCase() ?? 'GET'
  const route = findRoute(settings().routes, { id: text('route'), path: text('path'), method }, problems)
  const given = text('address')
  const address = given === undefined ? '' : addresses.parse(given)
  if (address === undefined) problems.push('address must be an IP address')
  const people = parsePeople(fields, problems)
  const openedAt = parseOpened(text('openedAt'), problems)
  if (problems.length > 0 || route === undefined || address === undefined) return { problems }
  const target = { route, method, address, userAgent: text('userAgent') ?? '', ...people }
  return { target, ...(openedAt === undefined ? {} : { openedAt }) }
}

function findRoute(
  routes: readonly Route[],
  { id, path, method }: { readonly id: string | undefined; readonly path: string | undefined; readonly method: string },
  problems: string[],
): Route | undefined {
  if ((id === undefined) === (path === undefined)) {
    problems.push('say which route, or which path: one of the two')
    return undefined
  }
  if (path !== undefined) {
    const match = matchRoute(compileRoutes(routes), method, path)
    if (match !== undefined && !isWrongMethod(match)) return match.route
    problems.push(match === undefined ? 'no route matches this path' : `the path takes ${match.allow.join(', ')} only`)
    return undefined
  }
  const route = routes.find((each) => each.id === id)
  const names = routes.map((each) => each.id)
  if (route === undefined) problems.push(`there is no route "${id ?? ''}"${didYouMean(id ?? '', names)}`)
  return route
}

type People = Pick<Described['target'], 'principal' | 'session' | 'subjects' | 'clients'>

function parsePeople(fields: Readonly<Record<string, unknown>>, problems: string[]): People {
  const one = (key: 'principal' | 'session'): Readonly<Partial<Record<typeof key, string>>> => {
    const value = fields[key]
    if (value === undefined) return {}
    if (typeof value === 'string' && isPseudonym(value)) return { [key]: value }
    problems.push(`${key} must be a pseudonym made by POST /api/v1/pseudonyms`)
    return {}
  }
  const many = (key: 'subjects' | 'clients', isFine: (value: string) => boolean): readonly string[] | undefined => {
    const value = fields[key]
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((each): each is string => typeof each === 'string' && isFine(each)))
      return value
    problems.push(`${key} must be a list of ${key === 'subjects' ? 'pseudonyms' : 'client ids'}`)
    return undefined
  }
  const clients = many('clients', (value) => value !== '')
  return {
    ...one('principal'),
    ...one('session'),
    subjects: many('subjects', isPseudonym) ?? [],
    ...(clients === undefined ? {} : { clients }),
  }
}

function parseOpened(text: string | undefined, problems: string[]): number | undefined {
  if (text === undefined) return undefined
  const openedAt = parseInstant(text)
  if (openedAt === undefined) problems.push('openedAt must be an RFC 3339 time')
  return openedAt
}
