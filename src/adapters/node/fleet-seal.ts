// Envelopes of a fleet: Ed25519 (RFC 8032) by a gateway's key, for which an HMAC of the fleet secret vouches.
import { createHash, createHmac, createPublicKey, timingSafeEqual, verify, type KeyObject } from 'node:crypto'
import type { EnvelopeType, FleetSeal, OpenedEnvelope } from '../../ports/fleet-seal.ts'
import type { Signer } from '../../ports/signer.ts'

export interface FleetSealOptions {
  readonly fleet: string
  /** The first vouches, each is believed. */
  readonly secrets: readonly string[]
  readonly signer: Signer
}

const VERSION = 'portcullis-fleet/1'
const PART = /^[A-Za-z0-9_-]+$/
/** Keys whose voucher has been checked; one for each gateway that was ever heard of. */
const KEYS_MAX = 10_000

interface KnownKey {
  readonly gateway: string
  readonly key: KeyObject
}

export function createFleetSeal({ fleet, secrets, signer }: FleetSealOptions): FleetSeal {
  const known = new Map<string, KnownKey>()
  const ownKey = Buffer.from(signer.publicKeyRaw).toString('base64url')
  const gateway = gatewayNameOf(signer.publicKeyRaw)
  const vouch = (secret: string, name: string, key: string): Buffer =>
    createHmac('sha256', secret).update(`${VERSION} voucher ${fleet}\n${name}\n${key}`).digest()
  const head = `${ownKey}.${vouch(secrets[0] ?? '', gateway, ownKey).toString('base64url')}`

  const keyOf = (key: string, voucher: string): KnownKey | undefined => {
    const id = `${key}.${voucher}`
    const found = known.get(id)
    if (found !== undefined) return found
    const raw = Buffer.from(key, 'base64url')
    const given = Buffer.from(voucher, 'base64url')
    if (raw.length !== 32 || given.length !== 32) return undefined
    const name = gatewayNameOf(raw)
    if (!secrets.some((secret) => timingSafeEqual(vouch(secret, name, key), given))) return undefined
    const made = { gateway: name, key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' }) }
    if (known.size >= KEYS_MAX) known.clear()
    known.set(id, made)
    return made
  }

  return {
    gateway,
    seal(type, payload) {
      const body = `${head}.${Buffer.from(payload).toString('base64url')}`
      return `${body}.${Buffer.from(signer.sign(signed(type, fleet, body))).toString('base64url')}`
    },
    open(type, envelope) {
      const parts = envelope.split('.')
      // One spelling each: what decodes to the same bytes with other bits at its end is another text.
      if (parts.length !== 4 || !parts.every(isCanonical)) return undefined
      const [key = '', voucher = '', payload = '', signature = ''] = parts
      const by = keyOf(key, voucher)
      const body = signed(type, fleet, `${key}.${voucher}.${payload}`)
      if (by === undefined || !verify(null, body, by.key, Buffer.from(signature, 'base64url'))) return undefined
      return opened(by.gateway, payload)
    },
  }
}

/** Of the trail's origin and the fleet alike: it follows from the key. */
function gatewayNameOf(publicKeyRaw: Uint8Array): string {
  return `portcullis/gateway-${createHash('sha256').update(publicKeyRaw).digest('hex').slice(0, 12)}`
}

function signed(type: EnvelopeType, fleet: string, body: string): Buffer {
  return Buffer.from(`${VERSION} ${type} ${fleet}\n${body}`)
}

function isCanonical(part: string): boolean {
  return PART.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part
}

function opened(gateway: string, payload: string): OpenedEnvelope | undefined {
  try {
    return { gateway, payload: JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as unknown }
  } catch {
    return undefined
  }
}
