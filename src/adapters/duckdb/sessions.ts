// Which sessions came and what each has read, as questions of SQL.
import type { DuckDBConnection } from '@duckdb/node-api'
import type { SessionsAnswer } from '../../core/trail-query.ts'
import type { IndexSessions } from '../../ports/trail-index.ts'
import { dropTables, makeExchanges } from './exchanges.ts'

type Request = Omit<IndexSessions, 'files' | 'tail'>

/** `source` is a subquery with the columns of records. */
export async function readSessions(
  connection: DuckDBConnection,
  source: string,
  request: Request,
): Promise<SessionsAnswer> {
  await makeExchanges(connection, {
    ...{ source, question: request, name: 'uses', where: 'session IS NOT NULL' },
    select:
      'session, time, coalesce(status >= 400, false) AS refused, coalesce(otp, false) AS otp, principal, application, client, route, subjects',
  })
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
  await dropTables(connection, 'uses')
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
