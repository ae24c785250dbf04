// Which sessions came and what each has read, counted from the trail itself. What the index answers must be this.
import type { SessionsAnswer, SessionsQuery, SessionUse } from '../../core/trail-query.ts'
import { scanTrail, type ScanOptions } from './scan.ts'

interface Use {
  readonly session: string
  readonly time: number
  readonly isRefused: boolean
  readonly otp: boolean
  readonly principal: string | undefined
  readonly application: string | undefined
  readonly client: string | undefined
  readonly route: string | undefined
  readonly subjects: readonly string[]
}

/** An answer below this was given; a record without a status is of an answer that began. */
const REFUSED_FROM = 400

export async function sessionsByScan(
  dir: string,
  query: SessionsQuery,
  limit: number,
  options: ScanOptions = {},
): Promise<SessionsAnswer> {
  // Of the records of one exchange the last one holds.
  const last = new Map<string, Use>()
  for await (const { record } of scanTrail(dir, { ...query, kinds: ['request'] }, options)) {
    const { id, time, status, session, subjects } = record
    if (typeof id !== 'string' || typeof time !== 'number') continue
    if (typeof session !== 'string') {
      last.delete(id)
      continue
    }
    last.set(id, {
      session,
      time,
      isRefused: typeof status === 'number' && status >= REFUSED_FROM,
      otp: record.otp === true,
      principal: textOf(record.principal),
      application: textOf(record.application),
      client: textOf(record.client),
      route: textOf(record.route),
      subjects: Array.isArray(subjects) ? subjects.filter((each) => typeof each === 'string') : [],
    })
  }
  const bySession = Map.groupBy(last.values(), ({ session }) => session)
  const all = [...bySession].map(([session, uses]) => count(session, uses))
  return {
    sessions: all.length,
    list: all.sort((a, b) => b.last - a.last || (a.session < b.session ? -1 : 1)).slice(0, limit),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function count(session: string, uses: readonly Use[]): SessionUse {
  const read = uses.filter(({ isRefused }) => !isRefused)
  const times = uses.map(({ time }) => time)
  const texts = (name: 'principal' | 'application' | 'client' | 'route'): readonly string[] =>
    [...new Set(uses.map((use) => use[name]))].filter((each) => each !== undefined).sort()
  const [principal] = texts('principal')
  const [application] = texts('application')
  const addresses = texts('client')
  return {
    session,
    ...(principal === undefined ? {} : { principal }),
    ...(application === undefined ? {} : { application }),
    otp: uses.some(({ otp }) => otp),
    reads: read.length,
    refused: uses.length - read.length,
    people: new Set(read.flatMap(({ subjects }) => subjects)).size,
    addresses: addresses.length,
    ...(addresses[0] === undefined ? {} : { client: addresses[0] }),
    routes: texts('route'),
    first: times.reduce((a, b) => Math.min(a, b)),
    last: times.reduce((a, b) => Math.max(a, b)),
  }
}
