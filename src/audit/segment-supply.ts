// Segment files that lie ready before they are needed: so that a commit waits for none, and a full disk stops none of them.
import { join } from 'node:path'
import type { Files } from './files.ts'
import { adoptSegment, createSegment, listSegments, type OpenSegment, segmentFile, walDir } from './wal-segment.ts'

export interface SupplyOptions {
  readonly files: Files
  readonly dir: string
  readonly writer: string
  readonly segmentBytes: number
  /** Whether new files may be made; those that lie ready may be used always. */
  readonly mayGrow: () => boolean
}

/** A disk that has almost no room is left to those who must write: orders, proofs, revocations. */
const HELD = 'no new file of the trail is begun before its trouble is over'

export class SegmentSupply {
  readonly #options: SupplyOptions
  readonly #ready: Promise<OpenSegment>[] = []
  #nextNumber = 1

  constructor(options: SupplyOptions) {
    this.#options = options
  }

  /**
   * Looks which numbers are taken, and takes over the empty files at their end: where the disk has been full since the last run,
   * they are all that there is to write to. Never rejects.
   */
  async open(): Promise<void> {
    const { files, dir, writer, segmentBytes } = this.#options
    const known = (await listSegments(files, dir).catch(() => undefined))?.get(writer) ?? []
    this.#nextNumber = (known.at(-1)?.number ?? 0) + 1
    for (const name of known.toReversed()) {
      const segment = await adoptSegment(files, dir, name, segmentBytes).catch(() => undefined)
      if (segment === undefined) break
      this.#ready.unshift(Promise.resolve(segment))
    }
  }

  /** The next file. One that was deleted or replaced meanwhile is passed over: what is written to it would be lost. */
  async take(): Promise<OpenSegment> {
    const { files } = this.#options
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      const segment = await next.catch(() => undefined)
      if (segment === undefined) continue
      const identity = await files.identity(segment.path).catch(() => undefined)
      if (identity === segment.identity) return segment
      await files.close(segment.fd).catch(() => undefined)
    }
    return this.#create()
  }

  /** Begins to make files until so many lie ready; a failure is met, and tried again, when the next one is asked for. */
  keepReady(count: number): void {
    while (this.#ready.length < count && this.#options.mayGrow()) {
      const made = this.#create()
      this.#ready.push(made)
      made.catch(() => {
        const at = this.#ready.indexOf(made)
        if (at >= 0) void this.#ready.splice(at, 1)
      })
    }
  }

  /** Resolves once what has been begun lies ready, or has failed. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#ready)
  }

  /** Removes what lies ready. Never rejects: an empty segment that stays behind harms nothing. */
  async discard(): Promise<void> {
    const { files } = this.#options
    for (const each of this.#ready.splice(0)) {
      const segment = await each.catch(() => undefined)
      if (segment === undefined) continue
      await files.remove(segment.path).catch(() => undefined)
      await files.close(segment.fd).catch(() => undefined)
    }
  }

  #create(): Promise<OpenSegment> {
    const { files, dir, writer, segmentBytes, mayGrow } = this.#options
    if (!mayGrow())
      return Promise.reject(
        new Error(`${join(walDir(dir), segmentFile({ writer, number: this.#nextNumber }))}: ${HELD}`),
      )
    const number = this.#nextNumber
    this.#nextNumber += 1
    return createSegment(files, dir, { writer, number }, segmentBytes)
  }
}
