// The gateway's own Ed25519 key (RFC 8032), which signs checkpoints, proofs and receipts.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { Signer } from '../../ports/signer.ts'
import { readOrMakeKeyFile } from './key-file.ts'

const KEY_NAME = /^[^\s+]+$/

/**
 * The key in the file, PKCS#8 in PEM (RFC 8410); made with mode 0600 where there is no file. `name` is the log's origin.
 * Throws an Error that names the file where it holds no such key, and a TypeError for a name that no signed note can carry.
 */
export function loadSigner(file: string, name: string): Signer {
  if (!KEY_NAME.test(name))
    throw new TypeError(`${JSON.stringify(name)}: the key name of a signed note has no spaces and no "+"`)
  const key = parseKey(file, readOrMakeKeyFile(file, makeKey))
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  return {
    name,
    publicKeyRaw: new Uint8Array(Buffer.from(x ?? '', 'base64url')),
    sign: (bytes) => sign(null, bytes, key),
  }
}

function makeKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
}

function parseKey(file: string, pem: string): KeyObject {
  const key = importKey(pem)
  if (key?.asymmetricKeyType !== 'ed25519') throw new Error(`${file}: not an Ed25519 private key in PEM (PKCS#8)`)
  return key
}

function importKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}
