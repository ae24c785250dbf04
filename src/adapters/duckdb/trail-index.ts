// The trail's index as Parquet files, read and written by DuckDB. The package is optional: who opens this falls back without it.
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { TrailIndex } from '../../ports/trail-index.ts'
import { COLUMN_NAMES, fromLines, fromPart, fromShapedLines, sqlText } from './columns.ts'
import { conditionOf } from './conditions.ts'
import { readSessions } from './sessions.ts'
import { readPeople, readWhose } from './whose.ts'

export interface TrailIndexOptions {
  /** Outside of the trail; made where it is missing. */
  readonly dir: string
  /** In a gateway: few, since requests come first. */
  readonly threads: number
  readonly memoryMegabytes: number
}

/** The number of the columns: a file of another one is removed, and made anew. */
const SUFFIX = '.2.parquet'
const FILE = /^(\d+-\d+-[0-9a-f]+)\.2\.parquet$/
const OTHER = /^\d+-\d+-[0-9a-f]+(?:\.\d+)?\.parquet$/
/**
 * Records of one route and client stand together, in small groups, so that the least and the greatest value of a group rule out
 * nearly all others: a question about a route and a client reads two groups of a file instead of all.
 */
const ORDER = '"kind", "route", "application", "client", "index"'
const ROW_GROUP = 8_192

/** Rejects where the package is not installed, or has no binary for this machine. */
export async function openTrailIndex(options: TrailIndexOptions): Promise<TrailIndex> {
  const { DuckDBInstance: Instance } = await import('@duckdb/node-api')
  await mkdir(options.dir, { recursive: true, mode: 0o700 })
  await removeLeftovers(options.dir)
  const instance = await Instance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: `${options.memoryMegabytes}MB`,
    temp_directory: join(options.dir, 'tmp'),
    preserve_insertion_order: 'false',
    // The files are our own; nothing is ever fetched.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    enable_external_access: 'true',
  })
  const connection = await instance.connect()
  return createIndex(options.dir, instance, connection)
}

function createIndex(dir: string, instance: DuckDBInstance, connection: DuckDBConnection): TrailIndex {
  const pathOf = (name: string): string => join(dir, `${name}${SUFFIX}`)
  const copy = async (select: string, out: string, more: string): Promise<void> => {
    const unfinished = `${out}.${process.pid}.tmp`
    await connection.run(`COPY (${select}) TO ${sqlText(unfinished)} (FORMAT parquet, COMPRESSION zstd${more})`)
    await rename(unfinished, out)
  }
  return {
    async files() {
      return (await readdir(dir)).flatMap((file) => FILE.exec(file)?.[1] ?? []).sort(byFrom)
    },
    add: (lines, name) =>
      copy(
        `SELECT ${COLUMN_NAMES} FROM ${fromLines(lines)} ORDER BY ${ORDER}`,
        pathOf(name),
        `, ROW_GROUP_SIZE ${ROW_GROUP}`,
      ),
    remove: (name) => rm(pathOf(name), { force: true }),
    async search({ query, locksOfIncidents, files, tail, from, before, newestFirst, limit }) {
      const sql = conditionOf(query, locksOfIncidents, { from, before })
      const reader = await connection.runAndReadAll(
        `SELECT "index" FROM ${fromPart(files.map(pathOf), tail)} WHERE ${sql} ORDER BY "index" ${newestFirst ? 'DESC' : 'ASC'} LIMIT ${limit}`,
      )
      return reader.getRows().map(([index]) => Number(index))
    },
    async locksOf(incidents, { files, tail, from, before }) {
      const sql = conditionOf({ incidents }, [], { from, before })
      const reader = await connection.runAndReadAll(
        `SELECT DISTINCT unnest("locks") FROM ${fromPart(files.map(pathOf), tail)} WHERE "kind" = 'order' AND ${sql}`,
      )
      return reader.getRows().map(([lock]) => String(lock))
    },
    whose: ({ files, tail, ...request }) => readWhose(connection, fromPart(files.map(pathOf), tail), request),
    people: ({ files, tail, ...request }) => readPeople(connection, fromPart(files.map(pathOf), tail), request),
    sessions: ({ files, tail, ...request }) => readSessions(connection, fromPart(files.map(pathOf), tail), request),
    convert: (lines, out) =>
      copy(
        `SELECT * FROM read_json(${sqlText(lines)}, format = 'newline_delimited', union_by_name = true, sample_size = -1, maximum_object_size = 1048576)`,
        out,
        '',
      ),
    convertShaped: (lines, out, { first, shape }) =>
      copy(
        `SELECT row_number() OVER () - 1 + ${first}::BIGINT AS "index", * FROM ${fromShapedLines(lines, shape)}`,
        out,
        '',
      ),
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

const LEFTOVER = /[.-](\d+)(?:-\d+)?\.(?:tmp|lines)$/

/** What a process has left that is no more. */
async function removeLeftovers(dir: string): Promise<void> {
  for (const file of await readdir(dir)) {
    const pid = Number(LEFTOVER.exec(file)?.[1])
    if ((OTHER.test(file) && !FILE.test(file)) || (pid > 0 && !isAlive(pid)))
      await rm(join(dir, file), { force: true }).catch(() => undefined)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function byFrom(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10)
}
