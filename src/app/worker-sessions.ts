// How a data-plane thread verifies sessions: JWTs by their issuers' keys, opaque ones by a look-up, proofs of possession.
import { readFile } from 'node:fs/promises'
import { createOpaqueVerifier } from '../adapters/jose/opaque-verifier.ts'
import { createProofVerifier } from '../adapters/jose/proof-verifier.ts'
import { createTokenVerifier, type RefreshingTokenVerifier } from '../adapters/jose/token-verifier.ts'
import { createIntrospection } from '../adapters/node/introspection.ts'
import type { Config, OpaqueConfig, SessionConfig } from '../config/config.ts'
import { compileFieldRules } from '../gateway/upstream-fields.ts'
import type { Carriers } from '../gateway/credentials.ts'
import { spelledAlike } from '../gateway/field-spelling.ts'
import type { Settings } from '../gateway/gateway.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { ProofVerifier } from '../ports/proof-verifier.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { SessionLookup } from '../ports/session-lookup.ts'
import type { TokenVerifier } from '../ports/token-verifier.ts'
import type { FleetTally } from '../ports/fleet-tally.ts'
import type { ReplaySlab } from '../throttle/replay-slab.ts'

export interface SessionDeps {
  readonly clock: Clock
  readonly pseudonyms: Pseudonyms
  readonly logger: Logger
  readonly randomness: Randomness
  readonly replays: ReplaySlab
  /** In a fleet. */
  readonly tally?: FleetTally | undefined
}

export interface OpenedSessions extends RefreshingTokenVerifier {
  /** Ends the connections of look-ups. */
  close(): Promise<void>
}

/** Rejects with an Error of one line for a file or an address that is no good. */
export async function openSessions(
  session: SessionConfig,
  claims: readonly string[],
  deps: SessionDeps,
): Promise<OpenedSessions> {
  const common = {
    clockToleranceMs: session.clockToleranceMs,
    claims,
    pseudonyms: deps.pseudonyms,
    logger: deps.logger,
  }
  const signed = createTokenVerifier({
    ...common,
    issuers: session.issuers,
    now: () => deps.clock.now(),
    cache: { entriesMax: session.rememberedMax },
  })
  const { opaque } = session
  if (opaque === undefined) return { ...signed, close: () => Promise.resolve() }
  const lookup = await openLookup(opaque, deps)
  const looked = createOpaqueVerifier({
    ...common,
    lookup,
    rules: opaque,
    cacheMs: opaque.cacheMs,
    entriesMax: session.rememberedMax,
  })
  return { ...byShape(signed, looked), refresh: () => signed.refresh(), close: () => lookup.close() }
}

/** A JWS has two dots (RFC 7515, 3.1), and is judged as one: no look-up makes up for a signature that does not hold. */
function byShape(signed: TokenVerifier, looked: TokenVerifier): TokenVerifier {
  return { verify: (token, now) => (isJws(token) ? signed : looked).verify(token, now) }
}

function isJws(token: string): boolean {
  const first = token.indexOf('.')
  return first !== -1 && token.indexOf('.', first + 1) !== -1
}

async function openLookup(opaque: OpaqueConfig, { randomness }: SessionDeps): Promise<SessionLookup> {
  const { by } = opaque
  try {
    if ('url' in by) return await createIntrospection(by)
    // Loaded where it is asked for: a worker without it starts faster.
    const { createSessionLookup } = await import('../adapters/redis/session-lookup.ts')
    const password = by.passwordFile === undefined ? undefined : (await readFile(by.passwordFile, 'utf8')).trim()
    return createSessionLookup({
      url: by.redis,
      key: by.key,
      timeoutMs: by.timeoutMs,
      fraction: () => randomness.fraction(),
      ...(password === undefined ? {} : { password }),
    })
  } catch (error) {
    throw new Error(`session.opaque: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

export function openProofs({ dpop, clockToleranceMs }: SessionConfig, deps: SessionDeps): ProofVerifier {
  const { pseudonyms, replays, tally } = deps
  return createProofVerifier({
    ...dpop,
    clockToleranceMs,
    pseudonyms,
    // Here first: most of what comes again comes to where it was.
    use: (name, now, until) => {
      const use = replays.use(name, now, until)
      // As long as any gateway would take it, whose clock is slow.
      return use === 'first' && tally !== undefined
        ? tally.once(name, (until - now) * 1000 + 2 * clockToleranceMs + 1_000)
        : use
    },
  })
}

/** What of the session the stages before and after it read. */
export function fieldSettingsOf({ session, routes }: Config): Pick<Settings, 'carriers' | 'fieldRules'> {
  const carriers = carriersOf(session.from)
  const fieldRules = compileFieldRules(routes, carriers)
  return { ...(carriers && { carriers }), ...(fieldRules && { fieldRules }) }
}

function carriersOf(from: readonly string[]): Carriers | undefined {
  const named = (kind: string): readonly string[] =>
    from.flatMap((each) => (each.startsWith(`${kind}.`) ? [each.slice(kind.length + 1)] : []))
  const bearer = from.includes('bearer')
  const cookies = named('cookie')
  const headers = named('header').map((name) => spelledAlike(name.toLowerCase()))
  return bearer && cookies.length + headers.length === 0 ? undefined : { bearer, cookies, headers }
}

/** Whether callers of this listener are asked for a certificate that any authority, or none, has signed. */
export function asksForCertificates({ routes }: Config): boolean {
  return routes.some(({ policy }) => policy.session.binding === 'mtls')
}
