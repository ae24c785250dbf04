// Whose records were read, counted from the trail itself. What the index answers must be this.
import { byReads, type TrailCounts } from '../../core/people-lines.ts'
import {
  matchesQuery,
  REFUSED_FROM,
  type SubjectReads,
  type WhoseAnswer,
  type WhoseQuery,
} from '../../core/trail-query.ts'
import type { TrailPeople } from '../../ports/trail-index.ts'
import { scanTrail, type ScanOptions } from './scan.ts'

interface Read {
  readonly index: number
  readonly time: number
  readonly status: number | undefined
  readonly isBare: boolean
  readonly subjects: readonly string[]
  readonly principal: string | undefined
}

/** Keeps what it has seen of each exchange in memory: some hundred bytes for each that matches. */
export async function whoseByScan(
  dir: string,
  query: WhoseQuery,
  limit: number,
  options: ScanOptions = {},
): Promise<WhoseAnswer> {
  const { counts, people } = await tallyByScan(dir, query, options)
  return { ...counts, list: [...people.values()].sort(byReads).slice(0, limit) }
}

/** The same with everybody, in the order of their names. */
export async function peopleByScan(dir: string, query: WhoseQuery, options: ScanOptions = {}): Promise<TrailPeople> {
  const { counts, people, principals } = await tallyByScan(dir, query, options)
  return {
    counts,
    async *principals() {
      yield* [...principals].sort()
    },
    async *people() {
      for (const subject of [...people.keys()].sort()) {
        const found = people.get(subject)
        if (found !== undefined) yield found
      }
    },
  }
}

type Counted = { -readonly [K in keyof SubjectReads]: SubjectReads[K] }

interface Tally {
  readonly counts: TrailCounts
  readonly people: ReadonlyMap<string, SubjectReads>
  readonly principals: ReadonlySet<string>
}

async function tallyByScan(dir: string, query: WhoseQuery, options: ScanOptions): Promise<Tally> {
  const last = new Map<string, Read>()
  for await (const { index, record } of scanTrail(dir, { ...query, kinds: ['request'] }, options)) {
    const { id, time, status, otp, subjects, principal } = record
    if (typeof id !== 'string' || typeof time !== 'number') continue
    last.set(id, {
      index,
      time,
      status: typeof status === 'number' ? status : undefined,
      isBare: otp !== true,
      subjects: Array.isArray(subjects) ? [...new Set(subjects.filter((each) => typeof each === 'string'))] : [],
      principal: typeof principal === 'string' ? principal : undefined,
    })
  }
  return tally([...last.values()].filter(({ status }) => status === undefined || status < REFUSED_FROM))
}

function tally(reads: readonly Read[]): Tally {
  const people = new Map<string, Counted>()
  const principals = new Set<string>()
  let first = Infinity
  let last = -Infinity
  for (const { index, time, isBare, subjects, principal } of reads) {
    first = Math.min(first, time)
    last = Math.max(last, time)
    if (principal !== undefined) principals.add(principal)
    for (const subject of subjects) {
      const known = people.get(subject) ?? blank(subject, time, index)
      known.reads += 1
      if (isBare) known.withoutOtp += 1
      known.first = Math.min(known.first, time)
      known.last = Math.max(known.last, time)
      known.firstEntry = Math.min(known.firstEntry, index)
      known.lastEntry = Math.max(known.lastEntry, index)
      people.set(subject, known)
    }
  }
  const counts = {
    reads: reads.length,
    withoutOtp: reads.filter(({ isBare }) => isBare).length,
    unnamed: reads.filter(({ subjects }) => subjects.length === 0).length,
    subjects: people.size,
    subjectsWithoutOtp: [...people.values()].filter(({ withoutOtp }) => withoutOtp > 0).length,
    principals: principals.size,
    withoutSession: reads.filter(({ principal }) => principal === undefined).length,
    ...(reads.length === 0 ? {} : { first, last }),
  }
  return { counts, people, principals }
}

function blank(subject: string, time: number, index: number): Counted {
  return { subject, reads: 0, withoutOtp: 0, first: time, last: time, firstEntry: index, lastEntry: index }
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
