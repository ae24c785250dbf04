// Identifiers in, pseudonyms out, so that no order ever holds an identifier. Each use is in the trail, as a count.
import type { Request } from 'express'
import type { PseudonymRecord } from '../../core/audit-record.ts'
import type { PseudonymKind } from '../../core/pseudonym.ts'
import { mayAudit } from '../../core/responder.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { bodyField, sendJson, type Resource } from '../resource.ts'
import type { Caller } from '../sessions.ts'
import { settledWithin } from '../within.ts'

const KINDS = ['principal', 'subject', 'session'] as const satisfies readonly PseudonymKind[]
const VALUES_MAX = 1000
const VALUE_LENGTH_MAX = 1000
const RECORD_LIMIT_MS = 1000

export function pseudonymResource(deps: ControlDeps): Resource {
  return {
    path: '/api/v1/pseudonyms',
    access: 'read',
    cost: 5,
    methods: {
      POST: async (request, response, caller) => {
        // Whoever may ask can tell whether a name stands for a person: a viewer has no need to.
        if (caller.kind === 'responder' && !mayAudit(caller.responder.role)) {
          sendProblem(response, 'forbidden', 'a viewer makes no pseudonyms')
          return
        }
        const wanted = parseWanted(request)
        if (typeof wanted === 'string') {
          sendProblem(response, 'bad-request', wanted)
          return
        }
        if (!(await isRecorded(deps, caller, wanted.values.length))) {
          sendProblem(response, 'audit-unavailable', 'the use could not be recorded in time')
          return
        }
        const all = wanted.isOfAll ? (deps.pastPseudonyms ?? []) : []
        const made = [deps.pseudonyms, ...all].flatMap((each) =>
          wanted.values.map((value) => each.of(wanted.kind, value)),
        )
        sendJson(response, 200, { pseudonyms: made })
      },
    },
  }
}

interface Wanted {
  readonly kind: PseudonymKind
  readonly values: readonly string[]
  /** By all keys, those that are no longer used too: for a search. */
  readonly isOfAll: boolean
}

/** What is wrong never repeats what was sent. */
function parseWanted(request: Request): Wanted | string {
  const kind = KINDS.find((each) => each === bodyField(request, 'kind'))
  if (kind === undefined) return `kind must be one of ${KINDS.join(', ')}`
  const values = bodyField(request, 'values')
  const isFine = Array.isArray(values) && values.length > 0 && values.length <= VALUES_MAX && values.every(isValue)
  return isFine
    ? { kind, values: values as readonly string[], isOfAll: bodyField(request, 'all') === true }
    : `values must be a list of 1 to ${VALUES_MAX} texts, none empty`
}

function isValue(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= VALUE_LENGTH_MAX
}

async function isRecorded({ trail, clock }: ControlDeps, caller: Caller, count: number): Promise<boolean> {
  const by = caller.kind === 'responder' ? caller.responder.name : 'read-token'
  const record: PseudonymRecord = { time: clock.now(), kind: 'session', action: 'pseudonyms', by, count }
  const ticket = trail.append(record)
  return ticket !== undefined && (await settledWithin(trail.durable(ticket), RECORD_LIMIT_MS)) === 'done'
}
