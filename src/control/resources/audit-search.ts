// The trail, searched by those who may: each use is in the trail itself before anything is answered.
import type { Request, Response } from 'express'
import type { AccessRecord } from '../../core/audit-record.ts'
import { LISTS, parseQuery, PEOPLE_LISTS, type Query } from '../../core/trail-query.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'
import type { Caller } from '../sessions.ts'
import { settledWithin } from '../within.ts'

const RECORD_LIMIT_MS = 1000
const LIMIT = 100
const LIMIT_MAX = 1000
const WHOSE_LIMIT_MAX = 1_000_000
const IDENTIFIERS_MAX = 1000
/** Of a long list the record keeps the first: an entry has at most 32 KiB. */
const VALUES_IN_RECORD = 20

const KIND_OF = { sessions: 'session', subjects: 'subject', principals: 'principal' } as const

export function auditSearchResources(deps: ControlDeps): readonly Resource[] {
  return [
    { path: '/api/v1/audit/search', access: 'read', methods: { POST: searching(deps) } },
    { path: '/api/v1/audit/whose', access: 'read', methods: { POST: whose(deps) } },
  ]
}

type Answering = (request: Request, response: Response, caller: Caller) => Promise<void>

function searching(deps: ControlDeps): Answering {
  return async (request, response, caller) => {
    const asked = parseAsked(request.body, deps, LIMIT, LIMIT_MAX)
    if (!mayAsk(caller, response) || !isFine(asked, response)) return
    const { query, limit, after, newestFirst } = asked
    if (!(await isRecorded(deps, caller, 'search', query, response))) return
    try {
      const page = { limit, newestFirst, ...(after === undefined ? {} : { after }) }
      const { hits, ...found } = await deps.search.page(query, page)
      note(deps, caller, 'search', query, hits.length)
      sendJson(response, 200, {
        ...found,
        records: hits.map(({ index, entry }) => ({ index, record: JSON.parse(entry) as unknown })),
      })
    } catch (error) {
      fail(deps, error, response)
    }
  }
}

function whose(deps: ControlDeps): Answering {
  return async (request, response, caller) => {
    const asked = parseAsked(request.body, deps, LIMIT, WHOSE_LIMIT_MAX)
    if (!mayAsk(caller, response) || !isFine(asked, response)) return
    const { query, limit } = asked
    const extra = LISTS.filter((name) => name !== 'routes' && name !== 'clients' && query[name] !== undefined)
    if (extra.length > 0 || (query.routes === undefined && query.clients === undefined)) {
      sendProblem(
        response,
        'bad-request',
        'give routes, clients, or both, and from and to where you like; nothing else',
      )
      return
    }
    if (!(await isRecorded(deps, caller, 'whose', query, response))) return
    try {
      const answer = await deps.search.whose(query, limit)
      note(deps, caller, 'whose', query, answer.subjects)
      sendJson(response, 200, answer)
    } catch (error) {
      fail(deps, error, response)
    }
  }
}

interface Asked {
  readonly query: Query
  readonly limit: number
  readonly after?: number
  readonly newestFirst: boolean
}

/** `identifiers` are pseudonyms from here on. Singular names are taken for lists of one. */
function parseAsked(body: unknown, deps: ControlDeps, limit: number, limitMax: number): Asked | readonly string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ['the body must be an object']
  const {
    limit: wanted = limit,
    after,
    newestFirst = false,
    identifiers,
    ...rest
  } = body as Readonly<Record<string, unknown>>
  const fields = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => {
      const list = LISTS.find((each) => each === `${name}s`)
      return list !== undefined && typeof value === 'string' ? [list, [value]] : [name, value]
    }),
  )
  const problems: string[] = []
  if (
    typeof wanted !== 'number' ||
    !Number.isSafeInteger(wanted) ||
    wanted < 1 ||
    wanted > Math.max(limitMax, Number.MAX_SAFE_INTEGER * Number(limitMax === WHOSE_LIMIT_MAX))
  )
    problems.push(`limit must be from 1 to ${limitMax}`)
  if (after !== undefined && !(typeof after === 'number' && Number.isSafeInteger(after) && after >= 0))
    problems.push('after must be the next of the page before')
  if (typeof newestFirst !== 'boolean') problems.push('newestFirst must be true or false')
  const named = namesOf(identifiers, deps)
  if (Array.isArray(named)) problems.push(...(named as readonly string[]))
  const parsed = parseQuery({ ...fields, ...(Array.isArray(named) ? {} : named) })
  if ('problems' in parsed) problems.push(...parsed.problems)
  if (problems.length > 0 || 'problems' in parsed) return problems
  return {
    query: parsed.query,
    limit: Math.min(wanted as number, limitMax),
    newestFirst: newestFirst === true,
    ...(after === undefined ? {} : { after: after as number }),
  }
}

