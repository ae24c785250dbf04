// The trail, searched by those who may: each use is in the trail itself before anything is answered.
import type { Request, Response } from 'express'
import { createDetailReader } from '../../audit/detail/detail-reader.ts'
import { tableOf } from '../../core/ledger.ts'
import { LISTS, type SessionUse } from '../../core/trail-query.ts'
import type { SessionsView } from '../../ports/trail-search.ts'
import { isFine, parseAsked } from '../asked.ts'
import type { ControlDeps } from '../control-deps.ts'
import { formatInstant } from '../instants.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'
import type { Caller } from '../sessions.ts'
import { fail, isRecorded, mayAsk, note, useOf } from '../trail-use.ts'

const LIMIT = 100
const LIMIT_MAX = 1000

export function auditSearchResources(deps: ControlDeps): readonly Resource[] {
  return [
    { path: '/api/v1/audit/search', access: 'read', cost: 5, methods: { POST: searching(deps) } },
    { path: '/api/v1/audit/sessions', access: 'read', cost: 5, methods: { POST: sessions(deps) } },
  ]
}

type Answering = (request: Request, response: Response, caller: Caller) => Promise<void>

function searching(deps: ControlDeps): Answering {
  return async (request, response, caller) => {
    const asked = parseAsked(request.body, deps, LIMIT, LIMIT_MAX)
    if (!mayAsk(caller, response) || !isFine(asked, response)) return
    const { query, limit, after, newestFirst, detail } = asked
    const told = detail ? { ...query, detail } : query
    const use = useOf(caller, 'search', told)
    if (!(await isRecorded(deps, use, response))) return
    try {
      const page = { limit, newestFirst, ...(after === undefined ? {} : { after }) }
      const { hits, ...found } = await deps.search.page(query, page)
      const records = hits.map(({ index, entry }) => ({ index, record: JSON.parse(entry) as unknown }))
      const shown = detail ? await withDetail(deps, records) : records
      note(deps, use, hits.length)
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
    const use = useOf(caller, 'sessions', query)
    if (!(await isRecorded(deps, use, response))) return
    try {
      const answer = await deps.search.sessions(query, limit)
      note(deps, use, answer.sessions)
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
