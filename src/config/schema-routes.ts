// The shape of a route, and of the keys that `defaults` may hold for all of them.
import { z } from 'zod'
import { DEFAULTS } from './defaults.ts'
import { recordSchema } from './schema-record.ts'
import { throttlePolicySchema } from './schema-throttle.ts'
import { bindingSchema, routeOtpSchema } from './schema-session.ts'
import { claim, duration, list, method, nameOf, oneOf, says, size, source, tag, template } from './scalars.ts'
import { responseSchema } from './schema-otp.ts'

const fieldNameRight = 'must be the name of a header field, as in X-Citizen'
const fieldName = z
  .string({ error: says(fieldNameRight) })
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/, { error: says(fieldNameRight) })

const levelWords = ['none', 'optional', 'required'] as const
const sessionPolicySchema = z.union(
  [
    z.enum(levelWords),
    z.strictObject({
      level: oneOf(levelWords).prefault('required').describe('Whether a session is asked for.'),
      maxAge: duration({ max: '366d' }).optional().describe('Greatest age of the OTP that opened the session.'),
      otp: routeOtpSchema.optional(),
      binding: bindingSchema.optional(),
      bind: z
        .record(source, claim, {
          error: says(
            'must be a mapping of places in the request to claims, as in { param.recordId: claim.record_ids }',
          ),
        })
        .optional()
        .describe('The identifier at the place must be (one of) the values of the claim.'),
      number: source
        .optional()
        .describe("The phone number at the place must be the one that the session's OTP was delivered to."),
    }),
  ],
  { error: says('must be none, optional or required, or a mapping with level, maxAge and bind') },
)

const withBuiltIn = <T extends z.ZodType>(schema: T, description: string, value: unknown) =>
  schema.optional().meta({ description, default: value })

/** The keys of a route that `defaults` may hold too. */
export const policyKeys = {
  methods: list(method, 'must be a list of methods, as in [GET]')
    .min(1, { error: 'must name at least one method, as in [GET]' })
    .optional()
    .describe('HEAD goes with GET.'),
  upstream: nameOf('the name of an upstream').optional().describe('Where requests go.'),
  tags: withBuiltIn(
    list(tag, 'must be a list of tags, as in [pii]'),
    'Names that locks and locks.yaml can cover together.',
    DEFAULTS.route.tags,
  ),
  lock: withBuiltIn(oneOf(['open', 'deny', 'read-only', 'step-up']), "The route's own lock flag.", DEFAULTS.route.lock),
  session: withBuiltIn(sessionPolicySchema, 'What session is asked for.', DEFAULTS.route.session),
  ignoreCase: withBuiltIn(
    z.boolean({ error: says('must be true or false') }),
    'Whether the literals of the path are taken in any case, because the upstream takes them so. Parameters are never folded; what is forwarded is the path as it came.',
    DEFAULTS.route.ignoreCase,
  ),
  trailingSlash: withBuiltIn(
    oneOf(['exact', 'either']),
    'either: the path is taken with a slash more or less at its end too, because the upstream takes it so; what is forwarded is the path as it came.',
    DEFAULTS.route.trailingSlash,
  ),
  stale: withBuiltIn(
    oneOf(['frozen', 'read-only', 'serve']),
    'What the route does when the lease has run out.',
    DEFAULTS.route.stale,
  ),
  audit: withBuiltIn(
    oneOf(['strict', 'best-effort', 'off']),
    'Whether a response may leave before its record is durable.',
    DEFAULTS.route.audit,
  ),
  record: recordSchema.optional(),
  pii: withBuiltIn(
    z.boolean({ error: says('must be true or false') }),
    'Whether responses are looked through for personal data: the trail then says how often each class was seen. The upstream is asked for bodies that are not compressed.',
    DEFAULTS.route.pii,
  ),
  throttle: throttlePolicySchema.optional(),
  subjects: list(source, 'must be a list of places in the request, as in [param.recordId]')
    .optional()
    .describe(
      'Where the request names the people whose records it touches. Default: what session.bind binds, else every path parameter.',
    ),
  bodyBytes: withBuiltIn(
    size({ min: '1KiB', max: '1MiB' }),
    'Bytes of a JSON body that is read for session.bind, session.number or subjects; more is 413.',
    DEFAULTS.route.bodyBytes,
  ),
  response: responseSchema.optional(),
  forward: z
    .strictObject({
      authorization: withBuiltIn(
        z.boolean({ error: says('must be true or false') }),
        "Whether the caller's Authorization header is forwarded to the upstream.",
        DEFAULTS.route.forwardAuthorization,
      ),
      claims: z
        .record(fieldName, claim, {
          error: says('must be a mapping of header fields to claims, as in { X-Citizen: claim.sub }'),
        })
        .optional()
        .describe(
          "Claims that the upstream is told, by header field. A caller's own fields of these names are dropped.",
        ),
    })
    .optional()
    .describe('What of the request the upstream sees beyond its target and body.'),
}

export const routeSchema = z.strictObject({
  id: nameOf("the route's name").describe('Its name in locks, metrics and the trail.'),
  path: template.describe('{name}: one segment; {name*} at the end: the rest, none or more segments.'),
  ...policyKeys,
})
