// The secret that one-time passwords hang on, and what is made of it: codes, their keyed hashes, and the keys that sign sessions.
import { createECDH, createHmac, hkdfSync, randomBytes, randomInt } from 'node:crypto'
import type { OtpCodes } from '../../ports/otp.ts'
import { readOrMakeKeyFile } from './key-file.ts'

const SECRET_BYTES = 32
/** Order of P-256 (SEC 2, 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
/** FIPS 186-5, A.2.1: 64 bits more than the order has, so that no scalar is likelier than another. */
const SCALAR_BYTES = 40

/** The secret in the file, 32 bytes as base64url; made with mode 0600 where there is none. Throws an Error that names the file. */
export function loadOtpSecret(file: string): Uint8Array {
  const text = readOrMakeKeyFile(file, () => `${randomBytes(SECRET_BYTES).toString('base64url')}\n`).trim()
  const secret = Buffer.from(text, 'base64url')
  if (secret.length !== SECRET_BYTES || secret.toString('base64url') !== text)
    throw new Error(`${file}: a secret of one-time passwords is ${SECRET_BYTES} bytes as base64url, 43 characters`)
  return new Uint8Array(secret)
}

export function createOtpCodes(secret: Uint8Array): OtpCodes {
  const key = derive(secret, 'codes', SECRET_BYTES)
  return {
    transaction: () => randomBytes(16).toString('base64url'),
    // Without modulo bias: randomInt rejects what does not divide evenly.
    code: () => String(randomInt(1_000_000)).padStart(6, '0'),
    mark: (transaction, code) => createHmac('sha256', key).update(`${transaction}\0${code}`).digest('base64url'),
  }
}

/** A private P-256 JWK (RFC 7517). The same secret and period give the same key, in each gateway of a fleet and after each restart. */
export function signingKeyOf(
  secret: Uint8Array,
  period: number,
): Readonly<Record<'kty' | 'crv' | 'x' | 'y' | 'd', string>> {
  const bits = BigInt(`0x${derive(secret, `es256 ${period}`, SCALAR_BYTES).toString('hex')}`)
  const scalar = Buffer.from(((bits % (ORDER - 1n)) + 1n).toString(16).padStart(64, '0'), 'hex')
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(scalar)
  const point = curve.getPublicKey()
  return {
    kty: 'EC',
    crv: 'P-256',
    x: point.toString('base64url', 1, 33),
    y: point.toString('base64url', 33, 65),
    d: scalar.toString('base64url'),
  }
}

/** RFC 5869. */
function derive(secret: Uint8Array, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `portcullis otp ${purpose}`, bytes))
}
