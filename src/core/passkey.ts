// The public key of a passkey (WebAuthn) as a responder's key: one text that says all that a gateway needs to verify by itself.
import { decodeBase64url } from './base64url.ts'
import { checkEd25519Key } from './ed25519-key.ts'

export interface Passkey {
  /** As in the header of what it signs: ECDSA over P-256 with SHA-256, or Ed25519. */
  readonly alg: 'ES256' | 'EdDSA'
  /** The relying party: the domain whose pages alone may ask for a signature. */
  readonly rpId: string
  /** 65 bytes of an uncompressed point (SEC 1, 2.3.3), or 32 of Ed25519. */
  readonly key: Uint8Array
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const PASSKEY = new RegExp(
  `^passkey:(?:(ES256):(${LABEL}(?:\\.${LABEL})*):([A-Za-z0-9_-]{87})|(EdDSA):(${LABEL}(?:\\.${LABEL})*):([A-Za-z0-9_-]{43}))$`,
)
const DOMAIN_MAX = 253

/** `passkey:<ES256 or EdDSA>:<domain>:<base64url>`; undefined for any other text. Whether somebody can hold it is judged later. */
export function parsePasskey(text: string): Passkey | undefined {
  const [, es256, domain, point, , otherDomain = '', raw = ''] = PASSKEY.exec(text) ?? []
  const rpId = domain ?? otherDomain
  if (rpId === '' || rpId.length > DOMAIN_MAX) return undefined
  return { alg: es256 === undefined ? 'EdDSA' : 'ES256', rpId, key: decodeBase64url(point ?? raw) }
}

/** The key itself, whatever it is told with: one key is one person's under any name and for any domain. */
export function keyMaterial(text: string): string {
  return text.slice(text.lastIndexOf(':') + 1)
}

/** What is wrong with the key, or undefined. */
export function checkPasskey({ alg, key }: Passkey): string | undefined {
  return alg === 'EdDSA' ? checkEd25519Key(key) : checkP256Point(key)
}

// SP 800-186, 3.2.1.3.
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/** The group has prime order: every point of the curve but the one at infinity, which has no such spelling, is a key. */
function checkP256Point(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 65 || bytes[0] !== 4) return 'is no uncompressed point of P-256: 65 bytes that begin with 4'
  const [x, y] = [numberOf(bytes.subarray(1, 33)), numberOf(bytes.subarray(33))]
  const isOnCurve = x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n
  return isOnCurve ? undefined : 'is no point of the curve P-256'
}

function numberOf(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = value * 256n + BigInt(byte)
  return value
}
