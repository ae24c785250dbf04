// The control plane's API as an OpenAPI 3.1 document; test/control/openapi.test.ts holds it against what is served.
import { SCOPE_DIMENSIONS } from '../core/scope.ts'
import { LOCK_MODES } from '../core/lock.ts'
import { PROBLEMS } from './problem.ts'

const text = { type: 'string' } as const
const integer = { type: 'integer' } as const
const flag = { type: 'boolean' } as const
const listOf = (items: object): object => ({ type: 'array', items })
const objectOf = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
})
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const moment = { type: 'string', format: 'date-time' } as const

const SCHEMAS = {
  Problem: {
    ...objectOf({ type: text, title: text, status: integer, detail: text, instance: text }),
    description:
      'RFC 9457. Orders add `problems`, a second delivery the first `id` and `epoch`, times that are off the clock of the gateway as `now`.',
  },
  Scope: {
    type: 'object',
    description: 'Either all, or dimensions that must all match.',
    properties: { all: { const: true }, ...Object.fromEntries(SCOPE_DIMENSIONS.map((each) => [each, listOf(text)])) },
  },
  Lock: objectOf(
    {
      id: text,
      scope: ref('Scope'),
      mode: { enum: LOCK_MODES },
      source: { enum: ['order', 'file', 'config', 'freeze'] },
      since: moment,
      until: moment,
      onExpiry: { enum: ['stay', 'read-only', 'open'] },
      reason: text,
      incident: text,
      by: text,
      epoch: integer,
      covers: listOf(text),
    },
    ['until', 'by', 'epoch'],
  ),
  PendingRelease: objectOf({
    id: text,
    locks: listOf(text),
    reason: text,
    since: moment,
    approvals: listOf(text),
    required: integer,
  }),
  Worker: objectOf({ worker: text, alive: flag, epoch: integer }),
  Gateway: objectOf({
    name: text,
    epoch: integer,
    leaseRemainingMs: { type: 'number' },
    workers: listOf(ref('Worker')),
    proven: flag,
  }),
  Status: objectOf({
    epoch: integer,
    frozen: flag,
    now: moment,
    locks: listOf(ref('Lock')),
    pendingReleases: listOf(ref('PendingRelease')),
    fleet: objectOf({ gateways: listOf(ref('Gateway')), proven: integer, total: integer }),
    audit: objectOf({ healthy: flag, size: integer, checkpointAgeSeconds: { type: ['number', 'null'] }, vkey: text }),
    problems: listOf(text),
  }),
  Proof: objectOf({ proven: listOf(text), missing: listOf(text), elapsedMs: { type: 'number' } }),
  Accepted: objectOf({ id: text, epoch: integer, covers: listOf(text), durable: flag, proof: ref('Proof') }, ['proof']),
  Pending: objectOf({ id: text, approvals: integer, required: integer }),
  Certificate: objectOf({
    epoch: integer,
    gateway: text,
    time: moment,
    proofs: listOf(
      objectOf({ worker: text, epoch: integer, route: text, status: integer, refused: flag, at: integer }),
    ),
    signature: { ...text, description: 'Ed25519 over the canonical JSON (RFC 8785) of the other members, base64url.' },
  }),
} as const

const json = (schema: object, description: string): object => ({
  description,
  content: { 'application/json': { schema } },
})
const other = (mediaType: string, description: string): object => ({ description, content: { [mediaType]: {} } })
const refused = (...statuses: readonly number[]): Record<string, object> =>
  Object.fromEntries(
    statuses.map((status) => [
      String(status),
      { description: 'Refused', content: { 'application/problem+json': { schema: ref('Problem') } } },
    ]),
  )
const body = (properties: Readonly<Record<string, object>>): object => ({
  requestBody: { required: true, content: { 'application/json': { schema: objectOf(properties) } } },
})
const open = { security: [] } as const
const inPath = (name: string): object => ({ name, in: 'path', required: true, schema: text })

