// A worker's live copy of the lock table. The epoch in shared memory is read on every request; a table older than it refuses.
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { CompiledTable, LockTable } from '../core/lock-table.ts'
import type { Route } from '../core/route.ts'
import type { Clock } from '../ports/clock.ts'

/** Memory that the main thread writes and every worker reads: the epoch, when it was stored, and when the lease ends on each of two clocks. */
export interface LockMemory {
  readonly epoch: Int32Array
  /** Monotonic microsecond, written before the epoch. */
  readonly landedUs: BigInt64Array
  /** Monotonic millisecond. */
  readonly leaseEndsMs: BigInt64Array
  /** Epoch millisecond; 0: only the monotonic clock counts. In a fleet a machine that slept must not trust an old view. */
  readonly leaseEndsWallMs: BigInt64Array
}

export function lockMemory(buffer: SharedArrayBuffer): LockMemory {
  return {
    epoch: new Int32Array(buffer, 0, 1),
    leaseEndsMs: new BigInt64Array(buffer, 8, 1),
    leaseEndsWallMs: new BigInt64Array(buffer, 16, 1),
    landedUs: new BigInt64Array(buffer, 24, 1),
  }
}

export const LOCK_MEMORY_BYTES = 32

/** Between the last look at the epoch and the writes themselves. */
const LATE_SLACK_MS = 1

/** What an exchange has given to its socket in the last turn in which it gave anything. */
export interface WrittenInTurn {
  readonly turn: number
  readonly turnBytes: number
  /** When it was last seen that it may, on the monotonic clock. */
  readonly lookedMs: number
}

/**
 * The main thread posts a table before it stores its epoch, so a worker that sees a newer epoch finds the table in its port
 * in that same turn; until it has it, it refuses. A table that is not newer is ignored.
 */
export class LockView {
  readonly #memory: LockMemory
  readonly #port: MessagePort
  readonly #compile: (table: LockTable) => CompiledTable
  readonly #onTable: (table: CompiledTable) => void
  #table: LockTable | undefined
  #compiled: CompiledTable | undefined
  /** Counts the turns of the event loop in which something was written; see `beforeWrites`. */
  turn = 0
  /** When the lease was last looked at, on the monotonic clock. */
  lookedMs = 0
  /** When the writes of the last turn were let go, on the monotonic clock. */
  #wroteMs = -Infinity

  constructor(
    memory: LockMemory,
    port: MessagePort,
    compile: (table: LockTable) => CompiledTable,
    onTable: (table: CompiledTable) => void,
  ) {
    this.#memory = memory
    this.#port = port
    this.#compile = compile
    this.#onTable = onTable
    port.on('message', (table: LockTable) => {
      this.#take(table)
    })
  }

  /** The table in force, or undefined where this worker has not got it yet: then nothing is forwarded. */
  get current(): CompiledTable | undefined {
    return this.#catchUp()
  }

  /** Takes what is in the port, where the table that is here is not the one in force. */
  #catchUp(): CompiledTable | undefined {
    if (this.#compiled !== undefined && this.isCurrent(this.#compiled.epoch)) return this.#compiled
    for (
      let message = receiveMessageOnPort(this.#port);
      message !== undefined;
      message = receiveMessageOnPort(this.#port)
    ) {
      this.#take(message.message as LockTable)
    }
    return this.#compiled !== undefined && this.isCurrent(this.#compiled.epoch) ? this.#compiled : undefined
  }

  /** The last look before the writes of a turn leave: what a newer table covers is destroyed, and not written. */
  beforeWrites(clock: Pick<Clock, 'monotonicMs'>): void {
    this.#catchUp()
    this.turn += 1
    try {
      this.#wroteMs = clock.monotonicMs()
    } catch {
      // Then everything counts as late.
      this.#wroteMs = Infinity
    }
  }

  /** How many of the body bytes that were given to the socket in `turn`, after a look at `lookedMs`, may have left after the epoch was stored. */
  bytesAfter({ turn, turnBytes, lookedMs }: WrittenInTurn, unwrittenBytes: number): number {
    const sinceMs = Number(Atomics.load(this.#memory.landedUs, 0)) / 1000 - LATE_SLACK_MS
    const isLate = turn === this.turn ? lookedMs >= sinceMs : turn === this.turn - 1 && this.#wroteMs >= sinceMs
    // What the kernel has not taken is destroyed with the socket.
    return isLate ? Math.max(0, turnBytes - unwrittenBytes) : 0
  }

  /** Epoch of the table that this worker has. */
  get epoch(): number {
    return this.#table?.epoch ?? 0
  }

  /** Hash of that table; empty where it came without one. */
  get hash(): string {
    return this.#table?.hash ?? ''
  }

  /** Whether a decision made at `epoch` still stands: one atomic load. */
  isCurrent(epoch: number): boolean {
    return Atomics.load(this.#memory.epoch, 0) <= epoch
  }

  /** Whether the lease runs. A main thread that has been silent for a lease is a lost lease. */
  isFresh(clock: Pick<Clock, 'monotonicMs' | 'now'>): boolean {
    this.lookedMs = clock.monotonicMs()
    if (this.lookedMs >= Number(Atomics.load(this.#memory.leaseEndsMs, 0))) return false
    const wallMs = Number(Atomics.load(this.#memory.leaseEndsWallMs, 0))
    return wallMs === 0 || clock.now() < wallMs
  }

  /** After a reload of the config: the same table against other routes. */
  recompile(): void {
    if (this.#table !== undefined) this.#compiled = this.#compile(this.#table)
  }

  #take(table: LockTable): void {
    if (this.#table !== undefined && table.epoch <= this.#table.epoch) return
    // Compiled first: a table that cannot be is not claimed to be had.
    const compiled = this.#compile(table)
    this.#table = table
    this.#compiled = compiled
    this.#onTable(compiled)
  }
}

/** The route's posture, where the lease has run out. `isSafe`: it can change nothing at the upstream. */
export function refusesWhenStale(route: Route, isSafe: boolean): boolean {
  switch (route.policy.stale) {
    case 'frozen':
      return true
    case 'read-only':
      return !isSafe
    case 'serve':
      return false
  }
}
