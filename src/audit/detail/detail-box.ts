// One text under one or more keys: AES-256-GCM (NIST SP 800-38D) with a key that HKDF (RFC 5869) makes of all of them, so that it takes
// all of them to open it, and one that is deleted is enough to erase it.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

function keyOf(keys: readonly Buffer[], iv: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.concat(keys), iv, 'portcullis detail v1', KEY_BYTES))
}

/** base64url of initialisation vector, ciphertext and tag. `bound` is authenticated with it. */
export function sealBox(keys: readonly Buffer[], text: string, bound: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(keys, iv), iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(bound))
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** Undefined where it was sealed with other keys, bound to something else, or changed. */
export function openBox(keys: readonly Buffer[], box: string, bound: string): string | undefined {
  const bytes = Buffer.from(box, 'base64url')
  if (bytes.length < IV_BYTES + TAG_BYTES) return undefined
  const iv = bytes.subarray(0, IV_BYTES)
  const decipher = createDecipheriv(CIPHER, keyOf(keys, iv), iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(bound))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}
