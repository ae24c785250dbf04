// A query as a condition of SQL. Values stand in it as literals, not as parameters: only then are row groups ruled out by them.
import type { Query } from '../../core/trail-query.ts'
import { sqlText } from './columns.ts'

/** Says what matchesQuery (core) says. */
export function conditionOf(
  query: Query,
  locksOfIncidents: readonly string[],
  { from, before }: { readonly from: number; readonly before: number },
): string {
  const parts = [`"index" >= ${whole(from)}`, `"index" < ${whole(before)}`]
  if (query.from !== undefined) parts.push(`"time" >= ${whole(query.from)}`)
  if (query.to !== undefined) parts.push(`"time" < ${whole(query.to)}`)
  const plain = [
    ['kind', query.kinds],
    ['route', query.routes],
    ['id', query.ids],
    ['session', query.sessions],
    ['principal', query.principals],
  ] as const
  for (const [column, wanted] of plain) if (wanted !== undefined) parts.push(among(column, wanted))
  if (query.decisions !== undefined)
    parts.push(`(${among('decision', query.decisions)} OR ${hasAny('decisions', query.decisions)})`)
  if (query.clients !== undefined)
    parts.push(
      `(${among('client', query.clients)} OR ${among('application', query.clients)} OR ${hasAny('clients', query.clients)})`,
    )
  if (query.pii !== undefined) parts.push(hasAny('pii', query.pii))
  if (query.subjects !== undefined) parts.push(hasAny('subjects', query.subjects))
  if (query.locks !== undefined) parts.push(`(${among('lock', query.locks)} OR ${hasAny('locks', query.locks)})`)
  if (query.incidents !== undefined) {
    const locks = locksOfIncidents.length === 0 ? '' : ` OR ${among('lock', locksOfIncidents)}`
    parts.push(`(${among('incident', query.incidents)}${locks})`)
  }
  return parts.join(' AND ')
}

function whole(value: number): string {
  if (!Number.isSafeInteger(value)) throw new TypeError('a bound of a query is a whole number')
  return String(value)
}

function among(column: string, wanted: readonly string[]): string {
  return `"${column}" IN (${wanted.map(sqlText).join(', ')})`
}

function hasAny(column: string, wanted: readonly string[]): string {
  return `list_has_any("${column}", [${wanted.map(sqlText).join(', ')}])`
}
