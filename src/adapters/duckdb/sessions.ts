// Which sessions came and what each has read, as questions of SQL.
import type { DuckDBConnection } from '@duckdb/node-api'
import type { SessionsAnswer } from '../../core/trail-query.ts'
import type { IndexSessions } from '../../ports/trail-index.ts'
import { conditionOf } from './conditions.ts'

type Request = Omit<IndexSessions, 'files' | 'tail'>

/** `source` is a subquery with the columns of records. */
export async function readSessions(
  connection: DuckDBConnection,
  source: string,
  request: Request,
): Promise<SessionsAnswer> {
  const sql = conditionOf({ ...request.query, kinds: ['request'] }, [], request)
  await connection.run('DROP TABLE IF EXISTS kept')
  // Of the records of one exchange the last one holds.
  await connection.run(
    `CREATE TEMP TABLE kept AS SELECT max("index") AS "index" FROM (SELECT * FROM ${source} WHERE ${sql}) GROUP BY id`,
  )
  await connection.run('DROP TABLE IF EXISTS uses')
  await connection.run(
    `CREATE TEMP TABLE uses AS
     SELECT session, time, coalesce(status >= 400, false) AS refused, coalesce(otp, false) AS otp, principal, application, client, route, subjects
     FROM (SELECT * FROM ${source} WHERE ${sql} AND session IS NOT NULL) SEMI JOIN kept USING ("index")`,
  )
  const counted = await connection.runAndReadAll('SELECT count(DISTINCT session) FROM uses')
  const list = await connection.runAndReadAll(
    `WITH shown AS (SELECT session, max(time) AS last FROM uses GROUP BY session ORDER BY last DESC, session LIMIT ${request.limit}),
       read AS (SELECT session, count(DISTINCT subject) AS people
         FROM (SELECT session, unnest(subjects) AS subject FROM uses SEMI JOIN shown USING (session) WHERE NOT refused) GROUP BY session)
     SELECT session, min(principal), min(application), bool_or(otp), count(*) FILTER (NOT refused), count(*) FILTER (refused),
       coalesce(any_value(people), 0), count(DISTINCT client), min(client),
       to_json(list_sort(list_distinct(list(route)))), min(time), max(time) AS last
     FROM uses SEMI JOIN shown USING (session) LEFT JOIN read USING (session)
     GROUP BY session ORDER BY last DESC, session`,
  )
  for (const table of ['kept', 'uses']) await connection.run(`DROP TABLE ${table}`)
  return {
    sessions: Number(counted.getRows()[0]?.[0] ?? 0),
    list: list
      .getRows()
      .map(
        ([session, principal, application, otp, reads, refused, people, addresses, client, routes, first, last]) => ({
          session: String(session),
          ...(typeof principal === 'string' ? { principal } : {}),
          ...(typeof application === 'string' ? { application } : {}),
          otp: otp === true,
          reads: Number(reads),
          refused: Number(refused),
          people: Number(people),
          addresses: Number(addresses),
          ...(typeof client === 'string' ? { client } : {}),
          routes: JSON.parse(typeof routes === 'string' ? routes : '[]') as string[],
          first: Number(first),
          last: Number(last),
        }),
      ),
  }
}
