// A question about the trail that a person has signed, so that a gateway may pass it on and nobody may make it up: each gateway judges it
// by its own config, once, and answers it to the gateway alone that the person has asked (docs/decisions/0024).
import { isFields, isText } from '../core/message-shapes.ts'
import { mayAudit, type Responder } from '../core/responder.ts'
import type { Instant } from '../core/time.ts'
import { parseQuery, whoseProblem, type WhoseQuery } from '../core/trail-query.ts'
import type { Clock } from '../ports/clock.ts'
import type { ControlDeps } from './control-deps.ts'

const QUESTION_TYP = 'portcullis-question+jwt'

const SKEW_MS = 60_000
/** Questions that were answered; each is good for two minutes. */
const ASKED_MAX = 10_000

export interface SignedQuestion {
  readonly id: string
  readonly by: string
  readonly query: WhoseQuery
}

/** Whether the question comes for the first time. What is forgotten has expired. */
export interface AskedOnce {
  take(id: string): boolean
}

export function createAskedOnce(clock: Pick<Clock, 'monotonicMs'>): AskedOnce {
  const asked = new Map<string, number>()
  return {
    take(id) {
      const now = clock.monotonicMs()
      for (const [each, until] of asked) {
        if (until > now && asked.size < ASKED_MAX) break
        asked.delete(each)
      }
      if (asked.has(id)) return false
      asked.set(id, now + 2 * SKEW_MS)
      return true
    },
  }
}

/** `via` is the gateway that the person has asked. */
export async function openQuestion(
  { verifier, settings, clock, fleet }: ControlDeps,
  jws: unknown,
  via: string,
): Promise<SignedQuestion | { readonly problem: string }> {
  if (typeof jws !== 'string') return { problem: 'question must be a compact JWS' }
  const verified = await verifier.verify(jws, QUESTION_TYP, settings().responders)
  if ('refused' in verified) return { problem: verified.detail }
  const { by, payload, id } = verified
  const problem =
    signerProblem(by, clock.now()) ?? claimsProblem(payload, { by, via, aud: fleet?.deps.fleet, now: clock.now() })
  if (problem !== undefined) return { problem }
  const parsed = parseQuery((payload as { whose?: unknown }).whose)
  if ('problems' in parsed) return { problem: parsed.problems.join('; ') }
  const other = whoseProblem(parsed.query)
  return other === undefined ? { id, by: by.name, query: parsed.query } : { problem: other }
}

function signerProblem(by: Responder, now: Instant): string | undefined {
  if (by.retiredAt !== undefined && by.retiredAt <= now) return `${by.name} has been retired`
  return mayAudit(by.role)
    ? undefined
    : 'a viewer does not search the trail: that takes an auditor, a responder or a commander'
}

function claimsProblem(
  payload: unknown,
  { by, via, aud, now }: { by: Responder; via: string; aud: string | undefined; now: Instant },
): string | undefined {
  if (!isFields(payload) || payload.iss !== by.name) return 'iss must be the name of the responder who signs'
  if (payload.aud !== aud) return 'aud must be the name of the fleet'
  if (payload.via !== via) return 'via must be the name of the gateway that is asked'
  if (!isText(payload.jti)) return 'jti must name the question'
  const { iat } = payload
  return typeof iat === 'number' && Math.abs(now - iat * 1000) <= SKEW_MS
    ? undefined
    : `iat must be within ${SKEW_MS / 1000} s of the gateway's clock`
}
