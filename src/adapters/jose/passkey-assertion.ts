// What a passkey has signed (Web Authentication Level 3, 7.2): the third part of a statement whose `typ` ends in `+webauthn`.
import { createHash, createPublicKey, verify as verifySignature, type KeyObject } from 'node:crypto'
import { base64url } from 'jose'
import type { Passkey } from '../../core/passkey.ts'

export interface Assertion {
  readonly authenticatorData: Uint8Array
  readonly clientDataJSON: Uint8Array
  readonly signature: Uint8Array
}

const PARTS = ['authenticatorData', 'clientDataJSON', 'signature'] as const
const WANTED = `what a passkey signs ends in base64url of { ${PARTS.join(', ')} }, each base64url`

/** The assertion, or what is wrong with it. */
export function parseAssertion(bytes: Uint8Array): Assertion | string {
  const value = parseJson(bytes)
  if (value === undefined || Object.keys(value).length !== PARTS.length) return WANTED
  const [authenticatorData, clientDataJSON, signature] = PARTS.map((name) => decode(value[name]))
  if (authenticatorData === undefined || clientDataJSON === undefined || signature === undefined) return WANTED
  return { authenticatorData, clientDataJSON, signature }
}

function decode(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9_-]+$/.test(value) ? base64url.decode(value) : undefined
}

const HASH_BYTES = 32
const HEAD_BYTES = 37
const [PRESENT, VERIFIED, MAY_BE_COPIED, IS_COPIED] = [0x01, 0x04, 0x08, 0x10]

/**
 * Why the assertion is none of this passkey over this challenge, or undefined where it is one. Its counter is not judged: an order
 * that comes late by another gateway would be refused for it, and the set of accepted orders takes each only once as it is.
 */
export function assertionProblem(
  { authenticatorData, clientDataJSON, signature }: Assertion,
  { passkey, key, challenge }: { readonly passkey: Passkey; readonly key: KeyObject; readonly challenge: string },
): string | undefined {
  if (authenticatorData.length < HEAD_BYTES) return 'its authenticatorData is too short'
  const rpIdHash = createHash('sha256').update(passkey.rpId).digest()
  if (!rpIdHash.equals(authenticatorData.subarray(0, HASH_BYTES))) return `it is not for pages of ${passkey.rpId}`
  const flags = authenticatorData[HASH_BYTES] ?? 0
  if ((flags & PRESENT) === 0) return 'nobody has touched the passkey'
  if ((flags & VERIFIED) === 0) return 'the passkey has not verified who touched it (PIN, finger or face)'
  if ((flags & IS_COPIED) !== 0 && (flags & MAY_BE_COPIED) === 0) return 'its flags contradict each other'
  const problem = clientDataProblem(clientDataJSON, passkey, challenge)
  if (problem !== undefined) return problem
  const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientDataJSON).digest()])
  const digest = passkey.alg === 'ES256' ? 'sha256' : null
  return verifySignature(digest, signed, key, signature) ? undefined : 'the signature does not hold'
}

function clientDataProblem(bytes: Uint8Array, { rpId }: Passkey, challenge: string): string | undefined {
  const data = parseJson(bytes)
  if (data === undefined) return 'its clientDataJSON is no object of JSON in UTF-8'
  if (data.type !== 'webauthn.get') return 'it was not made to sign with (type webauthn.get)'
  if (data.challenge !== challenge) return 'it was made over something else: the challenge is not the hash of this'
  if (data.crossOrigin === true || data.topOrigin !== undefined) return 'it was made in a frame of another page'
  return isOriginOf(data.origin, rpId) ? undefined : `it was not made in a page of ${rpId} over https`
}

/** Of the domain or under it; without TLS on the machine itself alone, as browsers have it. */
function isOriginOf(text: unknown, rpId: string): boolean {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { origin, protocol, hostname } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && /^(?:.+\.)?localhost$/.test(hostname))
  return origin === text && isSafe && (hostname === rpId || hostname.endsWith(`.${rpId}`))
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

const COORDINATE_BYTES = 32

/** Throws where it is no key. */
export function importPasskey({ alg, key }: Passkey): KeyObject {
  const part = (at: number): string => base64url.encode(key.subarray(at, at + COORDINATE_BYTES))
  return alg === 'EdDSA'
    ? createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: part(0) }, format: 'jwk' })
    : createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: part(1), y: part(1 + COORDINATE_BYTES) }, format: 'jwk' })
}
