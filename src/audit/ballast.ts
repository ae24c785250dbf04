// Room that is kept for the day on which the disk is full: a file beside the trail that is given up so that what was recorded can
// still be sealed. Preallocated segments (segment-supply) are what orders are recorded in; this is for their tiles.
import { type Files, syncDir, writeAll } from './files.ts'
import { dirname } from 'node:path'

const ZEROS = Buffer.alloc(1 << 20)

export interface BallastOptions {
  readonly files: Files
  readonly path: string
  readonly bytes: number
}

export class Ballast {
  readonly #options: BallastOptions
  #isHeld = false
  #making: Promise<void> | undefined

  constructor(options: BallastOptions) {
    this.#options = options
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /**
   * Makes the file where it is not there and twice its size is free, so that keeping room never takes the last of it. What a
   * crash has left half written is made anew. Never rejects: without it there is less room on a bad day.
   */
  keep(): Promise<void> {
    if (this.#isHeld) return Promise.resolve()
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async #make(): Promise<void> {
    const { files, path, bytes } = this.#options
    try {
      await files.makeDir(dirname(path))
      if ((await files.free(dirname(path))) < 2 * bytes) return
      const fd = await files.open(path, 'w')
      try {
        for (let at = 0; at < bytes; at += ZEROS.length)
          await writeAll(files, fd, ZEROS.subarray(0, Math.min(ZEROS.length, bytes - at)), at)
        await files.sync(fd)
      } finally {
        await files.close(fd)
      }
      await syncDir(files, dirname(path))
      this.#isHeld = true
    } catch {
      await this.release()
    }
  }

  /** Gives the room up. Never rejects. */
  async release(): Promise<void> {
    this.#isHeld = false
    await this.#options.files.remove(this.#options.path).catch(() => undefined)
  }
}

/** Whether an error's text tells that there is no room, or no more of somebody's share. */
export function isOutOfRoom(problem: string): boolean {
  return /ENOSPC|EDQUOT/.test(problem)
}
