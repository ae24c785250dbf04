// What of a document becomes the config of sessions beside its issuers.
import type { ForwardedClaim, OtpProof } from '../core/policy.ts'
import type { EventsConfig, OpaqueConfig, SessionConfig } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import type { ConfigDocument } from './schema.ts'

type SessionDocument = ConfigDocument['session']
type Resolve = (path: string) => string

export function sessionExtrasOf(
  session: SessionDocument,
  absolute: Resolve,
): Omit<SessionConfig, 'issuers' | 'clockToleranceMs' | 'countryCode' | 'budget'> {
  const { from, remember, opaque, events, dpop } = session
  return {
    from: [...new Set(from)],
    rememberedMax: remember,
    ...(opaque === undefined ? {} : { opaque: opaqueOf(opaque, absolute) }),
    ...(events === undefined ? {} : { events: eventsOf(events, absolute) }),
    dpop: {
      origins: dpop.origins.map((origin) => new URL(origin).origin),
      nonce: dpop.nonce,
      maxAgeMs: dpop.maxAge,
      algorithms: [...new Set(dpop.algorithms)],
    },
  }
}

function opaqueOf(opaque: NonNullable<SessionDocument['opaque']>, absolute: Resolve): OpaqueConfig {
  const { issuer, audience, otp, introspection, redis } = opaque
  const common = {
    issuer,
    ...(audience === undefined ? {} : { audience }),
    otpAmr: [...new Set(otp?.amr ?? DEFAULTS.session.otpAmr)],
    ...otpExtrasOf({ acr: otp?.acr ?? [], time: otp?.time }),
  }
  if (introspection !== undefined) {
    const { url, clientId, secretFile, timeout, cache } = introspection
    const usual = DEFAULTS.session.introspection
    return {
      ...common,
      cacheMs: cache ?? usual.cacheMs,
      by: { url, clientId, secretFile: absolute(secretFile), timeoutMs: timeout ?? usual.timeoutMs },
    }
  }
  if (redis === undefined) throw new TypeError('session.opaque names neither introspection nor redis')
  const { url, passwordFile, key, timeout, cache } = redis
  return {
    ...common,
    cacheMs: cache ?? DEFAULTS.session.redis.cacheMs,
    by: {
      redis: url,
      key,
      timeoutMs: timeout ?? DEFAULTS.session.redis.timeoutMs,
      ...(passwordFile === undefined ? {} : { passwordFile: absolute(passwordFile) }),
    },
  }
}

function eventsOf(events: NonNullable<SessionDocument['events']>, absolute: Resolve): EventsConfig {
  const { listen, tls, responder, keyFile, transmitters } = events
  return {
    listen: 'path' in listen ? { path: absolute(listen.path) } : listen,
    ...(tls === undefined ? {} : { tls: { cert: absolute(tls.cert), key: absolute(tls.key) } }),
    responder,
    keyFile: absolute(keyFile),
    transmitters: transmitters.map(({ issuer, jwks, algorithms, audience, speaksFor }) => ({
      issuer,
      jwks: jwks.file === undefined ? { url: jwks.url ?? '' } : { file: absolute(jwks.file) },
      algorithms: [...new Set(algorithms)],
      audience,
      speaksFor: [...new Set(speaksFor ?? [issuer])],
    })),
  }
}

export function otpExtrasOf(otp: { readonly acr: readonly string[]; readonly time?: string | undefined }): {
  otpAcr?: readonly string[]
  otpTimeClaim?: string
} {
  return {
    ...(otp.acr.length === 0 ? {} : { otpAcr: [...new Set(otp.acr)] }),
    ...(otp.time === undefined ? {} : { otpTimeClaim: otp.time.slice('claim.'.length) }),
  }
}

/** What is said of a route's OTP, or nothing. */
export function routeOtpOf(
  otp:
    | {
        readonly amr?: readonly (string | undefined)[] | undefined
        readonly acr?: readonly (string | undefined)[] | undefined
      }
    | undefined,
): { otp?: OtpProof } {
  const texts = (list: readonly (string | undefined)[] = []) => [...new Set(list.filter((each) => each !== undefined))]
  return otp === undefined ? {} : { otp: { amr: texts(otp.amr), acr: texts(otp.acr) } }
}

/** Claims that the upstream is told, by field name. */
export function forwardedClaimsOf(claims: Readonly<Record<string, string | undefined>> | undefined): {
  forwardClaims?: readonly ForwardedClaim[]
} {
  const forwardClaims = Object.entries(claims ?? {}).flatMap(([field, claim]) =>
    claim === undefined ? [] : [{ field, claim: claim.slice('claim.'.length) }],
  )
  return forwardClaims.length === 0 ? {} : { forwardClaims }
}
