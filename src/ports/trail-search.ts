import type { FleetWhose } from '../core/people-lines.ts'
import type { Query, SessionsAnswer, SessionsQuery, SessionUse, WhoseAnswer, WhoseQuery } from '../core/trail-query.ts'

export interface PageRequest {
  readonly newestFirst?: boolean
  /** The entry where the page before has ended. */
  readonly after?: number
  readonly limit: number
}

interface Whole {
  /** Entries under the checkpoint that was searched. */
  readonly size: number
  /** Name of the gateway, and root of that checkpoint (base64); absent where there is none yet. */
  readonly gateway?: string
  readonly root?: string
  /** Why the index was not used, where there is one. */
  readonly fallback?: string
}

export interface FoundPage extends Whole {
  readonly hits: readonly { readonly index: number; readonly entry: string }[]
  /** Where the next page goes on; absent where there is nothing more. */
  readonly next?: number
}

/** Lines of people (core/people-lines) in a file of its own; whoever asked for it removes it. */
export interface PeopleFile {
  readonly path: string
  readonly bytes: number
  /** SHA-256 of all of it, base64url. */
  readonly sha256: string
  /** People in it. */
  readonly subjects: number
}

/** A file of lines that came from a trail, and what its head must say where that is known. */
export interface NamedPeople {
  readonly name: string
  readonly path: string
  readonly gateway?: string
}

/** Over the trails whose files are whole; the others are named, with what is wrong with them. */
export type MergedPeople = Omit<FleetWhose, 'missing'> & {
  readonly faulty: readonly { readonly name: string; readonly why: string }[]
}

export type FoundPeople = WhoseAnswer & Whole
export type FoundSessions = SessionsAnswer & Whole

/** What `POST /api/v1/audit/sessions` answers. */
export interface SessionsView extends SessionsAnswer {
  readonly list: readonly (SessionUse & {
    /** The order that ended it, where one names it. */
    readonly revoked?: { readonly id: string; readonly by: string; readonly since: string }
  })[]
  /** Entries of the trail that were looked at: those under the last checkpoint. */
  readonly size: number
}

/** Searches the trail of this gateway away from the thread that takes orders. Rejects with an Error of one line. */
export interface TrailSearch {
  page(query: Query, request: PageRequest): Promise<FoundPage>
  whose(query: WhoseQuery, limit: number): Promise<FoundPeople>
  people(query: WhoseQuery): Promise<PeopleFile>
  mergePeople(files: readonly NamedPeople[], limit: number): Promise<MergedPeople>
  sessions(query: SessionsQuery, limit: number): Promise<FoundSessions>
}
