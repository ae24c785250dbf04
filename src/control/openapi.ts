// The control plane's API as an OpenAPI 3.1 document; test/control/openapi.test.ts holds it against what is served.
import { ORDER_KINDS } from '../core/responder.ts'
import { AUDIT_PATHS } from './openapi-audit.ts'
import {
  body,
  integer,
  json,
  listOf,
  objectOf,
  other,
  READ_LIMITED,
  ref,
  refused,
  SCHEMAS,
  text,
} from './openapi-schemas.ts'
import { PROBLEMS } from './problem.ts'
import { READS } from './read-limit.ts'

const open = { security: [] } as const
const inPath = (name: string): object => ({ name, in: 'path', required: true, schema: text })

const PATHS = {
  '/healthz': {
    get: {
      ...open,
      summary: 'Whether the process answers',
      responses: { 200: json(objectOf({ status: text, fleet: text }, ['fleet']), 'Alive') },
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
      summary: `Gives a signed order: ${ORDER_KINDS.join(', ')}`,
      parameters: [
        {
          name: 'wait',
          in: 'query',
          required: false,
          schema: text,
          description: 'How long to wait for the proof, up to 30s: `2s`',
        },
      ],
      ...body({
        order: {
          ...text,
          description:
            'Compact JWS, EdDSA, typ portcullis-order+jwt; of a passkey portcullis-order+webauthn (docs/decisions/0019)',
        },
      }),
      responses: {
        201: json(ref('Accepted'), 'In force'),
        202: json(ref('Pending'), 'Waits for more signatures'),
        ...refused(400, 401, 403, 409, 413, 415, 503),
      },
    },
  },
  '/api/v1/fleet/orders': {
    post: {
      ...open,
      summary: 'Orders that another gateway of the fleet has accepted; each proves itself',
      ...body({ entries: listOf(text) }),
      responses: { 200: json(objectOf({ taken: integer }), 'Looked at'), ...refused(400, 404, 413, 415) },
    },
  },
  '/api/v1/fleet/people': {
    post: {
      ...open,
      summary:
        'Answers a question that a person has signed, passed on and signed by the member of the fleet that was asked',
      ...body({ question: text, via: text }),
      responses: {
        200: other('application/x-ndjson', 'As POST /api/v1/audit/people; Portcullis-Answer seals its SHA-256'),
        ...refused(400, 403, 404, 413, 415, 503),
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
  '/api/v1/responders': {
    get: {
      summary: 'Who responds: of the config, and whom orders have enrolled or retired',
      responses: { 200: json(objectOf({ responders: listOf(ref('Responder')) }), 'Responders'), ...refused(401) },
    },
  },
  '/api/v1/alertmanager': {
    post: {
      security: [{ alertToken: [] }],
      summary:
        "Alertmanager's webhook (version 4), with the token of control.alertmanager: suggests locks, and never locks or releases",
      ...body({ version: { const: '4' }, alerts: listOf({ type: 'object' }) }),
      responses: {
        200: json(objectOf({ suggested: listOf(text) }), 'Suggestions that are new'),
        ...refused(400, 401, 404),
      },
    },
  },
  '/api/v1/impact': {
    post: {
      summary:
        'What a lock of this scope would have refused in the last 15 minutes, over the fleet; or, for `lock`, what an observing lock has met',
      ...body({ scope: ref('Scope'), mode: { enum: ['deny', 'read-only', 'step-up', 'observe'] }, lock: text }),
      responses: { 200: json(ref('Impact'), 'Impact; of a lock Observed'), ...refused(400, 401, 404) },
    },
  },
  '/api/v1/explain': {
    post: {
      summary: 'Which lock, order, responder and incident decide for a request; people by pseudonym',
      ...body({ method: text, address: text, userAgent: text, principal: text, session: text }),
      responses: { 200: json(ref('Explanation'), 'Explanation'), ...refused(400, 401, 403) },
    },
  },
  '/api/v1/pseudonyms': {
    post: {
      summary: 'Identifiers in, pseudonyms out; recorded as a count',
      ...body({
        kind: { enum: ['principal', 'subject', 'session'] },
        values: listOf(text),
        all: { type: 'boolean', description: 'By all keys, for a search: all values by one key, then by the next' },
      }),
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
  '/api/v1/logout': {
    post: {
      summary: 'Ends the session',
      ...body({}),
      responses: { 204: { description: 'Ended' }, ...refused(401, 415) },
    },
  },
  '/api/v1/routes': {
    get: {
      summary: 'Routes of the config: what a lock can name',
      responses: { 200: json(objectOf({ routes: listOf({ type: 'object' }) }), 'Routes'), ...refused(401) },
    },
  },
  '/api/v1/anomalies': {
    get: {
      summary: 'What the detectors of people have found, the latest first, and what is exempt from them',
      responses: { 200: json({ type: 'object' }, 'Findings'), ...refused(401, 403) },
    },
  },
  '/api/v1/anomalies/answers': {
    post: {
      security: [],
      summary:
        'Accepts, snoozes or exempts a finding: a JWS of typ portcullis-anomaly+jwt with anomaly, action, reason and ttl',
      ...body({ answer: { type: 'string' } }),
      responses: { 201: json({ type: 'object' }, 'What was recorded'), ...refused(400, 401, 403, 415) },
    },
  },
  '/api/v1/limits': {
    get: {
      summary:
        'Limits of people, learned and in force; with role, minutes and count, how many accounts that limit would have refused',
      responses: { 200: json({ type: 'object' }, 'Limits'), ...refused(400, 401) },
    },
  },
  '/api/v1/rates': {
    get: {
      summary:
        'Decisions of the last quarter of an hour, second by second, starts and reloads of its time, and the routes of the last minute',
      responses: { 200: json({ type: 'object' }, 'Rates'), ...refused(401, 404) },
    },
  },
  ...AUDIT_PATHS,
  '/api/v1/events': {
    get: {
      summary:
        'Server-sent events: lock, release, proof, fleet-proof, status, change (start, stop, config); with `live`, counters, decisions and cohorts too',
      parameters: [
        {
          name: 'live',
          in: 'query',
          required: false,
          schema: text,
          description:
            'Any value: counters each second; for auditors and responders also decisions, and cohorts: the busiest client stacks of the last minute, told every two seconds',
        },
      ],
      responses: { 200: other('text/event-stream', 'Events'), ...refused(401, 503) },
    },
  },
} as const

interface Operation {
  readonly summary: string
  /** Absent: the read token, or a session. */
  readonly security?: readonly object[]
  readonly responses: Readonly<Record<number, object>>
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

/** Ending a session is never refused. */
const FREE: readonly string[] = ['/api/v1/logout']

function withReadLimit(paths: Paths): Paths {
  const limited = (operation: Operation): Operation =>
    operation.security === undefined
      ? { ...operation, responses: { ...operation.responses, ...READ_LIMITED } }
      : operation
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      FREE.includes(path)
        ? methods
        : Object.fromEntries(Object.entries(methods).map(([method, each]) => [method, limited(each)])),
    ]),
  )
}

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Portcullis control plane',
    version: '1',
    description: `Orders are signed statements and need no other credential. Reading takes the read token or a session of a signed login; each login, and each address with the read token, has ${READS.count} reads at once and ${(READS.count * 1000) / READS.periodMs} a second (429), of which an impact takes ten and a search, an explanation or pseudonyms five. Every error is application/problem+json.`,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  security: [{ bearer: [] }],
  paths: withReadLimit(PATHS),
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer' },
      alertToken: { type: 'http', scheme: 'bearer', description: 'The token of control.alertmanager.' },
    },
    schemas: SCHEMAS,
  },
  'x-problems': PROBLEMS,
} as const
