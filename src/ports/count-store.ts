/**
 * Where the gateways of a fleet leave what each has counted of people (docs/decisions/0017), for the others to read. A courier without
 * authority, like FleetStore: bodies are opaque ASCII texts of at most BODY_BYTES_MAX bytes, each authenticated by whoever wrote
 * it. Only the newest are kept. Off the request path: nothing waits for it.
 */
export interface CountStore {
  /**
   * One atomic step: leaves the bodies, and takes what has come after the cursor (empty: from the oldest that is kept), the bodies
   * just left among them. Rejects with an Error of one line where the store did not answer in time: whether they were left is then
   * not known.
   */
  exchange(cursor: string, bodies: readonly string[]): Promise<CountExchange>
  close(): void
}

interface CountExchange {
  readonly cursor: string
  readonly bodies: readonly string[]
  readonly isMore: boolean
}