const PATHS = {
  '/healthz': {
    get: {
      ...open,
      summary: 'Whether the process answers',
      responses: { 200: json(objectOf({ status: text }), 'Alive') },
    },
  },
  '/readyz': {
    get: {
      ...open,
      summary: 'Whether it serves: a lock never makes it unready',
      responses: {
        200: json({ type: 'object' }, 'Ready'),
        503: json({ type: 'object' }, 'Not ready, and which check says so'),
      },
    },
  },
  '/metrics': {
    get: { ...open, summary: 'Metrics for Prometheus', responses: { 200: other('text/plain', 'Metrics') } },
  },
  '/openapi.json': {
    get: { ...open, summary: 'This document', responses: { 200: json({ type: 'object' }, 'OpenAPI 3.1') } },
  },
  '/docs': { get: { ...open, summary: 'This document as a page', responses: { 200: other('text/html', 'A page') } } },
  '/docs/problems/{code}': {
    get: {
      ...open,
      summary: 'What a kind of problem means',
      parameters: [inPath('code')],
      responses: { 200: other('text/html', 'A page'), ...refused(404) },
    },
  },
  '/api/v1/orders': {
    post: {
      ...open,
      summary: 'Gives a signed order: lock, release, approve, revoke',
      parameters: [
        {
          name: 'wait',
          in: 'query',
          required: false,
          schema: text,
          description: 'How long to wait for the proof, up to 30s: `2s`',
        },
      ],
      ...body({ order: { ...text, description: 'Compact JWS, EdDSA, typ portcullis-order+jwt' } }),
      responses: {
        201: json(ref('Accepted'), 'In force'),
        202: json(ref('Pending'), 'Waits for more signatures'),
        ...refused(400, 401, 403, 409, 413, 415, 503),
      },
    },
  },
  '/api/v1/status': {
    get: { summary: 'What stands', responses: { 200: json(ref('Status'), 'Status'), ...refused(401) } },
  },
  '/api/v1/locks': {
    get: {
      summary: 'Locks in force',
      responses: { 200: json(objectOf({ epoch: integer, locks: listOf(ref('Lock')) }), 'Locks'), ...refused(401) },
    },
  },
  '/api/v1/locks/{id}': {
    get: {
      summary: 'One lock',
      parameters: [inPath('id')],
      responses: { 200: json(ref('Lock'), 'Lock'), ...refused(401, 404) },
    },
  },
  '/api/v1/certificates/{epoch}': {
    get: {
      summary: 'The lockdown certificate of an epoch, signed',
      parameters: [inPath('epoch')],
      responses: { 200: json(ref('Certificate'), 'Certificate'), ...refused(401, 404) },
    },
  },
  '/api/v1/pseudonyms': {
    post: {
      summary: 'Identifiers in, pseudonyms out; recorded as a count',
      ...body({ kind: { enum: ['principal', 'subject', 'session'] }, values: listOf(text) }),
      responses: {
        200: json(objectOf({ pseudonyms: listOf(text) }), 'In the order of the values'),
        ...refused(400, 401, 403, 503),
      },
    },
  },
  '/api/v1/login/nonce': {
    get: {
      ...open,
      summary: 'A nonce for one login',
      responses: { 200: json(objectOf({ nonce: text, expiresInSeconds: integer }), 'Nonce') },
    },
  },
  '/api/v1/login': {
    post: {
      ...open,
      summary: 'Opens a session for reading',
      ...body({
        login: {
          ...text,
          description: 'Compact JWS, EdDSA, typ portcullis-login+jwt, with iss, aud (this origin), nonce and iat',
        },
      }),
      responses: {
        200: json(objectOf({ token: text, expiresInSeconds: integer, name: text, role: text }), 'A bearer token'),
        ...refused(400, 401),
      },
    },
  },
  '/api/v1/audit/checkpoint': {
    get: {
      summary: 'The last signed checkpoint (C2SP tlog-checkpoint)',
      responses: { 200: other('text/plain', 'Signed note'), ...refused(401, 404) },
    },
  },
  '/api/v1/audit/tile/{rest}': {
    get: {
      summary: 'A tile or entry bundle (C2SP tlog-tiles)',
      parameters: [inPath('rest')],
      responses: { 200: other('application/octet-stream', 'Tile'), ...refused(401, 404) },
    },
  },
  '/api/v1/events': {
    get: {
      summary: 'Server-sent events: lock, release, proof, status',
      responses: { 200: other('text/event-stream', 'Events'), ...refused(401, 503) },
    },
  },
} as const

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Portcullis control plane',
    version: '1',
    description:
      'Orders are signed statements and need no other credential. Reading takes the read token or a session of a signed login. Every error is application/problem+json.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  security: [{ bearer: [] }],
  paths: PATHS,
  components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: SCHEMAS },
  'x-problems': PROBLEMS,
} as const
