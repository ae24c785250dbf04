// A record as the exact bytes that are hashed. Requests are most of the trail, so theirs is put together by hand.
import type { AuditRecord, RequestRecord } from '../core/audit-record.ts'

/** Printable ASCII that JSON writes as it is: a test of it costs a fraction of JSON.stringify. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** The members of a record but its `time`, as JSON from the first name to the closing brace: `"kind":…}`. */
export function encodeMembers(record: AuditRecord): string {
  if (record.kind === 'request') return encodeRequest(record)
  return JSON.stringify({ ...record, time: undefined }).slice(1)
}

/** Every member of RequestRecord, in the order of its declaration; the test holds this against JSON.stringify. */
function encodeRequest(record: RequestRecord): string {
  const { route, reason, lock, status, bytes, received, durationMs, upstreamMs, pii, detail } = record
  let json = `"kind":"request","phase":"${record.phase}","id":${text(record.id)},"client":${text(record.client)},"method":${text(record.method)}`
  if (route !== undefined) json += `,"route":${text(route)}`
  json += `,"path":${text(record.path)}`
  json += `${encodeCaller(record)},"decision":"${record.decision}"`
  if (reason !== undefined) json += `,"reason":"${reason}"`
  if (lock !== undefined) json += `,"lock":${text(lock)}`
  json += `,"epoch":${String(record.epoch)}`
  if (status !== undefined) json += `,"status":${String(status)}`
  if (bytes !== undefined) json += `,"bytes":${String(bytes)}`
  if (received !== undefined) json += `,"received":${String(received)}`
  if (durationMs !== undefined) json += `,"durationMs":${String(durationMs)}`
  if (upstreamMs !== undefined) json += `,"upstreamMs":${String(upstreamMs)}`
  if (pii !== undefined) json += `,"pii":${JSON.stringify(pii)}`
  if (detail !== undefined) json += `,"detail":${JSON.stringify(detail)}`
  return `${json}}`
}

/** Who asked, for whom, and who came back. */
function encodeCaller({ principal, subjects, returned, session, issuer, application, otp }: RequestRecord): string {
  let json = ''
  if (principal !== undefined) json += `,"principal":${text(principal)}`
  if (subjects !== undefined) json += `,"subjects":[${subjects.map(text).join(',')}]`
  if (returned !== undefined) json += `,"returned":${String(returned)}`
  if (session !== undefined) json += `,"session":${text(session)}`
  if (issuer !== undefined) json += `,"issuer":${text(issuer)}`
  if (application !== undefined) json += `,"application":${text(application)}`
  if (otp !== undefined) json += `,"otp":${otp ? 'true' : 'false'}`
  return json
}

function text(value: string): string {
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value)
}
