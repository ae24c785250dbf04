// The part of the document that is about the trail.
import { LISTS } from '../core/trail-query.ts'
import { body, integer, json, listOf, objectOf, other, refused, text } from './openapi-schemas.ts'

const inPath = (name: string): object => ({ name, in: 'path', required: true, schema: text })

/** Each a list; times are RFC 3339. */
const QUERY = { from: text, to: text, ...Object.fromEntries(LISTS.map((name) => [name, listOf(text)])) }

const OF_SESSIONS = ['routes', 'clients', 'sessions', 'principals', 'subjects']

export const AUDIT_PATHS = {
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
  '/api/v1/audit/proof': {
    get: {
      summary: 'The proof that a record is in the log (C2SP tlog-proof); as JSON with the record itself',
      parameters: ['receipt', 'id', 'index'].map((name) => ({ name, in: 'query', required: false, schema: text })),
      responses: { 200: other('text/plain', 'Proof, verifiable offline'), ...refused(400, 401, 404) },
    },
  },
  '/api/v1/audit/search': {
    post: {
      summary: 'Records under the last checkpoint that answer all of these; the use is recorded first',
      ...body({
        ...QUERY,
        limit: integer,
        after: integer,
        newestFirst: { type: 'boolean' },
        detail: { type: 'boolean' },
        identifiers: objectOf({}),
      }),
      responses: {
        200: json(
          objectOf({ records: listOf(objectOf({ index: integer, record: objectOf({}) })), size: integer }),
          'A page; `next` is the `after` of the next one',
        ),
        ...refused(400, 401, 403, 503),
      },
    },
  },
  '/api/v1/audit/whose': {
    post: {
      summary:
        'Whose records were read, through which routes, by which clients: counted with and without OTP. With `question`, a JWS of typ portcullis-question+jwt that the caller has signed, of all trails of the fleet',
      ...body({ routes: listOf(text), clients: listOf(text), from: text, to: text, limit: integer, question: text }),
      responses: {
        200: json(objectOf({ reads: integer, subjects: integer }), 'Counts and people'),
        ...refused(400, 401, 403, 503),
      },
    },
  },
  '/api/v1/audit/people': {
    post: {
      summary:
        'The same with everybody, a line each in the order of their names, to be made one answer over several trails',
      ...body({ routes: listOf(text), clients: listOf(text), from: text, to: text }),
      responses: {
        200: other('application/x-ndjson', 'The trail with its counts, callers, people, and how many lines those were'),
        ...refused(400, 401, 403, 503),
      },
    },
  },
  '/api/v1/audit/erasures': {
    post: {
      summary: 'Deletes keys of recorded detail, so that nobody reads it again; recorded first. `rehearse` only counts',
      ...body({ subjects: listOf(text), from: text, to: text, reason: text, rehearse: { type: 'boolean' } }),
      responses: {
        200: json(objectOf({ keys: integer, erased: { type: 'boolean' } }), 'How many keys there were'),
        ...refused(400, 401, 403, 409, 503),
      },
    },
  },
  '/api/v1/audit/sessions': {
    post: {
      summary: 'Which sessions came, last first, and what each has read: counts, people, routes, addresses',
      ...body({
        ...Object.fromEntries(OF_SESSIONS.map((name) => [name, listOf(text)])),
        ...{ from: text, to: text, limit: integer, identifiers: objectOf({}) },
      }),
      responses: {
        200: json(
          objectOf({ sessions: integer, list: listOf(objectOf({ session: text, reads: integer })) }),
          'Sessions',
        ),
        ...refused(400, 401, 403, 503),
      },
    },
  },
} as const
