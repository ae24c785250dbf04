// One thread's write-ahead log: entries are queued at once and made durable by group commits, one synchronous write (O_DSYNC) each.
import { randomBytes } from 'node:crypto'
import { CommitPace } from './commit-pace.ts'
import { type Files, messageOf, nodeFiles, writeAll } from './files.ts'
import type { Hash } from './merkle.ts'
import type { OnDurable } from '../ports/audit-trail.ts'
import { ENTRY_BYTES_MAX } from './tiles.ts'
import { Batch } from './wal-batch.ts'
import { HEADER_BYTES, NO_CHAIN, paddedLength, SECTOR_BYTES } from './wal-block.ts'
import { SegmentSupply } from './segment-supply.ts'
import { isWriterName, type OpenSegment, wholeSectors } from './wal-segment.ts'

/** A group commit that is on the disk: what the sealer takes. It survives a structured clone, so it can be posted across threads. */
export interface DurableBatch {
  readonly writer: string
  readonly segment: number
  /** Where the block begins in its segment, and where the next one will. */
  readonly offset: number
  readonly end: number
  readonly count: number
  /** From the first entry's append until the commit was durable. */
  readonly waitedMs: number
  /** The block, a copy that belongs to the receiver. */
  readonly block: Uint8Array
}

export interface WriteAheadOptions {
  /** The trail's directory; segments lie in `wal/` below it. */
  readonly dir: string
  /** Name of this writer: `main`, `w1` ... No other writer in the process may have it at the same time. */
  readonly writer: string
  /** Milliseconds that only grow. */
  readonly now: () => number
  /** Size of a segment file, all of it written before it is used. Default 16 MiB. */
  readonly preallocateBytes?: number
  /** Bytes that may wait; beyond them `append` accepts nothing. Default 8 MiB. */
  readonly queueBytesMax?: number
  /**
   * Rest between two commits, so that a busy log shares each among more entries: a commit costs the same CPU for one entry as for a
   * hundred. It is at least this, and as long as the commit before it took, up to 5 ms: whoever waits is told within three commits. The
   * first commit after a rest is never delayed. Default 1, none at 0.
   */
  readonly lingerMs?: number
  /** How long entries that nobody waits for may gather before their commit begins. Default 20, none where `lingerMs` is 0. */
  readonly gatherMs?: number
  /** After a failed commit, how long until the next one may try. Default 250. */
  readonly retryAfterMs?: number
  /** A commit that takes longer than this makes the log unhealthy while it lasts. Default 2000. */
  readonly stalledAfterMs?: number
  /** Files that lie ready beside the one in use: with some of them a full disk stops no commit for long. Default 0: one is made at half. */
  readonly reserveSegments?: number
  /** Whether new files may be made. Default always. */
  readonly mayGrow?: () => boolean
  /** Called with what an operator should read, whenever a commit has failed or a file of the log was taken away. */
  readonly onFailure?: (problem: string) => void
  /** Called after the waiters of a commit were told, in the same turn. */
  readonly onDurable?: (batch: DurableBatch) => void
  readonly files?: Files
}

/** Why a record could not be made durable. A strict route answers `audit-unavailable`. */
export class AuditUnavailable extends Error {
  readonly code = 'audit_unavailable'
}

const BATCH_BYTES_MAX = 1 << 20
/** So many bytes are committed whether somebody waits for them or not. */
const GATHERED_BYTES_MAX = 256 << 10
/** A commit that takes longer may be one that hangs. */
const SLOW_MS = 250
const BUFFER_BYTES = 64 << 10

export class WriteAheadLog {
  readonly #options: WriteAheadOptions
  readonly #files: Files
  readonly #segmentBytes: number
  readonly #run = randomBytes(8).toString('hex')
  /** Oldest first; the first one may be in flight. */
  readonly #queue: Batch[] = []
  readonly #spare: Buffer[] = []
  #queuedBytes = 0
  #ticket = 0
  #durableTicket = 0
  #chain: Hash = NO_CHAIN
  #segment: OpenSegment | undefined
  /** The segment whose file was seen to be another hand's. */
  #taken: OpenSegment | undefined
  #isProbing = false
  #position = 0
  readonly #supply: SegmentSupply
  readonly #pace: CommitPace
  #isRetry = false
  #problem: string | undefined
  #commitSince: number | undefined
  #isClosed = false

