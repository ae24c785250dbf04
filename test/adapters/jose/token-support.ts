// Tokens signed by hand, so that they can be wrong in every way, and a verifier with a clock that the test turns.
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createPseudonymKey, createPseudonyms } from '../../../src/adapters/node/pseudonyms.ts'
import {
  createTokenVerifier,
  type TokenVerifierOptions,
  type TrustedIssuer,
} from '../../../src/adapters/jose/token-verifier.ts'
import type { Session } from '../../../src/core/session.ts'
import type { Logger } from '../../../src/ports/logger.ts'
import type { Verification } from '../../../src/ports/token-verifier.ts'

export const ISSUER = 'https://otp.registry.example'
export const AUDIENCE = 'registry'
/** Seconds. */
export const NOW = 1_700_000_000
export const TOLERANCE_MS = 30_000

export const pseudonyms = createPseudonyms(createPseudonymKey(new Uint8Array(32).fill(9)))

export type Jwk = Record<string, unknown>
export interface TestKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: Jwk
}

const KINDS = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}

export function makeKey(alg: keyof typeof KINDS, kid: string): TestKey {
  const { privateKey, publicKey } = KINDS[alg]()
  return { kid, alg, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

export function signBytes(input: string, key: TestKey): string {
  const bytes = Buffer.from(input)
  if (key.alg === 'EdDSA') return sign(null, bytes, key.privateKey).toString('base64url')
  return sign(`sha${key.alg.slice(2)}`, bytes, { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

export const CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: '999941057058',
  sid: 'login-1',
  iat: NOW - 60,
  auth_time: NOW - 60,
  exp: NOW + 900,
  amr: ['otp', 'sms'],
  beneficiary_ids: ['b-1', 'b-2'],
}

/** `header` and `claims` replace what stands there; a member that is undefined is left out; text stands as it is. */
export function makeToken(key: TestKey, claims: object | string = {}, header: object | string = {}): string {
  const head = typeof header === 'string' ? header : { alg: key.alg, kid: key.kid, typ: 'JWT', ...header }
  const input = `${encode(head)}.${encode(typeof claims === 'string' ? claims : { ...CLAIMS, ...claims })}`
  return `${input}.${signBytes(input, key)}`
}

export interface LoggedLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

export type OpenOptions = Partial<TokenVerifierOptions> & {
  readonly issuer?: Partial<TrustedIssuer>
  readonly fromDisk?: boolean
}

/** The keys are those of a file in memory, which the test may change; `fromDisk` reads the real one. */
export function openVerifier(keys: readonly Jwk[], { issuer: own, fromDisk = false, ...options }: OpenOptions = {}) {
  const clock = { now: NOW * 1000 }
  const lines: LoggedLine[] = []
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push({ level, message, fields })
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const file = { keys }
  const issuer: TrustedIssuer = {
    issuer: ISSUER,
    jwks: { file: 'jwks.json' },
    algorithms: ['ES256'],
    audience: AUDIENCE,
    otpAmr: ['otp', 'sms'],
    ...own,
  }
  const verifier = createTokenVerifier({
    issuers: [issuer],
    clockToleranceMs: TOLERANCE_MS,
    pseudonyms,
    now: () => clock.now,
    logger,
    cache: { entriesMax: 1000 },
    ...(fromDisk ? {} : { readFile: async () => Buffer.from(JSON.stringify(file)) }),
    ...options,
  })
  const verify = (token: string): Verification | Promise<Verification> => verifier.verify(token, clock.now)
  return { clock, lines, file, verifier, verify }
}

export function sessionOf(verification: Verification): Session {
  if (!('session' in verification)) throw new Error(`refused: ${verification.detail}`)
  return verification.session
}
