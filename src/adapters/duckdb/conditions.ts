// A query as a condition of SQL; every value is a parameter.
import type { Query } from '../../core/trail-query.ts'

export interface Condition {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** Says what matchesQuery (core) says. */
export function conditionOf(
  query: Query,
  locksOfIncidents: readonly string[],
  { from, before }: { from: number; before: number },
): Condition {
  const values: (string | number)[] = []
  const parameter = (value: string | number): string => `$${values.push(value)}`
  const among = (column: string, wanted: readonly string[]): string => `${column} IN (${wanted.map(parameter).join(', ')})`
  const hasAny = (column: string, wanted: readonly string[]): string =>
    `list_has_any(${column}, [${wanted.map(parameter).join(', ')}])`
  const parts = [`"index" >= ${parameter(from)}`, `"index" < ${parameter(before)}`]
  if (query.from !== undefined) parts.push(`"time" >= ${parameter(query.from)}`)
  if (query.to !== undefined) parts.push(`"time" < ${parameter(query.to)}`)
  const plain = [
    ['kind', query.kinds],
    ['route', query.routes],
    ['decision', query.decisions],
    ['id', query.ids],
    ['session', query.sessions],
    ['principal', query.principals],
  ] as const
  for (const [column, wanted] of plain) if (wanted !== undefined) parts.push(among(`"${column}"`, wanted))
  if (query.clients !== undefined)
    parts.push(`(${among('"client"', query.clients)} OR ${among('"application"', query.clients)})`)
  if (query.subjects !== undefined) parts.push(hasAny('"subjects"', query.subjects))
  if (query.locks !== undefined) parts.push(`(${among('"lock"', query.locks)} OR ${hasAny('"locks"', query.locks)})`)
  if (query.incidents !== undefined) {
    const locks = locksOfIncidents.length === 0 ? '' : ` OR ${among('"lock"', locksOfIncidents)}`
    parts.push(`(${among('"incident"', query.incidents)}${locks})`)
  }
  return { sql: parts.join(' AND '), values }
}
