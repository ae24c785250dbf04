// The shape of the data plane's section: where it listens, and what one request or connection may cost.
import { z } from 'zod'
import { DEFAULTS, WORKERS_MAX } from './defaults.ts'
import { cidr, duration, list, listen, says, size, whole } from './scalars.ts'
import { certificateKeys, path, withDefault } from './schema-parts.ts'

const limitsSchema = z
  .strictObject({
    headerBytes: withDefault(
      size({ min: '1KiB', max: '1MiB' }),
      DEFAULTS.gateway.limits.headerBytes,
      'Bytes of all header fields of a request together; more is 431.',
    ),
    headerCount: withDefault(
      whole(10, 1000),
      DEFAULTS.gateway.limits.headerCount,
      'How many header fields a request may have; more is 431.',
    ),
    urlBytes: withDefault(
      size({ min: '256B', max: '64KiB' }),
      DEFAULTS.gateway.limits.urlBytes,
      'Bytes of a request target, path and query together; more is 414.',
    ),
    bodyBytes: withDefault(
      size({ min: '0B', max: '1024GiB' }),
      DEFAULTS.gateway.limits.bodyBytes,
      'Bytes of a request body; more is 413.',
    ),
    headersTimeout: withDefault(
      duration(),
      DEFAULTS.gateway.limits.headersTimeout,
      'How long a client may take to send its header fields.',
    ),
    requestTimeout: withDefault(
      duration(),
      DEFAULTS.gateway.limits.requestTimeout,
      'How long a client may take to send a whole request.',
    ),
    idleTimeout: withDefault(
      duration(),
      DEFAULTS.gateway.limits.idleTimeout,
      'How long a kept-alive connection may wait for its next request.',
    ),
    minimumRate: z
      .strictObject({
        bytes: withDefault(
          size({ min: '0B', max: '1MiB' }),
          DEFAULTS.gateway.limits.minimumRate.bytes,
          'Bytes a second, on average since the body began; 0B for none.',
        ),
        grace: withDefault(
          duration(),
          DEFAULTS.gateway.limits.minimumRate.grace,
          'How long after its first byte a body is not judged yet.',
        ),
      })
      .prefault({})
      .describe('How fast a request body must come, while the gateway is ready for it; slower is 408.'),
    connections: withDefault(
      whole(1, 1_000_000),
      DEFAULTS.gateway.limits.connections,
      'Open connections of each worker; more are closed at once.',
    ),
    connectionsPerAddress: withDefault(
      whole(1, 1_000_000),
      DEFAULTS.gateway.limits.connectionsPerAddress,
      'Open connections of each worker from one address; trusted proxies and unix sockets are not counted.',
    ),
    requestsPerConnection: withDefault(
      whole(1, 1_000_000_000),
      DEFAULTS.gateway.limits.requestsPerConnection,
      'Requests on one connection; the last is answered with Connection: close.',
    ),
  })
  .prefault({})
  .describe('What one request or connection may cost.')

const tlsSchema = z
  .strictObject({
    ...certificateKeys,
    clientCa: path
      .optional()
      .describe('PEM file of authorities: every client must show a certificate of one of them (mutual TLS).'),
  })
  .describe('TLS 1.2 and 1.3 with HTTP/1.1. The files are read anew when they change. Absent: plain HTTP.')

const workersRight = says(`must be a whole number from 1 to ${WORKERS_MAX}, or auto for one a core`)

export const gatewaySchema = z
  .strictObject({
    listen: withDefault(
      listen,
      DEFAULTS.gateway.listen,
      'Address of the data plane: host:port, "[ipv6]:port" or unix:/path (one worker).',
    ),
    workers: withDefault(
      z.union(
        [
          z.literal('auto', { error: workersRight }),
          z.int({ error: workersRight }).min(1, { error: workersRight }).max(WORKERS_MAX, { error: workersRight }),
        ],
        { error: workersRight },
      ),
      DEFAULTS.gateway.workers,
      'Data-plane threads: a number, or auto for one a core.',
    ),
    trustedProxies: withDefault(
      list(cidr, 'must be a list of networks, as in [10.0.0.0/8]'),
      DEFAULTS.gateway.trustedProxies,
      'Networks whose X-Forwarded-For is believed, with its proto and host.',
    ),
    drainTimeout: withDefault(
      duration(),
      DEFAULTS.gateway.drainTimeout,
      'How long exchanges in flight may take to finish after SIGTERM.',
    ),
    tls: tlsSchema.optional(),
    limits: limitsSchema,
  })
  .describe('The data plane. Absent: a control-only member of a fleet.')
