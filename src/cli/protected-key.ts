// A private key under a passphrase: PKCS#8 as RFC 5958 and RFC 8018 have it (PBES2), with scrypt (RFC 7914) and AES-256-CBC, so that
// OpenSSL and everything else that reads PEM can open it too.
import { createCipheriv, randomBytes, scryptSync, type KeyObject } from 'node:crypto'

/**
 * The costliest that OpenSSL opens by default (its bound is 32 MiB): N = 2^14, r = 8 take 16 MiB, and p = 5 makes up for it
 * (OWASP's equivalent of N = 2^17, p = 1). Node's own export would take PBKDF2 with 2,048 rounds.
 */
const SCRYPT = { N: 16_384, r: 8, p: 5 } as const
const SALT_BYTES = 16
const KEY_BYTES = 32
const IV_BYTES = 16

const OID = {
  pbes2: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d],
  scrypt: [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b],
  aes256Cbc: [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a],
} as const

/** An `ENCRYPTED PRIVATE KEY` in PEM. */
export function protectKey(key: KeyObject, passphrase: string): string {
  const salt = randomBytes(SALT_BYTES)
  const iv = randomBytes(IV_BYTES)
  const { N, r, p } = SCRYPT
  const secret = scryptSync(passphrase, salt, KEY_BYTES, { N, r, p })
  const cipher = createCipheriv('aes-256-cbc', secret, iv)
  const encrypted = Buffer.concat([cipher.update(key.export({ format: 'der', type: 'pkcs8' })), cipher.final()])
  const derivation = sequence(oid(OID.scrypt), sequence(octets(salt), integer(N), integer(r), integer(p)))
  const scheme = sequence(oid(OID.aes256Cbc), octets(iv))
  const info = sequence(sequence(oid(OID.pbes2), sequence(derivation, scheme)), octets(encrypted))
  const lines = info.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines.join('\n')}\n-----END ENCRYPTED PRIVATE KEY-----\n`
}

// DER (X.690): tag, length, content.
function encode(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return encode(0x30, Buffer.concat(parts))
}

function oid(bytes: readonly number[]): Buffer {
  return encode(0x06, Buffer.from(bytes))
}

function octets(bytes: Uint8Array): Buffer {
  return encode(0x04, bytes)
}

/** Of a positive number: a leading zero keeps its sign. */
function integer(value: number): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return encode(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}
