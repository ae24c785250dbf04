// A writer's keys for recorded detail: made at first need, in a file before they are used, and forgotten when some have been erased.
import { randomBytes } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DetailSeal, SealedText } from '../../ports/detail-seal.ts'
import { sealBox } from './detail-box.ts'
import { dayOf, formatSlot, keyFile, NAME_BYTES_MAX, SLOT_BYTES } from './key-slots.ts'

const ID_BYTES = 8
const KEY_BYTES = 32
/** People of one day whose key is at hand; more of them have a second key when they come again. */
const KEYS_MAX = 20_000

export interface DetailSealerOptions {
  readonly dir: string
  readonly writer: string
  /** Shared with the thread that erases: it counts up before it does, and then no key from before is used again. */
  readonly erasures: Int32Array<SharedArrayBuffer>
  readonly onFailure: (problem: string) => void
}

interface DayFile {
  readonly day: string
  readonly fd: number
  position: number
}

interface KnownKey {
  readonly id: string
  readonly key: Buffer
}

export function createDetailMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
}

export class DetailSealer implements DetailSeal {
  readonly #options: DetailSealerOptions
  readonly #keys = new Map<string, KnownKey>()
  #file: DayFile | undefined
  #erasures = 0
  #syncing: Promise<void> | undefined
  #isDirty = false

  constructor(options: DetailSealerOptions) {
    this.#options = options
  }

  seal(names: readonly string[], time: number, text: string, bound: string): SealedText | undefined {
    try {
      const file = this.#fileOf(dayOf(time))
      const keys = names.map((name) => this.#keyOf(name, file))
      return {
        keys: keys.map(({ id }) => id),
        box: sealBox(
          keys.map(({ key }) => key),
          text,
          bound,
        ),
      }
    } catch (error) {
      this.#options.onFailure(error instanceof Error ? error.message : String(error))
      this.#forget()
      return undefined
    }
  }

  durable(): Promise<void> | undefined {
    if (!this.#isDirty) return this.#syncing
    this.#isDirty = false
    const file = this.#file
    if (file === undefined) return this.#syncing
    const before = this.#syncing ?? Promise.resolve()
    const synced = before
      .catch(() => undefined)
      .then(
        () =>
          new Promise<void>((resolve, reject) => {
            fdatasync(file.fd, (error) => {
              if (error === null) resolve()
              else reject(error)
            })
          }),
      )
    this.#syncing = synced
    const end = (): void => {
      if (this.#syncing === synced) this.#syncing = undefined
    }
    synced.then(end, end)
    return synced
  }

  /** What waits for the disk is waited for. */
  async close(): Promise<void> {
    await this.durable()?.catch(() => undefined)
    this.#forget()
  }

  /** A clock that was set back opens a day again: its file is gone on with. */
  #fileOf(day: string): DayFile {
    const erasures = Atomics.load(this.#options.erasures, 0)
    if (erasures !== this.#erasures) this.#keys.clear()
    this.#erasures = erasures
    if (this.#file?.day === day) return this.#file
    this.#forget()
    const path = keyFile(this.#options.dir, day, this.#options.writer)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const fd = openSync(path, 'a', 0o600)
    // What a crash has cut in two is no slot: the next one begins where it did.
    const position = Math.floor(fstatSync(fd).size / SLOT_BYTES) * SLOT_BYTES
    ftruncateSync(fd, position)
    this.#file = { day, fd, position }
    return this.#file
  }

  #keyOf(name: string, file: DayFile): KnownKey {
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new Error('a name that is longer than a key can be kept for')
    const id = randomBytes(ID_BYTES)
    const key = randomBytes(KEY_BYTES)
    const written = writeSync(file.fd, formatSlot(id, key, name))
    if (written !== SLOT_BYTES) {
      ftruncateSync(file.fd, file.position)
      throw new Error('a key was written in part: the disk is full')
    }
    file.position += SLOT_BYTES
    this.#isDirty = true
    const made = { id: id.toString('base64url'), key }
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear()
    this.#keys.set(name, made)
    return made
  }

  #forget(): void {
    this.#keys.clear()
    const file = this.#file
    this.#file = undefined
    this.#isDirty = false
    if (file === undefined) return
    const closing = this.#syncing ?? Promise.resolve()
    const close = (): void => {
      closeSync(file.fd)
    }
    closing.then(close, close)
  }
}
