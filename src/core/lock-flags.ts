// Lock flags that come by file (locks.yaml) or by a route's own `lock:` key: parsed text in, locks out.
import { didYouMean } from './did-you-mean.ts'
import type { Lock, LockMode } from './lock.ts'
import { withoutPeople } from './pii.ts'
import type { RouteFlag } from './policy.ts'
import type { Route } from './route.ts'
import type { LockScope } from './scope.ts'
import type { Instant } from './time.ts'

/** The content of locks.yaml as it was parsed from YAML; undefined keys say nothing. */
export interface LocksFile {
  readonly freeze?: boolean
  readonly reason?: string
  readonly incident?: string
  readonly routes?: Readonly<Record<string, RouteFlag>>
  readonly tags?: Readonly<Record<string, RouteFlag>>
}

const FLAGS: readonly RouteFlag[] = ['open', 'deny', 'read-only', 'step-up']
const KEYS = ['freeze', 'reason', 'incident', 'routes', 'tags'] as const
const WORDS = ['reason', 'incident'] as const

/** Parses the document of locks.yaml; every problem at once. An empty document is a problem: it opens nothing. */
export function parseLocksFile(
  document: unknown,
  routes: readonly Route[],
): LocksFile | { readonly problems: readonly string[] } {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return { problems: ['must be a mapping with freeze, routes or tags'] }
  const fields = document as Readonly<Record<string, unknown>>
  const problems: string[] = []
  const unknown = Object.keys(fields).filter((key) => !KEYS.some((known) => known === key))
  problems.push(...unknown.map((key) => `"${key}" is not known here${didYouMean(key, KEYS)}`))
  if (fields.freeze !== undefined && typeof fields.freeze !== 'boolean') problems.push('freeze must be true or false')
  for (const key of WORDS) {
    if (fields[key] !== undefined && (typeof fields[key] !== 'string' || fields[key] === ''))
      problems.push(`${key} must be a text`)
  }
  problems.push(
    ...flagProblems(
      'routes',
      fields.routes,
      routes.map((route) => route.id),
    ),
  )
  problems.push(...flagProblems('tags', fields.tags, [...new Set(routes.flatMap((route) => route.tags))]))
  const file = fields as LocksFile
  if (problems.length === 0 && locksAnything(file)) {
    const missing = WORDS.filter((key) => file[key] === undefined)
    problems.push(...missing.map((key) => `${key} is required as soon as anything is locked`))
  }
  return problems.length > 0 ? { problems } : file
}

function flagProblems(key: 'routes' | 'tags', flags: unknown, known: readonly string[]): readonly string[] {
  if (flags === undefined) return []
  if (typeof flags !== 'object' || flags === null || Array.isArray(flags))
    return [`${key} must be a mapping of names to ${FLAGS.join(', ')}`]
  return Object.entries(flags).flatMap(([name, flag]) => [
    ...(known.includes(name) ? [] : [`${key}: there is no "${name}"${didYouMean(name, known)}`]),
    ...(FLAGS.includes(flag as RouteFlag) ? [] : [`${key}.${name} must be one of ${FLAGS.join(', ')}`]),
  ])
}

function locksAnything(file: LocksFile): boolean {
  return (
    file.freeze === true ||
    [...Object.values(file.routes ?? {}), ...Object.values(file.tags ?? {})].some((flag) => flag !== 'open')
  )
}

/**
 * The locks that the file holds after reading it. It opens only by an explicit `false` or `open`, or by an entry removed
 * from a mapping that still stands: a key that is gone altogether may have been cut off, and changes nothing.
 */
export function fileLocks(before: readonly Lock[], file: LocksFile, now: Instant): readonly Lock[] {
  const word = { reason: withoutPeople(file.reason ?? ''), incident: withoutPeople(file.incident ?? '') }
  const next = new Map<string, Lock>()
  for (const lock of before) if (isSilentOn(file, lock)) next.set(lock.id, lock)
  const put = (id: string, scope: LockScope, mode: LockMode): void => {
    const same = before.find(
      (lock) => lock.id === id && lock.mode === mode && lock.reason === word.reason && lock.incident === word.incident,
    )
    next.set(id, same ?? flagLock({ id, scope, mode, source: 'file', since: now, ...word }))
  }
  if (file.freeze === true) put('file.freeze', { all: true }, 'deny')
  for (const [name, flag] of Object.entries(file.routes ?? {}))
    if (flag !== 'open') put(`file.route.${name}`, { routes: [name] }, flag)
  for (const [name, flag] of Object.entries(file.tags ?? {}))
    if (flag !== 'open') put(`file.tag.${name}`, { tags: [name] }, flag)
  return [...next.values()]
}

const MISSING = 'file.missing'

/** Whether the file says nothing of the lock. One that names nothing to lock has not been read whole: it may have been cut off. */
function isSilentOn(file: LocksFile, lock: Lock): boolean {
  if (lock.id === MISSING) return file.freeze === undefined && file.routes === undefined && file.tags === undefined
  return file[lock.scope.all ? 'freeze' : lock.scope.routes ? 'routes' : 'tags'] === undefined
}

/** With a locks file configured and none ever read whole, everything is locked: what it would say is not known. */
export function missingFileLock(now: Instant): Lock {
  return flagLock({
    id: MISSING,
    scope: { all: true },
    mode: 'deny',
    source: 'file',
    since: now,
    reason: 'the locks file could not be read and no last good one is kept',
    incident: 'LOCKS-FILE',
  })
}

/** The locks of the routes' own `lock:` keys. */
export function configLocks(before: readonly Lock[], routes: readonly Route[], now: Instant): readonly Lock[] {
  return routes.flatMap((route) => {
    const { lock: flag } = route.policy
    if (flag === 'open') return []
    const id = `config.${route.id}`
    const same = before.find((lock) => lock.id === id && lock.mode === flag)
    return [
      same ??
        flagLock({
          id,
          scope: { routes: [route.id] },
          mode: flag,
          source: 'config',
          since: now,
          reason: 'locked in the config',
          incident: 'CONFIG',
        }),
    ]
  })
}

function flagLock(fields: Pick<Lock, 'id' | 'scope' | 'mode' | 'source' | 'since' | 'reason' | 'incident'>): Lock {
  return { ...fields, onExpiry: 'stay', status: 503, message: {} }
}

/** Whether two sets of flag locks are the same, so that an unchanged file makes no new epoch. */
export function isSameFlags(a: readonly Lock[], b: readonly Lock[]): boolean {
  return a.length === b.length && a.every((lock) => b.includes(lock))
}
