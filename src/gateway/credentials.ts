// The credential that a request presents: one bearer token (RFC 6750, 2.1), or none.
import type { Fields } from '../http1/fields.ts'

export type Credential = { readonly token: string } | { readonly malformed: string } | undefined

// RFC 6750 b68token. Any other scheme is no bearer token (hono CVE-2026-47673 took them all).
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** Undefined where there is none; two Authorization fields are malformed, since two layers may read different ones. */
export function credentialOf(fields: Fields): Credential {
  const field = fields.first('authorization')
  if (field === undefined) return undefined
  if (fields.countOf('authorization') > 1) return { malformed: 'More than one Authorization field.' }
  const found = BEARER.exec(field)
  if (found?.[1] !== undefined) return { token: found[1] }
  return /^bearer\b/i.test(field) ? { malformed: 'The bearer token is malformed.' } : undefined
}
