// A compact JWS taken apart before anything of it is believed, and the check of its signature.
import { constants, verify } from 'node:crypto'
import type { Claims } from './claims.ts'
import type { VerificationKey } from './key-set.ts'
import { parseStrictObject } from './strict-json.ts'

export const TOKEN_BYTES_MAX = 16_384

export interface UnverifiedJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly alg: string
  readonly kid?: string
  readonly payload: Buffer
  /** Header and payload as they were signed. */
  readonly signingInput: string
  readonly signature: Buffer
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
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  const isCompact = first !== -1 && second !== -1 && !token.includes('.', second + 1)
  const payload = isCompact ? decodeCanonical(token.slice(first + 1, second)) : undefined
  const signature = isCompact ? decodeCanonical(token.slice(second + 1)) : undefined
  if (payload === undefined || signature === undefined) return MALFORMED
  const header = readHeader(token.slice(0, first), types)
  return typeof header === 'string' ? header : { ...header, payload, signature, signingInput: token.slice(0, second) }
}

const MALFORMED = 'it is no compact JWS in canonical base64url'

type Header = Pick<UnverifiedJws, 'header' | 'alg' | 'kid'>

/** Headers of plain tokens that were well before: an issuer has one for each key. They come from strangers, so memory is bounded. */
const headers = new Map<string, Header>()
const HEADERS_MAX = 200
const HEADER_LENGTH_MAX = 256

function readHeader(text: string, types: readonly unknown[]): Header | string {
  const known = types === TYPES ? headers.get(text) : undefined
  if (known !== undefined) return known
  const bytes = decodeCanonical(text)
  if (bytes === undefined) return MALFORMED
  const header = parseStrictObject(bytes)
  if (header === undefined) return 'its header is no JSON object without duplicates'
  const problem = checkHeader(header, types)
  if (problem !== undefined) return problem
  const { alg, kid } = header as { alg: string; kid?: string }
  const found = { header, alg, ...(kid === undefined ? {} : { kid }) }
  if (types === TYPES && text.length <= HEADER_LENGTH_MAX) {
    if (headers.size >= HEADERS_MAX) headers.clear()
    // Copied: a slice would keep the whole token.
    headers.set(Buffer.from(text, 'latin1').toString('latin1'), found)
  }
  return found
}

/**
 * Off this thread, in libuv's pool; false also where the key cannot be used. jose imports the keys and binds each to its algorithm; to
 * check a token it would take it apart once more, and WebCrypto costs a quarter more than this (docs/decisions/0013).
 */
export function isSignedBy(
  { alg, signingInput, signature }: UnverifiedJws,
  { alg: wanted, key }: Pick<VerificationKey, 'alg' | 'key'>,
): Promise<boolean> {
  if (alg !== wanted) return NOT_SIGNED
  const { digest, ...options } = PARAMS[alg.slice(0, 2)]?.(`sha${alg.slice(2)}`) ?? { digest: null }
  return new Promise((resolve) => {
    try {
      verify(digest, Buffer.from(signingInput, 'latin1'), { ...options, key }, signature, (error, holds) => {
        resolve(error === null && holds)
      })
    } catch {
      resolve(false)
    }
  })
}

const NOT_SIGNED = Promise.resolve(false)

interface Params {
  readonly digest: string | null
  readonly dsaEncoding?: 'ieee-p1363'
  readonly padding?: number
  readonly saltLength?: number
}

/** RFC 7518, 3.3 to 3.5; Ed25519 (RFC 8037) has none. */
const PARAMS: Readonly<Record<string, (digest: string) => Params>> = {
  ES: (digest) => ({ digest, dsaEncoding: 'ieee-p1363' }),
  RS: (digest) => ({ digest, padding: constants.RSA_PKCS1_PADDING }),
  PS: (digest) => ({
    digest,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  }),
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

const BASE64URL = /^[A-Za-z0-9_-]*$/
/** Of the last character of a group that is not whole: those whose unused bits are zero. */
const LAST_OF_TWO = 'AQgw'
const LAST_OF_THREE = 'AEIMQUYcgkosw048'

/** Undefined where another text gives the same bytes: one token has one spelling, so that it is remembered and revoked once. */
function decodeCanonical(part: string): Buffer | undefined {
  const rest = part.length % 4
  if (rest === 1 || !BASE64URL.test(part)) return undefined
  if (rest !== 0 && !(rest === 2 ? LAST_OF_TWO : LAST_OF_THREE).includes(part.at(-1) ?? '')) return undefined
  return Buffer.from(part, 'base64url')
}
