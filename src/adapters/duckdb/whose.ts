// Whose records were read, as questions of SQL: all of it counted, and the people, those with most reads first or by their names.
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { TrailCounts } from '../../core/people-lines.ts'
import type { SubjectReads, WhoseAnswer } from '../../core/trail-query.ts'
import type { IndexPeople, IndexWhose, TrailPeople } from '../../ports/trail-index.ts'
import { dropTables, makeExchanges, makeTable } from './exchanges.ts'

/** `source` is a subquery with the columns of records. */
export async function readWhose(
  connection: DuckDBConnection,
  source: string,
  request: Omit<IndexWhose, 'files' | 'tail'>,
): Promise<WhoseAnswer> {
  const counts = await countReads(connection, source, request)
  const list = await connection.runAndReadAll(`${PEOPLE} ORDER BY reads DESC, subject LIMIT ${request.limit}`)
  await dropTables(connection, 'reads', 'people')
  return { ...counts, list: list.getRows().map(personOf) }
}

/** The same, with every caller and every person in the order of their names, of which a few thousand are held at once. */
export async function readPeople(
  connection: DuckDBConnection,
  source: string,
  request: Omit<IndexPeople, 'files' | 'tail'>,
): Promise<TrailPeople> {
  const counts = await countReads(connection, source, request)
  return {
    counts,
    async *principals() {
      const found = await connection.stream(
        'SELECT DISTINCT principal FROM reads WHERE principal IS NOT NULL ORDER BY principal',
      )
      for await (const rows of found.yieldRows()) for (const [principal] of rows) yield String(principal)
    },
    async *people() {
      const found = await connection.stream(`${PEOPLE} ORDER BY subject`)
      for await (const rows of found.yieldRows()) for (const row of rows) yield personOf(row)
      await dropTables(connection, 'reads', 'people')
    },
  }
}

const PEOPLE = 'SELECT subject, reads, bare, first, last, "firstEntry", "lastEntry" FROM people'

function personOf([subject, reads, bare, first, last, firstEntry, lastEntry]: readonly DuckDBValue[]): SubjectReads {
  return {
    subject: String(subject),
    reads: Number(reads),
    withoutOtp: Number(bare),
    first: Number(first),
    last: Number(last),
    firstEntry: Number(firstEntry),
    lastEntry: Number(lastEntry),
  }
}

/** Leaves the tables `reads` and `people` behind. */
async function countReads(
  connection: DuckDBConnection,
  source: string,
  question: Omit<IndexPeople, 'files' | 'tail'>,
): Promise<TrailCounts> {
  await makeExchanges(connection, {
    ...{ source, question, name: 'reads', where: 'status IS NULL OR status < 400' },
    select: '"index", time, NOT coalesce(otp, false) AS bare, subjects, principal',
  })
  await makeTable(
    connection,
    'people',
    `SELECT subject, count(*) AS reads, count(*) FILTER (bare) AS bare, min(time) AS first, max(time) AS last,
       min("index") AS "firstEntry", max("index") AS "lastEntry"
     FROM (SELECT unnest(list_distinct(subjects)) AS subject, bare, time, "index" FROM reads) GROUP BY subject`,
  )
  const found = await connection.runAndReadAll(
    `SELECT count(*), count(*) FILTER (bare), count(*) FILTER (coalesce(len(subjects), 0) = 0), count(DISTINCT principal),
       count(*) FILTER (principal IS NULL), min(time), max(time),
       (SELECT count(*) FROM people), (SELECT count(*) FROM people WHERE bare > 0) FROM reads`,
  )
  const [reads, withoutOtp, unnamed, principals, withoutSession, first, last, subjects, subjectsWithoutOtp] =
    found.getRows()[0] ?? []
  return {
    reads: Number(reads),
    withoutOtp: Number(withoutOtp),
    unnamed: Number(unnamed),
    subjects: Number(subjects),
    subjectsWithoutOtp: Number(subjectsWithoutOtp),
    principals: Number(principals),
    withoutSession: Number(withoutSession),
    ...(first === null ? {} : { first: Number(first), last: Number(last) }),
  }
}
