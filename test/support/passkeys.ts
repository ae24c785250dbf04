// Passkeys as an authenticator and a browser would use them, made with node:crypto alone: nothing of the product.
import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import { encode } from './control-signing.ts'

export interface PasskeyMade {
  readonly alg: 'ES256' | 'EdDSA'
  /** As it is enrolled. */
  readonly key: string
  readonly privateKey: KeyObject
}

export function makePasskey(rpId: string, alg: 'ES256' | 'EdDSA' = 'ES256'): PasskeyMade {
  const { publicKey, privateKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = alg === 'EdDSA' ? x : encodePoint(x, y)
  return { alg, key: `passkey:${alg}:${rpId}:${point}`, privateKey }
}

function encodePoint(x: string, y: string): string {
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString('base64url')
}

export interface Ceremony {
  readonly rpId: string
  readonly flags?: number
  readonly counter?: number
  /** Members of clientDataJSON that are other than a browser would write; undefined takes one out. */
  readonly client?: Readonly<Record<string, unknown>>
}

const PRESENT_AND_VERIFIED = 0x05

/** The third part of a statement. */
export function assertionOf(made: PasskeyMade, input: string, ceremony: Ceremony): string {
  const head = Buffer.alloc(5)
  head[0] = ceremony.flags ?? PRESENT_AND_VERIFIED
  head.writeUInt32BE(ceremony.counter ?? 0, 1)
  const authenticatorData = Buffer.concat([createHash('sha256').update(ceremony.rpId).digest(), head])
  const client = {
    type: 'webauthn.get',
    challenge: createHash('sha256').update(input).digest('base64url'),
    origin: `https://${ceremony.rpId}`,
    crossOrigin: false,
    ...ceremony.client,
  }
  const clientDataJSON = Buffer.from(JSON.stringify(client))
  const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientDataJSON).digest()])
  const signature = sign(made.alg === 'ES256' ? 'sha256' : null, signed, made.privateKey)
  const parts = { authenticatorData, clientDataJSON, signature }
  return encode(
    JSON.stringify(
      Object.fromEntries(Object.entries(parts).map(([name, bytes]) => [name, bytes.toString('base64url')])),
    ),
  )
}

/** An order as the page would have it signed. */
export function signByPasskey(
  made: PasskeyMade,
  kid: string,
  order: unknown,
  ceremony: Ceremony & { readonly typ?: string },
): string {
  const header = { alg: made.alg, typ: ceremony.typ ?? 'portcullis-order+webauthn', kid }
  const payload = { iss: kid.split('#')[0], iat: Math.floor(Date.now() / 1000), jti: randomUUID(), order }
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${assertionOf(made, input, ceremony)}`
}
