// What a token says, judged (RFC 7519, 4.1) and turned into a session. Nothing that it says appears in a message.
import { createHash } from 'node:crypto'
import { clientName } from '../../core/pseudonym.ts'
import { isByOtp, type Confirmation, type Session } from '../../core/session.ts'
import type { Instant } from '../../core/time.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import { isObject } from './strict-json.ts'

export type Claims = Readonly<Record<string, unknown>>

/** What of an issuer the claims are judged by. */
export interface ClaimRules {
  readonly issuer: string
  readonly audience: string
  readonly otpAmr: readonly string[]
  readonly otpAcr?: readonly string[]
  /** The claim that holds when the OTP was used, in seconds; absent: `auth_time`. */
  readonly otpTimeClaim?: string
}

const TEXTS = ['sub', 'sid', 'jti', 'azp', 'client_id', 'acr'] as const
const DATES = ['exp', 'nbf', 'iat', 'auth_time'] as const
/** The last second that a Date can hold (ECMA-262, 21.4.1.1). */
const SECONDS_MAX = 8.64e12

/** Why the claims are refused, or undefined. `exp`, `aud` and `sub` must be there; the tolerance is for clocks that differ. */
export function checkClaims(claims: Claims, rules: ClaimRules, now: Instant, toleranceMs: number): string | undefined {
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
  if (!listOf(aud).includes(rules.audience)) return 'it is for another audience'
  if (exp === undefined) return 'it has no exp'
  if (now >= exp * 1000 + toleranceMs) return 'it has expired'
  const latest = now + toleranceMs
  if (nbf !== undefined && nbf * 1000 > latest) return 'it is not yet valid (nbf)'
  if (iat !== undefined && iat * 1000 > latest) return 'it was issued in the future (iat)'
  // An OTP of tomorrow would be fresh for ever, and no revocation of today would reach it.
  if (authTime !== undefined && authTime * 1000 > latest) return 'its OTP lies in the future (auth_time)'
  return rules.otpTimeClaim === undefined ? undefined : checkOtpTime(claims[rules.otpTimeClaim], latest)
}

function checkOtpTime(at: unknown, latest: Instant): string | undefined {
  if (at === undefined) return undefined
  if (!isDate(at)) return 'the time of its OTP is no date'
  return at * 1000 > latest ? 'its OTP lies in the future' : undefined
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
  return checkConfirmation(claims.cnf)
}

/** SHA-256 in base64url. */
const THUMBPRINT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** RFC 7800, 3.1: one token is for one pair of hands. */
function checkConfirmation(cnf: unknown): string | undefined {
  if (cnf === undefined) return undefined
  if (!isObject(cnf)) return 'its cnf is no object'
  const prints = [cnf.jkt, cnf['x5t#S256']].filter((print) => print !== undefined)
  return prints.every((print) => typeof print === 'string' && THUMBPRINT.test(print))
    ? undefined
    : 'its cnf holds no thumbprint by SHA-256'
}

/** Lone surrogates are no text: in UTF-8 they would all become one character, and so two people one pseudonym. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed()
}

function isDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= SECONDS_MAX
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

export interface SessionFacts {
  readonly claims: Claims
  readonly rules: ClaimRules
  /** What the session is named by where it has no name: header and payload as they were signed, or an opaque token. */
  readonly signingInput: string
  readonly toleranceMs: number
  /** The claims to keep; all where undefined. */
  readonly keep: readonly string[] | undefined
}

/** Takes claims that `checkClaims` has passed. */
export function openSession(facts: SessionFacts, pseudonyms: Pseudonyms): Session {
  const { claims, rules } = facts
  const { issuer } = rules
  const {
    sub,
    exp,
    auth_time: authTime,
    iat,
    amr,
    acr,
  } = claims as { sub: string; exp: number; auth_time?: number; iat?: number; amr?: readonly string[]; acr?: string }
  const methods = { ...(amr === undefined ? {} : { amr }), ...(acr === undefined ? {} : { acr }) }
  const otpTime = rules.otpTimeClaim === undefined ? undefined : (claims[rules.otpTimeClaim] as number | undefined)
  const confirmation = confirmationOf(claims.cnf)
  return {
    issuer,
    principal: pseudonyms.of('principal', sub),
    session: pseudonyms.of('session', sessionName(facts)),
    clients: clientNames(claims, issuer, pseudonyms),
    byOtp: isByOtp(methods, { amr: rules.otpAmr, acr: rules.otpAcr ?? [] }),
    ...methods,
    ...(authTime === undefined ? {} : { authTime }),
    ...(iat === undefined ? {} : { issuedAt: iat }),
    ...(otpTime === undefined ? {} : { otpTime }),
    expiresAt: exp * 1000 + facts.toleranceMs,
    ...(confirmation === undefined ? {} : { confirmation }),
    claims: keepClaims(claims, facts.keep),
  }
}

/**
 * What a session's pseudonym is made of: `iss#sid`, else `iss#jti`, else the SHA-256 of header.payload in base64url. Not of the
 * signature: an ECDSA signature can be rewritten by anyone into a second one that holds (r, n - s), and it stays one session.
 */
function sessionName({ claims, rules: { issuer }, signingInput }: SessionFacts): string {
  const { sid, jti } = claims as { sid?: string; jti?: string }
  const own = sid ?? jti
  return own === undefined ? createHash('sha256').update(signingInput).digest('base64url') : `${issuer}#${own}`
}

/** Of a binding that is not known here nothing can be shown: it stays, with no way to fulfil it. */
function confirmationOf(cnf: unknown): Confirmation | undefined {
  if (cnf === undefined) return undefined
  const { jkt, 'x5t#S256': x5t } = cnf as { jkt?: string; 'x5t#S256'?: string }
  return { ...(jkt === undefined ? {} : { jkt }), ...(x5t === undefined ? {} : { x5t }) }
}

function clientNames(claims: Claims, issuer: string, pseudonyms: Pseudonyms): readonly string[] {
  const { azp, client_id: clientId } = claims as { azp?: string; client_id?: string }
  const given = azp ?? clientId
  if (given === undefined) return []
  const client = clientName(given, pseudonyms)
  return [client, `${issuer}#${client}`]
}

/** Without a prototype: a binding that names `constructor` finds a claim of that name or none. */
function keepClaims(claims: Claims, keep: readonly string[] | undefined): Claims {
  const kept = Object.create(null) as Record<string, unknown>
  for (const name of keep ?? Object.keys(claims)) if (Object.hasOwn(claims, name)) kept[name] = claims[name]
  return kept
}
