// What a token says, judged (RFC 7519, 4.1) and turned into a session. Nothing that it says appears in a message.
import { createHash } from 'node:crypto'
import type { Session } from '../../core/session.ts'
import type { Instant } from '../../core/time.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'

export type Claims = Readonly<Record<string, unknown>>

const TEXTS = ['sub', 'sid', 'jti', 'azp', 'client_id'] as const
const DATES = ['exp', 'nbf', 'iat', 'auth_time'] as const
/** The last second that a Date can hold (ECMA-262, 21.4.1.1). */
const SECONDS_MAX = 8.64e12

/** Why the claims are refused, or undefined. `exp`, `aud` and `sub` must be there; the tolerance is for clocks that differ. */
export function checkClaims(claims: Claims, audience: string, now: Instant, toleranceMs: number): string | undefined {
  const mistyped = checkTypes(claims)
  if (mistyped !== undefined) return mistyped
  const {
    aud,
    exp,
    nbf,
    iat,
    auth_time: authTime,
  } = claims as Readonly<Record<string, number | undefined>> & { readonly aud?: unknown }
  if (claims.sub === undefined) return 'it has no sub'
  if (!listOf(aud).includes(audience)) return 'it is for another audience'
  if (exp === undefined) return 'it has no exp'
  if (now >= exp * 1000 + toleranceMs) return 'it has expired'
  const latest = now + toleranceMs
  if (nbf !== undefined && nbf * 1000 > latest) return 'it is not yet valid (nbf)'
  if (iat !== undefined && iat * 1000 > latest) return 'it was issued in the future (iat)'
  // An OTP of tomorrow would be fresh for ever, and no revocation of today would reach it.
  if (authTime !== undefined && authTime * 1000 > latest) return 'its OTP lies in the future (auth_time)'
  return undefined
}

function checkTypes(claims: Claims): string | undefined {
  for (const name of TEXTS) {
    const value = claims[name]
    if (value !== undefined && !isText(value)) return `its ${name} is no text`
  }
  for (const name of DATES) {
    const value = claims[name]
    if (value !== undefined && !isDate(value)) return `its ${name} is no date`
  }
  for (const name of ['aud', 'amr']) {
    const value = claims[name]
    const isList = Array.isArray(value) && value.every(isText)
    if (value !== undefined && !isList && !(name === 'aud' && isText(value))) return `its ${name} is no list of texts`
  }
  return undefined
}

/** Lone surrogates are no text: in UTF-8 they would all become one character, and so two people one pseudonym. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed()
}

function isDate(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= SECONDS_MAX
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

export interface SessionFacts {
  readonly claims: Claims
  readonly issuer: string
  readonly otpAmr: readonly string[]
  /** Header and payload as they were signed. */
  readonly signingInput: string
  readonly toleranceMs: number
  /** The claims to keep; all where undefined. */
  readonly keep: readonly string[] | undefined
}

/** Takes claims that `checkClaims` has passed. */
export function openSession(facts: SessionFacts, pseudonyms: Pseudonyms): Session {
  const { claims, issuer } = facts
  const {
    sub,
    exp,
    auth_time: authTime,
    iat,
    amr,
  } = claims as { sub: string; exp: number; auth_time?: number; iat?: number; amr?: readonly string[] }
  return {
    issuer,
    principal: pseudonyms.of('principal', sub),
    session: pseudonyms.of('session', sessionName(facts)),
    clients: clientNames(claims, issuer),
    byOtp: amr?.some((method) => facts.otpAmr.includes(method)) ?? false,
    ...(authTime === undefined ? {} : { authTime }),
    ...(iat === undefined ? {} : { issuedAt: iat }),
    expiresAt: exp * 1000 + facts.toleranceMs,
    claims: keepClaims(claims, facts.keep),
  }
}

/**
 * What a session's pseudonym is made of: `iss#sid`, else `iss#jti`, else the SHA-256 of header.payload in base64url. Not of the
 * signature: an ECDSA signature can be rewritten by anyone into a second one that holds (r, n - s), and it stays one session.
 */
function sessionName({ claims, issuer, signingInput }: SessionFacts): string {
  const { sid, jti } = claims as { sid?: string; jti?: string }
  const own = sid ?? jti
  return own === undefined ? createHash('sha256').update(signingInput).digest('base64url') : `${issuer}#${own}`
}

function clientNames(claims: Claims, issuer: string): readonly string[] {
  const { azp, client_id: clientId } = claims as { azp?: string; client_id?: string }
  const client = azp ?? clientId
  return client === undefined ? [] : [client, `${issuer}#${client}`]
}

/** Without a prototype: a binding that names `constructor` finds a claim of that name or none. */
function keepClaims(claims: Claims, keep: readonly string[] | undefined): Claims {
  const kept = Object.create(null) as Record<string, unknown>
  for (const name of keep ?? Object.keys(claims)) if (Object.hasOwn(claims, name)) kept[name] = claims[name]
  return kept
}
