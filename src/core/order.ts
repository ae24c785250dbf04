// A signed order's payload: unknown -> Statement, or every problem that it has. Pure: signatures are checked elsewhere.
import { didYouMean } from './did-you-mean.ts'
import { LOCK_MODES, SCOPE_DIMENSIONS, type LockMode, type LockScope } from './lock.ts'
import { isNetwork } from './network.ts'
import { isPseudonym } from './pseudonym.ts'
import { parseDuration, parseInstant, parseLimit, type Instant, type Limit } from './time.ts'
import type { OrderKind } from './responder.ts'

interface LockOrder {
  readonly kind: 'lock'
  readonly scope: LockScope
  readonly mode: LockMode
  readonly reason: string
  readonly incident: string
  readonly ttlMs?: number
  readonly onExpiry: 'stay' | 'read-only' | 'open'
  readonly status: number
  readonly message: Readonly<Record<string, string>>
  readonly limit?: Limit
}

export interface ReleaseOrder {
  readonly kind: 'release'
  readonly locks: readonly string[]
  readonly reason: string
  /** The signer's epoch: refused if a lock in the same scope came since. */
  readonly epoch?: number
}

export interface ApproveOrder {
  readonly kind: 'approve'
  readonly release: string
  readonly epoch?: number
}

export interface RevokeOrder {
  readonly kind: 'revoke'
  readonly before?: Instant
  readonly subject?: string
  readonly session?: string
  readonly client?: string
  readonly reason: string
  readonly incident: string
}

export type Order = LockOrder | ReleaseOrder | ApproveOrder | RevokeOrder

/** The payload of an order (contract, 4). Times in seconds, as in RFC 7519. */
export interface Statement {
  readonly iss: string
  readonly iat: number
  readonly exp?: number
  readonly jti: string
  readonly order: Order
}

export interface OrderProblems {
  readonly problems: readonly string[]
}

export const LOCK_STATUSES = [503, 423, 451, 403] as const
const TEXT_LENGTH_MAX = 1000
const LIST_LENGTH_MAX = 10_000
const KINDS: readonly OrderKind[] = ['lock', 'release', 'approve', 'revoke']

type Fields = Readonly<Record<string, unknown>>

/** Reads fields one by one and keeps every problem; a problem's text says what, where, and what would be right. */
class Reader {
  readonly problems: string[] = []
  readonly #fields: Fields
  readonly #where: string

  constructor(fields: Fields, where: string) {
    this.#fields = fields
    this.#where = where
  }

  problem(key: string, text: string): void {
    this.problems.push(`${this.#where}${key} ${text}`)
  }

