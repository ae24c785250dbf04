// The shape of a configuration: every key, what it is for, what it may be. The JSON schema for editors is generated from this.
import { z } from 'zod'
import { ROLES } from '../core/responder.ts'
import { CLOCK_TOLERANCE_MAX_MS, DEFAULTS, RELEASE_APPROVALS_MIN, RETENTION_MIN_MS } from './defaults.ts'
import {
  algorithm,
  claim,
  date,
  duration,
  list,
  listen,
  nameOf,
  oneOf,
  publicKey,
  says,
  sha256,
  text,
  whole,
} from './scalars.ts'
import { controlName } from './scalars-network.ts'
import { evidenceKeys } from './schema-evidence.ts'
import { gatewaySchema } from './schema-gateway.ts'
import { alertmanagerSchema, notifySchema } from './schema-notify.ts'
import { certificateKeys, path, withDefault } from './schema-parts.ts'
import { budgetSchema, countryCode, otpSchema } from './schema-otp.ts'
import { policyKeys, routeSchema } from './schema-routes.ts'
import { otpKeys, sessionKeys } from './schema-session.ts'
import { storeSchema } from './schema-store.ts'
import { throttleSchema } from './schema-throttle.ts'
import { trailKeys } from './schema-trail.ts'
import { upstreamSchema } from './schema-upstreams.ts'

const responderSchema = z.strictObject({
  name: nameOf("the responder's name").describe('The `kid` of their orders.'),
  role: oneOf(ROLES).describe(
    'viewer reads; auditor also searches and exports; responder also locks, revokes and proposes; commander also approves. receiver revokes what an issuer reports, and does nothing else.',
  ),
  key: publicKey.describe('Raw Ed25519 public key, base64url; "portcullis keygen NAME" prints it.'),
  retired: date
    .optional()
    .describe('From this date on their signature is refused. Leavers are retired, never deleted.'),
})

const controlSchema = z
  .strictObject({
    listen: withDefault(
      listen,
      DEFAULTS.control.listen,
      'Address of the control plane: API, console, /metrics, /healthz, /readyz. Off loopback it needs tls.',
    ),
    tls: z.strictObject(certificateKeys).optional().describe('Certificate of the control plane; needed off loopback.'),
    names: withDefault(
      list(controlName, 'must be a list of host names, as in [portcullis.ops.svc]'),
      DEFAULTS.control.names,
      'Host names by which the control plane may be asked, beside its own addresses and localhost; any other is 421.',
    ),
    responders: withDefault(
      list(responderSchema, 'must be a list of responders'),
      [],
      'Who may give orders: public keys and roles.',
    ),
    releaseApprovals: withDefault(
      whole(RELEASE_APPROVALS_MIN, 100),
      DEFAULTS.control.releaseApprovals,
      'How many different people a release needs; the proposer is the first.',
    ),
    readToken: z
      .strictObject({ sha256: sha256.describe('SHA-256 of the token, hex.') })
      .optional()
      .describe('Bearer token for read-only use of the API by machines.'),
    alertmanager: alertmanagerSchema.optional(),
  })
  .prefault({})
  .describe('The control plane.')

const issuerSchema = z.strictObject({
  issuer: text('must be the iss of its tokens, as in https://otp.example.in').describe('The `iss` of its tokens.'),
  jwks: z
    .strictObject({
      file: path.optional().describe('File with the JWK Set. Or `url`.'),
      url: text('must be an https URL')
        .optional()
        .describe('URL of the JWK Set; https, or http on loopback. Or `file`.'),
    })
    .describe('Its public keys (RFC 7517).'),
  algorithms: list(algorithm, 'must be a list of algorithms, as in [ES256]')
    .min(1, { error: 'must name at least one algorithm, as in [ES256]' })
    .describe('Algorithms that its tokens may be signed with.'),
  audience: text('must be the aud of tokens for this API').describe('The `aud` that tokens for this API have.'),
  otp: z
    .strictObject({
      amr: withDefault(
        list(text('must be a value of amr, as in otp'), 'must be a list of values of amr, as in [otp, sms]').min(1, {
          error: 'must name at least one value of amr, as in otp',
        }),
        [...DEFAULTS.session.otpAmr],
        'RFC 8176 values of which one in `amr` makes it a session by OTP.',
      ),
      ...otpKeys,
      number: claim
        .optional()
        .describe('Claim with the phone number that the OTP was delivered to, as in claim.phone_number.'),
    })
    .prefault({})
    .describe('How its tokens tell that a one-time password was used.'),
})

const sessionSchema = z
  .strictObject({
    issuers: withDefault(
      list(issuerSchema, 'must be a list of issuers'),
      [],
      'Who opens sessions, and with which keys.',
    ),
    clockTolerance: withDefault(
      duration({ max: `${CLOCK_TOLERANCE_MAX_MS / 1000}s` }),
      DEFAULTS.session.clockTolerance,
      "How far an issuer's clock may be from the gateway's.",
    ),
    ...sessionKeys,
    countryCode: withDefault(
      countryCode,
      DEFAULTS.session.countryCode,
      'Country code of phone numbers that are written without one.',
    ),
    budget: budgetSchema.optional(),
  })
  .prefault({})
  .describe('How sessions are verified.')

const auditSchema = z
  .strictObject({
    dir: path.optional().describe('Directory of the trail; nothing else may lie in it. Default: audit in store.dir.'),
    retention: withDefault(
      duration({ min: `${RETENTION_MIN_MS / 86_400_000}d`, max: '36600d', why: 'CERT-In asks for logs of 180 days' }),
      DEFAULTS.audit.retention,
      'How long the trail is kept.',
    ),
    ...evidenceKeys,
    pseudonyms: z
      .strictObject({
        keyFile: path
          .optional()
          .describe('File of the HMAC key; made at first start. Default: pseudonym.key in store.dir. One for a fleet.'),
      })
      .prefault({})
      .describe('How people are named in trail, locks and metrics.'),
    ...trailKeys,
  })
  .prefault({})
  .describe('The trail.')

export const documentSchema = z
  .strictObject({
    gateway: gatewaySchema.optional(),
    control: controlSchema,
    store: storeSchema,
    upstreams: z
      .record(nameOf('the name of an upstream'), upstreamSchema, {
        error: says('must be a mapping of names to upstreams'),
      })
      .prefault({})
      .describe('Where requests are forwarded to, by name.'),
    defaults: z
      .strictObject(policyKeys)
      .prefault({})
      .describe('Any key of a route but id and path; a route overrides it.'),
    routes: list(routeSchema, 'must be a list of routes')
      .prefault([])
      .describe('What is let through, by specificity and never by order. Unknown paths get 404.'),
    session: sessionSchema,
    otp: otpSchema.optional(),
    audit: auditSchema,
    notify: notifySchema,
    throttle: throttleSchema.optional(),
    locks: z
      .strictObject({ file: path.describe('Lock flags by file, polled each 250 ms.') })
      .optional()
      .describe('Lock flags by file.'),
    log: z
      .strictObject({
        level: withDefault(
          oneOf(['error', 'warn', 'info', 'debug']),
          DEFAULTS.log.level,
          'What is written to the operational log.',
        ),
      })
      .prefault({})
      .describe('The operational log, never the trail.'),
  })
  .describe('Configuration of Portcullis, the gateway that drops the gate on every API at once and proves it.')

/** A whole configuration after its scalars were parsed and its defaults filled in. */
export type ConfigDocument = z.output<typeof documentSchema>
