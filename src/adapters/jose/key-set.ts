// An issuer's key set (RFC 7517), reduced to the public keys that can verify its pinned algorithms.
import { KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, type JWK } from 'jose'
import { checkRsaStrength } from './rsa-strength.ts'
import { isObject, parseStrictObject } from './strict-json.ts'

/** One key under one algorithm. */
export interface VerificationKey {
  /** Equal for the same key, algorithm and kid. */
  readonly id: string
  readonly kid?: string
  readonly alg: string
  readonly key: KeyObject
  /** Set once the issuer no longer lists it: whatever was verified with it counts no more. */
  retired: boolean
}

export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Members that nobody should list or pin, and why; never the keys themselves. */
  readonly problems: readonly string[]
  /** Members that are none of our business: keys for encryption, or of algorithms that are not pinned. */
  readonly ignored: readonly string[]
}

const KEYS_MAX = 100
const FITS: Readonly<Record<string, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
}

/** Asymmetric JWS algorithms (RFC 7518, 8037, 9864); a verifier that knows a shared secret could also sign. */
export function isSupportedAlgorithm(alg: string): boolean {
  return Object.hasOwn(FITS, alg)
}

/** Undefined where the bytes are no key set at all. A well-formed set is taken at its word, also where no key of it can be used. */
export async function parseKeySet(bytes: Uint8Array, algorithms: readonly string[]): Promise<KeySet | undefined> {
  const members = parseStrictObject(Buffer.from(bytes))?.keys
  if (!Array.isArray(members) || members.length > KEYS_MAX) return undefined
  const keys: VerificationKey[] = []
  const problems: string[] = []
  const ignored: string[] = []
  for (const [index, member] of (members as readonly unknown[]).entries()) {
    const found = await readMember(member, algorithms)
    if ('problem' in found) problems.push(`key ${index + 1} is left out: ${found.problem}`)
    else if ('ignored' in found) ignored.push(`key ${index + 1} is left out: ${found.ignored}`)
    else keys.push(...found.keys.filter((key) => !keys.some((other) => other.id === key.id)))
  }
  return { keys, problems, ignored }
}

/** `ambiguous`: several keys would do, and trying one after the other lets whoever adds a key to the set speak for all of them. */
export function findKey(
  keys: readonly VerificationKey[],
  alg: string,
  kid: string | undefined,
): VerificationKey | 'ambiguous' | undefined {
  const fitting = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid))
  return fitting.length > 1 ? 'ambiguous' : fitting[0]
}

type Member =
  { readonly keys: readonly VerificationKey[] } | { readonly problem: string } | { readonly ignored: string }

async function readMember(member: unknown, algorithms: readonly string[]): Promise<Member> {
  if (!isObject(member)) return { problem: 'it is no object' }
  const problem = checkMember(member)
  if (problem !== undefined) return { problem }
  const { use, key_ops: operations } = member
  if (use !== undefined && use !== 'sig') return { ignored: 'it is not for signatures' }
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return { ignored: 'it is not for verifying' }
  const usable = algorithms.filter((alg) => fits(member, alg))
  if (usable.length === 0) return { ignored: `it fits none of ${algorithms.join(', ')}` }
  const weakness = checkStrength(member)
  if (weakness !== undefined) return { problem: weakness }
  return importMember(member, usable)
}

async function importMember(member: Readonly<Record<string, unknown>>, algorithms: readonly string[]): Promise<Member> {
  const kid = member.kid as string | undefined
  const jwk = publicPart(member)
  try {
    const thumbprint = await calculateJwkThumbprint(jwk)
    const imports = algorithms.map((alg) => importKey(jwk, alg, `${alg} ${thumbprint} ${kid ?? ''}`, kid))
    return { keys: await Promise.all(imports) }
  } catch {
    return { problem: 'its numbers are no public key' }
  }
}

async function importKey(jwk: JWK, alg: string, id: string, kid: string | undefined): Promise<VerificationKey> {
  const key = await importJWK(jwk, alg)
  if (key instanceof Uint8Array || key.type !== 'public') throw new TypeError('not a public key')
  return { id, alg, key: KeyObject.from(key), retired: false, ...(kid === undefined ? {} : { kid }) }
}

function fits(member: Readonly<Record<string, unknown>>, alg: string): boolean {
  const wanted = FITS[alg]
  if (wanted === undefined || member.kty !== wanted.kty || (wanted.crv !== undefined && member.crv !== wanted.crv))
    return false
  return member.alg === undefined || member.alg === alg
}

function checkMember(member: Readonly<Record<string, unknown>>): string | undefined {
  if (member.kty === 'oct') return 'a symmetric key has no place in a key set'
  if (member.d !== undefined) return 'it is a private key: whoever reads the set can sign with it'
  if (member.kid !== undefined && typeof member.kid !== 'string') return 'its kid is no text'
  return undefined
}

function checkStrength({ kty, n, e }: Readonly<Record<string, unknown>>): string | undefined {
  if (kty !== 'RSA') return undefined
  const [modulus, exponent] = [toInteger(n), toInteger(e)]
  return modulus === undefined || exponent === undefined
    ? 'its numbers are no public key'
    : checkRsaStrength(modulus, exponent)
}

function toInteger(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  return BigInt(`0x0${Buffer.from(text, 'base64url').toString('hex')}`)
}

/** The numbers alone: certificates (x5c), addresses (x5u) and what else stands beside them choose nothing. */
function publicPart(member: Readonly<Record<string, unknown>>): JWK {
  const numbers = ['kty', 'crv', 'x', 'y', 'n', 'e'].filter((name) => typeof member[name] === 'string')
  return Object.fromEntries(numbers.map((name) => [name, member[name]]))
}
