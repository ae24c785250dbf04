// Recorded detail, erased: the keys of these people and days are deleted. It is in the trail before, and how many there were after.
import type { Request } from 'express'
import { nodeFiles } from '../../audit/files.ts'
import { dayOf, eraseKeys } from '../../audit/detail/key-slots.ts'
import type { ErasureRecord } from '../../core/audit-record.ts'
import { personIn } from '../../core/pii.ts'
import { isPseudonym } from '../../core/pseudonym.ts'
import type { ControlDeps, DetailDesk } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'
import type { Caller } from '../sessions.ts'
import { createTurns } from '../turns.ts'
import { settledWithin } from '../within.ts'

const SUBJECTS_MAX = 200
const REASON_LENGTH_MAX = 1000
const RECORD_LIMIT_MS = 1000

export function auditErasureResource(deps: ControlDeps): Resource {
  const turns = createTurns()
  return {
    path: '/api/v1/audit/erasures',
    access: 'read',
    methods: {
      POST: async (request, response, caller) => {
        const { details } = deps
        if (details === undefined || caller.kind !== 'responder' || caller.responder.role !== 'commander') {
          sendProblem(response, 'forbidden', 'what is erased does not come back: that takes a commander')
          return
        }
        const wanted = parseWanted(request)
        if ('problems' in wanted) {
          sendProblem(response, 'bad-request', wanted.problems.join('; '), wanted)
          return
        }
        const held = heldBy(details, wanted)
        if (held !== undefined) {
          sendProblem(response, 'order-conflict', `the hold of ${held} keeps detail of these days: lift it first`)
          return
        }
        if (wanted.isRehearsal) {
          sendJson(response, 200, { keys: await erase(details, wanted), erased: false })
          return
        }
        const begun = recordOf(deps, caller, wanted)
        const ticket = deps.trail.append(begun)
        if (ticket === undefined || (await settledWithin(deps.trail.durable(ticket), RECORD_LIMIT_MS)) !== 'done') {
          sendProblem(response, 'audit-unavailable', 'the erasure could not be recorded in time, so nothing is erased')
          return
        }
        const keys = await turns(() => erase(details, wanted))
        deps.trail.append({ ...begun, time: deps.clock.now(), state: 'ended', keys })
        sendJson(response, 200, { keys, erased: true })
      },
    },
  }
}

interface Wanted {
  readonly subjects?: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly reason: string
  readonly isRehearsal: boolean
}

/** What is wrong never repeats what was sent. */
function parseWanted({ body }: Request): Wanted | { readonly problems: readonly string[] } {
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>
  const { subjects, from, to, reason, rehearse, ...others } = fields
  const problems = [
    ...problemsOf(fields),
    ...(Object.keys(others).length > 0 ? ['give subjects, from, to, reason and rehearse; nothing else'] : []),
  ]
  if (problems.length > 0) return { problems }
  return {
    ...(subjects === undefined ? {} : { subjects: subjects as readonly string[] }),
    ...(from === undefined ? {} : { from: from as string }),
    ...(to === undefined ? {} : { to: to as string }),
    reason: reason as string,
    isRehearsal: rehearse === true,
  }
}

function problemsOf({ subjects, from, to, reason, rehearse }: Readonly<Record<string, unknown>>): readonly string[] {
  return [
    ...(subjects === undefined || areSubjects(subjects)
      ? []
      : [`subjects must be a list of 1 to ${SUBJECTS_MAX} pseudonyms: make them with POST /api/v1/pseudonyms`]),
    ...(from === undefined || isDay(from) ? [] : ['from must be a day, as in 2026-01-31']),
    ...(to === undefined || isDay(to) ? [] : ['to must be a day, as in 2026-01-31']),
    ...(subjects === undefined && to === undefined
      ? ['give subjects, or to: the last day of which everything is erased']
      : []),
    ...(rehearse === undefined || typeof rehearse === 'boolean' ? [] : ['rehearse must be true or false']),
    ...reasonProblems(reason),
  ]
}

function reasonProblems(reason: unknown): readonly string[] {
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > REASON_LENGTH_MAX)
    return [`reason must say why, in at most ${REASON_LENGTH_MAX} characters`]
  const person = personIn(reason)
  return person === undefined ? [] : [`reason holds what looks like ${person}, and it is kept with the trail`]
}

function areSubjects(value: unknown): boolean {
  const isList = Array.isArray(value) && value.length > 0 && value.length <= SUBJECTS_MAX
  return isList && value.every((each) => typeof each === 'string' && isPseudonym(each))
}

function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false
  const time = Date.parse(value)
  return !Number.isNaN(time) && dayOf(time) === value
}

/** The incident of a hold that keeps some day of these; undefined where none does. */
function heldBy({ holds }: DetailDesk, { to }: Wanted): string | undefined {
  return holds().find(({ since }) => since === undefined || to === undefined || dayOf(since) <= to)?.incident
}

/** Workers forget their keys first: none that is deleted is used again. */
async function erase(details: DetailDesk, { subjects, from, to, isRehearsal }: Wanted): Promise<number> {
  if (!isRehearsal) details.forgetKeys()
  const names = subjects === undefined ? {} : { names: new Set(subjects) }
  return eraseKeys(nodeFiles, details.dir, { from, to, isRehearsal, ...names })
}

function recordOf({ clock }: ControlDeps, caller: Caller, { subjects, from, to, reason }: Wanted): ErasureRecord {
  return {
    ...{ time: clock.now(), kind: 'erasure', state: 'begun' },
    by: caller.kind === 'responder' ? caller.responder.name : 'read-token',
    ...(subjects === undefined ? {} : { subjects }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    reason,
  }
}
