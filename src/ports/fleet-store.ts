/**
 * The store that the gateways of one fleet share (docs/decisions/0010). A courier without authority: every text that it carries
 * is signed by whoever wrote it, the control plane verifies each of them, and nothing that a store returns, keeps back,
 * repeats or forgets opens anything. It never sees a key or the fleet secret.
 *
 * All bodies are opaque ASCII texts of at most BODY_BYTES_MAX bytes (core/fleet-limits.ts); an adapter drops longer ones that
 * it is given by the outside. Every method rejects with an Error of one line where the store did not answer within the limit
 * that the adapter was made with; nothing is then known of whether it was done, and every method may be repeated.
 */
export interface FleetStore {
  /**
   * One atomic step, the only thing that a gateway does again and again: leaves the gateway's own heartbeat, and takes the
   * heartbeats of the members that it asks for together with every entry after its cursor. Atomic, so that a heartbeat that
   * names an order is never returned without the entries that were appended before it.
   */
  exchange(request: ExchangeRequest): Promise<Exchange>

  /** All entries that were ever appended, page by page in any order; `cursor` is where `exchange` goes on afterwards. */
  snapshot(): Promise<{ readonly cursor: string; readonly pages: AsyncIterable<readonly FleetEntry[]> }>

  /**
   * Appends those whose id is not there yet, each once, adds them to the snapshot and tells the listeners of every gateway.
   * Resolves to how many were new. The first body of an id stays.
   */
  append(entries: readonly FleetEntry[]): Promise<number>

  /** What members last said of themselves, by gateway. Never expires. */
  roster(): Promise<ReadonlyMap<string, string>>

  /**
   * What members have said of themselves after that version of the roster; undefined where the store cannot tell: read it whole.
   * So a fleet that starts at once reads each record once, not all of them at each that is added.
   */
  rosterSince(version: number): Promise<ReadonlyMap<string, string> | undefined>

  /** Replaces the member's record and counts the roster's version up. `isGone`: also removes its heartbeat. */
  enrol(gateway: string, record: string, isGone: boolean): Promise<void>

  /** The last heartbeats of all members: for who asks for the whole fleet, not for each beat. */
  heartbeats(): Promise<ReadonlyMap<string, string>>

  /** Keeps what the gateway has shown of an order, replacing what it had shown before, and tells the gateways in `to`. Kept for PROOF_TTL_MS at least. */
  putProof(proof: StoredProof, to: readonly string[]): Promise<void>

  /** What was shown of an order, by gateway. */
  proofs(order: string): Promise<ReadonlyMap<string, string>>

  /** Says something to each of the gateways, or to nobody where none listens: it is not kept. */
  tell(text: string, to: readonly string[]): Promise<void>

  /** One listener; called outside of any other call of the store. Events may be lost, repeated and late: they only save time. */
  listen(listener: FleetStoreListener): void

  close(): Promise<void>
}

export interface FleetEntry {
  /** Order id, writer and number, joined by `/`: one for each receipt. */
  readonly id: string
  readonly body: string
}

interface ExchangeRequest {
  readonly gateway: string
  readonly heartbeat: string
  /** Of the last exchange or snapshot; empty at first. */
  readonly cursor: string
  /** Members whose heartbeats are wanted; one's own is always returned. */
  readonly wanted: readonly string[]
}

export interface Exchange {
  /** Random, made by whoever wrote to the empty store first: another one means that the store was emptied. */
  readonly generation: string
  readonly rosterVersion: number
  readonly cursor: string
  /** In the order of appending, ENTRIES_MAX at most; with more to come `isMore` is set. */
  readonly entries: readonly FleetEntry[]
  readonly isMore: boolean
  /**
   * The cursor does not lead on: it was empty, entries after it are no longer in the stream, or the stream ends before it (an
   * old dump). `entries` is then empty: read the snapshot.
   */
  readonly isCursorLost: boolean
  /** By gateway, as they were in that same step. */
  readonly heartbeats: ReadonlyMap<string, string>
  /** The store's own clock in that step, epoch milliseconds; absent where it has none, or does not tell. */
  readonly timeMs?: number
}

export interface StoredProof {
  readonly order: string
  readonly gateway: string
  readonly body: string
}

export interface FleetStoreListener {
  onEntry(entry: FleetEntry): void
  onProof(proof: StoredProof): void
  /** What another gateway has told. */
  onTold(text: string): void
  /** The roster has changed. */
  onRoster(): void
  /** Contact was made, again: exchange now. */
  onConnected(): void
  onLost(problem: string): void
}
