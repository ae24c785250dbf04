// The shapes of the control plane's answers, as JSON Schema; openapi.ts tells which call answers with which.
import { LOCK_MODES } from '../core/lock.ts'
import { ROLES } from '../core/responder.ts'
import { SCOPE_DIMENSIONS } from '../core/scope.ts'
import { THAW_METRICS } from '../core/thaw.ts'

const SIGNED_BY_WORKERS =
  'What workers have shown, each signed by its own key: `<gateway key>.<worker key>.<voucher>.<payload>.<signature>` (docs/decisions/0012).'

export const text = { type: 'string' } as const
export const integer = { type: 'integer' } as const
const number = { type: 'number' } as const
const flag = { type: 'boolean' } as const
export const listOf = (items: object): object => ({ type: 'array', items })
export const objectOf = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
})
export const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })

export const json = (schema: object, description: string): object => ({
  description,
  content: { 'application/json': { schema } },
})
export const other = (mediaType: string, description: string): object => ({ description, content: { [mediaType]: {} } })
export const refused = (...statuses: readonly number[]): Record<string, object> =>
  Object.fromEntries(
    statuses.map((status) => [
      String(status),
      { description: 'Refused', content: { 'application/problem+json': { schema: ref('Problem') } } },
    ]),
  )
/** What every read may also be answered with (control/read-limit). */
export const READ_LIMITED = {
  429: {
    description: 'Too much was read by this login or address',
    headers: { 'Retry-After': { description: 'Seconds', schema: integer } },
    content: { 'application/problem+json': { schema: ref('Problem') } },
  },
} as const
export const body = (properties: Readonly<Record<string, object>>): object => ({
  requestBody: { required: true, content: { 'application/json': { schema: objectOf(properties) } } },
})
const memberState = { enum: ['live', 'missing', 'left', 'forgotten'] } as const
const moment = { type: 'string', format: 'date-time' } as const

const NUMBERS = {
  ...{ requests: integer, sessions: integer, clients: integer, subjects: integer, addresses: integer },
  isSampled: { ...flag, description: 'Requests are an estimate, the others are at least so many.' },
}
const IMPACT_SCHEMAS = {
  Impact: objectOf({
    ...NUMBERS,
    ...{ now: moment, windowSeconds: integer, seenSeconds: integer, scope: ref('Scope'), mode: text },
    covers: listOf(text),
    routes: listOf(objectOf({ route: text, requests: integer })),
    busiestClients: listOf(objectOf({ client: text, requests: integer })),
    probes: listOf(objectOf({ route: text, caller: text, requests: integer, everySeconds: number }, ['everySeconds'])),
    callbacks: listOf(objectOf({ route: text, requests: integer })),
    perMinute: listOf(integer),
    open: integer,
    gateways: listOf(objectOf({ gateway: text, requests: integer })),
    missing: listOf(text),
  }),
  Observed: {
    ...objectOf(
      { since: moment, until: moment, isFinal: flag, predicted: objectOf(NUMBERS), came: objectOf(NUMBERS) },
      ['predicted'],
    ),
    description: 'An observing lock beside what was expected of it, over equal times before and after it landed.',
  },
} as const

