// The shape of what sessions are made of beside JWTs of an issuer: where the credential stands, opaque sessions, proofs, events.
import { z } from 'zod'
import { DEFAULTS } from './defaults.ts'
import { algorithm, claim, duration, list, listen, nameOf, oneOf, says, text, whole } from './scalars.ts'
import { certificateKeys, path, withDefault } from './schema-parts.ts'

const amr = list(text('must be a value of amr, as in otp'), 'must be a list of values of amr, as in [otp, sms]')
const acr = list(text('must be a value of acr, as in urn:loa:3'), 'must be a list of values of acr, as in [urn:loa:3]')

/** Beside `amr`. */
export const otpKeys = {
  acr: withDefault(acr, [], 'Values of `acr` of which each makes it a session by OTP too.'),
  time: claim
    .optional()
    .describe('Claim that tells when the OTP was used, in seconds, as in claim.otp_at. Default: auth_time.'),
}

/** What counts as an OTP on one route. */
export const routeOtpSchema = z
  .strictObject({
    amr: amr.optional().describe('RFC 8176 values of which one in `amr` counts as an OTP here.'),
    acr: acr.optional().describe('Values of `acr` that count as an OTP here; the challenge names them (RFC 9470).'),
  })
  .refine((said) => (said.amr ?? []).length + (said.acr ?? []).length > 0, {
    error: 'must name at least one value of amr or acr',
  })
  .describe("What counts as an OTP on this route, in place of the issuer's otp.")

export const bindingSchema = oneOf(['none', 'dpop', 'mtls']).describe(
  'dpop (RFC 9449) or mtls (RFC 8705): only tokens that are bound so are taken, with the proof. none: the upstream judges that. Absent: a token that is bound must be shown with its proof.',
)

