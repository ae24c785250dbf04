// Opaque sessions: looked up (RFC 7662, or a Redis), judged by the same rules as a JWT's claims, and remembered for a short while.
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Session } from '../../core/session.ts'
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import type { SessionLookup } from '../../ports/session-lookup.ts'
import type { TokenVerifier, Verification } from '../../ports/token-verifier.ts'
import { checkClaims, openSession, type Claims, type ClaimRules } from './claims.ts'
import { nameToken } from './token-name.ts'

export interface OpaqueVerifierOptions {
  readonly lookup: SessionLookup
  readonly rules: Omit<ClaimRules, 'audience'> & { readonly audience?: string }
  /** How long an answer counts, whatever it was. */
  readonly cacheMs: number
  readonly entriesMax: number
  readonly clockToleranceMs: number
  readonly pseudonyms: Pseudonyms
  readonly logger: Logger
  readonly claims?: readonly string[]
  readonly pendingMax?: number
}

const TOKEN_BYTES_MIN = 16
const TOKEN_BYTES_MAX = 4_096
/** Questions at one time: an issuer that hangs must not gather everybody's requests. */
const PENDING_MAX = 256

interface Known {
  readonly verification: Verification
  readonly until: Instant
}

/** What does not hold is remembered apart: a flood of inventions can push out nobody's session. */
export function createOpaqueVerifier(options: OpaqueVerifierOptions): TokenVerifier {
  const { lookup, cacheMs, entriesMax } = options
  const held = new LRUCache<string, Known>({ max: entriesMax })
  const refused = new LRUCache<string, Known>({ max: Math.min(entriesMax, 10_000) })
  const underWay = new Map<string, Promise<Verification>>()
  let isFailing = false

  const ask = async (token: string, name: string, now: Instant): Promise<Verification> => {
    let claims: Claims | undefined
    try {
      claims = await lookup.find(token)
      isFailing = false
    } catch (error) {
      if (!isFailing) options.logger.warn('opaque sessions cannot be looked up', { error: messageOf(error) })
      isFailing = true
      return { refused: 'unavailable', detail: 'the session could not be looked up' }
    }
    const verification = judge(token, claims, now, options)
    const known = { verification, until: now + cacheMs }
    if ('session' in verification) held.set(name, known)
    else refused.set(name, known)
    return verification
  }

  return {
    verify: (token, now) => {
      if (token.length < TOKEN_BYTES_MIN || token.length > TOKEN_BYTES_MAX)
        return { refused: 'invalid', detail: 'it is too short or too long' }
      const name = nameToken(token)
      const known = held.get(name) ?? refused.get(name)
      if (known !== undefined && now < known.until && now >= known.until - cacheMs && !isOver(known, now))
        return known.verification
      const asking = underWay.get(name)
      if (asking !== undefined) return asking
      if (underWay.size >= (options.pendingMax ?? PENDING_MAX))
        return { refused: 'unavailable', detail: 'too many sessions are being looked up' }
      const asked = ask(token, name, now).finally(() => underWay.delete(name))
      underWay.set(name, asked)
      return asked
    },
  }
}

function isOver({ verification }: Known, now: Instant): boolean {
  return 'session' in verification && now >= verification.session.expiresAt
}

/** RFC 7662, 2.2: `exp`, `iss` and `aud` may be absent; what is there must be right. */
function judge(token: string, found: Claims | undefined, now: Instant, options: OpaqueVerifierOptions): Verification {
  if (found === undefined) return { refused: 'invalid', detail: 'there is no such session' }
  const { rules, clockToleranceMs: toleranceMs } = options
  if (found.iss !== undefined && found.iss !== rules.issuer)
    return { refused: 'invalid', detail: 'its issuer is another' }
  const audience = rules.audience ?? ANYBODY
  const claims: Claims = {
    ...found,
    // Asked for anew before that is over.
    ...(found.exp === undefined ? { exp: Math.ceil((now + options.cacheMs) / 1000) } : {}),
    ...(rules.audience === undefined ? { aud: audience } : {}),
  }
  const all = { ...rules, audience }
  const problem = checkClaims(claims, all, now, toleranceMs)
  if (problem !== undefined) return { refused: 'invalid', detail: problem }
  const signingInput = hash('sha256', token, 'base64url')
  const session: Session = openSession(
    { claims, rules: all, signingInput, toleranceMs, keep: options.claims },
    options.pseudonyms,
  )
  return { session }
}

const ANYBODY = 'anybody'

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
