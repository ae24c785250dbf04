// The columns that the index has of a record, and how DuckDB reads them from lines of JSON.
import type { MemberKind, RecordShape } from '../../core/record-shape.ts'

/** Member of the record to DuckDB's type. What a record does not have is NULL. */
const COLUMNS = {
  index: 'BIGINT',
  time: 'DOUBLE',
  kind: 'VARCHAR',
  id: 'VARCHAR',
  client: 'VARCHAR',
  application: 'VARCHAR',
  route: 'VARCHAR',
  principal: 'VARCHAR',
  session: 'VARCHAR',
  subjects: 'VARCHAR[]',
  otp: 'BOOLEAN',
  decision: 'VARCHAR',
  lock: 'VARCHAR',
  locks: 'VARCHAR[]',
  incident: 'VARCHAR',
  status: 'INTEGER',
  pii: 'JSON',
  decisions: 'JSON',
  clients: 'JSON',
} as const

/** What is kept of members that hold counts: their names alone, as a list. */
const KEPT: Readonly<Partial<Record<keyof typeof COLUMNS, string>>> = {
  pii: 'json_keys("pii")',
  decisions: 'json_keys("decisions")',
  clients: `json_extract_string("clients", '$[*].client')`,
}

export const COLUMN_NAMES = Object.keys(COLUMNS)
  .map((name) => `"${name}"`)
  .join(', ')

/** A text as SQL: DuckDB knows no escape but the doubled quote. */
export function sqlText(text: string): string {
  if (text.includes('\0')) throw new TypeError('a text for SQL holds no NUL')
  return `'${text.replaceAll("'", "''")}'`
}

/** Reads a file of lines. */
export function fromLines(path: string): string {
  const types = Object.entries(COLUMNS).map(([name, type]) => `"${name}": '${type}'`)
  const kept = Object.entries(KEPT).map(([name, expression]) => `${expression} AS "${name}"`)
  const lines = `read_json(${sqlText(path)}, format = 'newline_delimited', columns = {${types.join(', ')}}, maximum_object_size = 1048576)`
  return `(SELECT * REPLACE (${kept.join(', ')}) FROM ${lines})`
}

const TYPES: Readonly<Record<MemberKind, string>> = {
  whole: 'BIGINT',
  number: 'DOUBLE',
  truth: 'BOOLEAN',
  text: 'VARCHAR',
  texts: 'VARCHAR[]',
  other: 'JSON',
}

/** With all members as columns. Found out by the engine itself that takes ten times as long. */
export function fromShapedLines(path: string, shape: RecordShape): string {
  const types = [...shape].map(([name, kind]) => `${sqlText(name)}: '${TYPES[kind]}'`)
  return `read_json(${sqlText(path)}, format = 'newline_delimited', columns = {${types.join(', ')}}, maximum_object_size = 1048576)`
}

/** Reads files of the index, and what is newer from a file of lines. */
export function fromPart(files: readonly string[], tail: string | undefined): string {
  const parts = [
    ...(files.length === 0 ? [] : [`SELECT ${COLUMN_NAMES} FROM read_parquet([${files.map(sqlText).join(', ')}])`]),
    ...(tail === undefined ? [] : [`SELECT ${COLUMN_NAMES} FROM ${fromLines(tail)}`]),
  ]
  return parts.length === 0
    ? `(SELECT ${Object.entries(COLUMNS)
        .map(([name, type]) => `NULL::${name in KEPT ? 'VARCHAR[]' : type} AS "${name}"`)
        .join(', ')} WHERE false)`
    : `(${parts.join(' UNION ALL ')})`
}
