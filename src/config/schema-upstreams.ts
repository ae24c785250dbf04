// The shape of an upstream: its targets, how they are reached, and how much they are given to do.
import { z } from 'zod'
import { DEFAULTS } from './defaults.ts'
import { duration, list, whole } from './scalars.ts'
import { askedPath, hostName, statuses, target } from './scalars-network.ts'
import { path, withDefault } from './schema-parts.ts'

const queueSchema = z
  .strictObject({
    requests: withDefault(
      whole(0, 1_000_000),
      DEFAULTS.upstream.queue.requests,
      'How many requests of each worker may wait; more are 503. 0: none waits.',
    ),
    timeout: withDefault(
      duration(),
      DEFAULTS.upstream.queue.timeout,
      'How long a request may wait for its turn; then it is 503.',
    ),
  })
  .prefault({})
  .describe('Requests that wait because the upstream has all that it may have.')

const tlsSchema = z
  .strictObject({
    ca: path
      .optional()
      .describe('PEM file of authorities that are believed in place of the public ones. Absent: the public ones.'),
    cert: path.optional().describe('PEM file of the certificate that the gateway shows (mutual TLS). With `key`.'),
    key: path.optional().describe('PEM file of its private key, without a passphrase. With `cert`.'),
    serverName: hostName
      .optional()
      .describe("Name that the certificate must stand for, also sent as SNI. Default: the target's host."),
  })
  .describe('For https targets. Certificates are always verified. The files are read anew when they change.')

const healthSchema = z
  .strictObject({
    path: askedPath.describe('Path, and query perhaps, of the GET that each target is asked.'),
    interval: withDefault(
      duration({ min: '100ms', max: '1h' }),
      DEFAULTS.upstream.health.interval,
      'Between two checks of a target, give or take a tenth.',
    ),
    timeout: withDefault(
      duration({ min: '10ms', max: '1h' }),
      DEFAULTS.upstream.health.timeout,
      'How long a check may take, from the connection to the last byte of the answer.',
    ),
    healthyAfter: withDefault(
      whole(1, 100),
      DEFAULTS.upstream.health.healthyAfter,
      'Good checks in a row that bring a target back.',
    ),
    unhealthyAfter: withDefault(
      whole(1, 100),
      DEFAULTS.upstream.health.unhealthyAfter,
      'Bad checks in a row that take a target out.',
    ),
    status: statuses.optional().describe('Status codes that are good. Default: 200 to 299.'),
  })
  .describe('Active checks of each target. Absent: none. The last target is never taken out.')

export const upstreamSchema = z.strictObject({
  url: target
    .optional()
    .describe('The one target: scheme, host and port, or unix: and the path of a socket. Or `targets`.'),
  targets: list(target, 'must be a list of URLs, as in [http://10.0.0.1:9000, http://10.0.0.2:9000]')
    .min(1, { error: 'must name at least one URL' })
    .optional()
    .describe('Several targets. Or `url`.'),
  connectTimeout: withDefault(
    duration(),
    DEFAULTS.upstream.connectTimeout,
    'How long a connection may take to be made.',
  ),
  headersTimeout: withDefault(
    duration(),
    DEFAULTS.upstream.headersTimeout,
    'From the last byte sent to the first byte of the answer.',
  ),
  bodyTimeout: withDefault(duration(), DEFAULTS.upstream.bodyTimeout, 'Between two reads of the body of an answer.'),
  connections: withDefault(
    whole(1, 65_535),
    DEFAULTS.upstream.connections,
    'Connections to each target from each worker.',
  ),
  maxInFlight: whole(1, 1_000_000)
    .optional()
    .describe(
      'Requests of each worker that all targets answer at once; more wait. Default: what the connections allow.',
    ),
  queue: queueSchema,
  tls: tlsSchema.optional(),
  health: healthSchema.optional(),
})