  constructor(options: WriteAheadOptions) {
    if (!isWriterName(options.writer))
      throw new TypeError(`a writer's name is lower-case letters and digits: ${options.writer}`)
    this.#options = options
    this.#files = options.files ?? nodeFiles
    this.#segmentBytes = wholeSectors(
      Math.max(options.preallocateBytes ?? 16 << 20, ENTRY_BYTES_MAX + 4 * SECTOR_BYTES),
    )
    this.#supply = new SegmentSupply({
      files: this.#files,
      dir: options.dir,
      writer: options.writer,
      segmentBytes: this.#segmentBytes,
      mayGrow: options.mayGrow ?? (() => true),
    })
    this.#pace = new CommitPace({
      now: options.now,
      lingerMs: options.lingerMs ?? 1,
      gatherMs: options.gatherMs ?? 20,
      retryAfterMs: options.retryAfterMs ?? 250,
      commit: () => this.#commit(),
      demand: () => this.#demand(),
    })
  }

  /** False from a failed commit until one succeeds again, and while one hangs. */
  get healthy(): boolean {
    return this.problem === undefined
  }

  /** What is wrong, for an operator. */
  get problem(): string | undefined {
    if (this.#problem !== undefined || this.#commitSince === undefined) return this.#problem
    const elapsedMs = this.#options.now() - this.#commitSince
    return elapsedMs > (this.#options.stalledAfterMs ?? 2000)
      ? `the disk has not answered for ${Math.round(elapsedMs)} ms`
      : undefined
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /**
   * Queues an entry and returns its ticket; undefined where it was not accepted (closed, or too much is waiting).
   * Throws a RangeError for an entry of more than 32,768 bytes.
   */
  append(entry: string | Uint8Array): number | undefined {
    if (this.#isClosed || this.#queuedBytes >= (this.#options.queueBytesMax ?? 8 << 20)) return undefined
    let batch = this.#queue.at(-1)
    if (batch === undefined || batch.isClosed) batch = this.#openBatch()
    let bytes = batch.append(entry)
    if (bytes === 0) {
      batch = this.#openBatch()
      bytes = batch.append(entry)
    }
    this.#queuedBytes += bytes
    this.#ticket += 1
    batch.lastTicket = this.#ticket
    this.#pace.schedule()
    return this.#ticket
  }

  /**
   * Resolves once the entry with this ticket survives power loss. Rejects with an AuditUnavailable where its commit failed: it
   * stays queued, and is written when the disk is back, but nobody should rely on that.
   */
  durable(ticket: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onDurable(ticket, (problem) => {
        if (problem === undefined) resolve()
        else reject(problem)
      })
    })
  }

  /** Tells what `durable` would, without a promise: later than in this call, and once. */
  onDurable(ticket: number, told: OnDurable): void {
    const batch = ticket <= this.#durableTicket ? undefined : this.#queue.find(({ lastTicket }) => lastTicket >= ticket)
    const isGivenUp = this.#problem !== undefined && !this.#pace.isUnderWay
    if (batch !== undefined && !isGivenUp) {
      batch.wait(told)
      this.#pace.schedule()
      return
    }
    const isDurable = ticket <= this.#durableTicket
    const problem = batch ? this.#unavailable() : new AuditUnavailable(`no entry has the ticket ${ticket}`)
    queueMicrotask(() => {
      told(isDurable ? undefined : problem)
    })
  }

  /**
   * For the caller's timer, about each second: notices that the segment file was deleted or replaced, and where the log is
   * unhealthy tries whether it can be written again. Returns `healthy`.
   */
  async probe(): Promise<boolean> {
    if (this.#isClosed || this.#isProbing || this.#isSlow()) return this.healthy
    if (this.#pace.current === undefined) this.#supply.keepReady(this.#options.reserveSegments ?? 0)
    const segment = this.#segment
    if (segment !== undefined && this.#problem === undefined) {
      this.#isProbing = true
      const identity = await this.#files.identity(segment.path).catch(() => undefined)
      this.#isProbing = false
      if (identity === segment.identity || this.#segment !== segment) return this.healthy
      // Under load a commit is always on its way or rests: the next one writes elsewhere.
      if (this.#pace.current === undefined) this.#fail(takenAway(segment))
      else this.#taken = segment
    }
    if (this.#pace.current === undefined) await this.#pace.hurry()
    return this.healthy
  }

  /** A disk that may hang is asked for nothing more: each question would take a thread of the pool with it. */
  #isSlow(): boolean {
    return this.#commitSince !== undefined && this.#options.now() - this.#commitSince > SLOW_MS
  }

  /** Commits what is queued and closes the files. Rejects with an AuditUnavailable where something could not be written. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#pace.close()
    while (this.#pace.current !== undefined) await this.#pace.current
    while (this.#queue.length > 0) {
      await this.#pace.hurry()
      if (this.#problem !== undefined) break
    }
    await this.#supply.discard()
    if (this.#segment !== undefined) await this.#files.close(this.#segment.fd)
    this.#segment = undefined
    if (this.#queue.length > 0) throw this.#unavailable()
  }

  /** Makes the first segment ready. Never rejects: a log that cannot be written is unhealthy and says why. */
  async open(): Promise<void> {
    await this.#supply.open()
    await this.#commit()
    if (this.#problem !== undefined) return
    this.#supply.keepReady(this.#options.reserveSegments ?? 0)
    await this.#supply.settled()
  }

  #openBatch(): Batch {
    const batch = new Batch(
      this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES),
      Math.min(BATCH_BYTES_MAX, this.#segmentBytes),
    )
    batch.since = this.#options.now()
    this.#queue.push(batch)
    return batch
  }

  #unavailable(): AuditUnavailable {
    return new AuditUnavailable(`the audit trail cannot be written: ${this.#problem ?? 'it is closed'}`)
  }

  #demand(): 'none' | 'gathering' | 'urgent' {
    if (this.#queue.length === 0) return 'none'
    if (this.#options.lingerMs === 0 || this.#queuedBytes >= GATHERED_BYTES_MAX) return 'urgent'
    return this.#queue.some((batch) => batch.isAwaited) ? 'urgent' : 'gathering'
  }

  /** Writes the oldest batch, or where none waits proves that a segment can be had. Never rejects. */
  async #commit(): Promise<boolean> {
    const batch = this.#queue[0]
    this.#commitSince = this.#options.now()
    try {
      const segment = await this.#segmentFor(batch?.entriesBytes ?? 0)
      if (batch !== undefined) await this.#write(batch, segment)
      this.#problem = undefined
    } catch (error) {
      this.#fail(error)
    }
    this.#commitSince = undefined
    return this.#problem === undefined
  }

  async #write(batch: Batch, segment: OpenSegment): Promise<void> {
    const first = this.#chain === NO_CHAIN
    const head = {
      first,
      retry: this.#isRetry,
      run: this.#run,
      prev: this.#chain,
      segmentBytes: segment.bytes,
      tag: segment.tag,
    }
    const { bytes, chain } = batch.close(head)
    const through = { write: (...args: Parameters<Files['write']>) => this.#files.writeThrough(...args) }
    await writeAll(through, segment.fd, bytes, this.#position)
    const offset = this.#position
    this.#position += bytes.length
    this.#chain = chain
    this.#isRetry = false
    this.#queue.shift()
    this.#queuedBytes -= batch.entriesBytes
    this.#durableTicket = batch.lastTicket
    this.#problem = undefined
    this.#commitSince = undefined
    batch.tell(undefined)
    if (this.#options.onDurable !== undefined) {
      const block = Uint8Array.prototype.slice.call(bytes, 0, HEADER_BYTES + batch.entriesBytes + 32)
      const place = { writer: segment.writer, segment: segment.number, offset, end: this.#position }
      this.#options.onDurable({ ...place, count: batch.count, waitedMs: this.#options.now() - batch.since, block })
    }
    if (this.#spare.length < 2 && batch.buffer.length <= BATCH_BYTES_MAX) this.#spare.push(batch.buffer)
  }

  /** The segment that the next block goes to. A new one is prepared as soon as half of this one is used. */
  async #segmentFor(entriesBytes: number): Promise<OpenSegment> {
    let segment = this.#segment
    if (segment !== undefined && segment === this.#taken) throw takenAway(segment)
    if (segment === undefined || this.#position + paddedLength(entriesBytes) > segment.bytes) {
      const next = await this.#supply.take()
      if (segment !== undefined) await this.#files.close(segment.fd).catch(() => undefined)
      segment = this.#segment = next
      this.#position = 0
    }
    const { reserveSegments = 0 } = this.#options
    this.#supply.keepReady(this.#position > segment.bytes / 2 ? Math.max(1, reserveSegments) : reserveSegments)
    return segment
  }

  /** What was queued stays queued, for a fresh segment: what the failed write left in this one is unknown. */
  #fail(error: unknown): void {
    this.#problem = messageOf(error)
    this.#isRetry = true
    const segment = this.#segment
    this.#segment = undefined
    if (segment !== undefined) this.#files.close(segment.fd).catch(() => undefined)
    this.#options.onFailure?.(this.#problem)
    for (const batch of [...this.#queue]) batch.tell(this.#unavailable())
  }
}

function takenAway({ path }: OpenSegment): Error {
  return new Error(`${path} was deleted or replaced`)
}

/** Opens the log in the thread that will write it. Open the sealer first: it takes over what a crash left in these files. */
export async function openWriteAheadLog(options: WriteAheadOptions): Promise<WriteAheadLog> {
  const log = new WriteAheadLog(options)
  await log.open()
  return log
}
