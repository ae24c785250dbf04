// What can be asked of the trail, unknown -> Query with every problem at once; and whether a record answers it.
import { PII_CLASSES } from './pii.ts'
import { isPseudonym } from './pseudonym.ts'

/** Every dimension that is named must match; of a list one value is enough. Times are epoch milliseconds. */
export interface Query {
  /** Records of this time and later. */
  readonly from?: number
  /** Records before this time. */
  readonly to?: number
  readonly kinds?: readonly string[]
  readonly routes?: readonly string[]
  readonly decisions?: readonly string[]
  /** An application (`azp` or `client_id`), or an address. */
  readonly clients?: readonly string[]
  /** Ids of requests or orders. */
  readonly ids?: readonly string[]
  /** Requests that a lock refused, and orders about it. */
  readonly locks?: readonly string[]
  /** Orders of an incident, and requests that its locks refused. */
  readonly incidents?: readonly string[]
  /** Pseudonyms. */
  readonly sessions?: readonly string[]
  readonly subjects?: readonly string[]
  readonly principals?: readonly string[]
  /** Classes of personal data that were seen in the answer. */
  readonly pii?: readonly string[]
}

export type ListName = Exclude<keyof Query, 'from' | 'to'>

export const LISTS = [
  'kinds',
  'routes',
  'decisions',
  'clients',
  'ids',
  'locks',
  'incidents',
  'sessions',
  'subjects',
  'principals',
  'pii',
] as const satisfies readonly ListName[]

/** Those that name people: their values are pseudonyms. */
export const PEOPLE_LISTS = ['sessions', 'subjects', 'principals'] as const satisfies readonly ListName[]

const VALUES_MAX = 1000
const VALUE_LENGTH_MAX = 1000

/** Reads a query. What is wrong never repeats a value: it may be an identifier that somebody put into the wrong place. */
export function parseQuery(value: unknown): { readonly query: Query } | { readonly problems: readonly string[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { problems: ['the query must be an object'] }
  const problems: string[] = []
  const query: Record<string, unknown> = {}
  for (const [name, each] of Object.entries(value)) {
    if (name === 'from' || name === 'to') {
      const time = parseTime(each)
      if (time === undefined) problems.push(`${name} must be an RFC 3339 time, or epoch milliseconds`)
      else query[name] = time
    } else if ((LISTS as readonly string[]).includes(name)) {
      const problem = listProblem(name as ListName, each)
      if (problem === undefined) query[name] = each
      else problems.push(problem)
    } else {
      problems.push(`there is no ${/^\w{1,40}$/.test(name) ? name : 'such member'}: give from, to, ${LISTS.join(', ')}`)
    }
  }
  return problems.length === 0 ? { query: query } : { problems }
}

function parseTime(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}T.*(?:Z|[+-]\d{2}:\d{2})$/.test(value)) return undefined
  const time = Date.parse(value)
  return Number.isNaN(time) ? undefined : time
}

function listProblem(name: ListName, value: unknown): string | undefined {
  const isList =
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= VALUES_MAX &&
    value.every((each) => typeof each === 'string' && each !== '' && each.length <= VALUE_LENGTH_MAX)
  if (!isList) return `${name} must be a list of 1 to ${VALUES_MAX} texts, none empty`
  if (name === 'pii' && !value.every((each) => PII_CLASSES.some((known) => known === each)))
    return `pii must be classes of personal data: ${PII_CLASSES.join(', ')}`
  if (!(PEOPLE_LISTS as readonly string[]).includes(name)) return undefined
  return value.every((each) => isPseudonym(each as string))
    ? undefined
    : `${name} must be pseudonyms: make them of identifiers with POST /api/v1/pseudonyms`
}

export type AnyRecord = Readonly<Record<string, unknown>>

/** Whether the record answers the query. `locksOfIncidents` are the locks of the query's incidents. */
export function matchesQuery(query: Query, record: AnyRecord, locksOfIncidents: ReadonlySet<string>): boolean {
  return (
    isWithin(query, record.time) &&
    PLAIN.every(([list, member]) => isAmong(query[list], record[member])) &&
    isOfDecisions(query.decisions, record) &&
    isOfClients(query.clients, record) &&
    hasName(query.pii, record.pii) &&
    (query.subjects === undefined || hasAmong(query.subjects, record.subjects)) &&
    isOfLocks(query, record, locksOfIncidents)
  )
}

/** Lists whose values stand in one member of the record. */
const PLAIN = [
  ['kinds', 'kind'],
  ['routes', 'route'],
  ['ids', 'id'],
  ['sessions', 'session'],
  ['principals', 'principal'],
] as const satisfies readonly (readonly [ListName, string])[]

