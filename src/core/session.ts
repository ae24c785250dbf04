// A verified session, and what a route and a revocation demand of it.
import type { Instant } from './time.ts'
import type { OtpProof, SessionPolicy } from './policy.ts'
import type { Denial } from './decision.ts'

/** A session whose token has been verified. `claims` may name people: it is read by bindings and never written anywhere. */
export interface Session {
  readonly issuer: string
  /** Pseudonyms: who is calling, and which login this is. */
  readonly principal: string
  readonly session: string
  /** The client by each of its names: `azp` or `client_id`, and `iss#azp`. */
  readonly clients: readonly string[]
  /** Whether the authentication methods (RFC 8176 `amr`) count as an OTP with this issuer. */
  readonly byOtp: boolean
  /** RFC 8176 `amr` and `acr`, for routes that name their own. */
  readonly amr?: readonly string[]
  readonly acr?: string
  /** `auth_time`, in seconds. */
  readonly authTime?: number
  /** When the OTP was used, in seconds, where the issuer tells it beside `auth_time`. */
  readonly otpTime?: number
  /** `iat`, in seconds. */
  readonly issuedAt?: number
  readonly expiresAt: Instant
  /** Whose hands the token is for (RFC 7800 `cnf`). */
  readonly confirmation?: Confirmation
  readonly claims: Readonly<Record<string, unknown>>
}

/** SHA-256 in base64url, of the key of DPoP proofs (RFC 9449, 6.1) or of the client's certificate (RFC 8705, 3.1). */
export interface Confirmation {
  readonly jkt?: string
  readonly x5t?: string
}

/** A revocation ends every session that it covers and that was opened before `before`. */
export interface Revocation {
  readonly id: string
  readonly before: Instant
  readonly subject?: string
  readonly session?: string
  readonly client?: string
  readonly reason: string
  readonly incident: string
  readonly by: string
  readonly since: Instant
}

/** Revocations as maps, so that judging a session is O(1): the effective not-before is the greatest that applies. */
export interface CompiledRevocations {
  readonly before: Instant
  readonly bySubject: ReadonlyMap<string, Instant>
  readonly bySession: ReadonlyMap<string, Instant>
  readonly byClient: ReadonlyMap<string, Instant>
  /** Those that name more than one thing cover what all of them name; by the session, else by the subject. */
  readonly combined: ReadonlyMap<string, readonly Revocation[]>
}

export function compileRevocations(revocations: readonly Revocation[]): CompiledRevocations {
  let before = 0
  const bySubject = new Map<string, Instant>()
  const bySession = new Map<string, Instant>()
  const byClient = new Map<string, Instant>()
  const combined = new Map<string, Revocation[]>()
  for (const each of revocations) {
    const { subject, session, client } = each
    const names = [session, subject, client].filter((name) => name !== undefined)
    const [first] = names
    if (first === undefined) before = Math.max(before, each.before)
    else if (names.length > 1) combined.set(first, [...(combined.get(first) ?? []), each])
    else if (session !== undefined) raise(bySession, session, each.before)
    else if (subject !== undefined) raise(bySubject, subject, each.before)
    else raise(byClient, first, each.before)
  }
  return { before, bySubject, bySession, byClient, combined }
}

function raise(map: Map<string, Instant>, name: string, before: Instant): void {
  map.set(name, Math.max(map.get(name) ?? 0, before))
}

/**
 * Whether a revocation covers the session. Judged by `auth_time`, else `iat`; a session with neither is revoked, and a
 * refreshed token keeps its old OTP. The maximum over all that apply (Keycloak CVE-2026-8922 combined them wrongly).
 */
export function isRevoked(session: Session, revocations: CompiledRevocations): boolean {
  let before = Math.max(
    revocations.before,
    revocations.bySubject.get(session.principal) ?? 0,
    revocations.bySession.get(session.session) ?? 0,
  )
  if (revocations.byClient.size > 0) {
    for (const client of session.clients) before = Math.max(before, revocations.byClient.get(client) ?? 0)
  }
  if (revocations.combined.size > 0) before = Math.max(before, combinedBefore(session, revocations.combined))
  if (before === 0) return false
  const openedAt = session.authTime ?? session.issuedAt
  return openedAt === undefined || openedAt * 1000 < before
}

