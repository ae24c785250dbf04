// When the next commit of a log begins: one at a time, a rest after each, and no hurry where nobody waits.

export interface CommitPaceOptions {
  /** Milliseconds that only grow. */
  readonly now: () => number
  /** The least rest between two commits; none at 0. */
  readonly lingerMs: number
  /** How long entries that nobody waits for may gather before their commit begins. */
  readonly gatherMs: number
  /** After a failure, how long until the next commit may try. */
  readonly retryAfterMs: number
  /** Commits the oldest that is queued; false where that failed. Never rejects. */
  readonly commit: () => Promise<boolean>
  /** Whether something is queued, and whether it may gather first. */
  readonly demand: () => 'none' | 'gathering' | 'urgent'
}

const REST_MS_MAX = 5

export class CommitPace {
  readonly #options: CommitPaceOptions
  /** Set while a commit runs and while the log rests after it, so that nothing begins before its time. */
  #current: Promise<void> | undefined
  #isScheduled = false
  #gathering: ReturnType<typeof setTimeout> | undefined
  #failedAt: number | undefined
  #isClosed = false

  constructor(options: CommitPaceOptions) {
    this.#options = options
  }

  /** The commit that runs, or the rest after it. */
  get current(): Promise<void> | undefined {
    return this.#current
  }

  /** Whether one runs, rests or is about to begin. */
  get isUnderWay(): boolean {
    return this.#current !== undefined || this.#isScheduled
  }

  /**
   * A commit begins after the entries of this turn of the event loop, unless one runs or rests: then it follows that. Where
   * nobody waits for any of them they gather first.
   */
  schedule(): void {
    if (this.isUnderWay) return
    const { now, retryAfterMs, gatherMs, demand } = this.#options
    if (this.#failedAt !== undefined && now() - this.#failedAt < retryAfterMs) return
    const wanted = demand()
    if (wanted === 'gathering') this.#gathering ??= setTimeout(this.#next, gatherMs)
    if (wanted !== 'urgent') return
    this.#isScheduled = true
    setImmediate(this.#next)
  }

  /** Begins a commit in this turn where none runs or rests; resolves after that, or after the one that does. */
  hurry(): Promise<void> {
    return (this.#current ??= this.#run())
  }

  /** Nothing begins by itself any more. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#gathering)
  }

  readonly #next = (): void => {
    this.#isScheduled = false
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    if (!this.#isClosed) void this.hurry()
  }

  async #run(): Promise<void> {
    const { now, lingerMs, commit } = this.#options
    const startedMs = now()
    const isWell = await commit()
    this.#failedAt = isWell ? undefined : now()
    if (!isWell || this.#isClosed || lingerMs === 0) this.#end()
    else this.#current = this.#rest(Math.max(lingerMs, Math.min(REST_MS_MAX, now() - startedMs)))
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#end()
        resolve()
      }, ms)
    })
  }

  #end(): void {
    this.#current = undefined
    this.schedule()
  }
}
