// The shape of what belongs to one-time passwords: the gateway's own (`otp`), what one buys, and what answers are held back for.
import { z } from 'zod'
import { COUNTRY_CODE } from '../core/phone-number.ts'
import { DEFAULTS } from './defaults.ts'
import { claim, duration, limit, list, oneOf, pointer, says, size, text, whole } from './scalars.ts'
import { path, withDefault } from './schema-parts.ts'

const countryRight = says('must be a country code without a plus, in quotes, as in "91"')
/** Of `session`. */
export const countryCode = z.string({ error: countryRight }).regex(COUNTRY_CODE, { error: countryRight })

/** Of `session`: what one OTP buys. */
export const budgetSchema = z
  .strictObject({
    subjects: whole(1, 1_000).optional().describe('Different people whose records are asked for or come back.'),
    routes: whole(1, 1_000).optional().describe('Different routes.'),
    time: duration({ max: '366d' }).optional().describe('Time since the OTP was given (auth_time).'),
  })
  .describe(
    'What one OTP buys with this gateway, in a fleet with all of them, whatever its session is valid for; then a fresh one is asked for.',
  )

/** Of a route. */
export const responseSchema = z
  .strictObject({
    owner: z
      .record(pointer, claim, {
        error: says(
          'must be a mapping of JSON Pointers in the answer to claims, as in { /beneficiaries/*/id: claim.beneficiary_ids }',
        ),
      })
      .optional()
      .describe(
        'Each value there must be (one of) the values of the claim, else 403 and nothing of the answer leaves.',
      ),
    number: list(pointer, 'must be a list of JSON Pointers, as in [/mobile]')
      .optional()
      .describe("Each phone number there must be the one that the session's OTP was delivered to."),
    subjects: list(pointer, 'must be a list of JSON Pointers, as in [/beneficiaries/*/id]')
      .optional()
      .describe(
        'Where the answer names the people whose records come back. They count for throttle.subjects: an answer beyond the budget does not leave.',
      ),
    unknown: withDefault(
      oneOf(['refuse', 'pass']),
      DEFAULTS.route.response.unknown,
      'What becomes of an answer that cannot be judged: no JSON, another shape, a content coding, a part of it, or too large.',
    ),
    bytes: withDefault(
      size({ min: '1KiB', max: '16MiB' }),
      DEFAULTS.route.response.bytes,
      'Bytes of an answer that are held back for it.',
    ),
  })
  .describe('The answer is held back until it has been judged. Absent: it is streamed unread.')

const webhookRight = says('must be an https URL, or http on loopback: codes travel in it')
const webhookUrl = z
  .string({ error: webhookRight })
  .regex(/^(?:https:\/\/[^\s/]|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/])\S*$/, { error: webhookRight })

export const otpSchema = z
  .strictObject({
    issuer: text('must be the iss of the sessions, as in https://gate.example.in').describe(
      'The `iss` of the sessions that the gateway opens. Its keys are at /.portcullis/otp/jwks.json.',
    ),
    audience: text('must be the aud of the sessions').describe('Their `aud`.'),
    session: withDefault(duration({ max: '24h' }), DEFAULTS.otp.session, 'How long such a session is valid.'),
    keyFile: path
      .optional()
      .describe(
        'File of the secret that codes and keys hang on; made at first start. One for a fleet. Default: otp.key in store.dir.',
      ),
    rotate: withDefault(
      duration({ min: '1h', max: '366d' }),
      DEFAULTS.otp.rotate,
      'How long one signing key is used; the one before stays valid for as long.',
    ),
    webhook: z
      .strictObject({
        url: webhookUrl.describe('Where codes are posted to, to be sent on by SMS.'),
        secretFile: path.describe(
          'File of the secret that it is signed with (Standard Webhooks), at least 32 characters, 0600.',
        ),
        timeout: withDefault(duration({ max: '60s' }), DEFAULTS.otp.webhook.timeout, 'For one try; there are three.'),
      })
      .optional()
      .describe('How codes are delivered.'),
    totp: z
      .strictObject({
        file: path.describe('File of the accounts and their secrets, 0600; see docs/otp.md.'),
      })
      .optional()
      .describe('Codes of an authenticator (RFC 6238) as a second way, for those who work with records.'),
    limits: z
      .strictObject({
        number: withDefault(
          limit,
          DEFAULTS.otp.limits.number,
          'Codes for one number; more are not delivered, and nobody is told.',
        ),
        failures: withDefault(
          limit,
          DEFAULTS.otp.limits.failures,
          'Wrong codes for one number or account; then none is right.',
        ),
        address: withDefault(limit, DEFAULTS.otp.limits.address, 'Requests for codes, and tries, of one address.'),
        total: withDefault(limit, DEFAULTS.otp.limits.total, 'Requests for codes, and tries, of everybody.'),
      })
      .prefault({})
      .describe('Limits of this gateway; with Redis, of the fleet.'),
  })
  .describe('One-time passwords for APIs that have none: POST /.portcullis/otp/request and /.portcullis/otp/verify.')
