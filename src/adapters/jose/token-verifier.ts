// Judges bearer tokens with jose, and remembers those that held.
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import type { TokenVerifier, Verification } from '../../ports/token-verifier.ts'
import { checkClaims, type ClaimRules } from './claims.ts'
import { createJudge, invalid, type Proven } from './judge-token.ts'
import { isSupportedAlgorithm } from './key-set.ts'
import { createKeySource, type KeySource } from './key-source.ts'
import { createSessionPacking } from './pack-session.ts'
import type { Fetch, ReadFile } from './read-key-set.ts'
import { createTokenMemory } from './token-memory.ts'
import { nameToken, twinOf } from './token-name.ts'
import { parseToken, TOKEN_BYTES_MAX, type UnverifiedToken } from './token.ts'

/** An issuer as the config has it. */
export interface TrustedIssuer extends ClaimRules {
  readonly jwks: { readonly file: string } | { readonly url: string }
  readonly algorithms: readonly string[]
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
  const remembered = createTokenMemory<Proven>({ ...options.cache, ...createSessionPacking(options.claims) })
  const underWay = new Map<string, Promise<Verification>>()

  const judgeOnce = async (name: string, issuer: Issuer, parsed: UnverifiedToken): Promise<Verification> => {
    const verdict = await judge({ parsed, rules: issuer.config, source: issuer.source })
    if (!('session' in verdict)) return verdict
    // Only what held is remembered: a flood of tokens that do not hold can evict nothing.
    remembered.set(name, verdict)
    return verdict
  }

  const recall = (name: string, now: Instant): Proven | undefined => {
    const known = remembered.get(name)
    if (known === undefined || (!known.key.retired && now < known.session.expiresAt)) return known
    remembered.delete(name)
    return undefined
  }

  return {
    verify: (token, now) => {
      if (token.length > TOKEN_BYTES_MAX) return invalid(`it is longer than ${TOKEN_BYTES_MAX} bytes`)
      const name = nameToken(token)
      const known = recall(name, now)
      if (known !== undefined) return known
      const parsed = parseToken(token)
      if (typeof parsed === 'string') return invalid(parsed)
      const issuer = issuers.get(parsed.claims.iss)
      if (issuer === undefined) return invalid('its issuer is not trusted')
      const problem = checkToken(parsed, issuer.config, now, options.clockToleranceMs)
      if (problem !== undefined) return invalid(problem)
      const twin = twinOf(token, parsed.alg, parsed.signature)
      const twinName = twin === undefined ? undefined : nameToken(twin)
      const same = twinName === undefined ? undefined : recall(twinName, now)
      if (same !== undefined) return same
      const judging = underWay.get(name) ?? underWay.get(twinName ?? name)
      if (judging !== undefined) return judging
      const verification = judgeOnce(name, issuer, parsed)
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
  return checkClaims(claims, config, now, toleranceMs)
}
