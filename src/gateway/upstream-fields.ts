// What of a caller's fields the upstream never sees: the session's own credential, and the names that the gateway tells claims by.
import type { ForwardedClaim } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import type { Session } from '../core/session.ts'
import { withoutCookies, type Carriers } from './credentials.ts'
import { spelledAlike } from './field-spelling.ts'

/** Settled when the config is read; absent where nothing is to be dropped. */
export interface FieldRules {
  /** Of claims, in lower case and with hyphens: dropped on every route, whoever sent them. */
  readonly claims: ReadonlySet<string>
  /** Of credentials: dropped where the route does not forward them. */
  readonly credentials: ReadonlySet<string>
  readonly cookies: readonly string[]
}

export function compileFieldRules(routes: readonly Route[], carriers: Carriers | undefined): FieldRules | undefined {
  const claims = new Set(
    routes.flatMap(({ policy }) => policy.forwardClaims ?? []).map(({ field }) => spelledAlike(field.toLowerCase())),
  )
  const credentials = new Set(carriers?.headers)
  const cookies = carriers?.cookies ?? []
  return claims.size + credentials.size + cookies.length === 0 ? undefined : { claims, credentials, cookies }
}

/** What goes on of a field's value: undefined where the field is dropped. `name` is in lower case. */
export function forwardedValue(
  rules: FieldRules,
  name: string,
  value: string,
  forwardsCredential: boolean,
): string | undefined {
  const spelled = spelledAlike(name)
  if (rules.claims.has(spelled)) return undefined
  if (forwardsCredential) return value
  if (rules.credentials.has(spelled)) return undefined
  return name === 'cookie' && rules.cookies.length > 0 ? withoutCookies(value, rules.cookies) : value
}

/** Field lines of the claims that the session has; what has no plain value is not told. */
export function claimLines(claims: readonly ForwardedClaim[], session: Session | undefined): string {
  if (session === undefined) return ''
  let lines = ''
  for (const { field, claim } of claims) {
    const value = plainValue(session.claims[claim])
    if (value !== undefined) lines += `${field}: ${value}\r\n`
  }
  return lines
}

/**
 * Texts and numbers as they are, lists of them with commas between. In one way only, and nothing that a field cannot hold: what is
 * not visible ASCII, and `%` and `,`, are percent-encoded as UTF-8.
 */
function plainValue(value: unknown): string | undefined {
  if (typeof value === 'string') return value.replaceAll(/[^\x21-\x24\x26-\x2b\x2d-\x7e]/gu, percentEncoded)
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return String(value)
  if (!Array.isArray(value) || value.length === 0) return undefined
  const values = value.map((each) => (Array.isArray(each) ? undefined : plainValue(each)))
  return values.every((each) => each !== undefined) ? values.join(',') : undefined
}

function percentEncoded(character: string): string {
  let text = ''
  for (const byte of Buffer.from(character, 'utf8')) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return text
}
