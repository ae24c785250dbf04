// Brings the durable entries of all writers into one signed log. One for a gateway, in its main thread.
import { basename, dirname, join, resolve } from 'node:path'
import type { Signer } from '../ports/signer.ts'
import { isOutOfRoom } from './ballast.ts'
import { signCheckpoint } from './checkpoint.ts'
import { type Files, messageOf, nodeFiles, replaceFile, writeSynced } from './files.ts'
import type { Hash } from './merkle.ts'
import { createVkey, formatVkey } from './note.ts'
import { openTrail, type OpenedTrail } from './open-trail.ts'
import { type Generation, hexOf, writeState } from './seal-state.ts'
import type { Extension, TileStore } from './tile-store.ts'
import { createSealedTest } from './unsealed.ts'
import { type Portion, WalIntake } from './wal-intake.ts'
import { readSegment, segmentFile, type SegmentFlaw } from './wal-segment.ts'
import type { DurableBatch } from './write-ahead.ts'

export interface SealerOptions {
  /** The trail's directory: only files that `verifyTrail` covers lie under it. */
  readonly dir: string
  /** Its name is the log's origin. */
  readonly signer: Signer
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Outside `dir`: which checkpoint was signed last, and how far it goes into the write-ahead logs. */
  readonly stateFile: string
  /** Entries for one checkpoint; a backlog becomes several. Default 16,384. */
  readonly portionEntries?: number
  /**
   * What is waited for after each bundle of 256 entries, where there are not many: a core that is shared with requests is then
   * taken from them for half a millisecond at a time. Default nothing.
   */
  readonly rest?: () => Promise<unknown>
  /** Bytes of blocks that are held in memory; beyond them they are read from their segments again. Default 32 MiB. */
  readonly memoryBytesMax?: number
  readonly files?: Files
}

export interface Sealed {
  readonly size: number
  /** Entries that this call brought in. */
  readonly added: number
  /** Why not everything is sealed. What waits stays, and the next call tries again. */
  readonly problem?: string
}

/** What the opening found: entries that a crash had left in the write-ahead logs, and damage there. */
export interface Recovered {
  readonly entries: number
  readonly warnings: readonly string[]
  /** Acknowledged entries may be lost where this is not empty: record a gap. The files were copied beside the state file. */
  readonly problems: readonly string[]
}

/** More than these are a backlog, which is to be gone soon. */
const RESTED_ENTRIES_MAX = 8_192

interface Prepared {
  readonly generation: Generation
  readonly note: string
  readonly finish: () => Promise<void>
}

export class Sealer {
  readonly #options: SealerOptions
  readonly #files: Files
  readonly #dir: string
  readonly #store: TileStore
  readonly #intake: WalIntake
  #note: string
  #signed: Generation
  /** Its state is on the disk: it is the only checkpoint that may be signed next. */
  #prepared: Prepared | undefined
  #running: Promise<Sealed> | undefined
  #problem: string | undefined
  #checkpointAt: number
  recovered: Recovered = { entries: 0, warnings: [], problems: [] }

