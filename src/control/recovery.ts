// The words of a recovery, and whether this gateway's own key has signed them: a journal that was carried here from elsewhere enrols nobody.
import { createPublicKey, verify } from 'node:crypto'
import type { RecoveryEntry, RecoveryWords } from '../core/ledger-entry.ts'
import { canonicalJson } from '../core/canonical-json.ts'

/** What is signed: no other statement of the gateway's key begins so. */
export function recoveryBytes({ id, gateway, responder, reason, at }: RecoveryWords): Uint8Array {
  return Buffer.from(`portcullis recovery\n${canonicalJson({ id, gateway, responder, reason, at })}`)
}

/** `publicKeyRaw`: the gateway's Ed25519 key (RFC 8032), 32 bytes. */
export function isSignedRecovery(entry: RecoveryEntry, gateway: string, publicKeyRaw: Uint8Array): boolean {
  if (entry.gateway !== gateway) return false
  const x = Buffer.from(publicKeyRaw).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, recoveryBytes(entry), key, Buffer.from(entry.signature, 'base64url'))
}
