// Values that the tests of core/ share, each whole and each changed by naming what is different.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Lock } from '../../src/core/lock.ts'
import type { RoutePolicy } from '../../src/core/policy.ts'
import type { Responder } from '../../src/core/responder.ts'
import type { Route } from '../../src/core/route.ts'
import type { Session } from '../../src/core/session.ts'

/** 2026-11-24T12:00:00Z. */
export const NOON = Date.UTC(2026, 10, 24, 12)

const POLICY: RoutePolicy = {
  lock: 'open',
  session: { level: 'required', bind: [] },
  stale: 'frozen',
  audit: 'strict',
  throttle: {},
  subjects: [],
  forwardAuthorization: false,
}

export function aRoute(path: string, fields: Partial<Route> & { readonly lock?: RoutePolicy['lock'] } = {}): Route {
  const { lock = 'open', ...rest } = fields
  return { id: path, path, methods: ['GET'], upstream: 'registry', tags: [], policy: { ...POLICY, lock }, ...rest }
}

export function aLock(fields: Partial<Lock> = {}): Lock {
  return {
    id: 'lock-1',
    scope: { all: true },
    mode: 'deny',
    source: 'order',
    since: NOON - 60_000,
    reason: 'leak suspected',
    incident: 'INC-7',
    by: 'night-desk',
    onExpiry: 'stay',
    status: 503,
    message: {},
    ...fields,
  }
}

export function aSession(fields: Partial<Session> = {}): Session {
  return {
    issuer: 'https://otp.example.in',
    principal: PEOPLE[0],
    session: PEOPLE[1],
    clients: ['vaccinator-app', 'https://otp.example.in#vaccinator-app'],
    byOtp: true,
    authTime: NOON / 1000 - 300,
    issuedAt: NOON / 1000 - 200,
    expiresAt: NOON + 900_000,
    claims: {},
    ...fields,
  }
}

/** Pseudonyms. */
export const PEOPLE = ['k1.aaaaaaaaaaaaaaaaaaaaaa', 'k1.bbbbbbbbbbbbbbbbbbbbbb', 'k1.cccccccccccccccccccccc'] as const

export function aResponder(name: string, role: Responder['role'], fields: Partial<Responder> = {}): Responder {
  return { name, role, key: `key-of-${name}`, ...fields }
}

/** A file of the shared vectors, or undefined with a warning: the test that needs it is then skipped, and not silently. */
export function readShared(file: string): unknown {
  const path = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', file)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'))
  console.warn(`SKIPPED: ${path} is absent, so these vectors were not run`)
  return undefined
}
