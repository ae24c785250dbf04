// Security event tokens (RFC 8417), verified with the keys of who may send them.
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import type { EventVerification, EventVerifier } from '../../ports/event-verifier.ts'
import { findKey, type VerificationKey } from './key-set.ts'
import { createKeySource, type KeySource } from './key-source.ts'
import type { Fetch } from './read-key-set.ts'
import { parseStrictObject } from './strict-json.ts'
import { isSignedBy, parseJws, TOKEN_BYTES_MAX } from './token.ts'

interface Transmitter {
  readonly issuer: string
  readonly jwks: { readonly file: string } | { readonly url: string }
  readonly algorithms: readonly string[]
  readonly audience: string
  readonly speaksFor: readonly string[]
}

export interface EventVerifierOptions {
  readonly transmitters: readonly Transmitter[]
  readonly clockToleranceMs: number
  readonly now: () => Instant
  readonly logger: Logger
  readonly fetch?: Fetch
}

export interface RefreshingEventVerifier extends EventVerifier {
  /** Reads the key files anew and fetches what is due. Never rejects; resolves with what is wrong now. */
  refresh(): Promise<readonly { readonly from: 'file' | 'url'; readonly detail: string }[]>
}

/** RFC 8417, 2.3: by its own type, so that no token of another kind is taken for an event. */
const TYPES = ['secevent+jwt', 'application/secevent+jwt']

export function createEventVerifier(options: EventVerifierOptions): RefreshingEventVerifier {
  const sources = new Map(
    options.transmitters.map((transmitter) => [
      transmitter.issuer,
      { transmitter, source: createKeySource({ ...options, ...transmitter }) },
    ]),
  )
  return {
    verify: async (token, now) => {
      if (token.length > TOKEN_BYTES_MAX) return refuse('invalid_request', 'it is too long')
      const jws = parseJws(token, TYPES)
      if (typeof jws === 'string') return refuse('invalid_request', jws)
      const claims = parseStrictObject(jws.payload)
      if (claims === undefined) return refuse('invalid_request', 'its payload is no JSON object without duplicates')
      const known = typeof claims.iss === 'string' ? sources.get(claims.iss) : undefined
      if (known === undefined) return refuse('invalid_issuer', 'its issuer may not send events here')
      const { transmitter, source } = known
      if (!transmitter.algorithms.includes(jws.alg)) return refuse('invalid_key', "its algorithm is not the issuer's")
      const problem = checkEvent(claims, transmitter.audience, now + options.clockToleranceMs)
      if (problem !== undefined) return problem
      const key = await obtainKey(source, jws.alg, jws.kid)
      if (typeof key === 'string') return refuse(key, 'it cannot be verified with a key of its issuer')
      if (!(await isSignedBy(jws, key)) || key.retired) return refuse('invalid_key', 'its signature does not hold')
      return { transmitter: transmitter.issuer, jti: claims.jti as string, speaksFor: transmitter.speaksFor, claims }
    },
    refresh: async () => {
      const all = [...sources.values()]
      await Promise.all(all.map(({ source }) => source.refresh()))
      return all.flatMap(({ source, transmitter }) =>
        source.problem === undefined
          ? []
          : [{ from: 'file' in transmitter.jwks ? ('file' as const) : ('url' as const), detail: source.problem }],
      )
    },
  }
}

/** RFC 8417, 2.2: `aud`, `jti` and `iat`; there is no `exp`, since what has happened stays so. */
function checkEvent(
  { aud, jti, iat }: Readonly<Record<string, unknown>>,
  audience: string,
  latest: Instant,
): EventVerification | undefined {
  if (![aud].flat().includes(audience)) return refuse('invalid_audience', 'it is for somebody else')
  if (typeof jti !== 'string' || jti === '') return refuse('invalid_request', 'it has no jti')
  return typeof iat === 'number' && iat * 1000 <= latest
    ? undefined
    : refuse('invalid_request', 'its iat is no time until now')
}

async function obtainKey(
  source: KeySource,
  alg: string,
  kid: string | undefined,
): Promise<VerificationKey | 'invalid_key' | 'unavailable'> {
  let key = findKey(source.keys, alg, kid)
  if (key === undefined) {
    await source.renew()
    key = findKey(source.keys, alg, kid)
  }
  if (key !== undefined && key !== 'ambiguous') return key
  return key === undefined && source.isDoubtful ? 'unavailable' : 'invalid_key'
}

function refuse(
  refused: Extract<EventVerification, { refused: unknown }>['refused'],
  detail: string,
): EventVerification {
  return { refused, detail }
}
