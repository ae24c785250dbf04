// A responder's key: read from a file that nobody else may read, and the orders that it signs (contract, 4).
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Instant } from '../core/time.ts'
import { usageFailure } from './failure.ts'

export interface SigningKey {
  /** The `kid` of what is signed: the responder's name, and the id of the key behind a `#` where it has one. */
  readonly kid: string
  /** The responder's name. */
  readonly name: string
  readonly privateKey: KeyObject
}

const OTHERS = 0o077

/**
 * Reads an Ed25519 key (PKCS#8 PEM), which may have a passphrase. The responder is `kid`, else the file's own name without its ending.
 * Throws CommandFailure (2) where the file cannot be read, may be read by others, or holds another kind of key.
 */
export async function readSigningKey(
  file: string,
  kid: string | undefined,
  passphrase: (file: string) => Promise<string>,
): Promise<SigningKey> {
  const pem = readPrivateFile(file)
  const privateKey = pem.includes('ENCRYPTED') ? openKey(file, pem, await passphrase(file)) : parseKey(file, pem)
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw usageFailure(
      `${file}: orders are signed with Ed25519, this is a key of type ${privateKey.asymmetricKeyType ?? 'secret'}: make one with portcullis keygen NAME`,
    )
  }
  const named = kid ?? basename(file).replace(/[.](?:key|pem)$/, '')
  return { kid: named, name: named.split('#', 1)[0] ?? named, privateKey }
}

function openKey(file: string, pem: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, passphrase })
  } catch {
    throw usageFailure(`${file}: the passphrase does not open this key`)
  }
}

function parseKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw usageFailure(`${file}: this is no private key in PEM: make one with portcullis keygen NAME`)
  }
}

function readPrivateFile(file: string): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    throw usageFailure(
      `${file}: ${reasonOf(error)}: name the key with --key FILE or PORTCULLIS_KEY, or make one with portcullis keygen NAME`,
    )
  }
  try {
    // The mode is read from the open file, so that what was checked is what is read. Windows has no such modes.
    const { mode } = fstatSync(descriptor)
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      throw usageFailure(
        `${file}: others than you may read this key (mode ${(mode & 0o777).toString(8).padStart(4, '0')}): chmod 600 ${file}`,
      )
    }
    return readFileSync(descriptor, 'utf8')
  } catch (error) {
    throw error instanceof Error && 'code' in error ? usageFailure(`${file}: ${reasonOf(error)}`) : error
  } finally {
    closeSync(descriptor)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this file may not be read by you',
  EISDIR: 'this is a directory',
  ENOTDIR: 'there is no such file',
}

/** Why a file could not be opened, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error))
}

export interface SignedOrder {
  readonly jws: string
  /** SHA-256 of the signing input, base64url: computed here, so that no gateway can name another. */
  readonly id: string
}

export interface Moment {
  readonly now: Instant
  readonly uniqueId: string
}

/** A compact JWS (RFC 7515, EdDSA after RFC 8037) over the claims, with the responder's name, `iat` in seconds and a `jti` of its own. */
export async function sign(
  key: SigningKey,
  typ: string,
  claims: Readonly<Record<string, unknown>>,
  moment: Moment,
): Promise<string> {
  const { CompactSign } = await import('jose')
  const payload = { iss: key.name, iat: Math.floor(moment.now / 1000), jti: moment.uniqueId, ...claims }
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ, kid: key.kid })
    .sign(key.privateKey)
}

const ORDER_TYP = 'portcullis-order+jwt'
export const LOGIN_TYP = 'portcullis-login+jwt'

/** `claims` stand beside the order: of a sealed one, when it holds. */
export async function signOrder(
  key: SigningKey,
  order: Readonly<Record<string, unknown>>,
  moment: Moment,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<SignedOrder> {
  const jws = await sign(key, ORDER_TYP, { ...claims, order }, moment)
  return { jws, id: orderIdOf(jws) }
}

/** SHA-256 of the signing input: all that names an order. */
export function orderIdOf(jws: string): string {
  return createHash('sha256')
    .update(jws.slice(0, jws.lastIndexOf('.')))
    .digest('base64url')
}
