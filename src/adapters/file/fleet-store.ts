// The fleet store of several processes on one machine, in a SQLite file that they share: no server, and the same promises.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { ENTRIES_MAX, PROOF_TTL_MS } from '../../core/fleet-limits.ts'
import { checkFleetTexts, isFleetBody, isFleetName } from '../../core/fleet-text.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Exchange, FleetEntry, FleetStore } from '../../ports/fleet-store.ts'
import { watchNotices } from './fleet-notices.ts'

export interface FileFleetStoreOptions {
  /** Shared by the gateways of one fleet, on a disk of this machine: SQLite's locks do not hold over a network. */
  readonly file: string
  /** Whose proofs are listened for. */
  readonly gateway: string
  readonly clock: Clock
  readonly randomness: { hex(bytes: number): string }
}

/** How long a call waits for another process' write, which takes some milliseconds; the thread stands still meanwhile. */
const BUSY_TIMEOUT_MS = 200

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value ANY) STRICT;
CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS roster (gateway TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS enrolled (gateway TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS beats (gateway TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS proofs
  (orderId TEXT, gateway TEXT, text TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (orderId, gateway)) STRICT;
CREATE TABLE IF NOT EXISTS notices (seq INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, gateway TEXT NOT NULL, body TEXT NOT NULL) STRICT;
INSERT OR IGNORE INTO meta VALUES ('roster', 0);
`
/** Notices only save time: whoever is so far behind reads what they were about. */
const NOTICES_MAX = 1000

/** Throws an Error where the file cannot be made or is none of these. */
export function openFileFleetStore({ file, gateway, clock, randomness }: FileFleetStoreOptions): FleetStore {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  database.exec(SCHEMA)
  run(database, "INSERT OR IGNORE INTO meta VALUES ('generation', ?)", randomness.hex(16))
  let stopWatching: (() => void) | undefined
  const step = <T>(names: readonly string[], bodies: readonly string[], act: () => T): Promise<T> => {
    const problem = checkFleetTexts(names, bodies)
    if (problem !== undefined) return Promise.reject(new Error(problem))
    if (!database.isOpen) return Promise.reject(new Error('the fleet store is closed'))
    try {
      return Promise.resolve(atomically(database, act))
    } catch (error) {
      return Promise.reject(new Error(`the fleet store's file: ${String(error).split('\n', 1)[0] ?? ''}`))
    }
  }
  return {
    exchange: (request) =>
      step([request.gateway, ...request.wanted], [request.heartbeat], () => exchange(database, request)),
    snapshot: () => step([], [], () => ({ cursor: newest(database), pages: pagesOf(database, newestSeq(database)) })),
    append: (entries) =>
      step(
        entries.map(({ id }) => id),
        entries.map(({ body }) => body),
        () => entries.filter((entry) => append(database, entry)).length,
      ),
    roster: () => step([], [], () => textsOf(database, 'SELECT gateway, text FROM roster')),
    rosterSince: (version) => step([], [], () => rosterSince(database, version)),
    heartbeats: () => step([], [], () => textsOf(database, 'SELECT gateway, text FROM beats')),
    enrol: (name, record, isGone) =>
      step([name], [record], () => {
        run(database, "UPDATE meta SET value = value + 1 WHERE name = 'roster'")
        run(database, 'INSERT OR REPLACE INTO roster VALUES (?, ?)', name, record)
        run(database, 'INSERT OR REPLACE INTO enrolled VALUES (?, ?)', name, rosterVersion(database))
        if (isGone) run(database, 'DELETE FROM beats WHERE gateway = ?', name)
        tell(database, ['', 'roster', '', '', ''])
      }),
    putProof: ({ order, gateway: from, body }, to) =>
      step([order, from, ...to], [body], () => {
        run(database, 'DELETE FROM proofs WHERE at < ?', clock.now() - PROOF_TTL_MS)
        run(database, 'INSERT OR REPLACE INTO proofs VALUES (?, ?, ?, ?)', order, from, body, clock.now())
        for (const recipient of to) tell(database, [recipient, 'proof', order, from, body])
      }),
    proofs: (order) =>
      step([order], [], () => textsOf(database, 'SELECT gateway, text FROM proofs WHERE orderId = ?', order)),
    tell: (body, to) =>
      step(to, [body], () => {
        for (const recipient of to) tell(database, [recipient, 'told', 'told', '', body])
      }),
    listen(listener) {
      stopWatching = watchNotices(database, gateway, listener)
    },
    close() {
      stopWatching?.()
      if (database.isOpen) database.close()
      return Promise.resolve()
    },
  }
}

