import type { RecordShape } from '../core/record-shape.ts'
import type { TrailCounts } from '../core/people-lines.ts'
import type {
  Query,
  SessionsAnswer,
  SessionsQuery,
  SubjectReads,
  WhoseAnswer,
  WhoseQuery,
} from '../core/trail-query.ts'

/** Entries of the log, `from` and before `to`. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What one question to the index reads: its own files, and the newest entries from a file of lines. */
export interface IndexPart {
  /** Names of files of the index, as `files` gave them. */
  readonly files: readonly string[]
  /** Path of a file of lines (see `add`) with entries that no file of the index has. */
  readonly tail?: string
  readonly from: number
  readonly before: number
}

interface IndexSearch extends IndexPart {
  readonly query: Query
  /** Of the query's incidents. */
  readonly locksOfIncidents: readonly string[]
  /** Largest index first. */
  readonly newestFirst: boolean
  readonly limit: number
}

export interface IndexPeople extends IndexPart {
  readonly query: WhoseQuery
}

export interface IndexWhose extends IndexPeople {
  /** Of the list; all else is counted whole. */
  readonly limit: number
}

/** Each caller and each person in the order of their names: first all of the one, then all of the other, before anything else is asked. */
export interface TrailPeople {
  readonly counts: TrailCounts
  principals(): AsyncIterable<string>
  people(): AsyncIterable<SubjectReads>
}

export interface IndexSessions extends IndexPart {
  readonly query: SessionsQuery
  /** Of the list. */
  readonly limit: number
}

/**
 * Columns of the trail's records, derived from it and thrown away at will. It decides nothing: each record that it names is read
 * from the trail and judged again. Every method rejects with an Error of one line where the files are damaged or the disk is full.
 */
export interface TrailIndex {
  /** Names of its files, each `<from>-<to>-<hash>`; the hash is the builder's. */
  files(): Promise<readonly string[]>
  /**
   * Takes in a file of lines, each a JSON record with its `index` as the first member, under the name; all or nothing. The file
   * of lines is left as it is.
   */
  add(lines: string, name: string): Promise<void>
  remove(name: string): Promise<void>
  /** Indexes of the records that answer. */
  search(request: IndexSearch): Promise<readonly number[]>
  /** Ids of the locks that orders of the incidents have placed. */
  locksOf(incidents: readonly string[], part: IndexPart): Promise<readonly string[]>
  whose(request: IndexWhose): Promise<WhoseAnswer>
  people(request: IndexPeople): Promise<TrailPeople>
  sessions(request: IndexSessions): Promise<SessionsAnswer>
  /** Writes a file of lines as Parquet for others, all members as columns. */
  convert(lines: string, out: string): Promise<void>
  /** The same of lines that have no index, being entries that follow one another from `first` on, and whose members are known. */
  convertShaped(lines: string, out: string, of: { readonly first: number; readonly shape: RecordShape }): Promise<void>
  close(): void
}
