// Being signed in: a challenge signed with the browser's key, a token that lives in this page's memory alone, and an end when idle.
import type { StatusView } from '../../src/ports/control-api.ts'
import type { Role } from '../../src/core/responder.ts'
import { ask, gatewayNow, type Problem } from './api.ts'
import { listKeys, type StoredKey } from './keys.ts'
import { leave, listen } from './listen.ts'
import { isPasskey } from './passkeys.ts'
import { signCompact } from './sign.ts'
import { state } from './state.ts'

const LOGIN_TYP = 'portcullis-login+jwt'
/** Nobody touches the page for so long: it shows nothing more. */
const IDLE_MS = 10 * 60_000
/** The gateway's sessions last a quarter of an hour; who is here and awake signs anew before. */
const RENEW_MS = 12 * 60_000

interface Opened {
  readonly token: string
  readonly name: string
  readonly role: Role
}

let renewing: ReturnType<typeof setInterval> | undefined

/** What is wrong, or undefined. */
export async function signIn(key: StoredKey): Promise<Problem | undefined> {
  const opened = await openSession(key)
  if ('problem' in opened) return opened.problem
  start({ token: opened.token, name: opened.name, role: opened.role, keyId: key.keyId })
  clearInterval(renewing)
  // A passkey signs at a touch alone: whoever signs in by one does so anew when the quarter of an hour is over.
  if (!isPasskey(key)) renewing = setInterval(() => void renew(key), RENEW_MS)
  return undefined
}

async function openSession(key: StoredKey): Promise<Opened | { readonly problem: Problem }> {
  const offered = await ask<{ readonly nonce: string }>('login/nonce')
  if (!offered.ok) return { problem: offered.problem }
  const claims = { aud: location.origin, nonce: offered.body.nonce }
  let login: string
  try {
    login = await signCompact(key, LOGIN_TYP, claims, gatewayNow())
  } catch (error) {
    return { problem: { status: 0, code: 'not-signed', detail: error instanceof Error ? error.message : '' } }
  }
  const opened = await ask<Opened>('login', { login })
  return opened.ok ? opened.body : { problem: opened.problem }
}

async function renew(key: StoredKey): Promise<void> {
  const { session } = state.get()
  if (session === undefined) return
  const opened = await openSession(key)
  // A gateway that is away for a moment is no reason to throw anybody out; one that refuses is.
  if ('problem' in opened) {
    if (opened.problem.status !== 0) signOut('refused')
    return
  }
  const before = session.token
  state.set({ session: { ...session, token: opened.token, role: opened.role } })
  void before
  listen()
}

/** With the read token of a machine: looks, signs nothing. */
export async function signInToLook(token: string): Promise<Problem | undefined> {
  const looked = await ask<StatusView>('status', undefined, { token })
  if (!looked.ok) return looked.problem
  start({ token, role: 'machine' })
  return undefined
}

function start(session: NonNullable<ReturnType<typeof state.get>['session']>): void {
  state.set({ session, ended: undefined })
  listen()
}

export function signOut(why?: 'idle' | 'refused'): void {
  const { session } = state.get()
  clearInterval(renewing)
  if (session === undefined) return
  // What was signed in with a key is ended at the gateway too.
  if (session.role !== 'machine') void ask('logout', {})
  leave()
  state.set({
    session: undefined,
    ended: why,
    status: undefined,
    proof: undefined,
    seconds: [],
    changes: [],
    moments: [],
  })
}

/** The key that signs here now. */
export async function ownKey(): Promise<StoredKey | undefined> {
  const keyId = state.get().session?.keyId
  return keyId === undefined ? undefined : (await listKeys()).find((key) => key.keyId === keyId)
}

/** Ends the session once nobody has touched the page for ten minutes. */
export function watchIdleness(): void {
  let touchedAt = performance.now()
  for (const event of ['pointerdown', 'keydown', 'wheel', 'touchstart'] as const)
    addEventListener(event, () => (touchedAt = performance.now()), { passive: true })
  setInterval(() => {
    if (state.get().session !== undefined && performance.now() - touchedAt > IDLE_MS) signOut('idle')
  }, 5000)
}
