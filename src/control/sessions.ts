// Who may read: the holder of the read token, or a responder who has opened a session by a signed login (contract, 5).
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Responder } from '../core/responder.ts'
import type { Instant } from '../core/time.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import { isOriginOf } from './check-host.ts'
import type { ControlSettings } from './control-deps.ts'

export type Caller =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'machine' }
  | { readonly kind: 'responder'; readonly responder: Responder }

export const SESSION_MS = 15 * 60_000
export const NONCE_MS = 120_000
const LOGIN_SKEW_MS = 60_000
const SESSIONS_MAX = 1000

export interface Sessions {
  /** A nonce that is taken once, within two minutes. Nothing is kept for one that is never used. */
  nonce(): string
  /** What is wrong with a login whose signature holds, or undefined; a nonce that was right is used up. */
  checkLogin(payload: unknown, by: Responder, host: string): string | undefined
  /** A new bearer token. */
  open(by: Responder): string
  /** Ends the session, if it is one. */
  close(token: string): void
  /** Who the bearer of the token is; undefined where it opens nothing. */
  find(token: string): Caller | undefined
}

interface Session {
  readonly responder: Responder
  readonly expiresAtMs: number
}

export function createSessions(clock: Clock, randomness: Randomness, settings: () => ControlSettings): Sessions {
  const nonces = createNonces(clock, randomness)
  // By the token's hash: what is kept opens nothing, and looking it up tells nothing by its time.
  const sessions = new Map<string, Session>()
  return {
    nonce: () => nonces.make(),
    checkLogin(payload, by, host) {
      if (isRetired(by, clock.now())) return `${by.name} has been retired`
      return (
        loginProblem(payload, by, { host, now: clock.now() }) ??
        (nonces.take((payload as { nonce: string }).nonce)
          ? undefined
          : 'nonce is unknown, used or too old: ask for a new one')
      )
    },
    open(responder) {
      const token = randomness.hex(32)
      for (const [hash, session] of sessions) {
        if (sessions.size >= SESSIONS_MAX || session.expiresAtMs <= clock.monotonicMs()) sessions.delete(hash)
      }
      sessions.set(hashOf(token), { responder, expiresAtMs: clock.monotonicMs() + SESSION_MS })
      return token
    },
    close(token) {
      sessions.delete(hashOf(token))
    },
    find(token) {
      const { readTokenSha256, responders } = settings()
      if (readTokenSha256 !== undefined && isSameText(hashOf(token), readTokenSha256)) return { kind: 'machine' }
      const session = sessions.get(hashOf(token))
      if (session === undefined || session.expiresAtMs <= clock.monotonicMs()) return undefined
      // As they stand in the config now: whoever was taken out, retired or given another role is judged by that.
      const responder = responders.find(
        ({ name, key }) => name === session.responder.name && key === session.responder.key,
      )
      return responder === undefined || isRetired(responder, clock.now()) ? undefined : { kind: 'responder', responder }
    },
  }
}

function isRetired(responder: Responder, now: Instant): boolean {
  return responder.retiredAt !== undefined && responder.retiredAt <= now
}

function loginProblem(
  payload: unknown,
  by: Responder,
  { host, now }: { host: string; now: Instant },
): string | undefined {
  if (typeof payload !== 'object' || payload === null) return 'the payload must be a JSON object'
  const { iss, aud, nonce, iat, exp } = payload as Readonly<Record<string, unknown>>
  if (iss !== by.name) return 'iss must be the name of the responder who signs'
  if (typeof aud !== 'string' || !isOriginOf(aud, host)) {
    return 'aud must be the origin of this control plane, as it was asked for'
  }
  if (typeof nonce !== 'string') return 'nonce must be one of GET /api/v1/login/nonce'
  if (typeof iat !== 'number' || !(Math.abs(now - iat * 1000) <= LOGIN_SKEW_MS))
    return `iat must be within ${LOGIN_SKEW_MS / 1000} s of the gateway's clock`
  if (exp !== undefined && !(typeof exp === 'number' && exp * 1000 > now)) return 'exp has passed'
  return undefined
}

interface Nonces {
  make(): string
  take(nonce: string): boolean
}

/** `<expiry>.<random>.<MAC>`: only the used ones are kept, and each of those was signed by a responder. */
function createNonces(clock: Clock, randomness: Randomness): Nonces {
  const key = Buffer.from(randomness.hex(32), 'hex')
  const used = new Map<string, number>()
  const macOf = (text: string): string => createHmac('sha256', key).update(text).digest('base64url')
  return {
    make() {
      const text = `${Math.ceil(clock.monotonicMs() + NONCE_MS)}.${randomness.hex(8)}`
      return `${text}.${macOf(text)}`
    },
    take(nonce) {
      const now = clock.monotonicMs()
      for (const [each, expiresMs] of used) if (expiresMs <= now) used.delete(each)
      const text = nonce.slice(0, nonce.lastIndexOf('.'))
      const expiresMs = Number(text.split('.')[0])
      if (!isSameText(nonce, `${text}.${macOf(text)}`) || !(expiresMs > now) || used.has(nonce)) return false
      used.set(nonce, expiresMs)
      return true
    },
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** In a time that does not tell where they differ. */
function isSameText(one: string, two: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(one)), Buffer.from(hashOf(two)))
}
