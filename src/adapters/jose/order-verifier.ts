// Verifies signed statements: orders and logins. Parsed with jose, signatures checked by node:crypto in the same turn.
import { createHash, createPublicKey, verify as verifySignature, type KeyObject } from 'node:crypto'
import { base64url, decodeProtectedHeader, type ProtectedHeaderParameters } from 'jose'
import { parsePasskey } from '../../core/passkey.ts'
import type { OrderVerifier, VerifiedOrder } from '../../ports/order-verifier.ts'
import { keyNameOf, type Responder } from '../../core/responder.ts'
import { assertionProblem, importPasskey, parseAssertion, type Assertion } from './passkey-assertion.ts'

/** A longer JWS is refused before it is looked into. */
const ORDER_BYTES_MAX = 65_536
const SIGNATURE_BYTES = 64
const KEYS_MAX = 1000

/**
 * Verifies compact JWS (RFC 7515, RFC 8037). The header may hold `alg`, `typ` and `kid`, and nothing else: no `crit`,
 * no `b64`, and no key or address of a key (`jwk`, `jku`, `x5c`, `x5u`) can so much as be there (CVE-2018-0114, CVE-2022-23540).
 *
 * The signature is checked synchronously: jose's own check waits for a thread of libuv's pool, and a freeze must land also
 * while every thread of that pool hangs in a file call.
 *
 * A passkey signs no text but a challenge among its own data: the challenge is the SHA-256 of the signing input, which is the id.
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
  const { kid, input, payload } = parsed
  const id = createHash('sha256').update(input, 'latin1').digest('base64url')
  // Two responders with one name are refused by the config; should they come from elsewhere, neither may sign.
  const named = responders.filter((each) => keyNameOf(each) === kid)
  const by = named.length === 1 ? named[0] : undefined
  const key = by === undefined ? undefined : keyOf(by)
  const problem = by === undefined || key === undefined ? NOBODY : signatureProblem(parsed, by, key, id)
  return by === undefined || problem !== undefined
    ? { refused: 'unknown-signer', detail: problem ?? NOBODY }
    : { id, by, payload }
}

const NOBODY = 'no enrolled responder has signed this'

/** A passkey signs by its ceremony alone, any other key without one. */
function signatureProblem(parsed: Parsed, by: Responder, key: KeyObject, challenge: string): string | undefined {
  const passkey = parsePasskey(by.key)
  if (parsed.alg !== (passkey?.alg ?? 'EdDSA')) return NOBODY
  if ('assertion' in parsed) {
    if (passkey === undefined) return NOBODY
    const problem = assertionProblem(parsed.assertion, { passkey, key, challenge })
    return problem === undefined ? undefined : `no passkey has signed this: ${problem}`
  }
  const holds =
    passkey === undefined && verifySignature(null, Buffer.from(parsed.input, 'latin1'), key, parsed.signature)
  return holds ? undefined : NOBODY
}

interface Head {
  readonly kid: string
  readonly alg: string
  readonly isPasskey: boolean
}

type Parsed = Pick<Head, 'kid' | 'alg'> & {
  readonly payload: unknown
  /** RFC 7515, 5.1: what is signed. */
  readonly input: string
} & ({ readonly signature: Uint8Array } | { readonly assertion: Assertion })

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
  const { kid, alg } = header
  const common = { kid, alg, payload, input: jws.slice(0, jws.lastIndexOf('.')) }
  if (header.isPasskey) {
    const assertion = parseAssertion(signature)
    return typeof assertion === 'string' ? assertion : { ...common, assertion }
  }
  if (signature.length !== SIGNATURE_BYTES) return `an Ed25519 signature has ${SIGNATURE_BYTES} bytes`
  return { ...common, signature }
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

function parseHeader(jws: string, typ: string): Head | { readonly problem: string } {
  let header: ProtectedHeaderParameters
  try {
    header = decodeProtectedHeader(jws)
  } catch {
    return { problem: 'its header is no JSON object' }
  }
  const ofPasskey = typ.replace(/\+jwt$/, '+webauthn')
  const isPasskey = header.typ === ofPasskey
  if (!isPasskey && header.typ !== typ) return { problem: `typ must be ${typ}, or of a passkey ${ofPasskey}` }
  if (header.alg !== 'EdDSA' && !(isPasskey && header.alg === 'ES256'))
    return { problem: isPasskey ? 'alg must be ES256 or EdDSA' : 'alg must be EdDSA' }
  if (typeof header.kid !== 'string') return { problem: 'kid must name the responder who signs' }
  if (!Object.keys(header).every((key) => HEADER_KEYS.includes(key)))
    return { problem: `its header may hold ${HEADER_KEYS.join(', ')} and nothing else` }
  return { kid: header.kid, alg: header.alg, isPasskey }
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
  const passkey = parsePasskey(raw)
  try {
    if (passkey !== undefined) return importPasskey(passkey)
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw }, format: 'jwk' })
  } catch {
    return undefined
  }
}
