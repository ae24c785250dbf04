// DPoP proofs (RFC 9449) by jose's keys and WebCrypto.
import { hash } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { LRUCache } from 'lru-cache'
import type { Instant } from '../../core/time.ts'
import type { ProofFacts, ProofVerdict, ProofVerifier } from '../../ports/proof-verifier.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import { parseKeySet, type VerificationKey } from './key-set.ts'
import { isObject, parseStrictObject } from './strict-json.ts'
import { isSignedBy, parseJws, type UnverifiedJws } from './token.ts'

export interface ProofVerifierOptions {
  readonly algorithms: readonly string[]
  readonly origins: readonly string[]
  readonly maxAgeMs: number
  readonly clockToleranceMs: number
  /** Whether proofs must hold a nonce: it is made with the pseudonyms' key, so that a whole fleet knows it. */
  readonly nonce: boolean
  readonly pseudonyms: Pseudonyms
  /** Takes a name for the first time; seconds. */
  readonly use: (name: Uint8Array, now: number, until: number) => Use | Promise<Use>
  readonly pendingMax?: number
}

/** `full`: it cannot be told. */
type Use = 'first' | 'again' | 'full'

const PROOF_BYTES_MAX = 8_192
const TYPES = ['dpop+jwt']
const PENDING_MAX = 1_024
const KEYS_MAX = 10_000
/** A nonce counts in its own period and in the next. */
const NONCE_MS = 150_000

interface ProofKey {
  readonly key: VerificationKey
  readonly jkt: string
}

export function createProofVerifier(options: ProofVerifierOptions): ProofVerifier {
  const { algorithms, origins, pseudonyms } = options
  const keys = new LRUCache<string, ProofKey>({ max: KEYS_MAX })
  const pendingMax = options.pendingMax ?? PENDING_MAX
  let verifying = 0
  const nonceAt = (period: number): string => pseudonyms.of('nonce', String(period))
  const isNonce = (nonce: unknown, now: Instant): boolean => {
    const period = Math.floor(now / NONCE_MS)
    return nonce === nonceAt(period) || nonce === nonceAt(period - 1)
  }

  const keyOf = async ({ alg, header }: UnverifiedJws): Promise<ProofKey | undefined> => {
    const { jwk } = header
    if (!isObject(jwk) || !algorithms.includes(alg)) return undefined
    const name = `${alg} ${JSON.stringify(jwk)}`
    const known = keys.get(name)
    if (known !== undefined) return known
    const set = await parseKeySet(Buffer.from(JSON.stringify({ keys: [jwk] })), [alg])
    const key = set?.keys[0]
    if (key === undefined) return undefined
    const found = { key, jkt: await calculateJwkThumbprint(jwk) }
    keys.set(name, found)
    return found
  }

  const judge = async (proof: string, facts: ProofFacts): Promise<ProofVerdict> => {
    const jws = parseJws(proof, TYPES)
    if (typeof jws === 'string') return 'invalid'
    const claims = parseStrictObject(jws.payload)
    if (claims === undefined || !isOf(claims, facts, options)) return 'invalid'
    if (verifying >= pendingMax) return 'unavailable'
    verifying += 1
    try {
      const found = await keyOf(jws)
      if (found === undefined || found.jkt !== facts.jkt || !(await isSignedBy(jws, found.key))) return 'invalid'
    } finally {
      verifying -= 1
    }
    if (options.nonce && !isNonce(claims.nonce, facts.now)) return 'nonce'
    return useOnce(claims, facts, options)
  }

  return {
    algorithms,
    origins,
    nonce: (now) => (options.nonce ? nonceAt(Math.floor(now / NONCE_MS)) : undefined),
    verify: (proof, facts) =>
      proof.length > PROOF_BYTES_MAX ? Promise.resolve('invalid') : judge(proof, facts).catch(() => 'invalid' as const),
  }
}

type ProofClaims = Readonly<Record<string, unknown>>

/** RFC 9449, 4.3, what costs no cryptography: method, target, token, age. */
function isOf(claims: ProofClaims, facts: ProofFacts, { maxAgeMs, clockToleranceMs }: ProofVerifierOptions): boolean {
  const { htm, htu, iat, jti, ath } = claims
  if (htm !== facts.method || typeof htu !== 'string' || typeof iat !== 'number') return false
  if (typeof jti !== 'string' || jti === '') return false
  const ageMs = facts.now - iat * 1000
  if (!(ageMs <= maxAgeMs && ageMs >= -clockToleranceMs)) return false
  const target = comparable(htu)
  return (
    target !== undefined &&
    facts.urls.some((url) => comparable(url) === target) &&
    ath === hash('sha256', facts.token, 'base64url')
  )
}

/** Its jti counts once for its key, for as long as the proof would hold. */
async function useOnce(
  { jti, iat }: ProofClaims,
  { jkt, now }: ProofFacts,
  options: ProofVerifierOptions,
): Promise<ProofVerdict> {
  const name = hash('sha256', `${jkt} ${String(jti)}`, 'buffer')
  const use = options.use(name, now / 1000, Number(iat) + options.maxAgeMs / 1000)
  switch (typeof use === 'string' ? use : await use) {
    case 'first':
      return 'ok'
    case 'again':
      return 'invalid'
    case 'full':
      return 'unavailable'
  }
}

const TARGET = /^(https?:\/\/[^/?#\\@]+)([^?#]*)/i

/** Without query and fragment; the path byte for byte, since it has one spelling here, scheme and authority by RFC 3986, 6.2.2. */
function comparable(url: string): string | undefined {
  const [, origin = '', path = ''] = TARGET.exec(url) ?? []
  return URL.canParse(origin) ? `${new URL(origin).origin}${path === '' ? '/' : path}` : undefined
}
