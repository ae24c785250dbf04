// A verified session as a line of JSON, short because a million of them are remembered.
import type { Session } from '../../core/session.ts'
import type { Proven } from './judge-token.ts'
import type { VerificationKey } from './key-set.ts'

export interface SessionPacking {
  pack(proven: Proven): string
  /** Undefined where the key that it was verified with counts no more. */
  unpack(text: string): Proven | undefined
}

type Packed = readonly [
  issuer: number,
  key: number,
  principal: string,
  session: string,
  client: string | 0,
  byOtp: 0 | 1,
  expiresAt: number,
  authTime: number | null,
  issuedAt: number | null,
  claims: readonly unknown[] | Readonly<Record<string, unknown>>,
  rest?: Pick<Session, 'amr' | 'acr' | 'otpTime' | 'confirmation'>,
]

/** `keep`: names of the claims that sessions keep, so that they need not be written; all where undefined. */
export function createSessionPacking(keep: readonly string[] | undefined): SessionPacking {
  const issuers = createIndex<string>()
  const keys = createIndex<VerificationKey>()
  return {
    pack: ({ session, key }) => {
      const { claims, amr, acr, otpTime, confirmation } = session
      const packed: Packed = [
        issuers.of(session.issuer),
        keys.of(key),
        session.principal,
        session.session,
        session.clients[0] ?? 0,
        session.byOtp ? 1 : 0,
        session.expiresAt,
        session.authTime ?? null,
        session.issuedAt ?? null,
        keep === undefined ? claims : keep.map((name) => claims[name]),
      ]
      const hasRest = amr !== undefined || acr !== undefined || otpTime !== undefined || confirmation !== undefined
      return JSON.stringify(hasRest ? [...packed, { amr, acr, otpTime, confirmation }] : packed)
    },
    unpack: (text) => {
      const [issuerAt, keyAt, principal, session, client, byOtp, expiresAt, authTime, issuedAt, claims, rest] =
        JSON.parse(text) as Packed
      const [issuer, key] = [issuers.at(issuerAt), keys.at(keyAt)]
      if (issuer === undefined || key === undefined || key.retired) return undefined
      return {
        key,
        session: {
          issuer,
          principal,
          session,
          clients: client === 0 ? [] : [client, `${issuer}#${client}`],
          byOtp: byOtp === 1,
          ...(authTime === null ? {} : { authTime }),
          ...(issuedAt === null ? {} : { issuedAt }),
          expiresAt,
          ...rest,
          claims: unpackClaims(claims, keep),
        },
      }
    },
  }
}

/** Without a prototype, as they were. JSON has no undefined: what was absent comes back as null, and is absent again. */
function unpackClaims(claims: Packed[9], keep: readonly string[] | undefined): Session['claims'] {
  const kept = Object.create(null) as Record<string, unknown>
  if (keep === undefined) return Object.assign(kept, claims)
  keep.forEach((name, index) => {
    const value = (claims as readonly unknown[])[index]
    if (value !== null) kept[name] = value
  })
  return kept
}

/** Small numbers for things that are few: issuers, and the keys of their sets. */
function createIndex<T>(): { of(thing: T): number; at(index: number): T | undefined } {
  const numbers = new Map<T, number>()
  const things: T[] = []
  return {
    of: (thing) => {
      let number = numbers.get(thing)
      if (number === undefined) {
        number = things.push(thing) - 1
        numbers.set(thing, number)
      }
      return number
    },
    at: (index) => things[index],
  }
}