export const SCHEMAS = {
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
  ThawStage: objectOf(
    {
      passes: { enum: ['probes', 'read-only', 'percent', 'all'] },
      forMs: integer,
      probes: ref('Scope'),
      percent: number,
    },
    ['probes', 'percent'],
  ),
  Thaw: objectOf(
    {
      release: text,
      state: { enum: ['stage', 'open', 'not-begun', 'refrozen', 'deadline'] },
      stage: integer,
      next: moment,
      owner: text,
      since: moment,
      deadline: moment,
      stages: listOf(ref('ThawStage')),
      refrozen: objectOf({ at: moment, why: text }),
    },
    ['stage', 'next', 'refrozen'],
  ),
  Residual: {
    ...objectOf({ inFlight: integer, cut: integer, finished: integer, bytesAfter: integer, maybeExecuted: integer }),
    description:
      'What a lock came too late for: of the exchanges in flight those cut and those finished, at most how many body bytes left after the epoch, and how many of those cut the upstream may have executed.',
  },
  ...IMPACT_SCHEMAS,
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
      residual: ref('Residual'),
      observed: ref('Observed'),
      exemptions: listOf(objectOf({ id: text, scope: ref('Scope'), until: moment })),
      thaw: ref('Thaw'),
    },
    ['until', 'by', 'epoch', 'residual', 'observed', 'exemptions', 'thaw'],
  ),
  PendingRelease: {
    ...objectOf(
      {
        id: text,
        kind: { enum: ['release', 'exempt', 'enrol', 'retire'] },
        locks: listOf(text),
        reason: text,
        since: moment,
        until: moment,
        approvals: listOf(text),
        required: integer,
        responder: { type: 'object' },
        scope: ref('Scope'),
        ttlMs: integer,
        stages: listOf(ref('ThawStage')),
        owner: text,
        deadlineMs: integer,
        refreezeOn: listOf(objectOf({ metric: { enum: THAW_METRICS }, above: { type: 'number' } })),
      },
      ['until', 'responder', 'scope', 'ttlMs', 'stages', 'owner', 'deadlineMs', 'refreezeOn'],
    ),
    description: 'What waits for signatures: a release, an exemption, an enrolment or a retirement.',
  },
  Responder: objectOf({ name: text, role: { enum: ROLES }, key: text, keyId: text, retired: moment, source: text }, [
    'keyId',
    'retired',
  ]),
  Explanation: objectOf(
    {
      now: moment,
      epoch: integer,
      route: text,
      method: text,
      verdict: text,
      locks: listOf({ allOf: [ref('Lock'), objectOf({ effect: text, decides: flag })] }),
      freshSince: moment,
      revocations: listOf({ type: 'object' }),
    },
    ['freshSince'],
  ),
  Worker: objectOf({ worker: text, alive: flag, epoch: integer }),
  Gateway: objectOf(
    {
      name: text,
      epoch: integer,
      leaseRemainingMs: { type: 'number' },
      workers: listOf(ref('Worker')),
      proven: flag,
      state: memberState,
      address: text,
      lastSeen: moment,
      voucher: { const: 'old', description: 'Its record stands by a fleet secret that is not the first here.' },
      table: text,
      trail: { enum: ['healthy', 'failing'] },
      clock: objectOf({ offsetMs: number, withinMs: number, by: { enum: ['servers', 'store', 'peers'] } }, [
        'withinMs',
      ]),
    },
    ['state', 'address', 'lastSeen', 'voucher', 'table', 'trail', 'clock'],
  ),
  Drill: objectOf({ id: text, by: text, at: moment, ageSeconds: number, proof: ref('Proof') }, ['proof']),
  Status: objectOf(
    {
      epoch: integer,
      frozen: flag,
      now: moment,
      locks: listOf(ref('Lock')),
      pendingReleases: listOf(ref('PendingRelease')),
      fleet: objectOf({ gateways: listOf(ref('Gateway')), proven: integer, total: integer, name: text }, ['name']),
      audit: objectOf(
        {
          healthy: flag,
          size: integer,
          checkpointAgeSeconds: { type: ['number', 'null'] },
          vkey: text,
          checkpoint: objectOf({ origin: text, size: integer, root: text }),
        },
        ['checkpoint'],
      ),
      drill: ref('Drill'),
      suggestions: {
        ...listOf({ type: 'object' }),
        description: 'Locks that alerts and detectors of people suggest; they hold nothing.',
      },
      problems: listOf(text),
    },
    ['drill', 'suggestions'],
  ),
  Proof: objectOf(
    {
      proven: listOf(text),
      missing: listOf(text),
      elapsedMs: { type: 'number' },
      residual: ref('Residual'),
      gateways: objectOf({ proven: integer, total: integer }),
      missingGateways: listOf(ref('MissingGateway')),
    },
    ['residual', 'gateways', 'missingGateways'],
  ),
  MissingGateway: {
    ...objectOf(
      {
        name: text,
        state: memberState,
        address: text,
        lastSeen: moment,
        fenced: { type: 'object', properties: { since: moment, by: moment } },
      },
      ['address', 'lastSeen', 'fenced'],
    ),
    description: 'A member that has not proven. `fenced`: since when, or by when, its routes have taken their posture.',
  },
  Accepted: objectOf({ id: text, epoch: integer, covers: listOf(text), durable: flag, proof: ref('Proof') }, ['proof']),
  Pending: objectOf({ id: text, approvals: integer, required: integer }),
  Certificate: objectOf(
    {
      epoch: integer,
      gateway: text,
      time: moment,
      proofs: listOf(
        objectOf({
          ...{ worker: text, epoch: integer, route: text, status: integer, refused: flag, at: integer },
          stands: { ...integer, description: 'Locked routes of its class, for which the canary stands.' },
        }),
      ),
      residual: ref('Residual'),
      key: { ...text, description: "The gateway's raw Ed25519 public key, base64url." },
      workers: { ...listOf(text), description: SIGNED_BY_WORKERS },
      orders: { ...listOf(text), description: 'The orders of this epoch as they were signed: compact JWS.' },
      fleet: objectOf(
        {
          orders: listOf(text),
          proven: listOf(text),
          missing: listOf(ref('MissingGateway')),
          elapsedMs: integer,
          residual: ref('Residual'),
          proofs: { ...listOf(text), description: SIGNED_BY_WORKERS },
        },
        ['elapsedMs'],
      ),
      signature: {
        ...text,
        description: 'Ed25519 over the canonical JSON (RFC 8785) of the other members, base64url.',
      },
    },
    ['fleet'],
  ),
} as const
