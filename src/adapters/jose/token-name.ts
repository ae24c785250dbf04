// The name under which a verified token is remembered; nothing leads back from it.
import { hash } from 'node:crypto'

/** SHA-256 as 32 characters of latin-1. */
export type TokenName = string

/** Of header, payload and signature as they are spelled. */
export function nameToken(token: string): TokenName {
  return hash('sha256', token, 'binary')
}

interface Curve {
  readonly scalarBytes: number
  readonly order: Buffer
}

const CURVES: Readonly<Record<string, Curve>> = {
  ES256: curve('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  ES384: curve('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'),
  ES512: curve(
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
  ),
}

/**
 * The one other spelling of a token that holds just when it does. From an ECDSA signature (r, s) anyone makes the second,
 * (r, n - s) (SEC 1, 4.1.4). Signers write the greater s half of the time (RFC 7515, A.3.1 is one), so that it is no ground to
 * refuse: the two are remembered as one (docs/decisions/0013). `signature`: its bytes. Undefined where there is none.
 */
export function twinOf(token: string, alg: string, signature: Buffer): string | undefined {
  const curve = CURVES[alg]
  if (curve === undefined) return undefined
  const { scalarBytes, order } = curve
  const bytes = Buffer.from(signature)
  if (bytes.length !== 2 * scalarBytes || bytes.compare(order, 0, scalarBytes, scalarBytes) >= 0) return undefined
  negate(bytes.subarray(scalarBytes), order)
  return token.slice(0, token.lastIndexOf('.') + 1) + bytes.toString('base64url')
}

/** n - s, in place. */
function negate(scalar: Buffer, order: Buffer): void {
  let borrow = 0
  for (let at = scalar.length - 1; at >= 0; at--) {
    const difference = (order[at] as number) - (scalar[at] as number) - borrow
    borrow = difference < 0 ? 1 : 0
    scalar[at] = difference & 0xff
  }
}

function curve(hex: string): Curve {
  const order = Buffer.from(hex, 'hex')
  return { scalarBytes: order.length, order }
}
