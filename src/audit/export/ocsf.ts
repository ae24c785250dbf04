// Records as events of OCSF 1.8.0: requests are API Activity, orders Entity Management, sessions Authentication, findings Findings.
import type { AnyRecord } from '../../core/trail-query.ts'
import { OCSF_VERSION } from './ocsf-required.ts'

type Event = Record<string, unknown>

const SEVERITY = { info: 1, low: 2, medium: 3, high: 4, critical: 5 } as const

/** Activities of class 6003 by method; everything else is 99 with the method as its name. */
const CRUD: Readonly<Record<string, number>> = { POST: 1, GET: 2, HEAD: 2, PUT: 3, PATCH: 3, DELETE: 4 }

/** `disposition_id` of the security_control profile: Allowed, Blocked, Delayed, Challenge, Rejected, Unauthorized, Error. */
const DISPOSITIONS: Readonly<Record<string, number>> = {
  allow: 1,
  locked: 2,
  throttled: 14,
  unauthenticated: 23,
  rejected: 25,
  forbidden: 26,
  error: 27,
}

/** One event for a record of any kind. `index` is its place in the log, which its `metadata.uid` names. */
export function toOcsf(index: number, record: AnyRecord): Event {
  switch (record.kind) {
    case 'request':
      return record.route === OTP_REQUEST || record.route === OTP_VERIFY ? logon(index, record) : request(index, record)
    case 'order':
      return record.order === 'incident' && record.outcome !== 'refused'
        ? incident(index, record)
        : order(index, record)
    case 'session':
      return typeof record.by === 'string' ? use(index, record) : session(index, record)
    case 'access':
      return use(index, record)
    case 'anomaly':
    case 'gap':
      return finding(index, record)
    default:
      return { ...common(index, record, 0, 99, SEVERITY.info), activity_name: text(record.kind) ?? 'unknown' }
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Without members that are undefined: consumers take an empty one for a value. */
function of(fields: Event): Event {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function common(index: number, record: AnyRecord, classUid: number, activity: number, severity: number): Event {
  const gateway = text(record.gateway) ?? 'unknown'
  return {
    activity_id: activity,
    category_uid: Math.floor(classUid / 1000),
    class_uid: classUid,
    type_uid: classUid * 100 + activity,
    severity_id: severity,
    time: Math.floor(number(record.time) ?? 0),
    metadata: of({
      version: OCSF_VERSION,
      product: { name: 'Portcullis', vendor_name: 'Portcullis', uid: gateway },
      uid: `${gateway}/${index}`,
      log_name: gateway,
      sequence: index,
      event_code: text(record.phase) ?? text(record.outcome) ?? text(record.kind),
      correlation_uid: text(record.id),
    }),
  }
}

function request(index: number, record: AnyRecord): Event {
  const method = text(record.method) ?? 'OTHER'
  const decision = text(record.decision) ?? 'error'
  const status = number(record.status)
  const activity = CRUD[method] ?? 99
  const refused = decision !== 'allow'
  const base = common(index, record, 6003, activity, refused ? SEVERITY.low : SEVERITY.info)
  return of({
    ...base,
    activity_name: activity === 99 ? method : undefined,
    metadata: { ...(base.metadata as Event), profiles: ['security_control'] },
    actor: actorOf(record),
    api: apiOf(method, status, record),
    src_endpoint: endpoint(text(record.client)),
    http_request: of({ http_method: method, uid: text(record.id), url: named(record.path, 'path') }),
    http_response: status === undefined ? undefined : of({ code: status, length: number(record.bytes) }),
    resources: peopleOf(record.subjects),
    action_id: refused ? 2 : 1,
    disposition_id: DISPOSITIONS[decision] ?? 0,
    policy: text(record.lock) === undefined ? undefined : { uid: record.lock, type: 'lock' },
    status_id: status === undefined ? 0 : status < 400 ? 1 : 2,
    status_detail: text(record.reason),
    unmapped: unmapped(record, ['epoch', 'durationMs', 'upstreamMs', 'pii', 'received']),
  })
}

/** An object of one member, where there is a text for it. */
function named(value: unknown, name: string): Event | undefined {
  return text(value) === undefined ? undefined : { [name]: value }
}

function actorOf(record: AnyRecord): Event {
  const session = text(record.session)
  return of({
    user: named(record.principal, 'uid'),
    session:
      session === undefined
        ? undefined
        : of({ uid: session, issuer: text(record.issuer), is_mfa: record.otp === true }),
    app_uid: text(record.application),
    invoked_by: text(record.application) ?? 'anonymous',
  })
}

function apiOf(method: string, status: number | undefined, record: AnyRecord): Event {
  const route = text(record.route) ?? 'unmatched'
  return of({
    operation: `${method} ${route}`,
    request: named(record.id, 'uid'),
    response: status === undefined ? undefined : { code: status },
    service: { name: route },
  })
}

function peopleOf(subjects: unknown): readonly Event[] | undefined {
  const people = Array.isArray(subjects) ? subjects.filter((each) => typeof each === 'string') : []
  return people.length === 0 ? undefined : people.map((uid) => ({ uid, type: 'person' }))
}

function endpoint(client: string | undefined): Event {
  return client !== undefined && /^[0-9a-fA-F:.]+$/.test(client) ? { ip: client } : { name: client ?? 'unknown' }
}

/** Of a record what OCSF has no place for. */
function unmapped(record: AnyRecord, names: readonly string[]): Event | undefined {
  const found = names.filter((name) => record[name] !== undefined).map((name) => [name, record[name]] as const)
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** Suspend for what locks, Resume for what releases, Enroll and Unenroll for people; Update for the rest. */
function orderActivity(record: AnyRecord): number {
  const kind = text(record.order)
  if (record.outcome === 'refused') return 99
  if (kind === 'lock' || kind === 'freeze' || kind === 'refreeze' || kind === 'revoke') return 12
  if (record.outcome === 'released') return 13
  if (kind === 'enrol' || kind === 'recovery') return 6
  return kind === 'retire' ? 7 : 3
}

function order(index: number, record: AnyRecord): Event {
  const activity = orderActivity(record)
  const locks = Array.isArray(record.locks) ? record.locks.map(String) : []
  const by = text(record.by) ?? text(record.channel) ?? 'unknown'
  return of({
    ...common(index, record, 3004, activity, record.outcome === 'refused' ? SEVERITY.medium : SEVERITY.high),
    activity_name: activity === 99 ? `${text(record.order) ?? 'order'} refused` : undefined,
    actor: { user: { uid: by, name: by }, invoked_by: text(record.channel) ?? 'unknown' },
    comment: text(record.reason),
    entity: of({
      name: text(record.order) ?? 'order',
      type: locks.length > 0 ? 'lock' : 'order',
      uid: locks[0] ?? text(record.id),
    }),
    status_id: record.outcome === 'refused' ? 2 : 1,
    status_detail: text(record.outcome),
    unmapped: unmapped(record, ['incident', 'locks', 'epoch', 'responder', 'problems']),
  })
}

/** Responders who make pseudonyms, search or export. */
function use(index: number, record: AnyRecord): Event {
  const by = text(record.by) ?? 'unknown'
  return of({
    ...common(index, record, 6003, 2, SEVERITY.info),
    actor: { user: { uid: by, name: by }, invoked_by: by },
    api: { operation: text(record.action) ?? 'read', service: { name: 'trail' } },
    src_endpoint: { name: text(record.gateway) ?? 'unknown' },
    status_id: 1,
    unmapped: unmapped(record, ['query', 'count', 'state', 'results']),
  })
}

/** Logon, Logoff, and Preauth where a one-time password was sent. */
const LOGONS: Readonly<Record<string, number>> = {
  login: 1,
  logon: 1,
  open: 1,
  logout: 2,
  logoff: 2,
  revoked: 2,
  sent: 6,
}

function session(index: number, record: AnyRecord): Event {
  const action = text(record.action) ?? 'unknown'
  const activity = LOGONS[action] ?? 99
  return of({
    ...common(index, record, 3002, activity, SEVERITY.info),
    activity_name: activity === 99 ? action : undefined,
    user: { uid: text(record.principal) ?? text(record.subject) ?? 'unknown' },
    service: { name: text(record.application) ?? text(record.gateway) ?? 'unknown' },
    is_mfa: record.otp === true ? true : undefined,
  })
}

/** The gateway's own endpoints: a code is asked for, and used. */
const OTP_REQUEST = 'portcullis.otp.request'
const OTP_VERIFY = 'portcullis.otp.verify'

function logon(index: number, record: AnyRecord): Event {
  const isUse = record.route === OTP_VERIFY
  const status = number(record.status)
  const refused = record.decision !== 'allow'
  const [person] = peopleOf(record.subjects) ?? []
  return of({
    ...common(index, record, 3002, isUse ? 1 : 6, refused ? SEVERITY.low : SEVERITY.info),
    user: { uid: person?.uid ?? 'unknown' },
    service: { name: text(record.route) },
    src_endpoint: endpoint(text(record.client)),
    is_mfa: isUse && !refused ? true : undefined,
    status_id: status === undefined ? 0 : status < 400 ? 1 : 2,
    status_detail: text(record.reason),
    unmapped: unmapped(record, ['decision', 'status', 'epoch', 'durationMs']),
  })
}

function finding(index: number, record: AnyRecord): Event {
  const gateway = text(record.gateway) ?? 'unknown'
  const isGap = record.kind === 'gap'
  return of({
    ...common(index, record, 2004, 1, isGap ? SEVERITY.critical : SEVERITY.medium),
    finding_info: of({
      uid: `${gateway}/${index}`,
      title: isGap ? 'Records of the audit trail were lost' : (text(record.detector) ?? 'Anomaly'),
      desc: text(record.sentence) ?? text(record.reason),
    }),
    is_alert: true,
    status_id: 1,
    unmapped: unmapped(
      record,
      Object.keys(record).filter((name) => !['time', 'seq', 'kind', 'gateway', 'worker', 'reason'].includes(name)),
    ),
  })
}

function incident(index: number, record: AnyRecord): Event {
  const uid = text(record.incident) ?? text(record.id) ?? String(index)
  return of({
    ...common(index, record, 2005, record.action === 'close' ? 3 : record.action === 'open' ? 1 : 2, SEVERITY.high),
    finding_info_list: [{ uid, title: text(record.reason) ?? uid }],
    assignee: { uid: text(record.by) ?? 'unknown' },
    status_id: record.action === 'close' ? 5 : 2,
    is_suspected_breach: true,
    unmapped: unmapped(record, ['id', 'action', 'epoch', 'channel']),
  })
}