function atomically<T>(database: DatabaseSync, act: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = act()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function run(database: DatabaseSync, sql: string, ...values: readonly SQLInputValue[]): number {
  return Number(database.prepare(sql).run(...values).changes)
}

function tell(database: DatabaseSync, notice: readonly string[]): void {
  run(database, 'INSERT INTO notices (recipient, kind, name, gateway, body) VALUES (?, ?, ?, ?, ?)', ...notice)
  run(database, 'DELETE FROM notices WHERE seq <= (SELECT max(seq) FROM notices) - ?', NOTICES_MAX)
}

function append(database: DatabaseSync, { id, body }: FleetEntry): boolean {
  if (run(database, 'INSERT OR IGNORE INTO entries (id, body) VALUES (?, ?)', id, body) === 0) return false
  tell(database, ['', 'entry', id, '', body])
  return true
}

function newestSeq(database: DatabaseSync): number {
  return Number(database.prepare('SELECT coalesce(max(seq), 0) AS seq FROM entries').get()?.seq)
}

/** Number and id of the newest entry: in an older copy of the file another entry has that number, or none. */
function newest(database: DatabaseSync): string {
  const row = database.prepare('SELECT seq, id FROM entries ORDER BY seq DESC LIMIT 1').get()
  return row === undefined ? '0 ' : `${row.seq} ${row.id}`
}

function rosterVersion(database: DatabaseSync): number {
  return Number(database.prepare("SELECT value FROM meta WHERE name = 'roster'").get()?.value)
}

function rosterSince(database: DatabaseSync, version: number): ReadonlyMap<string, string> | undefined {
  if (version > rosterVersion(database)) return undefined
  const sql = 'SELECT gateway, text FROM roster JOIN enrolled USING (gateway) WHERE version > ?'
  return textsOf(database, sql, version)
}

type Request = Parameters<FleetStore['exchange']>[0]

function exchange(database: DatabaseSync, { gateway, heartbeat, cursor, wanted }: Request): Exchange {
  run(database, 'INSERT OR REPLACE INTO beats VALUES (?, ?)', gateway, heartbeat)
  const heartbeats = new Map<string, string>()
  const beatOf = database.prepare('SELECT text FROM beats WHERE gateway = ?')
  for (const name of [gateway, ...wanted]) {
    const beat = beatOf.get(name)?.text
    if (isFleetBody(beat)) heartbeats.set(name, beat)
  }
  const meta = database.prepare('SELECT value FROM meta WHERE name = ?')
  const state = {
    generation: String(meta.get('generation')?.value),
    rosterVersion: rosterVersion(database),
    heartbeats,
  }
  const [, digits = '', id = ''] = /^(\d{1,15}) (.*)$/.exec(cursor) ?? []
  const from = Number(digits)
  const isKnown = database.prepare('SELECT 1 FROM entries WHERE seq = ? AND id = ?').get(from, id) !== undefined
  if (cursor !== '0 ' && !isKnown) return { ...state, cursor: '', entries: [], isMore: false, isCursorLost: true }
  const rows = database.prepare('SELECT seq, id, body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?')
  const found = rows.all(from, ENTRIES_MAX + 1)
  const page = found.slice(0, ENTRIES_MAX)
  const last = page.at(-1)
  const next = last === undefined ? cursor : `${last.seq} ${last.id}`
  return { ...state, cursor: next, entries: entriesOf(page), isMore: found.length > page.length, isCursorLost: false }
}

/** What has another shape was put there by somebody else, and is left out. */
function entriesOf(rows: readonly Record<string, unknown>[]): readonly FleetEntry[] {
  return rows.flatMap(({ id, body }) => (isFleetName(id) && isFleetBody(body) ? [{ id, body }] : []))
}

function textsOf(
  database: DatabaseSync,
  sql: string,
  ...values: readonly SQLInputValue[]
): ReadonlyMap<string, string> {
  const rows = database.prepare(sql).all(...values)
  return new Map(
    rows.flatMap(({ gateway, text }) => (isFleetName(gateway) && isFleetBody(text) ? [[gateway, text] as const] : [])),
  )
}

async function* pagesOf(database: DatabaseSync, to: number): AsyncGenerator<readonly FleetEntry[]> {
  const rows = database.prepare('SELECT seq, id, body FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?')
  for (let from = 0; from < to;) {
    const page = rows.all(from, to, ENTRIES_MAX)
    const last = page.at(-1)
    if (last === undefined) return
    yield entriesOf(page)
    from = Number(last.seq)
  }
}
