// An order as a certificate carries it: its id follows from its text, and whose it is from a key that is kept elsewhere.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { isFields } from '../core/message-shapes.ts'

/** Whose signatures may stand under orders: the `kid` and the raw Ed25519 public key, base64url. */
export interface KnownResponder {
  readonly kid: string
  readonly key: string
}

export interface OrderedText {
  /** SHA-256 of the signing input, base64url. */
  readonly id: string
  /** `kid` of its header: who says to have signed it. */
  readonly kid: string
  /** `signed`: by the key that was given for them; `forged`: not by it; `unknown`: no key of theirs was given; `passkey`: not checked offline. */
  readonly signature: 'signed' | 'forged' | 'unknown' | 'passkey'
  /** What was ordered, as it stands in the text. */
  readonly order: unknown
  /** When it was signed, epoch seconds, where it says so. */
  readonly iat?: number
}

/** Undefined where the text is no order's JWS. Never throws. */
export function readOrderedText(text: string, responders: readonly KnownResponder[]): OrderedText | undefined {
  const [header = '', payload = '', signature = '', ...rest] = text.split('.')
  const [head, words] = [parse(header), parse(payload)]
  if (rest.length > 0 || head === undefined || words === undefined || typeof head.kid !== 'string') return undefined
  const input = `${header}.${payload}`
  return {
    id: createHash('sha256').update(input, 'latin1').digest('base64url'),
    kid: head.kid,
    signature: head.typ === PASSKEY_TYP ? 'passkey' : judge(head, input, signature, responders),
    order: words.order,
    ...(typeof words.iat === 'number' ? { iat: words.iat } : {}),
  }
}

const ORDER_TYP = 'portcullis-order+jwt'
const PASSKEY_TYP = 'portcullis-order+webauthn'

function judge(
  { alg, typ, kid }: Readonly<Record<string, unknown>>,
  input: string,
  signature: string,
  responders: readonly KnownResponder[],
): OrderedText['signature'] {
  const keys = responders.filter((each) => each.kid === kid)
  if (keys.length === 0) return 'unknown'
  const isSigned = keys.some(({ key }) => {
    const by = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' })
    return verify(null, Buffer.from(input, 'latin1'), by, Buffer.from(signature, 'base64url'))
  })
  return alg === 'EdDSA' && typ === ORDER_TYP && isSigned ? 'signed' : 'forged'
}

function parse(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}
