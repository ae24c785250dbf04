// Sessions of the gateway's own one-time passwords: ES256 JWTs (RFC 7519, RFC 8176) by keys that change with each period.
import { randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, SignJWT, type CryptoKey } from 'jose'
import type { Instant } from '../../core/time.ts'
import type { SessionIssuer } from '../../ports/otp.ts'

export interface SessionIssuerOptions {
  readonly issuer: string
  readonly audience: string
  readonly sessionMs: number
  readonly rotateMs: number
  /** A private P-256 JWK for each period since 1970. */
  readonly keyOf: (period: number) => Readonly<Record<'kty' | 'crv' | 'x' | 'y' | 'd', string>>
}

interface SigningKey {
  readonly kid: string
  readonly key: CryptoKey
  readonly jwk: Readonly<Record<string, string>>
}

/** Periods whose public keys are told: what was issued may still be valid, and clocks of a fleet differ. */
const TOLD = [-1, 0, 1] as const

export function createSessionIssuer(options: SessionIssuerOptions): SessionIssuer {
  const { issuer, audience, sessionMs, rotateMs } = options
  const known = new Map<number, Promise<SigningKey>>()
  const at = (period: number): Promise<SigningKey> => {
    let key = known.get(period)
    if (key === undefined) {
      for (const old of known.keys()) if (old < period - 2) known.delete(old)
      known.set(period, (key = open(options.keyOf(period))))
    }
    return key
  }
  const periodOf = (now: Instant): number => Math.floor(now / rotateMs)
  return {
    async issue({ subject, number }, now) {
      const { kid, key } = await at(periodOf(now))
      const seconds = Math.floor(now / 1000)
      const claims = {
        sid: randomUUID(),
        auth_time: seconds,
        amr: ['otp'],
        ...(number === undefined ? {} : { otp_number: number }),
      }
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + Math.floor(sessionMs / 1000))
        .sign(key)
    },
    async keys(now) {
      const period = periodOf(now)
      const keys = await Promise.all(TOLD.map((offset) => at(period + offset)))
      return { keys: keys.map(({ jwk }) => jwk) }
    },
  }
}

async function open(secret: ReturnType<SessionIssuerOptions['keyOf']>): Promise<SigningKey> {
  const { kty, crv, x, y } = secret
  const kid = await calculateJwkThumbprint({ kty, crv, x, y })
  const key = await importJWK(secret, 'ES256')
  if (key instanceof Uint8Array) throw new TypeError('not a private key')
  return { kid, key, jwk: { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' } }
}