  constructor(options: SealerOptions, files: Files, trail: OpenedTrail) {
    this.#options = options
    this.#files = files
    this.#dir = options.dir
    this.#store = trail.store
    this.#intake = new WalIntake(
      files,
      options.dir,
      (trail.next ?? trail.signed).positions,
      options.memoryBytesMax ?? 32 << 20,
    )
    this.#note = trail.note
    this.#signed = trail.signed
    this.#checkpointAt = options.now()
  }

  /** Entries under the last signed checkpoint. */
  get size(): number {
    return this.#signed.size
  }

  /** The last signed checkpoint, as it is on the disk. */
  get checkpoint(): string {
    return this.#note
  }

  /** When everything was last known to be sealed, epoch milliseconds: its age says how far the checkpoint lags behind. */
  get checkpointAt(): number {
    return this.#checkpointAt
  }

  /** The key that verifies this trail: to be kept elsewhere. */
  get vkey(): string {
    return formatVkey(createVkey(this.#options.signer.name, this.#options.signer.publicKeyRaw))
  }

  /** Why the last seal failed; undefined where it did not. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Takes a durable batch; cheap. Batches of one writer in their order; one that comes twice, or never, does no harm. */
  add(batch: DurableBatch): void {
    this.#intake.receive(batch)
  }

  /** Seals what is durable: for the caller's timer, each second or more often. Never rejects; calls in between share one run. */
  seal(): Promise<Sealed> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /**
   * Adds a witness's signature line to the checkpoint, where that is still the one that it signed. Returns whether it was; rejects
   * where the disk does not take it.
   */
  async cosign(note: string, line: string): Promise<boolean> {
    while (this.#running !== undefined) await this.#running
    const text = note.slice(0, note.indexOf('\n\n') + 2)
    if (!this.#note.startsWith(text) || this.#note.includes(line) || this.#prepared !== undefined) return false
    let isDone = false
    // Holds the seal off: it compares the checkpoint on the disk with the one that it knows.
    this.#running = this.#replaceNote(`${this.#note}${line}`)
      .then((done) => {
        isDone = done
        return { size: this.size, added: 0 }
      })
      .finally(() => {
        this.#running = undefined
      })
    await this.#running
    return isDone
  }

  async #replaceNote(note: string): Promise<boolean> {
    const path = join(this.#dir, 'checkpoint')
    try {
      if ((await this.#files.read(path))?.toString() !== this.#note) return false
      await replaceFile(this.#files, path, Buffer.from(note))
      this.#note = note
      return true
    } catch (error) {
      this.#problem = messageOf(error)
      return false
    }
  }

  /** Seals everything and leaves no write-ahead log. All writers must have been closed before. Rejects where something is left. */
  async close(): Promise<void> {
    await this.#running
    // What was posted comes first: of a file that somebody took away it is all that there is.
    const flaws = [...(await this.#intake.settle()), ...(await this.#intake.collect())]
    const { problem } = await this.seal()
    if (problem !== undefined) throw new Error(`the audit trail was not sealed: ${problem}`)
    await this.#quarantine(flaws)
    await this.#clear()
  }

  async #run(): Promise<Sealed> {
    const before = this.size
    try {
      const startedAt = this.#options.now()
      if (this.#prepared !== undefined) await this.#publish(this.#prepared)
      await this.#intake.settle()
      const portionEntries = this.#options.portionEntries ?? 16_384
      for (let portion = await this.#intake.next(portionEntries); portion !== undefined;) {
        await this.#extend(portion)
        portion = await this.#intake.next(portionEntries)
      }
      this.#problem = undefined
      this.#checkpointAt = startedAt
      return { size: this.size, added: this.size - before }
    } catch (error) {
      this.#problem = messageOf(error)
      return { size: this.size, added: this.size - before, problem: this.#problem }
    }
  }

  async #extend(portion: Portion): Promise<void> {
    const extension = await this.#store.extend(
      portion.entries,
      portion.entries.length > RESTED_ENTRIES_MAX ? undefined : this.#options.rest,
    )
    const root = extension.tree.root()
    await this.#prepare({ size: extension.tree.size, root: hexOf(root), positions: portion.positions }, root, () =>
      this.#adopt(extension, portion),
    )
  }

  async #adopt(extension: Extension, portion: Portion): Promise<void> {
    await this.#store.adopt(extension)
    await this.#intake.release(portion)
  }

  /** From here on this is what must be signed next: a crash, or a failed write, only delays it. */
  async #prepare(generation: Generation, root: Hash, finish: () => Promise<void>): Promise<void> {
    await writeState(this.#files, this.#options.stateFile, {
      origin: this.#options.signer.name,
      signed: this.#signed,
      next: generation,
    })
    this.#prepared = { generation, note: signCheckpoint({ size: generation.size, root }, this.#options.signer), finish }
    await this.#publish(this.#prepared)
  }

  async #publish({ generation, note, finish }: Prepared): Promise<void> {
    const path = join(this.#dir, 'checkpoint')
    const found = (await this.#files.read(path))?.toString()
    // After a failed rename the new one may be there already; anything else is another hand's.
    if (found !== this.#note && found !== note) throw new Error(`${path} was changed by somebody else`)
    await replaceFile(this.#files, path, Buffer.from(note))
    this.#note = note
    this.#signed = generation
    this.#prepared = undefined
    await finish()
  }

  /** Brings in what a crash has left, and begins with empty write-ahead logs. */
  async recover(trail: OpenedTrail): Promise<void> {
    // Before anything is removed: what the checkpoint on the disk covers must stay until the next one is there.
    const full = trail.next === undefined ? undefined : await this.#publishNext(trail.next)
    if (full === undefined) {
      for (const file of ['checkpoint.tmp', 'vkey.tmp']) await this.#files.remove(join(this.#dir, file))
      await this.#store.removeLeftovers()
    }
    const filter = trail.isStateLost ? await createSealedTest(this.#files, this.#dir, this.size) : undefined
    const taken = trail.isClearing ? [] : await this.#intake.findTaken()
    const flaws = [...taken, ...(await this.#intake.collect(filter))]
    const { added, problem } = await this.seal()
    if (problem !== undefined && !isOutOfRoom(problem)) throw new Error(`the audit trail cannot be sealed: ${problem}`)
    const describe = ({ detail, offset, ...name }: SegmentFlaw): string =>
      `wal/${segmentFile(name)}, offset ${offset}: ${detail}`
    const torn = flaws.filter(({ kind }) => kind === 'torn').map(describe)
    const damaged = flaws.filter(({ kind }) => kind === 'damaged')
    const warnings = [...trail.warnings, ...torn]
    // With no room at all a gateway must still start, to lock and to refuse: what was left stays where it is until it can be sealed.
    if (problem !== undefined) warnings.push(`what the last run left is not sealed yet: ${problem}`)
    else {
      await this.#quarantine(damaged)
      await this.#clear()
    }
    this.recovered = { entries: added, warnings, problems: damaged.map(describe) }
  }

  /** Returns the problem where there is no room for it: then it is what the next seal begins with. */
  async #publishNext(next: Generation): Promise<string | undefined> {
    const root = Buffer.from(next.root, 'hex').toString('latin1')
    const note = signCheckpoint({ size: next.size, root }, this.#options.signer)
    this.#prepared = { generation: next, note, finish: async () => undefined }
    try {
      await this.#publish(this.#prepared)
      return undefined
    } catch (error) {
      if (isOutOfRoom(messageOf(error))) return messageOf(error)
      throw error
    }
  }

  /** Keeps damaged segments as evidence: their intact entries are sealed, and the files would be deleted now. */
  async #quarantine(flaws: readonly SegmentFlaw[]): Promise<void> {
    for (const { writer, number, kind } of flaws) {
      const bytes = kind === 'damaged' ? await readSegment(this.#files, this.#dir, { writer, number }) : undefined
      if (bytes === undefined) continue
      const place = join(dirname(this.#options.stateFile), 'damaged-wal')
      await this.#files.makeDir(place)
      await writeSynced(this.#files, join(place, `${this.size}-${basename(segmentFile({ writer, number }))}`), bytes)
    }
  }

  /** First the segments, then the positions that tell what of them is sealed; new segments may have the old names. */
  async #clear(): Promise<void> {
    const { signer, stateFile } = this.#options
    await writeState(this.#files, stateFile, { origin: signer.name, signed: this.#signed, isClearing: true })
    this.#signed = { ...this.#signed, positions: {} }
    await this.#intake.clear()
    await writeState(this.#files, stateFile, { origin: signer.name, signed: this.#signed })
  }
}

/**
 * Opens the trail before any writer opens its write-ahead log, and brings in what a crash has left in those. Rejects with a
 * TrailRefused where the trail is another key's, was rolled back, or is damaged.
 */
export async function openSealer(options: SealerOptions): Promise<Sealer> {
  const files = options.files ?? nodeFiles
  const place = { ...options, dir: resolve(options.dir), stateFile: resolve(options.stateFile) }
  await files.makeDir(dirname(place.stateFile))
  const trail = await openTrail({ ...place, files })
  const sealer = new Sealer(place, files, trail)
  await sealer.recover(trail)
  return sealer
}
