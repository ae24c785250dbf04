// A compact JWS taken apart before anything of it is believed, and the check of its signature.
import type { webcrypto } from 'node:crypto'
import type { Claims } from './claims.ts'
import type { VerificationKey } from './key-set.ts'
import { parseStrictObject } from './strict-json.ts'

export const TOKEN_BYTES_MAX = 16_384

export interface UnverifiedJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly alg: string
  readonly kid?: string
  readonly payload: Uint8Array
  /** Header and payload as they were signed. */
  readonly signingInput: string
  readonly signature: Uint8Array
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
export function parseJws(token: string, types: readonly unknown[] = TYPES): UnverifiedJws | string {
  const parts = token.split('.')
  const [head, payload, mark] = parts.map(decodeCanonical)
  if (parts.length !== 3 || head === undefined || payload === undefined || mark === undefined)
    return 'it is no compact JWS in canonical base64url'
  const header = parseStrictObject(head)
  if (header === undefined) return 'its header is no JSON object without duplicates'
  const problem = checkHeader(header, types)
  if (problem !== undefined) return problem
  const { alg, kid } = header as { alg: string; kid?: string }
  const signingInput = token.slice(0, token.lastIndexOf('.'))
  return { header, alg, payload, signingInput, signature: mark, ...(kid === undefined ? {} : { kid }) }
}

/**
 * Off this thread, by WebCrypto; false also where the key cannot be used. jose imports the keys and binds each to its algorithm; it
 * would take the token apart once more to check it, which costs as much as all the rest of the session stage.
 */
export async function isSignedBy(
  { alg, signingInput, signature }: UnverifiedJws,
  { alg: wanted, key }: Pick<VerificationKey, 'alg' | 'key'>,
): Promise<boolean> {
  if (alg !== wanted) return false
  try {
    return await crypto.subtle.verify(
      paramsOf(alg),
      key,
      signature as NodeJS.BufferSource,
      Buffer.from(signingInput, 'latin1'),
    )
  } catch {
    return false
  }
}

/** RFC 7518, 3.3 to 3.5, and RFC 8037. */
function paramsOf(alg: string): webcrypto.AlgorithmIdentifier | webcrypto.EcdsaParams | webcrypto.RsaPssParams {
  const bits = Number(alg.slice(2))
  switch (alg.slice(0, 2)) {
    case 'ES':
      return { name: 'ECDSA', hash: `SHA-${bits}` }
    case 'PS':
      return { name: 'RSA-PSS', saltLength: bits / 8 }
    case 'RS':
      return { name: 'RSASSA-PKCS1-v1_5' }
    default:
      return { name: 'Ed25519' }
  }
}

function checkHeader(
  { alg, kid, typ, crit, b64 }: Readonly<Record<string, unknown>>,
  types: readonly unknown[],
): string | undefined {
  if (typeof alg !== 'string') return 'its header names no algorithm'
  if (kid !== undefined && typeof kid !== 'string') return 'its kid is no text'
  if (!types.includes(typeof typ === 'string' ? typ.toLowerCase() : typ))
    return `its typ is not ${types.filter(Boolean).join(' or ')}`
  if (crit !== undefined || b64 !== undefined) return 'it demands extensions that are not understood'
  return undefined
}

/** Undefined where another text gives the same bytes: one token has one spelling, so that it is remembered and revoked once. */
function decodeCanonical(part: string): Uint8Array | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}
