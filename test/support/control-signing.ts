// Responders with real keys, and statements signed by them as a stranger would: node:crypto alone, nothing of the product.
import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import type { Responder, Role } from '../../src/core/responder.ts'

export interface Person extends Responder {
  readonly privateKey: KeyObject
}

export function createPerson(name: string, role: Role): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { name, role, key: publicKey.export({ format: 'jwk' }).x ?? '', privateKey }
}

/** As it stands in a config: without the private key. */
export function publicPart({ privateKey: _, ...responder }: Person): Responder {
  return responder
}

export const ORDER_TYP = 'portcullis-order+jwt'
export const LOGIN_TYP = 'portcullis-login+jwt'

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

export function signCompact(header: unknown, payload: unknown, key: KeyObject): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

export interface SignOptions {
  /** Seconds. */
  readonly iat?: number
  readonly exp?: number
  readonly jti?: string
  readonly iss?: string
}

/** An order of `who`; `nowMs` is the clock of the one who signs. */
export function signOrder(who: Person, order: unknown, nowMs: number, options: SignOptions = {}): string {
  const payload = { iss: who.name, iat: Math.floor(nowMs / 1000), jti: randomUUID(), ...options, order }
  return signCompact({ alg: 'EdDSA', typ: ORDER_TYP, kid: who.name }, payload, who.privateKey)
}

export function idOf(jws: string): string {
  return createHash('sha256')
    .update(jws.slice(0, jws.lastIndexOf('.')))
    .digest('base64url')
}

export const LOCK_ALL = { kind: 'lock', scope: { all: true }, reason: 'leak suspected', incident: 'INC-7' } as const
