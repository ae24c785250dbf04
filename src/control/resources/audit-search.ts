// The trail, searched by those who may: each use is in the trail itself before anything is answered.
import type { Request, Response } from 'express'
import { createDetailReader } from '../../audit/detail/detail-reader.ts'
import type { AccessRecord } from '../../core/audit-record.ts'
import { listWithoutPeople } from '../../core/pii.ts'
import { mayAudit } from '../../core/responder.ts'
import { tableOf } from '../../core/ledger.ts'
import { LISTS, parseQuery, PEOPLE_LISTS, type Query, type SessionUse } from '../../core/trail-query.ts'
import type { SessionsView } from '../../ports/trail-search.ts'
import type { ControlDeps } from '../control-deps.ts'
import { formatInstant } from '../instants.ts'
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
    { path: '/api/v1/audit/sessions', access: 'read', methods: { POST: sessions(deps) } },
  ]
}

type Answering = (request: Request, response: Response, caller: Caller) => Promise<void>

function searching(deps: ControlDeps): Answering {
  return async (request, response, caller) => {
    const asked = parseAsked(request.body, deps, LIMIT, LIMIT_MAX)
    if (!mayAsk(caller, response) || !isFine(asked, response)) return
    const { query, limit, after, newestFirst, detail } = asked
    const told = detail ? { ...query, detail } : query
    if (!(await isRecorded(deps, caller, 'search', told, response))) return
    try {
      const page = { limit, newestFirst, ...(after === undefined ? {} : { after }) }
      const { hits, ...found } = await deps.search.page(query, page)
      const records = hits.map(({ index, entry }) => ({ index, record: JSON.parse(entry) as unknown }))
      const shown = detail ? await withDetail(deps, records) : records
      note(deps, caller, 'search', told, hits.length)
      sendJson(response, 200, { ...found, records: shown })
    } catch (error) {
      fail(deps, error, response)
    }
  }
}

interface Found {
  readonly index: number
  readonly record: unknown
}

/** With what was recorded in detail beside it, where its keys are still there. */
async function withDetail({ details }: ControlDeps, records: readonly Found[]): Promise<readonly Found[]> {
  if (details === undefined) return records
  const reader = await createDetailReader(details.dir)
  const shown: Found[] = []
  for (const each of records) {
    const detail = await reader.open(each.record)
    shown.push(detail === undefined ? each : ({ ...each, detail } as Found))
  }
  return shown
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

const OF_SESSIONS = ['routes', 'clients', 'sessions', 'principals', 'subjects'] as const

/** Which sessions came, and what each has read. */
function sessions(deps: ControlDeps): Answering {
  return async (request, response, caller) => {
    const asked = parseAsked(request.body, deps, LIMIT, LIMIT_MAX)
    if (!mayAsk(caller, response) || !isFine(asked, response)) return
    const { query, limit } = asked
    if (LISTS.some((name) => !OF_SESSIONS.some((each) => each === name) && query[name] !== undefined)) {
      sendProblem(response, 'bad-request', `give any of ${OF_SESSIONS.join(', ')}, from and to; nothing else`)
      return
    }
    if (!(await isRecorded(deps, caller, 'sessions', query, response))) return
    try {
      const answer = await deps.search.sessions(query, limit)
      note(deps, caller, 'sessions', query, answer.sessions)
      sendJson(response, 200, { ...answer, list: withRevocations(answer.list, deps) } satisfies SessionsView)
    } catch (error) {
      fail(deps, error, response)
    }
  }
}

/** Who ended each, where an order has named it. One that ends more (a person, an application, all) is not told here. */
function withRevocations(list: readonly SessionUse[], { desk }: ControlDeps): SessionsView['list'] {
  const ended = new Map(
    tableOf(desk.ledger)
      .revocations.filter(({ subject, client }) => subject === undefined && client === undefined)
      .map((each) => [each.session, each]),
  )
  return list.map((use) => {
    const by = ended.get(use.session)
    return by === undefined ? use : { ...use, revoked: { id: by.id, by: by.by, since: formatInstant(by.since) } }
  })
}

interface Asked {
  readonly query: Query
  readonly limit: number
  readonly after?: number
  readonly newestFirst: boolean
  /** Whether recorded detail is opened. */
  readonly detail: boolean
}

/** `identifiers` are pseudonyms from here on. Singular names are taken for lists of one. */
function parseAsked(body: unknown, deps: ControlDeps, limit: number, limitMax: number): Asked | readonly string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ['the body must be an object']
  const { limit: most, after, newestFirst, detail, identifiers, ...rest } = body as Fields
  const named = namesOf(identifiers, deps)
  const parsed = parseQuery({ ...withLists(rest), ...('problem' in named ? {} : named.names) })
  const problems = [
    ...pageProblems({ limit: most, after, newestFirst, detail }, limitMax),
    ...('problem' in named ? [named.problem] : []),
    ...('problems' in parsed ? parsed.problems : []),
  ]
  if (problems.length > 0 || 'problems' in parsed) return problems
  return {
    query: parsed.query,
    limit: typeof most === 'number' ? Math.min(most, limitMax) : limit,
    newestFirst: newestFirst === true,
    detail: detail === true,
    ...(typeof after === 'number' ? { after } : {}),
  }
}

