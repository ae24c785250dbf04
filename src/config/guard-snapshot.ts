// The guard snapshot as it is read back from disk at start.
import { z } from 'zod'
import { ROLES } from '../core/responder.ts'
import { OWN_ENDPOINTS } from '../core/policy.ts'
import type { GuardSnapshot } from './check-reload.ts'

const source = z.object({ in: z.enum(['param', 'query', 'header', 'body']), name: z.string() })
const limit = z.object({ count: z.number(), periodMs: z.number() })
const texts = z.array(z.string())

const snapshot = z.object({
  control: z.object({
    responders: z.array(
      z.object({ name: z.string(), role: z.enum(ROLES), key: z.string(), retiredAt: z.number().exactOptional() }),
    ),
    releaseApprovals: z.number(),
  }),
  gateway: z.object({ trustedProxies: texts }).exactOptional(),
  store: z.object({ dir: z.string(), fleet: z.string().exactOptional() }),
  routes: z.array(
    z.object({
      id: z.string(),
      path: z.string(),
      methods: texts,
      upstream: z.string(),
      tags: texts,
      policy: z.object({
        lock: z.enum(['open', 'deny', 'read-only', 'step-up']),
        session: z.object({
          level: z.enum(['none', 'optional', 'required']),
          otp: z.object({ amr: texts, acr: texts }).exactOptional(),
          binding: z.enum(['none', 'dpop', 'mtls']).exactOptional(),
          maxAgeMs: z.number().exactOptional(),
          bind: z.array(z.object({ source, claim: z.string() })),
          number: z.array(source).exactOptional(),
        }),
        stale: z.enum(['frozen', 'read-only', 'serve']),
        audit: z.enum(['strict', 'best-effort', 'off']),
        detail: z.object({ request: z.array(source), response: texts }).exactOptional(),
        throttle: z.object({
          requests: limit.exactOptional(),
          subjects: limit.exactOptional(),
          budgets: z.array(limit).exactOptional(),
          people: z.enum(['enforce', 'observe', 'off']).exactOptional(),
          attempt: z.enum(['login', 'otp-verify', 'otp-request']).exactOptional(),
          target: source.exactOptional(),
        }),
        subjects: z.array(source),
        forwardAuthorization: z.boolean(),
        forwardClaims: z.array(z.object({ field: z.string(), claim: z.string() })).exactOptional(),
        bodyBytesMax: z.number().exactOptional(),
        response: z
          .object({
            owner: z.array(z.object({ pointer: z.string(), claim: z.string() })),
            number: texts,
            subjects: texts,
            unknown: z.enum(['refuse', 'pass']),
            bytesMax: z.number(),
          })
          .exactOptional(),
        own: z.enum(OWN_ENDPOINTS).exactOptional(),
        subjectsPresumed: z.boolean().exactOptional(),
        ignoreCase: z.boolean().exactOptional(),
        trailingSlash: z.enum(['exact', 'either']).exactOptional(),
      }),
    }),
  ),
  audit: z.object({ pseudonymKeyFile: z.string() }),
})

/** A snapshot that was written by JSON.stringify(snapshotOf(config)); undefined where the text is none. */
export function parseSnapshot(text: string): GuardSnapshot | undefined {
  try {
    return snapshot.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
