// A secret that is put away: under a passphrase, by scrypt (RFC 7914) and AES-256-GCM, as a text that can be printed.
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'

const HEADING = 'portcullis escrow v1'
/** As of a responder's key (cli/protected-key). */
const COST = { N: 16_384, r: 8, p: 5 } as const
const SALT_BYTES = 16
const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const LINE = 64

/** `label` stands in clear in the second line, and is vouched for. */
export function putIntoEscrow(secret: string, label: string, passphrase: string): string {
  const salt = randomBytes(SALT_BYTES)
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passphrase, salt, KEY_BYTES, COST), iv)
  cipher.setAAD(Buffer.from(label))
  const bytes = Buffer.concat([salt, iv, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  return `${HEADING}\n${label}\n${lines.join('\n')}\n`
}

/** The secret, or what stands in the way: a wrong passphrase and a changed byte look the same. */
export function takeFromEscrow(text: string, passphrase: string): string | { readonly problem: string } {
  const [heading, label = '', ...lines] = text.trimEnd().split('\n')
  const bytes = Buffer.from(lines.join(''), 'base64')
  if (heading !== HEADING || bytes.length <= SALT_BYTES + IV_BYTES + TAG_BYTES)
    return { problem: `this is no escrow: its first line must be "${HEADING}"` }
  const salt = bytes.subarray(0, SALT_BYTES)
  const iv = bytes.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', scryptSync(passphrase, salt, KEY_BYTES, COST), iv, {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(Buffer.from(label))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const secret = bytes.subarray(SALT_BYTES + IV_BYTES, -TAG_BYTES)
    return decipher.update(secret, undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return { problem: 'it does not open: the passphrase is another, or the text was changed' }
  }
}
