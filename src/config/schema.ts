// The shape of a configuration: every key, what it is for, what it may be. The JSON schema for editors is generated from this.
import { z } from 'zod'
import { ROLES } from '../core/responder.ts'
import {
  CLOCK_TOLERANCE_MAX_MS,
  DEFAULTS,
  LEASE_MAX_MS,
  LEASE_MIN_MS,
  RELEASE_APPROVALS_MIN,
  RETENTION_MIN_MS,
  WORKERS_MAX,
} from './defaults.ts'
import {
  algorithm,
  cidr,
  date,
  duration,
  list,
  listen,
  nameOf,
  oneOf,
  origin,
  publicKey,
  says,
  sha256,
  size,
  text,
  whole,
} from './scalars.ts'
import { policyKeys, routeSchema } from './schema-routes.ts'

const path = text('must be a path, relative to this file or absolute')
/** A key that has a default: its reason stands in defaults.ts. */
const withDefault = <T extends z.ZodType>(schema: T, value: z.input<T>, description: string) =>
  schema.prefault(value as never).describe(description)

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
  })
  .prefault({})
  .describe('What one request or connection may cost.')

const workersRight = says(`must be a whole number from 1 to ${WORKERS_MAX}, or auto for one a core`)

const gatewaySchema = z
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
      'Networks whose X-Forwarded-For and Forwarded are believed.',
    ),
    drainTimeout: withDefault(
      duration(),
      DEFAULTS.gateway.drainTimeout,
      'How long exchanges in flight may take to finish after SIGTERM.',
    ),
    limits: limitsSchema,
  })
  .describe('The data plane. Absent: a control-only member of a fleet.')

const responderSchema = z.strictObject({
  name: nameOf("the responder's name").describe('The `kid` of their orders.'),
  role: oneOf(ROLES).describe(
    'viewer reads; auditor also searches and exports; responder also locks, revokes and proposes; commander also approves.',
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
    tls: z
      .strictObject({
        cert: path.describe('PEM file of the certificate chain.'),
        key: path.describe('PEM file of its private key.'),
      })
      .optional()
      .describe('Certificate of the control plane; needed off loopback.'),
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
  })
  .prefault({})
  .describe('The control plane.')

const storeSchema = z
  .strictObject({
    kind: withDefault(
      oneOf(['embedded', 'redis']),
      DEFAULTS.store.kind,
      'Where locks are kept. This version has the embedded store only.',
    ),
    dir: withDefault(path, DEFAULTS.store.dir, 'Directory of the store, used by one process at a time.'),
    lease: withDefault(
      duration({ min: `${LEASE_MIN_MS}ms`, max: `${LEASE_MAX_MS / 1000}s` }),
      DEFAULTS.store.lease,
      'How long a gateway may trust its view of the locks without contact.',
    ),
    redis: z.unknown().optional().describe('Not in this version.'),
  })
  .prefault({})
  .describe('Where locks and orders are kept.')

const upstreamSchema = z.strictObject({
  url: origin.optional().describe('The one target: scheme, host and port. Or `targets`.'),
  targets: list(origin, 'must be a list of URLs, as in [http://10.0.0.1:9000, http://10.0.0.2:9000]')
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
})

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
    pseudonyms: z
      .strictObject({
        keyFile: path
          .optional()
          .describe('File of the HMAC key; made at first start. Default: pseudonym.key in store.dir. One for a fleet.'),
      })
      .prefault({})
      .describe('How people are named in trail, locks and metrics.'),
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
    audit: auditSchema,
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
