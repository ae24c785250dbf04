// The control plane's answers, unknown -> view. The peer may be anything that speaks JSON, so nothing is believed unread.
import type { Residual } from '../core/residual.ts'
import type {
  OrderAccepted,
  PendingRelease,
  ReleasePending,
  StatusView,
  LockView,
  GatewayView,
  IncidentView,
  DrillView,
  ExplanationView,
  ImpactNumbers,
  ImpactView,
  ObservedView,
  SuggestionView,
  ResponderView,
  ThawStageView,
  ThawView,
} from '../ports/control-api.ts'

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isBoolean: Check = (value) => typeof value === 'boolean'
const isInstant: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isFields(value) && Object.entries(fields).every(([key, check]) => check(value[key]))

const SCOPE: Check = (value) =>
  isFields(value) && Object.values(value).every((each) => each === true || listOf(isText)(each))

const STAGE = shape({
  passes: isText,
  forMs: isNumber,
  probes: optional(SCOPE),
  percent: optional(isNumber),
} satisfies Record<keyof ThawStageView, Check>)

const THAW = shape({
  release: isText,
  state: isText,
  stage: optional(isNumber),
  next: optional(isInstant),
  owner: isText,
  since: isInstant,
  deadline: isInstant,
  stages: listOf(STAGE),
  refrozen: optional(shape({ at: isInstant, why: isText })),
} satisfies Record<keyof ThawView, Check>)

const RESIDUAL = shape({
  inFlight: isNumber,
  cut: isNumber,
  finished: isNumber,
  bytesAfter: isNumber,
  maybeExecuted: isNumber,
} satisfies Record<keyof Residual, Check>)

const NUMBERS = {
  requests: isNumber,
  sessions: isNumber,
  clients: isNumber,
  subjects: isNumber,
  addresses: isNumber,
  isSampled: isBoolean,
} satisfies Record<keyof ImpactNumbers, Check>

const OBSERVED = {
  since: isInstant,
  until: isInstant,
  isFinal: isBoolean,
  predicted: optional(shape(NUMBERS)),
  came: shape(NUMBERS),
} satisfies Record<keyof ObservedView, Check>

const IMPACT = shape({
  ...NUMBERS,
  now: isInstant,
  windowSeconds: isNumber,
  seenSeconds: isNumber,
  scope: SCOPE,
  mode: isText,
  covers: listOf(isText),
  routes: listOf(shape({ route: isText, requests: isNumber })),
  busiestClients: listOf(shape({ client: isText, requests: isNumber })),
  probes: listOf(shape({ route: isText, caller: isText, requests: isNumber, everySeconds: optional(isNumber) })),
  callbacks: listOf(shape({ route: isText, requests: isNumber })),
  perMinute: listOf(isNumber),
  open: isNumber,
  gateways: listOf(shape({ gateway: isText, requests: isNumber })),
  missing: listOf(isText),
} satisfies Record<keyof ImpactView, Check>)

const LOCK = shape({
  id: isText,
  scope: SCOPE,
  mode: isText,
  source: isText,
  since: isInstant,
  until: optional(isInstant),
  onExpiry: isText,
  reason: isText,
  incident: isText,
  by: optional(isText),
  epoch: optional(isNumber),
  covers: listOf(isText),
  residual: optional(RESIDUAL),
  observed: optional(shape(OBSERVED)),
  exemptions: optional(listOf(shape({ id: isText, scope: SCOPE, until: isInstant }))),
  thaw: optional(THAW),
} satisfies Record<keyof LockView, Check>)

const RELEASE = shape({
  id: isText,
  kind: isText,
  locks: listOf(isText),
  reason: isText,
  since: isInstant,
  approvals: listOf(isText),
  required: isNumber,
  until: optional(isInstant),
  responder: optional(shape({ name: isText, role: optional(isText), key: optional(isText), keyId: optional(isText) })),
  scope: optional(SCOPE),
  ttlMs: optional(isNumber),
  stages: optional(listOf(STAGE)),
  owner: optional(isText),
  deadlineMs: optional(isNumber),
  refreezeOn: optional(listOf(shape({ metric: isText, above: isNumber }))),
} satisfies Record<keyof PendingRelease, Check>)

const GATEWAY = shape({
  name: isText,
  epoch: isNumber,
  leaseRemainingMs: isNumber,
  workers: listOf(shape({ worker: isText, alive: isBoolean, epoch: isNumber })),
  proven: isBoolean,
  state: optional(isText),
  address: optional(isText),
  lastSeen: optional(isInstant),
  voucher: optional(isText),
  table: optional(isText),
  trail: optional(isText),
  clock: optional(shape({ offsetMs: isNumber, withinMs: optional(isNumber), by: isText })),
} satisfies Record<keyof GatewayView, Check>)

