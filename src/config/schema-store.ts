// The shape of the `store` section: where orders are kept, and the fleet that shares them.
import { z } from 'zod'
import { DEFAULTS, LEASE_MAX_MS, LEASE_MIN_MS } from './defaults.ts'
import { duration, nameOf, oneOf, parsed, text } from './scalars.ts'
import { origin } from './scalars-network.ts'
import { path, withDefault } from './schema-parts.ts'

/** The forms are taken apart by the adapter; the message never repeats what was given, which may hold a password. */
const redisUrl = parsed<string>(
  'must be the URL of a Redis, as in redis://127.0.0.1:6379/0',
  (value): string | { readonly problem: string } =>
    /^rediss?(?:-sentinel|-cluster)?:\/\/[^\s/?#]+(?:[/?][^\s#]*)?$/.test(value)
      ? value
      : {
          problem:
            'is no URL of a Redis: redis://host:port/db, redis-sentinel://host:port,host:port/primary or redis-cluster://host:port,host:port; rediss for TLS',
        },
)

const redisSchema = z
  .strictObject({
    url: redisUrl.describe(
      'redis://host:port/db, redis-sentinel://host:port,host:port/primary, redis-cluster://host:port,host:port; rediss for TLS.',
    ),
    fleet: nameOf('the name of the fleet').describe('Name of the fleet: the `aud` of its orders.'),
    secretFile: path.describe(
      'One secret for the whole fleet, at least 32 characters, 0600: it vouches for the keys of gateways.',
    ),
    username: text('must be the name of an ACL user').optional().describe('ACL user; default: the one of the URL.'),
    passwordFile: path.optional().describe('File with its password, 0600; default: the one of the URL.'),
    tls: z
      .strictObject({
        ca: path.optional().describe("PEM file of the authorities that the server's certificate is checked against."),
        cert: path.optional().describe('PEM file of a client certificate. With `key`.'),
        key: path.optional().describe('PEM file of its private key. With `cert`.'),
        serverName: text('must be the name that the certificate stands for')
          .optional()
          .describe('Name that the certificate must stand for.'),
      })
      .optional()
      .describe('How TLS is made; needs a URL of rediss.'),
    advertise: origin
      .optional()
      .describe('URL by which peers reach the control plane of this gateway; default: its own address.'),
  })
  .describe('The Redis that the gateways of a fleet share. With `kind: redis`.')

export const storeSchema = z
  .strictObject({
    kind: withDefault(
      oneOf(['embedded', 'redis']),
      DEFAULTS.store.kind,
      'embedded: one gateway; redis: a fleet that shares its orders through a Redis.',
    ),
    dir: withDefault(
      path,
      DEFAULTS.store.dir,
      'Directory of the store, used by one process at a time. A fleet needs it too.',
    ),
    lease: withDefault(
      duration({ min: `${LEASE_MIN_MS}ms`, max: `${LEASE_MAX_MS / 1000}s` }),
      DEFAULTS.store.lease,
      'How long a gateway may trust its view of the locks without contact.',
    ),
    redis: redisSchema.optional(),
  })
  .prefault({})
  .describe('Where locks and orders are kept.')