  known(keys: readonly string[]): void {
    for (const key of Object.keys(this.#fields)) {
      if (!keys.includes(key)) this.problem(key, `is not known here${didYouMean(key, keys)}`)
    }
  }

  has(key: string): boolean {
    return this.#fields[key] !== undefined
  }

  text(key: string, what: string): string {
    const value = this.#fields[key]
    if (typeof value === 'string' && value.trim() !== '' && value.length <= TEXT_LENGTH_MAX) return value
    this.problem(key, `is required: ${what}`)
    return ''
  }

  optional<T>(key: string, what: string, parse: (value: unknown) => T | undefined): T | undefined {
    const value = this.#fields[key]
    if (value === undefined) return undefined
    const parsed = parse(value)
    if (parsed === undefined) this.problem(key, `must be ${what}`)
    return parsed
  }
}

/** Parses a verified JWS payload. Every problem at once, each naming its field. */
export function parseStatement(payload: unknown): Statement | OrderProblems {
  if (!isFields(payload)) return { problems: ['the payload must be a JSON object'] }
  const reader = new Reader(payload, '')
  const iss = reader.text('iss', 'the name of the responder who signs')
  const jti = reader.text('jti', 'an id that no other order has')
  const exp = reader.optional('exp', 'a time in seconds', seconds)
  const iat = reader.optional('iat', 'a time in seconds', seconds)
  if (!reader.has('iat')) reader.problem('iat', 'is required: the time of signing, in seconds')
  const order = parseOrder(payload.order)
  if ('problems' in order) return { problems: [...reader.problems, ...order.problems] }
  if (reader.problems.length > 0 || iat === undefined) return { problems: reader.problems }
  return { iss, iat, jti, order, ...(exp === undefined ? {} : { exp }) }
}

function parseOrder(value: unknown): Order | OrderProblems {
  if (!isFields(value)) return { problems: ['order is required: an object with a kind'] }
  const kind = value.kind
  if (!KINDS.includes(kind as OrderKind)) {
    return {
      problems: [
        `order.kind must be one of ${KINDS.join(', ')}${typeof kind === 'string' ? didYouMean(kind, KINDS) : ''}`,
      ],
    }
  }
  const reader = new Reader(value, 'order.')
  const order = PARSERS[kind as OrderKind](reader, value)
  return reader.problems.length > 0 ? { problems: reader.problems } : order
}

const REASON = 'say why, for the trail'
const INCIDENT = 'the incident that the order belongs to, such as INC-7'

const PARSERS: Readonly<Record<OrderKind, (reader: Reader, fields: Fields) => Order>> = {
  lock(reader, fields) {
    reader.known(['kind', 'scope', 'mode', 'reason', 'incident', 'ttl', 'onExpiry', 'status', 'message', 'limit'])
    const mode =
      reader.optional('mode', `one of ${LOCK_MODES.join(', ')}`, (value) =>
        LOCK_MODES.find((each) => each === value),
      ) ?? 'deny'
    const ttlMs = reader.optional('ttl', 'a duration such as "2h"', (value) =>
      typeof value === 'string' ? parseDuration(value) || undefined : undefined,
    )
    const limit = reader.optional('limit', 'a rate such as "6/m"', (value) =>
      typeof value === 'string' ? parseLimit(value) : undefined,
    )
    if (limit !== undefined && mode !== 'throttle') reader.problem('limit', 'goes with mode throttle alone')
    return {
      kind: 'lock',
      scope: parseScope(reader, fields.scope),
      mode,
      reason: reader.text('reason', REASON),
      incident: reader.text('incident', INCIDENT),
      onExpiry:
        reader.optional('onExpiry', 'stay, read-only or open', oneOf(['stay', 'read-only', 'open'] as const)) ?? 'stay',
      status: reader.optional('status', `one of ${LOCK_STATUSES.join(', ')}`, oneOf(LOCK_STATUSES)) ?? 503,
      message:
        reader.optional('message', 'texts by language tag, such as { "en": "...", "hi": "..." }', messages) ?? {},
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(mode === 'throttle' ? { limit: limit ?? { count: 6, periodMs: 60_000 } } : {}),
    }
  },
  release(reader, fields) {
    reader.known(['kind', 'locks', 'reason', 'epoch'])
    const locks = strings(fields.locks)
    if (locks === undefined) reader.problem('locks', 'is required: the ids of the locks to release')
    const epoch = reader.optional('epoch', 'a whole number', count)
    return {
      kind: 'release',
      locks: locks ?? [],
      reason: reader.text('reason', REASON),
      ...(epoch === undefined ? {} : { epoch }),
    }
  },
  approve(reader) {
    reader.known(['kind', 'release', 'epoch'])
    const epoch = reader.optional('epoch', 'a whole number', count)
    return {
      kind: 'approve',
      release: reader.text('release', 'the id of the proposed release'),
      ...(epoch === undefined ? {} : { epoch }),
    }
  },
  revoke(reader) {
    reader.known(['kind', 'before', 'subject', 'session', 'client', 'reason', 'incident'])
    const before = reader.optional('before', 'an RFC 3339 time', (value) =>
      typeof value === 'string' ? parseInstant(value) : undefined,
    )
    const subject = reader.optional('subject', PSEUDONYM_WANTED, pseudonym)
    const session = reader.optional('session', PSEUDONYM_WANTED, pseudonym)
    const client = reader.optional('client', 'a client id', nonEmpty)
    if (!['before', 'subject', 'session', 'client'].some((key) => reader.has(key))) {
      reader.problem('before', 'is required where no subject, session or client is named')
    }
    return {
      kind: 'revoke',
      reason: reader.text('reason', REASON),
      incident: reader.text('incident', INCIDENT),
      ...(before === undefined ? {} : { before }),
      ...(subject === undefined ? {} : { subject }),
      ...(session === undefined ? {} : { session }),
      ...(client === undefined ? {} : { client }),
    }
  },
}

const PSEUDONYM_WANTED = 'a pseudonym (key id and value) made by POST /api/v1/pseudonyms, never the identifier itself'

function parseScope(reader: Reader, scope: unknown): LockScope {
  if (!isFields(scope)) return fail(reader, 'is required: { "all": true }, or routes, tags, methods, ...')
  const keys = Object.keys(scope)
  if (keys.length === 0) return fail(reader, 'is empty: to lock everything say { "all": true }')
  const known: readonly string[] = ['all', ...SCOPE_DIMENSIONS]
  for (const key of keys)
    if (!known.includes(key)) reader.problem(`scope.${key}`, `is not a dimension${didYouMean(key, known)}`)
  if ('all' in scope) {
    if (keys.length > 1) return fail(reader, 'has all beside another key: narrow it, or lock everything')
    return scope.all === true ? { all: true } : fail(reader, 'has an all that is not true')
  }
  const parsed: Record<string, readonly string[]> = {}
  for (const key of SCOPE_DIMENSIONS) {
    if (scope[key] === undefined) continue
    const names = strings(scope[key])
    const wrong = names === undefined ? 'must be a list of at least one text' : wrongName(key, names)
    if (wrong !== undefined) reader.problem(`scope.${key}`, wrong)
    else if (names !== undefined) parsed[key] = key === 'methods' ? names.map((name) => name.toUpperCase()) : names
  }
  return parsed
}

const PEOPLE: readonly string[] = ['principals', 'subjects', 'sessions']
/** The methods that a route can have, and the two that are never forwarded. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'TRACE', 'CONNECT']

/** What is wrong with names that could never match: a lock that covers nothing would look like one that holds. */
function wrongName(key: string, names: readonly string[]): string | undefined {
  if (PEOPLE.includes(key)) return names.every(isPseudonym) ? undefined : `must each be ${PSEUDONYM_WANTED}`
  if (key === 'cidrs')
    return names.every(isNetwork) ? undefined : 'must each be a network such as 10.0.0.0/8 or 2001:db8::/32'
  const method = key === 'methods' ? names.find((name) => !METHODS.includes(name.toUpperCase())) : undefined
  return method === undefined ? undefined : `has "${method}", which is no method${didYouMean(method, METHODS)}`
}

function fail(reader: Reader, text: string): LockScope {
  reader.problem('scope', text)
  return {}
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function oneOf<T>(values: readonly T[]): (value: unknown) => T | undefined {
  return (value) => values.find((each) => each === value)
}

function strings(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > LIST_LENGTH_MAX) return undefined
  return value.every(
    (each): each is string => typeof each === 'string' && each !== '' && each.length <= TEXT_LENGTH_MAX,
  )
    ? value
    : undefined
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LENGTH_MAX ? value : undefined
}

function pseudonym(value: unknown): string | undefined {
  return typeof value === 'string' && isPseudonym(value) ? value : undefined
}

function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 1e11 ? value : undefined
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function messages(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isFields(value)) return undefined
  const entries = Object.entries(value)
  const fine = entries.every(
    ([tag, text]) =>
      /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(tag) && typeof text === 'string' && text.length <= TEXT_LENGTH_MAX,
  )
  return fine ? Object.fromEntries(entries.map(([tag, text]) => [tag.toLowerCase(), text as string])) : undefined
}
