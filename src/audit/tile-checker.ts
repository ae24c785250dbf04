// Tiles checked ahead of their need: on threads of their own where the caller gives some, else in this one.
import type { Worker } from 'node:worker_threads'
import { type CheckedTile, checkTile } from './tile-check.ts'

/** Tiles `from` up to `to` of a trail; a thread answers with one CheckedTile each, undefined where verify-log must look. */
export interface TileJob {
  readonly dir: string
  readonly from: number
  readonly to: number
}

export interface TileChecker {
  /** To be asked for one tile after the other, in order. */
  check(index: number): CheckedTile | undefined | Promise<CheckedTile | undefined>
  close(): Promise<void>
}

/** Some milliseconds of work, and few messages. */
const TILES_A_JOB = 32
/** Asked for before they are needed, for each thread. */
const JOBS_AHEAD = 2
/** A smaller log is read in a second, and starting threads is not for nothing. */
const TILES_MIN = 2_048

export interface TileCheckerOptions {
  readonly dir: string
  /** Full tiles from `from` up to `to`. */
  readonly from: number
  readonly to: number
  /** Starts a thread that answers TileJobs. */
  readonly startThread: (() => Worker) | undefined
  readonly threads: number
  /** Fewer tiles are checked in this thread; default 2,048. */
  readonly tilesMin?: number
}

export function createTileChecker(options: TileCheckerOptions): TileChecker {
  const { dir, from, to, startThread, threads } = options
  if (startThread === undefined || threads < 2 || to - from < (options.tilesMin ?? TILES_MIN)) {
    return { check: (index) => (index < to ? checkTile(dir, index) : undefined), close: () => Promise.resolve() }
  }
  return new Crew(options, startThread)
}

type Answers = readonly (CheckedTile | undefined)[]

interface Open {
  readonly job: TileJob
  readonly answered: PromiseWithResolvers<Answers>
}

/** A thread that ends leaves its jobs to this one: slower, and the same. */
class Crew implements TileChecker {
  readonly #options: TileCheckerOptions
  readonly #threads: { readonly worker: Worker; readonly open: Open[] }[] = []
  readonly #jobs: Open[] = []
  #next: number
  #answers: Answers = []
  #answersFrom = 0

  constructor(options: TileCheckerOptions, startThread: () => Worker) {
    this.#options = options
    this.#next = options.from
    for (let i = 0; i < options.threads; i += 1) {
      const thread = { worker: startThread(), open: [] as Open[] }
      thread.worker.on('message', (answers: Answers) => {
        thread.open.shift()?.answered.resolve(answers)
        this.#ask()
      })
      const end = (): void => {
        this.#threads.splice(this.#threads.indexOf(thread), 1)
        for (const { answered } of thread.open.splice(0)) answered.resolve([])
      }
      thread.worker.on('error', () => undefined)
      thread.worker.on('exit', () => {
        if (this.#threads.includes(thread)) end()
      })
      this.#threads.push(thread)
    }
    this.#ask()
  }

  async check(index: number): Promise<CheckedTile | undefined> {
    const { to, dir } = this.#options
    if (index >= to) return undefined
    while (index >= this.#answersFrom + this.#answers.length) {
      const open = this.#jobs.shift()
      if (open === undefined) return checkTile(dir, index)
      const { from, to: stop } = open.job
      const found = await open.answered.promise
      this.#answersFrom = from
      this.#answers = found.length === stop - from ? found : checkAll(open.job)
      this.#ask()
    }
    return this.#answers[index - this.#answersFrom]
  }

  /** Keeps each thread at work. */
  #ask(): void {
    const { dir, to } = this.#options
    for (const { worker, open } of this.#threads) {
      // What nobody has taken yet is held: not the whole log.
      while (open.length < JOBS_AHEAD && this.#next < to && this.#jobs.length < 4 * this.#threads.length) {
        const job = { dir, from: this.#next, to: Math.min(to, this.#next + TILES_A_JOB) }
        const each = { job, answered: Promise.withResolvers<Answers>() }
        this.#next = job.to
        open.push(each)
        this.#jobs.push(each)
        worker.postMessage(job)
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()))
  }
}

export function checkAll({ dir, from, to }: TileJob): Answers {
  return Array.from({ length: to - from }, (_, i) => checkTile(dir, from + i))
}
