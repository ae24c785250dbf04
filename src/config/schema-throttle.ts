// The shape of limits: those of a route, and what all detectors of people share.
import { z } from 'zod'
import type { Limit } from '../core/time.ts'
import { DEFAULTS } from './defaults.ts'
import { duration, limit, list, nameOf, oneOf, says, source, text, whole } from './scalars.ts'
import { path, withDefault } from './schema-parts.ts'

const DAY_MS = 86_400_000
/** Beyond 40 people a key is counted by sketches, which are kept for these windows alone. */
const EXACT_MAX = 40
const WIDE_MS: readonly number[] = [900_000, 3_600_000, DAY_MS]

const SUBJECTS = 'must be a rate of people, as in 20/h, a list of such rates, as in [12/15m, 25/h, 40/d], or default'

/** What is wrong with windows of one budget, or undefined. */
function contradiction(limits: readonly Limit[]): string | undefined {
  for (const { count, periodMs } of limits) {
    if (periodMs > DAY_MS) return 'people are remembered for a day: the longest window is 24h'
    if (periodMs < 60_000) return 'people are counted by the minute: the shortest window is 1m'
    if (count > EXACT_MAX && !WIDE_MS.includes(periodMs))
      return `more than ${EXACT_MAX} people are counted in windows of 15m, h or d alone`
  }
  const sorted = limits.toSorted((one, two) => one.periodMs - two.periodMs)
  for (const [index, next] of sorted.entries()) {
    const last = sorted[index - 1]
    if (last === undefined) continue
    if (last.periodMs === next.periodMs) return 'two of these limits are of the same window'
    if (last.count > next.count)
      return `these limits contradict each other: ${last.count} in ${last.periodMs / 60_000} minutes can never be reached under ${next.count} in ${next.periodMs / 60_000} minutes`
  }
  return undefined
}

const budgets = list(limit, 'must be a list of rates, as in [12/15m, 25/h, 40/d]').superRefine((limits, context) => {
  const problem = limits.length === 0 ? 'must name at least one rate, as in [25/h]' : contradiction(limits)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

const oneBudget = limit.superRefine((value, context) => {
  const problem = contradiction([value])
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

export const throttlePolicySchema = z
  .strictObject({
    requests: limit.optional().describe('Requests of one session, or of one address where there is no session.'),
    subjects: z
      .union([z.literal('default'), oneBudget, budgets], { error: says(SUBJECTS) })
      .optional()
      .describe(
        'Different people whose records one account reads; only people who are new to it are refused. default: 12/15m, 25/h, 40/d.',
      ),
    people: oneOf(['enforce', 'observe', 'off'])
      .optional()
      .describe('What the detectors of people do here. Default: enforce where subjects is given, else observe.'),
    delay: duration({ min: '250ms', max: '10s' })
      .optional()
      .describe(
        'Longest wait that is added to a request for somebody new once an account is beyond half of its budget. Absent: none.',
      ),
    attempt: oneOf(['login', 'otp-verify', 'otp-request'])
      .optional()
      .describe(
        'What people try here: answers of 400, 401, 403 and 422 are failures, which are counted by caller, person and route.',
      ),
    target: source.optional().describe('Where the request names the person whom a try is about.'),
  })
  .superRefine(({ delay, people, subjects }, context) => {
    if (delay === undefined || (people ?? (subjects === undefined ? 'observe' : 'enforce')) === 'enforce') return
    const message = 'slows nobody down where people are not enforced: name subjects as well, or people: enforce'
    context.addIssue({ code: 'custom', path: ['delay'], message })
  })
  .describe('Limits. Absent: none is enforced, detectors observe.')

export const throttleSchema = z
  .strictObject({
    honey: withDefault(
      list(text('must be an identifier that belongs to nobody'), 'must be a list of identifiers that belong to nobody'),
      [],
      'Identifiers that no one has reason to read. One read holds the session and its client at once.',
    ),
    clients: z
      .record(
        nameOf('the azp or client_id of a client'),
        z.strictObject({ subjects: budgets.describe('People that all its sessions together read.') }),
        {
          error: says('must be a mapping of client ids to budgets, as in { partner-a: { subjects: [200/h, 1000/d] } }'),
        },
      )
      .prefault({})
      .describe('Budgets of partners and of clients that are trusted otherwise.'),
    learn: withDefault(
      oneOf(['off', 'shadow', 'enforce']),
      DEFAULTS.throttle.learn,
      'Limits that are learned: shadow shows what they would be, enforce lets them take the place of the built-in ones, never below these and never above twice as many.',
    ),
    sessions: withDefault(
      whole(1_000, 10_000_000),
      DEFAULTS.throttle.sessions,
      'Sessions in memory at once; 500 bytes each.',
    ),
    addresses: withDefault(
      whole(1_000, 10_000_000),
      DEFAULTS.throttle.addresses,
      'Addresses in memory at once; 320 bytes each.',
    ),
    places: path
      .optional()
      .describe(
        "A CSV file of networks with columns network, latitude and longitude, as MaxMind's GeoLite2 City has them: an account at two places that nobody travels between in the time is told. Read at start. Absent: nobody asks.",
      ),
    lock: z
      .strictObject({
        keyFile: path.describe(
          "The gateway's own key; its public half is enrolled in control.responders with the role responder.",
        ),
        ttl: withDefault(duration({ min: '1m', max: '24h' }), DEFAULTS.throttle.lockTtl, 'How long such a lock holds.'),
      })
      .optional()
      .describe(
        'Lets the gateway lock a session or address, or end a session, by itself. Absent: it suggests, and somebody signs.',
      ),
  })
  .describe('What the detectors of people share.')
