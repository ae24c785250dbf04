// How much of a request is recorded, by the names that Kubernetes' audit policy has for it.
import { z } from 'zod'
import type { RoutePolicy } from '../core/policy.ts'
import { list, oneOf, parseSource, pointer, says, source } from './scalars.ts'

const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const

const detailSchema = z
  .strictObject({
    level: oneOf(LEVELS).describe(
      'None: nothing; Metadata: who asked for whom; Request and RequestResponse: the values at the places named here too, encrypted.',
    ),
    request: list(source, 'must be a list of places in the request, as in [query.district, body./dose]')
      .optional()
      .describe('With level Request or RequestResponse. Identifiers among the values are pseudonyms.'),
    response: list(pointer, 'must be a list of JSON Pointers into the answer, as in [/centre/name]')
      .optional()
      .describe('With level RequestResponse. The upstream is asked for answers that are not compressed.'),
  })
  .superRefine(({ level, request = [], response = [] }, context) => {
    const hasRequest = level === 'Request' || level === 'RequestResponse'
    const report = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message })
    }
    if (request.length > 0 && !hasRequest) report('request', `goes with level: Request, not with ${level}`)
    if (response.length > 0 && level !== 'RequestResponse')
      report('response', `goes with level: RequestResponse, not with ${level}`)
    if (level === 'Request' && request.length === 0)
      report('level', 'needs request beside it: nothing is recorded that is not named')
    if (level === 'RequestResponse' && response.length === 0)
      report('level', 'needs response beside it: nothing is recorded that is not named')
  })

export const recordSchema = z
  .union([z.enum(['None', 'Metadata']), detailSchema], {
    error: says(
      'must be None or Metadata, or a mapping as in { level: Request, request: [query.district] }: Request and RequestResponse need the places that are recorded',
    ),
  })
  .meta({
    description:
      "How much is recorded, in the words of Kubernetes' audit policy. What is recorded beyond Metadata is encrypted by person and day, and can be erased.",
    default: 'Metadata',
  })

/** As a draft has it, too. */
type RecordDocument =
  | 'None'
  | 'Metadata'
  | {
      readonly level?: (typeof LEVELS)[number] | undefined
      readonly request?: readonly (string | undefined)[] | undefined
      readonly response?: readonly (string | undefined)[] | undefined
    }
  | undefined

/** Level and duty as one: None is no duty at all. */
export function recordingOf(audit: RoutePolicy['audit'], said: RecordDocument): Pick<RoutePolicy, 'audit' | 'detail'> {
  if (said === undefined || said === 'Metadata') return { audit }
  if (said === 'None' || said.level === 'None') return { audit: 'off' }
  const { request = [], response = [] } = said
  const detail = {
    request: request.flatMap((each) => (each === undefined ? [] : [parseSource(each)])),
    response: response.filter((each) => each !== undefined),
  }
  return detail.request.length + detail.response.length === 0 ? { audit } : { audit, detail }
}
