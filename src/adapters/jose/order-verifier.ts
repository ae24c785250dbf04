// Verifies signed statements: orders and logins. Parsed with jose, signatures checked by node:crypto in the same turn.
import { createHash, createPublicKey, verify as verifySignature, type KeyObject } from 'node:crypto'
import { base64url, decodeProtectedHeader, type ProtectedHeaderParameters } from 'jose'
import type { OrderVerifier, VerifiedOrder } from '../../ports/order-verifier.ts'
import { keyNameOf, type Responder } from '../../core/responder.ts'

/** A longer JWS is refused before it is looked into. */
const ORDER_BYTES_MAX = 65_536
const SIGNATURE_BYTES = 64
const KEYS_MAX = 1000

/**
 * Verifies compact JWS (RFC 7515, RFC 8037). The header may hold `alg: EdDSA`, `typ` and `kid`, and nothing else: no `crit`,
 * no `b64`, and no key or address of a key (`jwk`, `jku`, `x5c`, `x5u`) can so much as be there (CVE-2018-0114, CVE-2022-23540).
 *
 * The signature is checked synchronously: jose's own check waits for a thread of libuv's pool, and a freeze must land also
 * while every thread of that pool hangs in a file call.
 */
export function createOrderVerifier(): OrderVerifier {
  const keys = new Map<string, KeyObject | undefined>()
  const keyOf = (responder: Responder): KeyObject | undefined => {
    if (!keys.has(responder.key)) {
      if (keys.size >= KEYS_MAX) keys.clear()
      keys.set(responder.key, importKey(responder.key))
    }
    return keys.get(responder.key)
  }
  return { verify: async (jws, typ, responders) => verifyStatement(jws, typ, responders, keyOf) }
}

type KeyOf = (responder: Responder) => KeyObject | undefined

function verifyStatement(jws: string, typ: string, responders: readonly Responder[], keyOf: KeyOf): VerifiedOrder {
  const parsed = parseCompact(jws, typ)
  if (typeof parsed === 'string') return { refused: 'malformed', detail: parsed }
  // Two responders with one name are refused by the config; should they come from elsewhere, neither may sign.
  const named = responders.filter((each) => keyNameOf(each) === parsed.kid)
  const by = named.length === 1 ? named[0] : undefined
  const key = by === undefined ? undefined : keyOf(by)
  if (
    by === undefined ||
    key === undefined ||
    !verifySignature(null, Buffer.from(parsed.input, 'latin1'), key, parsed.signature)
  ) {
    return { refused: 'unknown-signer', detail: 'no enrolled responder has signed this' }
  }
  return { id: createHash('sha256').update(parsed.input, 'latin1').digest('base64url'), by, payload: parsed.payload }
}

interface Parsed {
  readonly kid: string
  readonly payload: unknown
  readonly signature: Uint8Array
  /** RFC 7515, 5.1: what is signed. */
  readonly input: string
}

/** The statement's parts, or what is wrong with it. */
function parseCompact(jws: string, typ: string): Parsed | string {
  if (jws.length > ORDER_BYTES_MAX) return `longer than ${ORDER_BYTES_MAX} bytes`
  const parts = jws.split('.')
  if (parts.length !== 3) return 'a compact JWS has three parts, joined by dots'
  const [headerBytes, payloadBytes, signature] = parts.map(decodeCanonical)
  if (headerBytes === undefined || payloadBytes === undefined || signature === undefined)
    return 'its parts must be canonical base64url, without padding'
  const header = parseHeader(jws, typ)
  if ('problem' in header) return header.problem
  const payload = parseJson(payloadBytes)
  if (payload === undefined) return 'its payload is no JSON in UTF-8'
  if (signature.length !== SIGNATURE_BYTES) return `an Ed25519 signature has ${SIGNATURE_BYTES} bytes`
  return { kid: header.kid, payload, signature, input: jws.slice(0, jws.lastIndexOf('.')) }
}

/** The bytes, or undefined where another text would give the same bytes: one spelling of each statement. */
function decodeCanonical(text: string): Uint8Array | undefined {
  try {
    const bytes = base64url.decode(text)
    return base64url.encode(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

const HEADER_KEYS: readonly string[] = ['alg', 'typ', 'kid']

function parseHeader(jws: string, typ: string): { readonly kid: string } | { readonly problem: string } {
  let header: ProtectedHeaderParameters
  try {
    header = decodeProtectedHeader(jws)
  } catch {
    return { problem: 'its header is no JSON object' }
  }
  if (header.alg !== 'EdDSA') return { problem: 'alg must be EdDSA' }
  if (header.typ !== typ) return { problem: `typ must be ${typ}` }
  if (typeof header.kid !== 'string') return { problem: 'kid must name the responder who signs' }
  if (!Object.keys(header).every((key) => HEADER_KEYS.includes(key)))
    return { problem: `its header may hold ${HEADER_KEYS.join(', ')} and nothing else` }
  return { kid: header.kid }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return value ?? undefined
  } catch {
    return undefined
  }
}

function importKey(raw: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw }, format: 'jwk' })
  } catch {
    return undefined
  }
}
