// Statements signed in this page: a compact JWS of the browser's own key, or of a passkey, which a touch lets sign.
import { encode } from './base64url.ts'
import type { StoredKey } from './keys.ts'
import { assert, isPasskey } from './passkeys.ts'

export type Typ = 'portcullis-order+jwt' | 'portcullis-login+jwt' | 'portcullis-anomaly+jwt' | 'portcullis-question+jwt'

/** A compact JWS (RFC 7515, RFC 8037). Rejects where nobody touches the passkey. */
export async function signCompact(key: StoredKey, typ: Typ, claims: object, nowMs: number): Promise<string> {
  const kid = `${key.name}#${key.keyId}`
  const header = isPasskey(key)
    ? { alg: key.alg, typ: typ.replace('+jwt', '+webauthn'), kid }
    : { alg: 'EdDSA', typ, kid }
  const payload = { iss: key.name, iat: Math.floor(nowMs / 1000), jti: crypto.randomUUID(), ...claims }
  const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(payload))}`
  if (isPasskey(key)) return `${input}.${await assert(key, input)}`
  const signature = await crypto.subtle.sign('Ed25519', key.privateKey, new TextEncoder().encode(input))
  return `${input}.${encode(new Uint8Array(signature))}`
}
