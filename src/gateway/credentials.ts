// The credential that a request presents: one token in one place, or none.
import type { Fields } from '../http1/fields.ts'
import { spelledAlike } from './field-spelling.ts'

export type Credential =
  { readonly token: string; readonly scheme: 'bearer' | 'dpop' | 'other' } | { readonly malformed: string } | undefined

/** Where else than in Authorization a token may stand; names of fields as `spelledAlike` has them. */
export interface Carriers {
  /** Whether Authorization is looked at. */
  readonly bearer: boolean
  readonly cookies: readonly string[]
  readonly headers: readonly string[]
}

// RFC 6750 b68token. Any other scheme is no bearer token (hono CVE-2026-47673 took them all).
const CREDENTIAL = /^(bearer|dpop) +([A-Za-z0-9\-._~+/]+=*)$/i
/** As nearly everybody spells it. */
const BEARER = 'Bearer '
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/
/** RFC 6265, 4.1.1, without the quotes that may stand around it. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/

/**
 * Undefined where there is none; two are malformed, wherever they stand, since two layers may read different ones (RFC 6750, 2).
 * Without carriers: Authorization alone.
 */
export function credentialOf(fields: Fields, carriers?: Carriers): Credential {
  if (carriers === undefined) return bearerOf(fields)
  const found: Credential[] = carriers.bearer ? [bearerOf(fields)] : []
  for (const name of carriers.headers) found.push(...headerTokens(fields, name))
  if (carriers.cookies.length > 0) found.push(...cookieTokens(fields, carriers.cookies))
  const said = found.filter((each) => each !== undefined)
  return said.length > 1 ? { malformed: 'More than one credential.' } : said[0]
}

function bearerOf(fields: Fields): Credential {
  const field = fields.first('authorization')
  if (field === undefined) return undefined
  if (fields.countOf('authorization') > 1) return { malformed: 'More than one Authorization field.' }
  if (field.startsWith(BEARER)) {
    const token = field.slice(BEARER.length)
    if (TOKEN.test(token)) return { token, scheme: 'bearer' }
  }
  const found = CREDENTIAL.exec(field)
  if (found?.[2] !== undefined) return { token: found[2], scheme: found[1]?.length === 4 ? 'dpop' : 'bearer' }
  return /^(?:bearer|dpop)\b/i.test(field) ? { malformed: 'The bearer token is malformed.' } : undefined
}

/** Every spelling counts: an upstream reads `x_session` as `x-session`. */
function headerTokens(fields: Fields, name: string): readonly Credential[] {
  return fields.names.flatMap((each, index) =>
    spelledAlike(each) === name ? [tokenOf(fields.raw[2 * index + 1] ?? '')] : [],
  )
}

function cookieTokens(fields: Fields, names: readonly string[]): readonly Credential[] {
  return cookiesOf(fields).flatMap(({ name, value }) => (names.includes(name) ? [tokenOf(unquoted(value))] : []))
}

function tokenOf(value: string): Credential {
  return COOKIE_VALUE.test(value) ? { token: value, scheme: 'other' } : { malformed: 'The session token is malformed.' }
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

/** RFC 6265, 5.4: pairs in the order in which they stand. */
function cookiesOf(fields: Fields): readonly { readonly name: string; readonly value: string }[] {
  return fields.names.flatMap((each, index) => (each === 'cookie' ? pairsOf(fields.raw[2 * index + 1] ?? '') : []))
}

function pairsOf(field: string): { readonly name: string; readonly value: string }[] {
  return field.split(';').map((pair) => {
    const at = pair.indexOf('=')
    return { name: pair.slice(0, at === -1 ? 0 : at).trim(), value: pair.slice(at + 1).trim() }
  })
}

/** A Cookie field without the cookies that carry sessions; undefined where nothing is left. */
export function withoutCookies(field: string, names: readonly string[]): string | undefined {
  const kept = field.split(';').filter((pair) => {
    const at = pair.indexOf('=')
    return !names.includes(pair.slice(0, at === -1 ? 0 : at).trim())
  })
  return kept.length === 0 ? undefined : kept.join(';').trim()
}
