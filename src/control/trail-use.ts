// A use of the trail: who may, the record of it that is durable before anything is shown, and what is said where that fails.
import type { Response } from 'express'
import type { AccessRecord } from '../core/audit-record.ts'
import { listWithoutPeople } from '../core/pii.ts'
import { mayAudit } from '../core/responder.ts'
import type { Query } from '../core/trail-query.ts'
import type { ControlDeps } from './control-deps.ts'
import { sendProblem } from './problem.ts'
import type { Caller } from './sessions.ts'
import { settledWithin } from './within.ts'

const RECORD_LIMIT_MS = 1000
/** Of a long list the record keeps the first: an entry has at most 32 KiB. */
const VALUES_IN_RECORD = 20

export interface TrailUse {
  /** Name of the responder, or `read-token`. */
  readonly by: string
  /** The gateway that was asked, and has asked this one. */
  readonly via?: string
  readonly action: AccessRecord['action']
  readonly query: Query
}

export function useOf(caller: Caller, action: TrailUse['action'], query: Query): TrailUse {
  return { by: caller.kind === 'responder' ? caller.responder.name : 'read-token', action, query }
}

/** Contract, 4: auditors search; a viewer reads what stands now. */
export function mayAsk(caller: Caller, response: Response): boolean {
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

function recordOf(deps: ControlDeps, { by, via, action, query }: TrailUse): AccessRecord {
  const cut = Object.entries(query as Readonly<Record<string, unknown>>).map(
    ([name, value]): readonly [string, unknown] => [name, shortened(value)],
  )
  return {
    time: deps.clock.now(),
    kind: 'access',
    action,
    state: 'begun',
    by,
    ...(via === undefined ? {} : { via }),
    query: Object.fromEntries(cut),
  }
}

export async function isRecorded(deps: ControlDeps, use: TrailUse, response: Response): Promise<boolean> {
  const ticket = deps.trail.append(recordOf(deps, use))
  if (ticket !== undefined && (await settledWithin(deps.trail.durable(ticket), RECORD_LIMIT_MS)) === 'done') return true
  sendProblem(response, 'audit-unavailable', 'the search could not be recorded in time, so nothing is shown')
  return false
}

/** How much was found. That somebody asked is durable already. */
export function note(deps: ControlDeps, use: TrailUse, results: number): void {
  deps.trail.append({ ...recordOf(deps, use), state: 'ended', results })
}

export function fail({ logger }: ControlDeps, error: unknown, response: Response): void {
  const text = error instanceof Error ? error.message : String(error)
  logger.error('a search of the trail failed', { error: text })
  sendProblem(
    response,
    'search-failed',
    text.startsWith('too many') ? text : 'the trail could not be searched; the gateway log says why',
  )
}
