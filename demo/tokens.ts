// The registry's own session tokens: ES256 JWTs (RFC 7519) that say how and when the citizen proved who they are.
import { randomUUID } from 'node:crypto'
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  SignJWT,
  type JSONWebKeySet,
  type JWK,
} from 'jose'
import type { Household } from './population.ts'

export const tokenIssuer = 'https://otp.registry.example'
export const tokenAudience = 'registry'
const lifetimeSeconds = 900

export type TokenDesk = { jwks: JSONWebKeySet; issue(household: Household): Promise<string> }

/** Creates a desk that signs with `signingKey` (a private P-256 JWK; a fresh one when absent); `now` in epoch ms. */
export async function createTokenDesk(now: () => number, signingKey?: JWK): Promise<TokenDesk> {
  const secret = signingKey ?? (await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey))
  const key = await importJWK(secret, 'ES256')
  const { kty, crv, x, y } = secret
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined)
    throw new TypeError('a P-256 key is needed')
  const kid = await calculateJwkThumbprint({ kty, crv, x, y })

  return {
    jwks: { keys: [{ kty, crv, x, y, kid, use: 'sig', alg: 'ES256' }] },
    issue(household) {
      const seconds = Math.floor(now() / 1000)
      const claims = {
        sid: randomUUID(),
        auth_time: seconds,
        amr: ['otp', 'sms'], // RFC 8176
        beneficiary_ids: household.members.map((member) => member.beneficiaryId),
      }
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .setIssuer(tokenIssuer)
        .setAudience(tokenAudience)
        .setSubject(household.subject)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + lifetimeSeconds)
        .sign(key)
    },
  }
}
