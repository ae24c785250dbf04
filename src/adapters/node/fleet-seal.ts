// Envelopes of a fleet: of a gateway's key, for which an HMAC of the fleet secret vouches. What is kept is signed by that key
// (Ed25519, RFC 8032), a quarter of a millisecond to check; what is said eight times a lease carries an HMAC, a hundredth of one.
import {
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  timingSafeEqual,
  verify,
  type KeyObject,
} from 'node:crypto'
import type { EnvelopeType, FleetSeal, OpenedEnvelope, SpokenType } from '../../ports/fleet-seal.ts'
import type { Signer } from '../../ports/signer.ts'

export interface FleetSealOptions {
  readonly fleet: string
  /** Read anew at each use: the first vouches, each is believed. A list that is replaced takes effect at once. */
  readonly secrets: () => readonly string[]
  readonly signer: Signer
}

const VERSION = 'portcullis-fleet/1'
const PART = /^[A-Za-z0-9_-]+$/
/** Keys whose voucher has been checked; one for each gateway that was ever heard of. */
const KEYS_MAX = 10_000

interface KnownKey {
  readonly gateway: string
  /** Made at its first use: of most members only HMACs are ever checked. */
  readonly key: () => KeyObject
}

/** What follows from one list of secrets. */
interface Belief {
  readonly of: readonly string[]
  readonly secrets: readonly KeyObject[]
  /** `<key>.<voucher>` of this gateway. */
  readonly head: string
  /** By `<key>.<voucher>`, and by the key alone. */
  readonly known: Map<string, KnownKey>
}

export function createFleetSeal({ fleet, secrets, signer }: FleetSealOptions): FleetSeal {
  const ownKey = Buffer.from(signer.publicKeyRaw).toString('base64url')
  const gateway = gatewayNameOf(signer.publicKeyRaw)
  let belief: Belief | undefined
  const now = (): Belief => {
    const of = secrets()
    if (belief?.of !== of) belief = believe(of, fleet, gateway, ownKey)
    return belief
  }
  return {
    gateway,
    seal(type, payload) {
      const { head, secrets: keys } = now()
      const body = `${head}.${Buffer.from(payload).toString('base64url')}`
      const bytes = signed(type, fleet, body)
      const end = isSpoken(type) ? macOf(keys[0], bytes) : signer.sign(bytes)
      return `${body}.${Buffer.from(end).toString('base64url')}`
    },
    peek: (envelope) => parsePayload(envelope.split('.')[2] ?? ''),
    isByFirst(envelope) {
      const [key = '', voucher = ''] = envelope.split('.')
      const { secrets: keys } = now()
      return isVouchedBy(keys.slice(0, 1), fleet, key, voucher)
    },
    open(type, envelope) {
      const parts = envelope.split('.')
      // One spelling each: what decodes to the same bytes with other bits at its end is another text.
      if (parts.length !== 4 || !parts.every(isCanonical)) return undefined
      const [key = '', voucher = '', payload = '', signature = ''] = parts
      const { known, secrets: keys } = now()
      const vouched = known.get(`${key}.${voucher}`) ?? learn(known, keys, fleet, key, voucher)
      // Its voucher may be of a secret that was replaced since: the key itself signs, and has been vouched for anew.
      const by = vouched ?? (isSpoken(type) ? undefined : known.get(key))
      if (by === undefined) return undefined
      const bytes = signed(type, fleet, `${key}.${voucher}.${payload}`)
      const given = Buffer.from(signature, 'base64url')
      const holds = isSpoken(type)
        ? keys.some((secret) => isSame(macOf(secret, bytes), given))
        : verify(null, bytes, by.key(), given)
      return holds ? opened(by.gateway, key, payload) : undefined
    },
  }
}

function isSpoken(type: EnvelopeType): type is SpokenType {
  return type === 'heartbeat' || type === 'proof' || type === 'counts'
}

function believe(of: readonly string[], fleet: string, gateway: string, ownKey: string): Belief {
  const secrets = of.map((secret) => createSecretKey(Buffer.from(secret)))
  const voucher = macOf(secrets[0], vouchingBytes(fleet, gateway, ownKey))
  return { of, secrets, head: `${ownKey}.${voucher.toString('base64url')}`, known: new Map() }
}

/** The key of a gateway that one of the secrets vouches for. */
function learn(
  known: Map<string, KnownKey>,
  secrets: readonly KeyObject[],
  fleet: string,
  key: string,
  voucher: string,
): KnownKey | undefined {
  const raw = Buffer.from(key, 'base64url')
  if (raw.length !== 32 || !isVouchedBy(secrets, fleet, key, voucher)) return undefined
  const gateway = gatewayNameOf(raw)
  let made: KeyObject | undefined
  const learned: KnownKey = {
    gateway,
    key: () => (made ??= createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' })),
  }
  if (known.size >= KEYS_MAX) known.clear()
  known.set(`${key}.${voucher}`, learned)
  known.set(key, learned)
  return learned
}

function isVouchedBy(secrets: readonly KeyObject[], fleet: string, key: string, voucher: string): boolean {
  const bytes = vouchingBytes(fleet, gatewayNameOf(Buffer.from(key, 'base64url')), key)
  const given = Buffer.from(voucher, 'base64url')
  return secrets.some((secret) => isSame(macOf(secret, bytes), given))
}

function macOf(secret: KeyObject | undefined, bytes: Buffer): Buffer {
  return createHmac('sha256', secret ?? '')
    .update(bytes)
    .digest()
}

function isSame(mac: Buffer, given: Buffer): boolean {
  return mac.length === given.length && timingSafeEqual(mac, given)
}

function vouchingBytes(fleet: string, gateway: string, key: string): Buffer {
  return Buffer.from(`${VERSION} voucher ${fleet}\n${gateway}\n${key}`)
}

/** Of the trail's origin and the fleet alike: it follows from the key. */
function gatewayNameOf(publicKeyRaw: Uint8Array): string {
  return `portcullis/gateway-${createHash('sha256').update(publicKeyRaw).digest('hex').slice(0, 12)}`
}

function signed(type: EnvelopeType, fleet: string, body: string): Buffer {
  return Buffer.from(`${VERSION} ${type} ${fleet}\n${body}`)
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The bits of the last letter that belong to no byte are zero (RFC 4648, 3.5): the one spelling of these bytes. */
function isCanonical(part: string): boolean {
  const rest = part.length % 4
  if (!PART.test(part) || rest === 1) return false
  const unused = rest === 2 ? 0b1111 : rest === 3 ? 0b11 : 0
  return (ALPHABET.indexOf(part.at(-1) ?? '') & unused) === 0
}

function opened(gateway: string, key: string, payload: string): OpenedEnvelope | undefined {
  const words = parsePayload(payload)
  return words === undefined ? undefined : { gateway, key, payload: words }
}

function parsePayload(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
