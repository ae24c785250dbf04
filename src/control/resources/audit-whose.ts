// Whose records were read: counted, or each person in the order of names, so that the trails of a fleet can be made one answer.
import type { Request, Response } from 'express'
import { whoseProblem, type WhoseQuery } from '../../core/trail-query.ts'
import type { MissingTrail } from '../../core/people-lines.ts'
import { isFine, parseAsked } from '../asked.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { askPeers } from '../fleet/ask-peers.ts'
import { bodyField, sendJson, type Answer, type Resource } from '../resource.ts'
import { sendPeople } from '../send-people.ts'
import type { Caller } from '../sessions.ts'
import { openQuestion } from '../signed-question.ts'
import { fail, isRecorded, mayAsk, note, useOf } from '../trail-use.ts'

const LIMIT = 100
const LIMIT_MAX = 1_000_000
/** Of people, each with what every trail has of them. */
const FLEET_LIMIT_MAX = 10_000

export function auditWhoseResources(deps: ControlDeps): readonly Resource[] {
  return [
    { path: '/api/v1/audit/whose', access: 'read', cost: 5, methods: { POST: whose(deps) } },
    { path: '/api/v1/audit/people', access: 'read', cost: 5, methods: { POST: people(deps) } },
  ]
}

/** Of this trail; with a question that the caller has signed, of all of the fleet's. */
function whose(deps: ControlDeps): Answer {
  const alone = asking(deps, async (query, limit, { noted, response }) => {
    const answer = await deps.search.whose(query, limit)
    noted(answer.subjects)
    const missing = notAsked(deps)
    sendJson(response, 200, missing.length === 0 ? answer : { ...answer, missing })
  })
  return (request, response, caller) =>
    bodyField(request, 'question') === undefined
      ? alone(request, response, caller)
      : ofFleet(deps, request, response, caller)
}

function notAsked({ fleet }: ControlDeps): readonly MissingTrail[] {
  if (fleet === undefined) return []
  return fleet.roster.members.flatMap(({ gateway, address }) =>
    gateway === fleet.roster.own
      ? []
      : [
          {
            gateway,
            ...(address === undefined ? {} : { address }),
            why: 'it was not asked: this is the answer of one trail',
          },
        ],
  )
}

async function ofFleet(deps: ControlDeps, request: Request, response: Response, caller: Caller): Promise<void> {
  const { fleet, search } = deps
  if (!mayAsk(caller, response)) return
  if (fleet === undefined) {
    sendProblem(response, 'bad-request', 'a signed question is for a fleet, and this gateway is in none')
    return
  }
  const jws = bodyField(request, 'question')
  const question = await openQuestion(deps, jws, fleet.roster.own)
  const problem = 'problem' in question ? question.problem : limitProblem(bodyField(request, 'limit'))
  if (problem !== undefined || 'problem' in question) {
    sendProblem(response, 'bad-request', problem ?? 'question must be a compact JWS')
    return
  }
  if (caller.kind !== 'responder' || caller.responder.name !== question.by) {
    sendProblem(response, 'forbidden', 'a question is asked by whoever has signed it')
    return
  }
  const limit = bodyField(request, 'limit')
  const use = useOf(caller, 'whose', question.query)
  if (!(await isRecorded(deps, use, response))) return
  try {
    const most = typeof limit === 'number' ? limit : LIMIT
    const answer = await askPeers({ fleet, search, question, jws: String(jws), limit: most })
    note(deps, use, answer.subjects)
    sendJson(response, 200, answer)
  } catch (error) {
    fail(deps, error, response)
  }
}

function limitProblem(limit: unknown): string | undefined {
  const isFine = limit === undefined || (typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0)
  return isFine && (limit ?? 0) <= FLEET_LIMIT_MAX ? undefined : `limit must be from 1 to ${FLEET_LIMIT_MAX}`
}

function people(deps: ControlDeps): Answer {
  return asking(deps, async (query, _limit, { noted, response }) => {
    const file = await deps.search.people(query)
    noted(file.subjects)
    await sendPeople(deps, response, file)
  })
}

interface Asking {
  /** Says how many people were found. */
  readonly noted: (subjects: number) => void
  readonly response: Response
}

/** `answer` is given what may be answered, and stands in the trail. */
function asking(
  deps: ControlDeps,
  answer: (query: WhoseQuery, limit: number, asking: Asking) => Promise<void>,
): Answer {
  return async (request, response, caller) => {
    const asked = parseAsked(request.body, deps, LIMIT, LIMIT_MAX)
    if (!mayAsk(caller, response) || !isFine(asked, response)) return
    const { query, limit } = asked
    const problem = whoseProblem(query)
    if (problem !== undefined) {
      sendProblem(response, 'bad-request', problem)
      return
    }
    const use = useOf(caller, 'whose', query)
    if (!(await isRecorded(deps, use, response))) return
    try {
      const noted = (subjects: number): void => {
        note(deps, use, subjects)
      }
      await answer(query, limit, { noted, response })
    } catch (error) {
      fail(deps, error, response)
    }
  }
}
