// One issuer's keys: read at start, kept current, and kept as they last were where their source fails.
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import { parseKeySet, type VerificationKey } from './key-set.ts'
import { fetchKeySet, readKeyFile, type Fetch, type ReadFile } from './read-key-set.ts'

export interface KeySource {
  /** Usable now; empty until the first reading. */
  readonly keys: readonly VerificationKey[]
  /** What is wrong with the last reading, or with what it gave. */
  readonly problem: string | undefined
  /** Whether the last reading failed, so that the keys may be out of date. */
  readonly isDoubtful: boolean
  /** Reads the file; fetches the address where that is due. Never rejects. */
  refresh(): Promise<void>
  /** A token names a key that is not here: looks again, but not more often than an attacker should be able to make it. Never rejects. */
  renew(): Promise<void>
}

export interface KeySourceOptions {
  readonly issuer: string
  readonly jwks: { readonly file: string } | { readonly url: string }
  readonly algorithms: readonly string[]
  readonly now: () => Instant
  readonly logger: Logger
  readonly readFile?: ReadFile
  readonly fetch?: Fetch
  readonly fetchTimeoutMs?: number
}

const FETCH_TIMEOUT_MS = 5_000
/** The least time between two fetches for the sake of an unknown kid, or after a failure. */
const RENEW_MS = 30_000
/** How old a fetched set may get: so long can a key that the issuer withdrew still count. */
const REFRESH_MS = 300_000
/** With no key at all nobody gets in: then the first retries come sooner, 1 s, 2 s, 4 s and so on. */
const RETRY_MS = 1_000

export function createKeySource(options: KeySourceOptions): KeySource {
  const { jwks, now, logger } = options
  const isFile = 'file' in jwks
  const place = isFile ? jwks.file : jwks.url
  let bytes: Uint8Array | undefined
  let keys: readonly VerificationKey[] = []
  let problem: string | undefined
  let setProblem: string | undefined
  let failures = 0
  let attemptedAt: Instant | undefined
  let pending: Promise<void> | undefined

  const read = (): Promise<Uint8Array> =>
    isFile
      ? (options.readFile ?? readKeyFile)(jwks.file)
      : fetchKeySet(jwks.url, options.fetch ?? fetch, options.fetchTimeoutMs ?? FETCH_TIMEOUT_MS)

  const report = (found: string | undefined): void => {
    if (found === problem) return
    problem = found
    if (found === undefined) logger.info('the key set of an issuer is well again', { issuer: options.issuer })
    else
      logger.warn('the key set of an issuer needs mending', {
        issuer: options.issuer,
        problem: found,
        keys: keys.length,
      })
  }

  const load = async (): Promise<void> => {
    attemptedAt = now()
    try {
      const fresh = await read()
      if (bytes === undefined || Buffer.compare(bytes, fresh) !== 0) {
        const set = await parseKeySet(fresh, options.algorithms)
        if (set === undefined) throw new Error('not a JSON Web Key Set (RFC 7517)')
        keys = replaceKeys(keys, set.keys)
        bytes = fresh
        const empty =
          keys.length > 0 ? [] : [`no key of it can verify ${options.algorithms.join(', ')}`, ...set.ignored]
        setProblem = [...empty, ...set.problems].map((each) => `${place}: ${each}`).join('; ') || undefined
      }
      failures = 0
      report(setProblem)
    } catch (error) {
      failures += 1
      report(`${place}: ${messageOf(error)}`)
    }
  }

  const loadOnce = (): Promise<void> =>
    (pending ??= load().finally(() => {
      pending = undefined
    }))

  const isDue = (waitMs: number): boolean => attemptedAt === undefined || hasPassed(waitMs, attemptedAt, now())
  const retryMs = (): number => retryAfterMs(keys.length > 0, failures)

  return {
    get keys() {
      return keys
    },
    get problem() {
      return problem
    },
    get isDoubtful() {
      return attemptedAt === undefined || failures > 0
    },
    refresh: async () => {
      if (pending !== undefined || isFile || isDue(failures > 0 ? retryMs() : REFRESH_MS)) await loadOnce()
    },
    renew: async () => {
      if (pending !== undefined || isDue(failures > 0 ? retryMs() : RENEW_MS)) await loadOnce()
    },
  }
}

/** A clock that was set back does not put the next reading off for as long. */
function hasPassed(waitMs: number, since: Instant, now: Instant): boolean {
  return now - since >= waitMs || now < since
}

function retryAfterMs(hasKeys: boolean, failures: number): number {
  return hasKeys ? RENEW_MS : Math.min(RENEW_MS, RETRY_MS * 2 ** Math.max(0, failures - 1))
}

/** Keys that stay keep their identity, so that the tokens verified with them stay remembered; those that go are retired. */
function replaceKeys(
  before: readonly VerificationKey[],
  after: readonly VerificationKey[],
): readonly VerificationKey[] {
  const kept = after.map((key) => before.find((old) => old.id === key.id) ?? key)
  for (const old of before) if (!kept.includes(old)) old.retired = true
  return kept
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error)
  const cause = 'cause' in error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : ''
  return `${String(error.message)}${cause}`
}
