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
  /** Why the index was not used, where there is one. */
  readonly fallback?: string
}

export interface FoundPage extends Whole {
  readonly hits: readonly { readonly index: number; readonly entry: string }[]
  /** Where the next page goes on; absent where there is nothing more. */
  readonly next?: number
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
  sessions(query: SessionsQuery, limit: number): Promise<FoundSessions>
}