const CARRIER = /^(?:bearer|(?:cookie|header)\.[!#$%&'*+\-.^_`|~0-9A-Za-z]+)$/
const carrierRight = 'must be bearer, cookie.NAME or header.NAME'
const carrier = z.string({ error: says(carrierRight) }).regex(CARRIER, { error: says(carrierRight) })

const url = (what: string): z.ZodString => z.string({ error: says(`must be ${what}`) })

const opaqueSchema = z
  .strictObject({
    issuer: text('must name who opens these sessions, as in https://otp.example.in').describe(
      'Whose sessions these are; an `iss` that is told must be it.',
    ),
    audience: text('must be the aud of sessions for this API')
      .optional()
      .describe('The `aud` that they must have. Default: not asked for.'),
    otp: z
      .strictObject({
        amr: amr.optional().describe('RFC 8176 values of which one makes it a session by OTP. Default: [otp, sms].'),
        acr: acr.optional().describe('Values of `acr` of which each makes it a session by OTP too.'),
        time: otpKeys.time,
      })
      .optional()
      .describe('How they tell that a one-time password was used.'),
    introspection: z
      .strictObject({
        url: url('an https URL, as in https://otp.example.in/introspect').describe(
          'Endpoint of RFC 7662; https, or http on loopback.',
        ),
        clientId: text('must be the client id of this gateway there').describe('Client id, for HTTP Basic.'),
        secretFile: path.describe('File with the client secret.'),
        timeout: duration({ max: '30s' }).optional().describe('For an answer. Default: 2s.'),
        cache: duration({ max: '5m' })
          .optional()
          .describe(
            'How long an answer counts: so long can a session that its issuer ended still be served. Default: 10s.',
          ),
      })
      .optional()
      .describe('Asks the issuer (RFC 7662). Or `redis`.'),
    redis: z
      .strictObject({
        url: url('a redis:// or rediss:// URL, as in redis://127.0.0.1:6379/1').describe('Where they are stored.'),
        passwordFile: path.optional().describe('File with the password.'),
        key: z
          .string({ error: says('must be the key, as in session:{token}') })
          .regex(/\{(?:token|sha256)\}/, { error: says('must hold {token} or {sha256}, as in session:{token}') })
          .describe(
            'Key of a session: {token} is the token, {sha256} its hash in hex. The value is a JSON object of claims.',
          ),
        timeout: duration({ max: '30s' }).optional().describe('For an answer. Default: 500ms.'),
        cache: duration({ max: '5m' })
          .optional()
          .describe('How long an answer counts: so long can a session that was deleted still be served. Default: 2s.'),
      })
      .optional()
      .describe('Looks it up in a Redis. Or `introspection`.'),
  })
  .describe('Sessions whose token says nothing by itself.')

const dpopSchema = z
  .strictObject({
    origins: withDefault(
      list(url('an origin, as in https://api.example.in'), 'must be a list of origins, as in [https://api.example.in]'),
      [],
      'Public origins of this gateway, for `htu`. Default: what Host (or a trusted proxy) says.',
    ),
    nonce: withDefault(
      z.boolean({ error: says('must be true or false') }),
      DEFAULTS.session.dpop.nonce,
      'Whether a proof must hold a nonce of this gateway (RFC 9449, 8): none can be made in advance then.',
    ),
    maxAge: withDefault(duration({ max: '10m' }), DEFAULTS.session.dpop.maxAge, 'Greatest age of a proof.'),
    algorithms: withDefault(
      list(algorithm, 'must be a list of algorithms, as in [ES256]').min(1, { error: 'must name at least one' }),
      [...DEFAULTS.session.dpop.algorithms],
      'Algorithms that proofs may be signed with.',
    ),
  })
  .prefault({})
  .describe('Proofs of possession (RFC 9449).')

const eventsSchema = z
  .strictObject({
    listen: listen.describe('Address of the receiver: host:port. Off loopback it needs tls.'),
    tls: z.strictObject(certificateKeys).optional().describe('Certificate of the receiver; needed off loopback.'),
    responder: nameOf('the name of a responder').describe(
      'Responder (role: receiver) whose key signs what is reported: by it every gateway of a fleet checks it.',
    ),
    keyFile: path.describe('File with the private key of that responder, as "portcullis keygen" makes it.'),
    transmitters: list(
      z.strictObject({
        issuer: text('must be the iss of its events, as in https://idp.example.in').describe(
          'The `iss` of its events.',
        ),
        jwks: z
          .strictObject({
            file: path.optional().describe('File with the JWK Set. Or `url`.'),
            url: text('must be an https URL').optional().describe('URL of the JWK Set; https, or http on loopback.'),
          })
          .describe('Its public keys (RFC 7517).'),
        algorithms: list(algorithm, 'must be a list of algorithms, as in [ES256]')
          .min(1, { error: 'must name at least one algorithm, as in [ES256]' })
          .describe('Algorithms that its events may be signed with.'),
        audience: text('must be the aud of events for this gateway').describe('The `aud` that its events have.'),
        speaksFor: list(text('must be the iss of sessions'), 'must be a list of issuers')
          .optional()
          .describe('Issuers of whose sessions it may speak. Default: its own name.'),
      }),
      'must be a list of transmitters',
    )
      .min(1, { error: 'must name at least one transmitter' })
      .describe('Who may send events.'),
  })
  .describe('Receiver of session-revoked (OpenID CAEP) as signed tokens by push (RFC 8417, RFC 8935), at /events.')

export const sessionKeys = {
  from: withDefault(
    list(carrier, 'must be a list of carriers, as in [bearer, cookie.session]').min(1, {
      error: 'must name at least one, as in [bearer]',
    }),
    [...DEFAULTS.session.from],
    'Where the token may stand: bearer, cookie.NAME or header.NAME. A request with two is refused.',
  ),
  remember: withDefault(
    whole(1_000, 4_000_000),
    DEFAULTS.session.remember,
    'How many verified tokens each worker remembers; some 270 bytes each.',
  ),
  opaque: opaqueSchema.optional(),
  events: eventsSchema.optional(),
  dpop: dpopSchema,
}
