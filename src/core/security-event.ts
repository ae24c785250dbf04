// What a security event token (RFC 8417) asks for: sessions to be ended (OpenID CAEP 1.0, session-revoked), or nothing here.
import type { Instant } from './time.ts'

export const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'

/** Of whom the sessions are: one session by the name that its issuer gave it, or all of a person that were open then. */
export type EndedSessions =
  | { readonly issuer: string | undefined; readonly session: string }
  | { readonly issuer: string; readonly principal: string; readonly before: Instant }

export type EventEffect = { readonly ends: EndedSessions } | 'nothing' | { readonly problem: string }

type Fields = Readonly<Record<string, unknown>>

/** `claims` are those of a token that has been verified. Events of other types are taken, and change nothing. */
export function parseSecurityEvent(claims: Fields, now: Instant): EventEffect {
  const { events } = claims
  if (!isFields(events) || Object.keys(events).length === 0)
    return { problem: 'events must be an object that names one' }
  if (!Object.hasOwn(events, SESSION_REVOKED)) return 'nothing'
  const event = events[SESSION_REVOKED]
  if (!isFields(event)) return { problem: 'the event must be an object' }
  const subject = claims.sub_id ?? event.subject
  if (!isFields(subject)) return { problem: 'sub_id must name a session or a person (RFC 9493)' }
  const told = event.event_timestamp === undefined ? claims.iat : event.event_timestamp
  const at = told === undefined ? now / 1000 : told
  if (typeof at !== 'number' || !Number.isFinite(at) || at < 0) return { problem: 'event_timestamp must be seconds' }
  const ends = endedBy(subject, before(at, now))
  return ends === undefined ? { problem: 'sub_id names neither a session nor a person by iss and sub' } : { ends }
}

/** All of the second in which it happened; never ahead of what is opened after the report. */
function before(seconds: number, now: Instant): Instant {
  return Math.min(Math.floor(seconds) * 1000 + 1000, now + 1000)
}

/** RFC 9493, and the complex subjects of the Shared Signals Framework 1.0: a session counts before the person. */
function endedBy(subject: Fields, at: Instant): EndedSessions | undefined {
  const { format, session, user } = subject
  if (format === 'complex' || format === undefined) {
    if (isFields(session)) return endedBy(session, at)
    return isFields(user) ? endedBy(user, at) : undefined
  }
  const { iss, sub, id, jti } = subject
  if (format === 'opaque') return isText(id) ? { issuer: undefined, session: id } : undefined
  if (!isText(iss)) return undefined
  if (format === 'jwt_id') return isText(jti) ? { issuer: iss, session: jti } : undefined
  return format === 'iss_sub' && isText(sub) ? { issuer: iss, principal: sub, before: at } : undefined
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1024 && value.isWellFormed()
}
