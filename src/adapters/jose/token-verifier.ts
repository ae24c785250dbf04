// Judges bearer tokens with jose, and remembers those that held.
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import type { TokenVerifier, Verification } from '../../ports/token-verifier.ts'
import { checkClaims } from './claims.ts'
import { createJudge, invalid, type Proven } from './judge-token.ts'
import { isSupportedAlgorithm } from './key-set.ts'
import { createKeySource, type KeySource } from './key-source.ts'
import type { Fetch, ReadFile } from './read-key-set.ts'
import { parseToken, TOKEN_BYTES_MAX, type UnverifiedToken } from './token.ts'

/** An issuer as the config has it. */
export interface TrustedIssuer {
  readonly issuer: string
  readonly jwks: { readonly file: string } | { readonly url: string }
  readonly algorithms: readonly string[]
  readonly audience: string
  readonly otpAmr: readonly string[]
}

export interface TokenVerifierOptions {
  readonly issuers: readonly TrustedIssuer[]
  readonly clockToleranceMs: number
  readonly pseudonyms: Pseudonyms
  readonly now: () => Instant
  readonly logger: Logger
  readonly cache: { readonly entriesMax: number }
  /** Names of the claims that sessions keep, those that bindings read; all where absent. */
  readonly claims?: readonly string[]
  readonly readFile?: ReadFile
  readonly fetch?: Fetch
  readonly fetchTimeoutMs?: number
  /** Verifications at one time; beyond them a new token is answered `unavailable`. */
  readonly pendingMax?: number
}

interface KeyProblem {
  readonly issuer: string
  readonly from: 'file' | 'url'
  readonly detail: string
}

export interface RefreshingTokenVerifier extends TokenVerifier {
  /**
   * Reads the key files anew and fetches the key sets that are due; to be called at start and then each second. Never rejects;
   * resolves with what is wrong now. A `file` problem at start is the operator's to mend; an address may come back.
   */
  refresh(): Promise<readonly KeyProblem[]>
}

interface Issuer {
  readonly config: TrustedIssuer
  readonly source: KeySource
}

/** Throws a TypeError for an algorithm that is not asymmetric, and for an issuer that is named twice. */
export function createTokenVerifier(options: TokenVerifierOptions): RefreshingTokenVerifier {
  const issuers = openIssuers(options)
  const judge = createJudge(options)
  const remembered = new LRUCache<string, Proven>({ max: options.cache.entriesMax })
  const underWay = new Map<string, Promise<Verification>>()

  const judgeOnce = async (
    token: string,
    name: string,
    issuer: Issuer,
    parsed: UnverifiedToken,
  ): Promise<Verification> => {
    const { config, source } = issuer
    const verdict = await judge({ token, parsed, issuer: config.issuer, otpAmr: config.otpAmr, source })
    // Only what held is remembered: a flood of tokens that do not hold can evict nothing.
    if ('session' in verdict) remembered.set(name, verdict)
    return verdict
  }

  return {
    verify: (token, now) => {
      if (token.length > TOKEN_BYTES_MAX) return invalid(`it is longer than ${TOKEN_BYTES_MAX} bytes`)
      // The hash of header, payload and the very bytes of the signature; the token itself is never kept.
      const name = hash('sha256', token, 'base64url')
      const known = remembered.get(name)
      if (known !== undefined) {
        if (!known.key.retired && now < known.session.expiresAt) return known
        remembered.delete(name)
      }
      const judging = underWay.get(name)
      if (judging !== undefined) return judging
      const parsed = parseToken(token)
      if (typeof parsed === 'string') return invalid(parsed)
      const issuer = issuers.get(parsed.claims.iss)
      if (issuer === undefined) return invalid('its issuer is not trusted')
      const problem = checkToken(parsed, issuer.config, now, options.clockToleranceMs)
      if (problem !== undefined) return invalid(problem)
      const verification = judgeOnce(token, name, issuer, parsed)
        .catch(() => invalid('it could not be judged'))
        .finally(() => underWay.delete(name))
      underWay.set(name, verification)
      return verification
    },
    refresh: async () => {
      await Promise.all([...issuers.values()].map(({ source }) => source.refresh()))
      return [...issuers.values()].flatMap(problemOf)
    },
  }
}

function problemOf({ config, source }: Issuer): readonly KeyProblem[] {
  if (source.problem === undefined) return []
  return [{ issuer: config.issuer, from: 'file' in config.jwks ? 'file' : 'url', detail: source.problem }]
}

function openIssuers(options: TokenVerifierOptions): ReadonlyMap<unknown, Issuer> {
  const issuers = new Map<unknown, Issuer>()
  for (const config of options.issuers) {
    const odd = config.algorithms.find((alg) => !isSupportedAlgorithm(alg))
    if (odd !== undefined)
      throw new TypeError(`issuer ${config.issuer}: ${odd} is no asymmetric signature algorithm that is supported`)
    if (issuers.has(config.issuer)) throw new TypeError(`issuer ${config.issuer} is named twice`)
    issuers.set(config.issuer, {
      config,
      source: createKeySource({ ...options, issuer: config.issuer, jwks: config.jwks, algorithms: config.algorithms }),
    })
  }
  return issuers
}

/** Cheap and before the signature: what is refused here costs no cryptography, and what passes is still not believed. */
function checkToken(
  { alg, claims }: UnverifiedToken,
  config: TrustedIssuer,
  now: Instant,
  toleranceMs: number,
): string | undefined {
  if (!config.algorithms.includes(alg)) return 'its algorithm is not one of the issuer'
  return checkClaims(claims, config.audience, now, toleranceMs)
}
