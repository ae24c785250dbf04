// Which key people are named by: the newest that has come, unless what is in force names people by an older one.
import { modeAt } from './lock.ts'
import type { LockTable } from './lock-table.ts'
import type { Instant } from './time.ts'

/** A key of the ring, without its secret. */
export interface DatedKey {
  readonly id: string
  /** In force from this instant on. */
  readonly from: Instant
}

export interface KeyChoice {
  readonly id: string
  /** A newer one that has come, and waits. */
  readonly waiting?: string
}

/** A revoked session may live on for as long as its token does; who asks for more has tokens that nobody should give out. */
const REVOCATION_MS = 30 * 86_400_000

/** Ids of the keys by which locks in force, and revocations of the last thirty days, name people. */
export function keysInUse({ locks, revocations }: LockTable, now: Instant): ReadonlySet<string> {
  const names = [
    ...locks
      .filter((lock) => modeAt(lock, now) !== undefined)
      .flatMap(({ scope }) => [...(scope.subjects ?? []), ...(scope.principals ?? []), ...(scope.sessions ?? [])]),
    ...revocations
      .filter(({ since }) => now - since < REVOCATION_MS)
      .flatMap(({ subject, session }) => [subject, session].filter((name) => name !== undefined)),
  ]
  return new Set(names.map((name) => name.slice(0, name.indexOf('.'))))
}

/** `keys` must not be empty. Of keys whose day has not come the first is taken where there is no other. */
export function chooseKey(keys: readonly DatedKey[], inUse: ReadonlySet<string>, now: Instant): KeyChoice {
  const sorted = keys.toSorted((a, b) => a.from - b.from)
  const come = sorted.filter(({ from }) => from <= now)
  const newest = come.at(-1) ?? sorted[0]
  if (newest === undefined) throw new TypeError('a ring has at least one key')
  const needed = come.findLast(({ id }) => id !== newest.id && inUse.has(id))
  return needed === undefined ? { id: newest.id } : { id: needed.id, waiting: newest.id }
}