function isWithin({ from, to }: Query, time: unknown): boolean {
  if (from === undefined && to === undefined) return true
  return typeof time === 'number' && time >= (from ?? -Infinity) && time < (to ?? Infinity)
}

/** Refusals that were only counted stand in one record, by decision and by address. */
function isOfDecisions(wanted: readonly string[] | undefined, { decision, decisions }: AnyRecord): boolean {
  return isAmong(wanted, decision) || hasName(wanted, decisions)
}

function isOfClients(wanted: readonly string[] | undefined, { client, application, clients }: AnyRecord): boolean {
  if (wanted === undefined || isAmong(wanted, client) || isAmong(wanted, application)) return true
  return Array.isArray(clients) && clients.some((each: AnyRecord | null) => isAmong(wanted, each?.client))
}

/** Whether the object has a member of one of these names. */
function hasName(wanted: readonly string[] | undefined, counts: unknown): boolean {
  if (wanted === undefined) return true
  return typeof counts === 'object' && counts !== null && wanted.some((name) => Object.hasOwn(counts, name))
}

function isOfLocks({ locks, incidents }: Query, record: AnyRecord, ofIncidents: ReadonlySet<string>): boolean {
  const { lock, incident } = record
  if (locks !== undefined && !isAmong(locks, lock) && !hasAmong(locks, record.locks)) return false
  return incidents === undefined || isAmong(incidents, incident) || (typeof lock === 'string' && ofIncidents.has(lock))
}

function isAmong(wanted: readonly string[] | undefined, value: unknown): boolean {
  return wanted === undefined || (typeof value === 'string' && wanted.includes(value))
}

function hasAmong(wanted: readonly string[], values: unknown): boolean {
  return Array.isArray(values) && values.some((each) => isAmong(wanted, each))
}

/** Whose records were read: through which routes, by which clients (an application or an address), when. */
export type WhoseQuery = Pick<Query, 'routes' | 'clients' | 'from' | 'to'>

/** What is wrong with a query as a question of whose records were read; undefined where it is one. */
export function whoseProblem(query: Query): string | undefined {
  const isOther = LISTS.some((name) => name !== 'routes' && name !== 'clients' && query[name] !== undefined)
  return isOther || (query.routes === undefined && query.clients === undefined)
    ? 'give routes, clients, or both, and from and to where you like; nothing else'
    : undefined
}

/** One whose record was read, by pseudonym. */
export interface SubjectReads {
  readonly subject: string
  readonly reads: number
  /** Of these, by a session that no one-time password has opened, or by none. */
  readonly withoutOtp: number
  /** Epoch milliseconds. */
  readonly first: number
  readonly last: number
  /** Indexes in the log, the least and the greatest, of the records that these reads count by. */
  readonly firstEntry: number
  readonly lastEntry: number
}

/** An answer below this was given; a record without a status is of an answer that began. */
export const REFUSED_FROM = 400

/**
 * A read is an exchange that was answered with less than 400, or whose answer began and has no record of its end. It counts by its
 * last record in the time asked for.
 */
export interface WhoseAnswer {
  readonly reads: number
  readonly withoutOtp: number
  /** Reads whose request names nobody. */
  readonly unnamed: number
  readonly subjects: number
  readonly subjectsWithoutOtp: number
  /** Different callers with a session. */
  readonly principals: number
  /** Reads without a session: who came is an address, and no caller. */
  readonly withoutSession: number
  readonly first?: number
  readonly last?: number
  /** Those with most reads first, then by pseudonym; as many as were asked for. */
  readonly list: readonly SubjectReads[]
}

/** Which sessions came, and what each of them read: one exchange counts as in `WhoseQuery`, refusals apart. */
export type SessionsQuery = Pick<Query, 'routes' | 'clients' | 'sessions' | 'principals' | 'subjects' | 'from' | 'to'>

/** What one session did, as far as it answers the query. */
export interface SessionUse {
  /** Pseudonym. */
  readonly session: string
  readonly principal?: string
  readonly application?: string
  /** Opened by a one-time password. */
  readonly otp: boolean
  readonly reads: number
  readonly refused: number
  /** Different people whose records were read. */
  readonly people: number
  /** Different addresses that it came from; one of them. */
  readonly addresses: number
  readonly client?: string
  /** Through which it came, by name. */
  readonly routes: readonly string[]
  /** Epoch milliseconds. */
  readonly first: number
  readonly last: number
}

export interface SessionsAnswer {
  readonly sessions: number
  /** Those that came last first, then by pseudonym; as many as were asked for. */
  readonly list: readonly SessionUse[]
}
