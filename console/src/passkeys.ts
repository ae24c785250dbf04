// Passkeys (WebAuthn): the key lives in a phone, a security key or the system, is bound to this page's domain, and signs at a touch alone.
import { encode } from './base64url.ts'
import { keepKey, type StoredKey, type StoredPasskey } from './keys.ts'

const ES256 = -7
const EDDSA = -8
/** A statement is judged by when it was begun: within a minute. */
const TOUCH_WITHIN_MS = 45_000
const HANDLE_BYTES_MAX = 64

/** Why no passkey can be made or used here; undefined where one can. A passkey is bound to a name, and an address is none. */
export function passkeysUnavailable(): 'passkeyAddress' | 'passkeyUnsupported' | undefined {
  if (typeof PublicKeyCredential === 'undefined') return 'passkeyUnsupported'
  return /^(?:[\d.]+|\[.*\])$/.test(location.hostname) ? 'passkeyAddress' : undefined
}

/** Domains that a passkey of this page can be for: its own name first, then those above it, which other gateways may share. */
export function domainsHere(): readonly string[] {
  const labels = location.hostname.split('.')
  return labels.flatMap((_, at) => (at === 0 || labels.length - at >= 2 ? [labels.slice(at).join('.')] : []))
}

/** Has an authenticator make one. It is told the responder and the key's id, so that another browser can ask it who it is for. */
export async function makePasskey(name: string, rpId: string): Promise<void> {
  const keyId = `passkey-${encode(crypto.getRandomValues(new Uint8Array(4))).replaceAll(/[^A-Za-z0-9]/g, '0')}`
  const handle = new TextEncoder().encode(`${name}#${keyId}`)
  if (handle.length > HANDLE_BYTES_MAX) throw new Error(`a passkey holds a name of ${HANDLE_BYTES_MAX} bytes at most`)
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { id: rpId, name: 'Portcullis' },
      user: { id: handle, name: `${name}#${keyId}`, displayName: name },
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      pubKeyCredParams: [ES256, EDDSA].map((alg) => ({ type: 'public-key', alg })),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      attestation: 'none',
      timeout: TOUCH_WITHIN_MS,
    },
  })
  if (!(made instanceof PublicKeyCredential)) throw new Error('no passkey was made')
  const { response } = made
  if (!(response instanceof AuthenticatorAttestationResponse)) throw new Error('no passkey was made')
  const spki = response.getPublicKey()
  const alg = response.getPublicKeyAlgorithm() === EDDSA ? 'EdDSA' : 'ES256'
  if (spki === null) throw new Error('the browser does not tell the public key')
  // The key is what a SubjectPublicKeyInfo ends in (RFC 5480, 2.2; RFC 8410, 4).
  const raw = new Uint8Array(spki).slice(alg === 'EdDSA' ? -32 : -65)
  const publicKey = `passkey:${alg}:${rpId}:${encode(raw)}`
  await keepKey({ kind: 'passkey', name, keyId, publicKey, rpId, alg, credential: made.rawId, madeAt: Date.now() })
}

/** One that was made in another browser, on a security key or by a phone: asks it who it is for. */
export async function findPasskey(rpId: string): Promise<void> {
  const found = await navigator.credentials.get({
    publicKey: {
      rpId,
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      userVerification: 'required',
      timeout: TOUCH_WITHIN_MS,
    },
  })
  const handle = found instanceof PublicKeyCredential ? assertionOf(found).userHandle : null
  const [name = '', keyId = ''] = handle === null ? [] : new TextDecoder().decode(handle).split('#')
  if (!(found instanceof PublicKeyCredential) || keyId === '') throw new Error('it does not say who it is for')
  // What it signs with is told by what it makes: an ECDSA signature is a sequence in DER, of Ed25519 64 bytes.
  const alg = assertionOf(found).signature.byteLength === 64 ? 'EdDSA' : 'ES256'
  await keepKey({ kind: 'passkey', name, keyId, publicKey: '', rpId, alg, credential: found.rawId, madeAt: Date.now() })
}

function assertionOf({ response }: PublicKeyCredential): AuthenticatorAssertionResponse {
  if (!(response instanceof AuthenticatorAssertionResponse)) throw new Error('no passkey has answered')
  return response
}

export function isPasskey(key: StoredKey): key is StoredPasskey {
  return 'kind' in key
}

/** The third part of a statement: the passkey's assertion, whose challenge is the hash of what is signed. */
export async function assert({ rpId, credential }: StoredPasskey, input: string): Promise<string> {
  const challenge = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(input))
  const found = await navigator.credentials.get({
    publicKey: {
      rpId,
      challenge,
      allowCredentials: [{ type: 'public-key', id: credential }],
      userVerification: 'required',
      timeout: TOUCH_WITHIN_MS,
    },
  })
  if (!(found instanceof PublicKeyCredential)) throw new Error('no passkey has answered')
  const { authenticatorData, clientDataJSON, signature } = assertionOf(found)
  const parts = { authenticatorData, clientDataJSON, signature }
  return encode(
    JSON.stringify(
      Object.fromEntries(Object.entries(parts).map(([part, bytes]) => [part, encode(new Uint8Array(bytes))])),
    ),
  )
}
