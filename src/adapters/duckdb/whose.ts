// Whose records were read, as two questions of SQL: all of it counted, and the list of those with most reads.
import type { DuckDBConnection } from '@duckdb/node-api'
import type { WhoseAnswer } from '../../core/trail-query.ts'
import type { IndexWhose } from '../../ports/trail-index.ts'
import { conditionOf } from './conditions.ts'

type Request = Omit<IndexWhose, 'files' | 'tail'>

/** `source` is a subquery with the columns of records. */
export async function readWhose(connection: DuckDBConnection, source: string, request: Request): Promise<WhoseAnswer> {
  const sql = conditionOf({ ...request.query, kinds: ['request'] }, [], request)
  // Of the records of one exchange the last one holds. Two passes: numbers alone are grouped, which a disk can take over.
  await connection.run('DROP TABLE IF EXISTS kept')
  await connection.run(
    `CREATE TEMP TABLE kept AS SELECT max("index") AS "index" FROM (SELECT * FROM ${source} WHERE ${sql}) GROUP BY id`,
  )
  await connection.run('DROP TABLE IF EXISTS reads')
  await connection.run(
    `CREATE TEMP TABLE reads AS
     SELECT time, NOT coalesce(otp, false) AS bare, subjects, principal
     FROM (SELECT * FROM ${source} WHERE ${sql} AND (status IS NULL OR status < 400)) SEMI JOIN kept USING ("index")`,
  )
  await connection.run('DROP TABLE IF EXISTS people')
  await connection.run(
    `CREATE TEMP TABLE people AS
     SELECT subject, count(*) AS reads, count(*) FILTER (bare) AS bare, min(time) AS first, max(time) AS last
     FROM (SELECT unnest(list_distinct(subjects)) AS subject, bare, time FROM reads) GROUP BY subject`,
  )
  const counts = await connection.runAndReadAll(
    `SELECT count(*), count(*) FILTER (bare), count(*) FILTER (coalesce(len(subjects), 0) = 0), count(DISTINCT principal), min(time), max(time),
       (SELECT count(*) FROM people), (SELECT count(*) FROM people WHERE bare > 0) FROM reads`,
  )
  const list = await connection.runAndReadAll(
    `SELECT subject, reads, bare, first, last FROM people ORDER BY reads DESC, subject LIMIT ${request.limit}`,
  )
  for (const table of ['kept', 'reads', 'people']) await connection.run(`DROP TABLE ${table}`)
  const [reads, withoutOtp, unnamed, principals, first, last, subjects, subjectsWithoutOtp] = counts.getRows()[0] ?? []
  return {
    reads: Number(reads),
    withoutOtp: Number(withoutOtp),
    unnamed: Number(unnamed),
    subjects: Number(subjects),
    subjectsWithoutOtp: Number(subjectsWithoutOtp),
    principals: Number(principals),
    ...(first === null ? {} : { first: Number(first), last: Number(last) }),
    list: list.getRows().map(([subject, ofSubject, bare, since, until]) => ({
      subject: String(subject),
      reads: Number(ofSubject),
      withoutOtp: Number(bare),
      first: Number(since),
      last: Number(until),
    })),
  }
}