const PROOF = shape({
  proven: listOf(isText),
  missing: listOf(isText),
  elapsedMs: isNumber,
  residual: optional(RESIDUAL),
  missingGateways: optional(
    listOf(
      shape({
        name: isText,
        address: optional(isText),
        lastSeen: optional(isInstant),
        fenced: optional(shape({ since: optional(isInstant), by: optional(isInstant) })),
      }),
    ),
  ),
})

const DRILL = shape({
  id: isText,
  by: isText,
  at: isInstant,
  ageSeconds: isNumber,
  proof: optional(PROOF),
} satisfies Record<keyof DrillView, Check>)

const SUGGESTION = shape({
  id: isText,
  action: isText,
  scope: SCOPE,
  mode: isText,
  alert: isText,
  since: isInstant,
  lastSaid: isInstant,
  command: isText,
  wouldRefuse: optional(shape(NUMBERS)),
} satisfies Record<keyof SuggestionView, Check>)

const INCIDENT = shape({
  id: isText,
  title: optional(isText),
  state: isText,
  noticedAt: isInstant,
  noticedFrom: isText,
  openedBy: optional(isText),
  closedAt: optional(isInstant),
  certInDue: isInstant,
  boardDue: isInstant,
  reported: shape({ certIn: optional(isInstant), board: optional(isInstant) }),
  locks: listOf(isText),
} satisfies Record<keyof IncidentView, Check>)

const STATUS = shape({
  epoch: isNumber,
  frozen: isBoolean,
  now: isInstant,
  locks: listOf(LOCK),
  pendingReleases: listOf(RELEASE),
  incidents: optional(listOf(INCIDENT)),
  fleet: shape({ gateways: listOf(GATEWAY), proven: isNumber, total: isNumber, name: optional(isText) }),
  audit: shape({
    healthy: isBoolean,
    size: isNumber,
    checkpointAgeSeconds: (value) => value === null || isNumber(value),
    vkey: isText,
    checkpoint: optional(shape({ origin: isText, size: isNumber, root: isText })),
  }),
  drill: optional(DRILL),
  suggestions: optional(listOf(SUGGESTION)),
  problems: listOf(isText),
} satisfies Record<keyof StatusView, Check>)

const RESPONDER = shape({
  name: isText,
  role: isText,
  key: isText,
  keyId: optional(isText),
  retired: optional(isInstant),
  source: isText,
} satisfies Record<keyof ResponderView, Check>)

const EXPLANATION = shape({
  now: isInstant,
  epoch: isNumber,
  route: isText,
  method: isText,
  verdict: isText,
  locks: listOf((value) => LOCK(value) && shape({ effect: isText, decides: isBoolean })(value)),
  freshSince: optional(isInstant),
  revocations: listOf(
    shape({ id: isText, by: isText, reason: isText, incident: isText, since: isInstant, before: optional(isInstant) }),
  ),
} satisfies Record<keyof ExplanationView, Check>)

const ACCEPTED = shape({
  id: isText,
  epoch: isNumber,
  covers: listOf(isText),
  durable: isBoolean,
  proof: optional(PROOF),
} satisfies Record<keyof OrderAccepted, Check>)

const PENDING = shape({ id: isText, approvals: isNumber, required: isNumber } satisfies Record<
  keyof ReleasePending,
  Check
>)

export function parseStatus(body: unknown): StatusView | undefined {
  return STATUS(body) ? (body as StatusView) : undefined
}

export function parseAccepted(body: unknown): OrderAccepted | undefined {
  return ACCEPTED(body) ? (body as OrderAccepted) : undefined
}

export function parsePending(body: unknown): ReleasePending | undefined {
  return PENDING(body) ? (body as ReleasePending) : undefined
}

export function parseResponders(body: unknown): readonly ResponderView[] | undefined {
  return shape({ responders: listOf(RESPONDER) })(body)
    ? (body as { readonly responders: readonly ResponderView[] }).responders
    : undefined
}

export function parseExplanation(body: unknown): ExplanationView | undefined {
  return EXPLANATION(body) ? (body as ExplanationView) : undefined
}

export function parseImpactView(body: unknown): ImpactView | undefined {
  return IMPACT(body) ? (body as ImpactView) : undefined
}

export function parseObserved(
  body: unknown,
): (ObservedView & { readonly lock: string; readonly missing: readonly string[] }) | undefined {
  return shape({ ...OBSERVED, lock: isText, missing: listOf(isText) })(body)
    ? (body as ObservedView & { readonly lock: string; readonly missing: readonly string[] })
    : undefined
}

/** A text field of an answer of any shape. */
export function textField(body: unknown, key: string): string | undefined {
  const value = isFields(body) ? body[key] : undefined
  return typeof value === 'string' ? value : undefined
}

export function numberField(body: unknown, key: string): number | undefined {
  const value = isFields(body) ? body[key] : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** The list of texts under `key`, or undefined where there is none. */
export function textsField(body: unknown, key: string): readonly string[] | undefined {
  const value = isFields(body) ? body[key] : undefined
  return listOf(isText)(value) ? (value as readonly string[]) : undefined
}
