// A compact JWS taken apart before anything of it is believed, and the check of its signature.
import { compactVerify } from 'jose'
import type { Claims } from './claims.ts'
import type { VerificationKey } from './key-set.ts'
import { parseStrictObject } from './strict-json.ts'

export const TOKEN_BYTES_MAX = 16_384

export interface UnverifiedJws {
  readonly alg: string
  readonly kid?: string
  readonly payload: Uint8Array
  /** Header and payload as they were signed. */
  readonly signingInput: string
}

export interface UnverifiedToken extends UnverifiedJws {
  readonly claims: Claims
}

const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']

/** A JWS whose payload is claims, or why it is refused: strict JSON, no duplicates. */
export function parseToken(token: string): UnverifiedToken | string {
  const jws = parseJws(token)
  if (typeof jws === 'string') return jws
  const claims = parseStrictObject(jws.payload)
  return claims === undefined ? 'its payload is no JSON object without duplicates' : { ...jws, claims }
}

/**
 * The token's parts, or why they are refused: base64url in its one canonical spelling (RFC 7515, 2), a header of strict JSON, `typ`
 * absent, JWT or at+jwt (RFC 9068), and no critical extensions. Keys and addresses of keys in the header (jwk, jku, x5c, x5u) are
 * not looked at.
 */
export function parseJws(token: string): UnverifiedJws | string {
  const parts = token.split('.')
  const [head, payload, mark] = parts.map(decodeCanonical)
  if (parts.length !== 3 || head === undefined || payload === undefined || mark === undefined)
    return 'it is no compact JWS in canonical base64url'
  const header = parseStrictObject(head)
  if (header === undefined) return 'its header is no JSON object without duplicates'
  const problem = checkHeader(header)
  if (problem !== undefined) return problem
  const { alg, kid } = header as { alg: string; kid?: string }
  return { alg, payload, signingInput: token.slice(0, token.lastIndexOf('.')), ...(kid === undefined ? {} : { kid }) }
}

/** Off this thread, by WebCrypto; false also where the key cannot be used. */
export async function isSignedBy(token: string, key: VerificationKey): Promise<boolean> {
  try {
    await compactVerify(token, key.key, { algorithms: [key.alg] })
    return true
  } catch {
    return false
  }
}

function checkHeader({ alg, kid, typ, crit, b64 }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof alg !== 'string') return 'its header names no algorithm'
  if (kid !== undefined && typeof kid !== 'string') return 'its kid is no text'
  if (!TYPES.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return 'its typ is neither JWT nor at+jwt'
  if (crit !== undefined || b64 !== undefined) return 'it demands extensions that are not understood'
  return undefined
}

/** Undefined where another text gives the same bytes: one token has one spelling, so that it is remembered and revoked once. */
function decodeCanonical(part: string): Uint8Array | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}
