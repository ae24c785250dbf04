// The shape of what is told outside, and of who may suggest: webhooks out, Alertmanager in.
import { z } from 'zod'
import { IMPACT_MODES } from '../core/impact.ts'
import { NOTICE_TYPES } from '../core/notice.ts'
import { cidr, list, oneOf, parsed, says, sha256, text } from './scalars.ts'
import { origin } from './scalars-network.ts'
import { path, withDefault } from './schema-parts.ts'

/** Messages never repeat what was given: the path of a webhook is often its secret. */
const webhookUrl = parsed<string>(
  'must be the URL of a receiver, as in https://hooks.example.in/portcullis',
  (value): string | { readonly problem: string } => {
    const url = /^https?:\/\/[^\s\\]+$/i.test(value) && URL.canParse(value) ? new URL(value) : undefined
    if (url === undefined) return { problem: 'is no URL: write it as https://hooks.example.in/portcullis' }
    if (url.username !== '' || url.password !== '')
      return { problem: 'must not hold credentials: messages are signed, and the receiver checks that' }
    return value
  },
)

const webhookSchema = z.strictObject({
  url: webhookUrl.describe('Where messages are posted to: https, or http to an address of `networks`.'),
  secretFile: path.describe(
    'File with the key of the signature, 0600: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks).',
  ),
  events: list(oneOf(NOTICE_TYPES), 'must be a list of types, as in [lock.landed, release.pending]')
    .min(1, { error: 'must name at least one type, as in lock.landed' })
    .optional()
    .describe('Types of messages that it wants; default: all.'),
})

export const notifySchema = z
  .strictObject({
    webhooks: withDefault(list(webhookSchema, 'must be a list of receivers'), [], 'Who is told, by signed POST.'),
    networks: withDefault(
      list(cidr, 'must be a list of networks, as in [10.1.0.0/16]'),
      [],
      'Networks that are not public and to which messages may go all the same; link-local addresses never.',
    ),
    console: origin
      .optional()
      .describe('URL of a control plane as people reach it, for links and commands in messages; default: none.'),
  })
  .prefault({})
  .describe('Who is told of locks, releases, proposals that wait, and proofs that are missing.')

export const alertmanagerSchema = z
  .strictObject({
    token: z
      .strictObject({ sha256: sha256.describe('SHA-256 of the bearer token, hex.') })
      .describe('What Alertmanager sends as authorization credentials.'),
    rules: list(
      z.strictObject({
        match: z
          .record(z.string(), text('must be the value of a label'), {
            error: says('must be a mapping of labels to values'),
          })
          .describe('Labels that an alert must have, such as { alertname: RecordScraping }.'),
        action: oneOf(['propose', 'observe']).describe(
          'propose: suggests the lock to people; observe: also counts what it would have refused.',
        ),
        scope: z
          .record(z.string(), z.union([z.literal(true), z.array(z.string())]), {
            error: says('must be the scope of a lock, as in { tags: [pii] } or { all: true }'),
          })
          .describe('What the suggested lock reaches, as in an order. The alert cannot say.'),
        mode: oneOf([...IMPACT_MODES])
          .optional()
          .describe('Of the suggested lock; default: deny.'),
      }),
      'must be a list of rules',
    ).describe('Which alerts suggest which lock; the first that matches counts.'),
  })
  .describe('Receiver for Alertmanager at POST /api/v1/alertmanager: it suggests, and never locks or releases.')