/** Pseudonyms of the identifiers that were given, or what is wrong with them; no value is repeated. */
function namesOf(identifiers: unknown, { pseudonyms }: ControlDeps): Partial<Query> | readonly string[] {
  if (identifiers === undefined) return {}
  const usage = [
    `identifiers must be an object of ${PEOPLE_LISTS.join(', ')}, each a list of 1 to ${IDENTIFIERS_MAX} texts`,
  ]
  if (typeof identifiers !== 'object' || identifiers === null || Array.isArray(identifiers)) return usage
  const query: Record<string, readonly string[]> = {}
  for (const [name, values] of Object.entries(identifiers)) {
    const list = PEOPLE_LISTS.find((each) => each === name)
    const isList =
      Array.isArray(values) &&
      values.length > 0 &&
      values.length <= IDENTIFIERS_MAX &&
      values.every((each) => typeof each === 'string' && each !== '')
    if (list === undefined || !isList) return usage
    query[list] = (values as readonly string[]).map((value) => pseudonyms.of(KIND_OF[list], value))
  }
  return query
}

function isFine(asked: Asked | readonly string[], response: Response): asked is Asked {
  if (!Array.isArray(asked)) return true
  sendProblem(response, 'bad-request', asked.join('; '), { problems: asked })
  return false
}

/** Contract, 4: auditors search; a viewer reads what stands now. */
function mayAsk(caller: Caller, response: Response): boolean {
  if (caller.kind !== 'responder' || caller.responder.role !== 'viewer') return true
  sendProblem(
    response,
    'forbidden',
    'a viewer does not search the trail: that takes an auditor, a responder or a commander',
  )
  return false
}

function recordOf(deps: ControlDeps, caller: Caller, action: AccessRecord['action'], query: Query): AccessRecord {
  const cut = Object.entries(query).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.slice(0, VALUES_IN_RECORD) : value,
  ])
  const by = caller.kind === 'responder' ? caller.responder.name : 'read-token'
  return {
    time: deps.clock.now(),
    kind: 'access',
    action,
    state: 'begun',
    by,
    query: Object.fromEntries(cut) as object,
  }
}

async function isRecorded(
  deps: ControlDeps,
  caller: Caller,
  action: AccessRecord['action'],
  query: Query,
  response: Response,
): Promise<boolean> {
  const ticket = deps.trail.append(recordOf(deps, caller, action, query))
  if (ticket !== undefined && (await settledWithin(deps.trail.durable(ticket), RECORD_LIMIT_MS)) === 'done') return true
  sendProblem(response, 'audit-unavailable', 'the search could not be recorded in time, so nothing is shown')
  return false
}

/** How much was found. That somebody asked is durable already. */
function note(deps: ControlDeps, caller: Caller, action: AccessRecord['action'], query: Query, results: number): void {
  deps.trail.append({ ...recordOf(deps, caller, action, query), state: 'ended', results })
}

function fail({ logger }: ControlDeps, error: unknown, response: Response): void {
  const text = error instanceof Error ? error.message : String(error)
  logger.error('a search of the trail failed', { error: text })
  sendProblem(
    response,
    'search-failed',
    text.startsWith('too many') ? text : 'the trail could not be searched; the gateway log says why',
  )
}
