// Entries that wait for one group commit, framed as the block will hold them.
import { crc32 } from 'node:zlib'
import { closeBlock, type BlockHead, FRAME_BYTES, HEADER_BYTES, paddedLength, TRAILER_BYTES } from './wal-block.ts'
import type { Hash } from './merkle.ts'
import type { OnDurable } from '../ports/audit-trail.ts'
import { ENTRY_BYTES_MAX } from './tiles.ts'

const CHEAP_BYTES = 8192

export class Batch {
  #buffer: Buffer
  #used = HEADER_BYTES
  readonly #capacityMax: number
  #waiting: OnDurable[] = []
  count = 0
  /** When its first entry came, by the caller's clock. */
  since = 0
  lastTicket = 0
  /** Its bytes are being written: nothing more goes in. */
  isClosed = false

  /** `capacityMax` bounds the block on disk. */
  constructor(buffer: Buffer, capacityMax: number) {
    this.#buffer = buffer
    this.#capacityMax = capacityMax
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  /** Bytes of the framed entries. */
  get entriesBytes(): number {
    return this.#used - HEADER_BYTES
  }

  /**
   * Takes the entry in and returns the bytes that it takes framed; 0 where it does not fit.
   * Throws a RangeError for an entry of more than 32,768 bytes.
   */
  append(entry: string | Uint8Array): number {
    let length = entry.length
    // Three bytes are the most that one UTF-16 unit needs; only where that may not fit is the true length looked for.
    if (typeof entry === 'string') length = length * 3 > CHEAP_BYTES ? Buffer.byteLength(entry) : length * 3
    if (length > ENTRY_BYTES_MAX)
      throw new RangeError(`an audit entry has at most ${ENTRY_BYTES_MAX} bytes, this one has ${length}`)
    if (!this.#reserve(length)) return 0
    const start = this.#used + FRAME_BYTES
    if (typeof entry === 'string') length = this.#buffer.write(entry, start)
    else this.#buffer.set(entry, start)
    this.#buffer.writeUInt16BE(length, this.#used)
    this.#buffer.writeUInt32BE(crc32(this.#buffer.subarray(start, start + length)), this.#used + 2)
    this.#used = start + length
    this.count += 1
    return FRAME_BYTES + length
  }

  #reserve(length: number): boolean {
    const used = this.#used + FRAME_BYTES + length
    if (paddedLength(used - HEADER_BYTES) > this.#capacityMax) return false
    const needed = used + TRAILER_BYTES
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      larger.set(this.#buffer.subarray(0, this.#used))
      this.#buffer = larger
    }
    return true
  }

  /** The block's bytes and checksum. May be asked again, with another head, where the write has failed. */
  close(head: Omit<BlockHead, 'count'> & { tag: Buffer }): { bytes: Buffer; chain: Hash } {
    this.isClosed = true
    return closeBlock(this.#buffer, this.#used, { ...head, count: this.count })
  }

  /** `told` hears of this commit, later than in this call. */
  wait(told: OnDurable): void {
    this.#waiting.push(told)
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0
  }

  /** Tells all who wait, in the order in which they came. */
  tell(problem: Error | undefined): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const told of waiting) told(problem)
  }
}