function combinedBefore(session: Session, combined: CompiledRevocations['combined']): Instant {
  let before = 0
  for (const name of [session.session, session.principal]) {
    for (const each of combined.get(name) ?? []) {
      const covers =
        (each.session === undefined || each.session === session.session) &&
        (each.subject === undefined || each.subject === session.principal) &&
        (each.client === undefined || session.clients.includes(each.client))
      if (covers) before = Math.max(before, each.before)
    }
  }
  return before
}

/** Whether one of the methods, or the class, counts as an OTP. */
export function isByOtp({ amr, acr }: Pick<Session, 'amr' | 'acr'>, otp: OtpProof): boolean {
  return (amr?.some((method) => otp.amr.includes(method)) ?? false) || (acr !== undefined && otp.acr.includes(acr))
}

/**
 * Judges a verified session against the route: opened by OTP, and recently enough (RFC 9470). `freshSince` is set by a
 * step-up lock: the OTP must be newer than the lock.
 */
export function checkAssurance(
  policy: SessionPolicy,
  session: Session,
  now: Instant,
  freshSince?: Instant,
): Denial | undefined {
  const maxAgeMs =
    freshSince === undefined ? policy.maxAgeMs : Math.min(policy.maxAgeMs ?? Infinity, Math.max(0, now - freshSince))
  const { otp } = policy
  const byOtp = otp === undefined ? session.byOtp : isByOtp(session, otp)
  if (byOtp && maxAgeMs === undefined) return undefined
  const challenge = {
    denied: 'insufficient-authentication' as const,
    ...(maxAgeMs === undefined ? {} : { maxAgeSeconds: Math.floor(maxAgeMs / 1000) }),
    ...acrValuesOf(otp),
  }
  if (!byOtp) return { ...challenge, detail: 'The session was not opened by a one-time password.' }
  if (maxAgeMs === undefined) return undefined
  const openedAt = session.otpTime ?? session.authTime
  if (openedAt === undefined || now - openedAt * 1000 > maxAgeMs) {
    return { ...challenge, detail: 'The one-time password is older than this route allows.' }
  }
  return undefined
}

function acrValuesOf(otp: OtpProof | undefined): Pick<Denial, 'acrValues'> {
  return otp === undefined || otp.acr.length === 0 ? {} : { acrValues: otp.acr }
}

/** Where the request's identifiers are read from; undefined where it has none, several values where it has several. */
export type ReadSource = (source: SessionPolicy['bind'][number]['source']) => readonly string[]

/** Every identifier that a binding names must be among the claim's values; a missing or empty one owns nothing. */
export function checkOwnership(policy: SessionPolicy, session: Session, read: ReadSource): Denial | undefined {
  for (const binding of policy.bind) {
    const asked = read(binding.source)
    if (asked.length === 0 || !ownsAll(session, binding.claim, asked)) return NOT_OWNER
  }
  return undefined
}

export const NOT_OWNER: Denial = {
  denied: 'not-owner',
  detail: 'The session does not own the record that was asked for.',
}

/** Whether each of the values is among the claim's; of none it is true, and nobody owns the empty text. */
export function ownsAll(session: Session | undefined, claim: string, values: readonly string[]): boolean {
  if (values.length === 0) return true
  if (session === undefined) return false
  const owned = claimValues(session.claims[claim])
  return values.every((value) => value !== '' && owned.includes(value))
}

function claimValues(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return [claim]
  if (typeof claim === 'number' && Number.isSafeInteger(claim)) return [String(claim)]
  return Array.isArray(claim) ? claim.flatMap((each) => (Array.isArray(each) ? [] : claimValues(each))) : []
}
