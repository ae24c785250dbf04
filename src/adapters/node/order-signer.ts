// Signs orders with a key that lies on this machine: the receiver's of security events.
import { createPrivateKey, createPublicKey, randomUUID, sign, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Instant } from '../../core/time.ts'

export interface OrderSigner {
  /** Raw Ed25519 public key, base64url. */
  readonly publicKey: string
  /** A compact JWS (RFC 7515, RFC 8037) over the order, for the fleet where there is one. */
  sign(order: Readonly<Record<string, unknown>>, now: Instant): string
}

/** Throws an Error of one line that names the file where it holds no Ed25519 key in PEM (PKCS#8, without a passphrase). */
export function openOrderSigner(file: string, name: string, fleet: string | undefined): OrderSigner {
  const key = readKey(file)
  const header = encode({ alg: 'EdDSA', typ: 'portcullis-order+jwt', kid: name })
  return {
    publicKey: createPublicKey(key).export({ format: 'jwk' }).x ?? '',
    sign: (order, now) => {
      const claims = { iss: name, iat: Math.floor(now / 1000), jti: randomUUID(), order }
      const input = `${header}.${encode(fleet === undefined ? claims : { ...claims, aud: fleet })}`
      return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
    },
  }
}

function readKey(file: string): KeyObject {
  let key: KeyObject | undefined
  try {
    key = createPrivateKey(readFileSync(file, 'utf8'))
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new Error(
      `${file}: ${isAbsent ? 'there is no such file' : 'this is no private key in PEM'}: make one with "portcullis keygen"`,
      { cause: error },
    )
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${file}: orders are signed with Ed25519`)
  return key
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
