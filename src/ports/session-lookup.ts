/** What is known of an opaque session: claims as their holder tells them, `undefined` where there is none. */
export type Found = Readonly<Record<string, unknown>> | undefined

/** Where sessions are kept whose token says nothing by itself. */
export interface SessionLookup {
  /** Rejects with an Error without the token where it cannot be told, within the time limit of its config. */
  find(token: string): Promise<Found>
  close(): Promise<void>
}
