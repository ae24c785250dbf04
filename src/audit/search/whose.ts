// Whose records were read, counted from the trail itself. What the index answers must be this.
import { matchesQuery, type SubjectReads, type WhoseAnswer, type WhoseQuery } from '../../core/trail-query.ts'
import { scanTrail, type ScanOptions } from './scan.ts'

interface Read {
  readonly time: number
  readonly status: number | undefined
  readonly isBare: boolean
  readonly subjects: readonly string[]
  readonly principal: string | undefined
}

/** An answer below this was given; a record without a status is of an answer that began. */
const REFUSED_FROM = 400

/** Keeps what it has seen of each exchange in memory: some hundred bytes for each that matches. */
export async function whoseByScan(
  dir: string,
  query: WhoseQuery,
  limit: number,
  options: ScanOptions = {},
): Promise<WhoseAnswer> {
  const last = new Map<string, Read>()
  for await (const { record } of scanTrail(dir, { ...query, kinds: ['request'] }, options)) {
    const { id, time, status, otp, subjects, principal } = record
    if (typeof id !== 'string' || typeof time !== 'number') continue
    last.set(id, {
      time,
      status: typeof status === 'number' ? status : undefined,
      isBare: otp !== true,
      subjects: Array.isArray(subjects) ? [...new Set(subjects.filter((each) => typeof each === 'string'))] : [],
      principal: typeof principal === 'string' ? principal : undefined,
    })
  }
  return count(
    [...last.values()].filter(({ status }) => status === undefined || status < REFUSED_FROM),
    limit,
  )
}

type Counted = { -readonly [K in keyof SubjectReads]: SubjectReads[K] }

function count(reads: readonly Read[], limit: number): WhoseAnswer {
  const people = new Map<string, Counted>()
  const principals = new Set<string>()
  let first = Infinity
  let last = -Infinity
  let withoutOtp = 0
  let unnamed = 0
  for (const { time, isBare, subjects, principal } of reads) {
    first = Math.min(first, time)
    last = Math.max(last, time)
    if (isBare) withoutOtp += 1
    if (subjects.length === 0) unnamed += 1
    if (principal !== undefined) principals.add(principal)
    for (const subject of subjects) {
      const known = people.get(subject) ?? { subject, reads: 0, withoutOtp: 0, first: time, last: time }
      known.reads += 1
      if (isBare) known.withoutOtp += 1
      known.first = Math.min(known.first, time)
      known.last = Math.max(known.last, time)
      people.set(subject, known)
    }
  }
  const all = [...people.values()]
  return {
    reads: reads.length,
    withoutOtp,
    unnamed,
    subjects: all.length,
    subjectsWithoutOtp: all.filter((each) => each.withoutOtp > 0).length,
    principals: principals.size,
    ...(reads.length === 0 ? {} : { first, last }),
    list: all.sort((a, b) => b.reads - a.reads || (a.subject < b.subject ? -1 : 1)).slice(0, limit),
  }
}

/** Locks that orders of the incidents have placed, by reading all of the trail. */
export async function locksByScan(
  dir: string,
  incidents: readonly string[],
  options: ScanOptions = {},
): Promise<ReadonlySet<string>> {
  const locks = new Set<string>()
  const query = { kinds: ['order'], incidents }
  for await (const { record } of scanTrail(dir, query, options)) {
    if (!matchesQuery(query, record, new Set())) continue
    if (Array.isArray(record.locks)) for (const lock of record.locks) if (typeof lock === 'string') locks.add(lock)
  }
  return locks
}
