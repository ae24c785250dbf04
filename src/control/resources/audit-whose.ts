// Whose records were read: counted, or each person in the order of names, so that the trails of a fleet can be made one answer.
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Response } from 'express'
import { whoseProblem, type WhoseQuery } from '../../core/trail-query.ts'
import type { PeopleFile } from '../../ports/trail-search.ts'
import { isFine, parseAsked } from '../asked.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Answer, type Resource } from '../resource.ts'
import { fail, isRecorded, mayAsk, note, useOf } from '../trail-use.ts'

const LIMIT = 100
const LIMIT_MAX = 1_000_000

const PEOPLE_TYPE = 'application/x-ndjson'

export function auditWhoseResources(deps: ControlDeps): readonly Resource[] {
  return [
    { path: '/api/v1/audit/whose', access: 'read', methods: { POST: whose(deps) } },
    { path: '/api/v1/audit/people', access: 'read', methods: { POST: people(deps) } },
  ]
}

function whose(deps: ControlDeps): Answer {
  return asking(deps, async (query, limit, { noted, response }) => {
    const answer = await deps.search.whose(query, limit)
    noted(answer.subjects)
    sendJson(response, 200, answer)
  })
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

/** Sends the file and removes it. Rejects only before the head has left; a stream that breaks lacks its last line, which tells. */
async function sendPeople(
  { logger }: Pick<ControlDeps, 'logger'>,
  response: Response,
  { path, bytes }: PeopleFile,
): Promise<void> {
  try {
    response.status(200)
    response.setHeader('Content-Type', PEOPLE_TYPE)
    response.setHeader('Content-Length', bytes)
    await pipeline(createReadStream(path), response)
  } catch (error) {
    logger.debug('a list of people did not get through', {
      error: error instanceof Error ? error.message : String(error),
    })
  } finally {
    await rm(path, { force: true })
  }
}