type Fields = Readonly<Record<string, unknown>>

function withLists(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const list = LISTS.find((each) => each === `${name}s` || each === name)
      return list !== undefined && typeof value === 'string' ? [list, [value]] : [name, value]
    }),
  )
}

/** A larger limit than there can be is no problem: it is cut, and the answer's `next` says that there is more. */
function pageProblems({ limit, after, newestFirst, detail }: Fields, limitMax: number): readonly string[] {
  const isCount = (value: unknown, least: number): boolean =>
    value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= least)
  return [
    ...(isCount(limit, 1) ? [] : [`limit must be from 1 to ${limitMax}`]),
    ...(isCount(after, 0) ? [] : ['after must be the next of the page before']),
    ...(newestFirst === undefined || typeof newestFirst === 'boolean' ? [] : ['newestFirst must be true or false']),
    ...(detail === undefined || typeof detail === 'boolean' ? [] : ['detail must be true or false']),
  ]
}

/** Pseudonyms of the identifiers that were given, or what is wrong with them; no value is repeated. */
function namesOf(
  identifiers: unknown,
  { pseudonyms, pastPseudonyms = [] }: ControlDeps,
): { readonly names: Readonly<Record<string, readonly string[]>> } | { readonly problem: string } {
  if (identifiers === undefined) return { names: {} }
  const problem = `identifiers must be an object of ${PEOPLE_LISTS.join(', ')}, each a list of 1 to ${IDENTIFIERS_MAX} texts`
  if (typeof identifiers !== 'object' || identifiers === null || Array.isArray(identifiers)) return { problem }
  const names: Record<string, readonly string[]> = {}
  for (const [name, values] of Object.entries(identifiers as Fields)) {
    const list = PEOPLE_LISTS.find((each) => each === name)
    if (list === undefined || !isTexts(values)) return { problem }
    names[list] = [pseudonyms, ...pastPseudonyms].flatMap((each) =>
      values.map((value) => each.of(KIND_OF[list], value)),
    )
  }
  return { names }
}

function isTexts(values: unknown): values is readonly string[] {
  const isList = Array.isArray(values) && values.length > 0 && values.length <= IDENTIFIERS_MAX
  return isList && values.every((each) => typeof each === 'string' && each !== '')
}

function isFine(asked: Asked | readonly string[], response: Response): asked is Asked {
  if (!Array.isArray(asked)) return true
  sendProblem(response, 'bad-request', asked.join('; '), { problems: asked })
  return false
}

/** Contract, 4: auditors search; a viewer reads what stands now. */
function mayAsk(caller: Caller, response: Response): boolean {
  if (caller.kind !== 'responder' || mayAudit(caller.responder.role)) return true
  sendProblem(
    response,
    'forbidden',
    'a viewer does not search the trail: that takes an auditor, a responder or a commander',
  )
  return false
}

function shortened(value: unknown): unknown {
  // Pseudonyms stay as they are; what somebody has put into the wrong place does not stand in the trail for it.
  return listWithoutPeople(Array.isArray(value) ? value.slice(0, VALUES_IN_RECORD) : value)
}

function recordOf(deps: ControlDeps, caller: Caller, action: AccessRecord['action'], query: Query): AccessRecord {
  const cut = Object.entries(query as Fields).map(([name, value]): readonly [string, unknown] => [
    name,
    shortened(value),
  ])
  const by = caller.kind === 'responder' ? caller.responder.name : 'read-token'
  return {
    time: deps.clock.now(),
    kind: 'access',
    action,
    state: 'begun',
    by,
    query: Object.fromEntries(cut),
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
