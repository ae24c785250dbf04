// What every question about exchanges begins with: of the records of one exchange the last one holds.
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Query } from '../../core/trail-query.ts'
import { conditionOf } from './conditions.ts'

export interface ExchangeQuestion {
  readonly query: Query
  readonly from: number
  readonly before: number
}

/** Takes the place of one of that name. */
export async function makeTable(connection: DuckDBConnection, name: string, select: string): Promise<void> {
  await dropTables(connection, name)
  await connection.run(`CREATE TEMP TABLE ${name} AS ${select}`)
}

export async function dropTables(connection: DuckDBConnection, ...names: readonly string[]): Promise<void> {
  for (const name of names) await connection.run(`DROP TABLE IF EXISTS ${name}`)
}

/**
 * Makes the table `name` of the last record of each exchange that answers, as far as `where` lets it, with the columns of `select`.
 * `source` is a subquery with the columns of records. Two passes: numbers alone are grouped, which a disk can take over.
 */
export async function makeExchanges(
  connection: DuckDBConnection,
  {
    source,
    question,
    name,
    select,
    where,
  }: {
    readonly source: string
    readonly question: ExchangeQuestion
    readonly name: string
    readonly select: string
    readonly where: string
  },
): Promise<void> {
  const sql = conditionOf({ ...question.query, kinds: ['request'] }, [], question)
  await makeTable(
    connection,
    'kept',
    `SELECT max("index") AS "index" FROM (SELECT * FROM ${source} WHERE ${sql}) GROUP BY id`,
  )
  await makeTable(
    connection,
    name,
    `SELECT ${select} FROM (SELECT * FROM ${source} WHERE ${sql} AND (${where})) SEMI JOIN kept USING ("index")`,
  )
  await dropTables(connection, 'kept')
}
