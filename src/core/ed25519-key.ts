// Whether 32 bytes are a public key that somebody can hold: a point of Curve25519 in the group that Ed25519 signs in.

const P = 2n ** 255n - 19n
/** Order of the base point's group (RFC 8032, 5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * power(121666n, P - 2n))
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n)

interface Point {
  readonly x: bigint
  readonly y: bigint
  readonly z: bigint
  readonly t: bigint
}

const IDENTITY: Point = { x: 0n, y: 1n, z: 1n, t: 0n }

/**
 * What is wrong with a raw Ed25519 public key (RFC 8032, 5.1.3), or undefined. A point of low order makes one signature
 * hold for many messages, and a point with a low-order part makes verifiers disagree: neither is ever made honestly.
 */
export function checkEd25519Key(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 32) return `has ${bytes.length} bytes, not the 32 of an Ed25519 key`
  const point = decodePoint(bytes)
  if (point === undefined) return 'is no point of the curve: it is not an Ed25519 public key'
  if (isIdentity(multiply(point, 8n))) return 'is a point of low order: anybody could sign with it'
  if (!isIdentity(multiply(point, L))) return 'is a point outside the group that Ed25519 signs in'
  return undefined
}

function decodePoint(bytes: Uint8Array): Point | undefined {
  let y = 0n
  for (const byte of [...bytes].reverse()) y = y * 256n + BigInt(byte)
  const odd = y >> 255n
  y &= 2n ** 255n - 1n
  if (y >= P) return undefined
  const u = mod(y * y - 1n)
  const v = mod(D * y * y + 1n)
  let x = mod(u * power(v, 3n) * power(mod(u * power(v, 7n)), (P - 5n) / 8n))
  const check = mod(v * x * x)
  if (check !== u) {
    if (check !== mod(-u)) return undefined
    x = mod(x * SQRT_MINUS_ONE)
  }
  if (x === 0n && odd === 1n) return undefined
  if ((x & 1n) !== odd) x = P - x
  return { x, y, z: 1n, t: mod(x * y) }
}

// The complete addition of twisted Edwards curves with a = -1 in extended coordinates (RFC 8032, 5.1.4).
function add(p: Point, q: Point): Point {
  const a = mod((p.y - p.x) * (q.y - q.x))
  const b = mod((p.y + p.x) * (q.y + q.x))
  const c = mod(2n * D * p.t * q.t)
  const d = mod(2n * p.z * q.z)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g), t: mod(e * h) }
}

function multiply(point: Point, scalar: bigint): Point {
  let sum = IDENTITY
  let doubled = point
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) sum = add(sum, doubled)
    doubled = add(doubled, doubled)
  }
  return sum
}

function isIdentity(point: Point): boolean {
  return point.x === 0n && point.y === point.z
}

function mod(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = mod(base)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square)
    square = mod(square * square)
  }
  return result
}
