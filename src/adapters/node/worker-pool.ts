// The data plane as worker threads: posts a table before it stores its epoch, keeps the lease, replaces a worker that died.
import type { Impact, ImpactQuestion } from '../../core/impact.ts'
import type { AnomalyRecord } from '../../core/audit-record.ts'
import type { LockTable } from '../../core/lock-table.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DataPlane, ProveRequest, WorkerProof, WorkerReport, WorkerState } from '../../ports/data-plane.ts'
import type { ImpactSource } from '../../ports/impact-source.ts'
import type { Logger } from '../../ports/logger.ts'
import type { AskOtp, OtpQuestion } from '../../ports/otp.ts'
import type { CohortCounts, FromWorker, PeopleUpdate } from '../../ports/worker-protocol.ts'
import { WorkerSlot } from './worker-slot.ts'

export interface WorkerPoolOptions<Batch, Announcement> {
  readonly script: URL
  readonly count: number
  /** Epoch and lease (gateway/lock-view). */
  readonly memory: {
    readonly epoch: Int32Array
    readonly landedUs: BigInt64Array
    readonly leaseEndsMs: BigInt64Array
    readonly leaseEndsWallMs: BigInt64Array
  }
  /** Of one gateway's own; absent in a fleet, where `setLease` says how long. */
  readonly leaseMs?: number
  /** What the worker's script is started with, beside its name, thread number and table port. */
  readonly workerData: (name: string, thread: number) => Readonly<Record<string, unknown>>
  /** Head of a worker's proofs: the gateway's key vouches for the worker's. */
  readonly vouch: (worker: string, key: string) => string
  readonly clock: Clock
  readonly logger: Logger
  /** A thread has ended: what it left in shared memory is nobody's. */
  readonly onGone?: (thread: number) => void
  readonly onBatch: (batch: Batch) => void
  readonly onAnomaly?: (anomaly: AnomalyRecord) => void
  readonly onCounted?: (deltas: Int32Array) => void
  readonly onCohorts?: (counts: CohortCounts) => void
  readonly onSeries: (thread: number, announcement: Announcement) => void
  readonly askOtp?: AskOtp
}

/** How long an order waits for a worker: severing is bounded by 100 ms, the rest is slack for a busy thread. */
const REPORT_TIMEOUT_MS = 1_000
/** A busy worker counts between its requests. */
const IMPACT_TIMEOUT_MS = 1_500
const IMPACTS_AT_ONCE_MAX = 64
const RELOAD_TIMEOUT_MS = 10_000
const REPLACE_AFTER_MS = 250

export class WorkerPool<Config, Batch, Announcement> implements DataPlane, ImpactSource {
  readonly #options: WorkerPoolOptions<Batch, Announcement>
  #slots: WorkerSlot<Config, Batch, Announcement>[] = []
  readonly #waiting = new Set<() => void>()
  #table: LockTable | undefined
  #config: Config | undefined
  #down: readonly string[] = []
  #people: PeopleUpdate | undefined
  #trailProblem: string | undefined
  #threads = 0
  #proofs = 0
  #impacts = 0
  #stopping = false

  constructor(options: WorkerPoolOptions<Batch, Announcement>) {
    this.#options = options
  }

  /** Starts the workers with a table. Rejects with the first problem (a port that is taken); resolves with the port. */
  async start(table: LockTable): Promise<number> {
    this.#table = table
    this.renewLease()
    Atomics.store(this.#options.memory.epoch, 0, table.epoch)
    this.#slots = Array.from({ length: this.#options.count }, (_, index) => this.#open(`w${index + 1}`))
    await this.#until(
      () =>
        this.#slots.some((slot) => !slot.alive || slot.failure !== undefined) ||
        this.#slots.every((slot) => slot.port !== undefined),
    )
    const failed = this.#slots.find((slot) => !slot.alive || slot.failure !== undefined)
    if (failed !== undefined)
      throw new Error(failed.failure ?? `the data-plane worker ${failed.name} ended before it listened`)
    return this.#slots[0]?.port ?? 0
  }

  async enforce(table: LockTable): Promise<readonly WorkerReport[]> {
    this.#table = table
    for (const slot of this.#slots) slot.postTable(table)
    const { memory, clock } = this.#options
    Atomics.store(memory.landedUs, 0, BigInt(Math.floor(clock.monotonicMs() * 1000)))
    // After the tables are in the ports: a worker that sees the epoch finds its table.
    Atomics.store(memory.epoch, 0, table.epoch)
    await this.#until(() => this.#slots.every((slot) => !slot.alive || slot.epoch >= table.epoch), REPORT_TIMEOUT_MS)
    return this.#slots
      .filter((slot) => slot.alive && slot.epoch >= table.epoch)
      .map(({ name, epoch, severed }) => ({ worker: name, epoch, severed: epoch === table.epoch ? severed : 0 }))
  }

  async prove(request: ProveRequest): Promise<readonly WorkerProof[]> {
    this.#proofs += 1
    const id = this.#proofs
    const workers = this.#slots.map(({ name }) => name)
    for (const slot of this.#slots) slot.post({ type: 'prove', id, request, workers })
    await this.#until(() => this.#slots.every((slot) => !slot.alive || slot.proofs.has(id)), REPORT_TIMEOUT_MS)
    return this.#slots.flatMap((slot) => {
      const proof = slot.proofs.get(id)
      for (const before of slot.proofs.keys()) if (before <= id) slot.proofs.delete(before)
      return proof ?? []
    })
  }

  /** What each worker has counted within the deadline. */
  async impact(question: ImpactQuestion): Promise<readonly Impact[]> {
    this.#impacts += 1
    const id = this.#impacts
    for (const slot of this.#slots) slot.post({ type: 'impact', id, question })
    await this.#until(() => this.#slots.every((slot) => !slot.alive || slot.impacts.has(id)), IMPACT_TIMEOUT_MS)
    return this.#slots.flatMap((slot) => {
      const impact = slot.impacts.get(id)
      slot.impacts.delete(id)
      // What came too late for its question.
      for (const before of slot.impacts.keys()) if (before < id - IMPACTS_AT_ONCE_MAX) slot.impacts.delete(before)
      return impact ?? []
    })
  }

  get workers(): readonly WorkerState[] {
    return this.#slots.map(({ name, alive, epoch }) => ({ worker: name, alive, epoch }))
  }

  get leaseRemainingMs(): number {
    const { memory, clock } = this.#options
    const leftMs = Math.max(0, Number(Atomics.load(memory.leaseEndsMs, 0)) - clock.monotonicMs())
    const wallMs = Number(Atomics.load(memory.leaseEndsWallMs, 0))
    return wallMs === 0 ? leftMs : Math.max(0, Math.min(leftMs, wallMs - clock.now()))
  }

  /** What keeps workers from writing their part of the trail. */
  get trailProblems(): readonly string[] {
    return this.#slots.flatMap(({ name, trailProblem }) =>
      trailProblem === undefined ? [] : [`${name}: ${trailProblem}`],
    )
  }

  /** For the caller's timer, several times a lease: a main thread that stops calling lets the lease end. */
  renewLease(): void {
    const { clock, leaseMs, memory } = this.#options
    if (leaseMs === undefined) return
    Atomics.store(memory.leaseEndsMs, 0, BigInt(Math.ceil(clock.monotonicMs() + leaseMs)))
  }

  /** In a fleet: when the lease ends on each clock, whichever is first; undefined: it has ended. */
  setLease(ends: { readonly monotonicMs: number; readonly wallMs: number } | undefined): void {
    const { memory } = this.#options
    // Each by itself can only shorten what the other allows.
    Atomics.store(memory.leaseEndsWallMs, 0, BigInt(Math.floor(ends?.wallMs ?? 1)))
    Atomics.store(memory.leaseEndsMs, 0, BigInt(Math.floor(ends?.monotonicMs ?? 0)))
  }

  /** Resolves to the problems of workers that could not take the config. */
  async reload(config: Config): Promise<readonly string[]> {
    this.#config = config
    const before = new Map(this.#slots.map((slot) => [slot, slot.reloads]))
    for (const slot of this.#slots) slot.post({ type: 'reload', config })
    await this.#until(
      () => [...before].every(([slot, reloads]) => !slot.alive || slot.reloads > reloads),
      RELOAD_TIMEOUT_MS,
    )
    return this.#slots.flatMap(({ name, reloadProblem }) =>
      reloadProblem === undefined ? [] : [`${name}: ${reloadProblem}`],
    )
  }

  /** Names every target that is down by its checks; also to workers that are to come. */
  setDown(targets: readonly string[]): void {
    this.#down = targets
    for (const slot of this.#slots) slot.post({ type: 'down', targets })
  }

  /** What the detectors of people are to go by; also of workers that are to come. */
  setPeople(people: PeopleUpdate): void {
    this.#people = people
    for (const slot of this.#slots) slot.post({ type: 'people', people })
  }

  /** Why the trail as a whole cannot be kept: then workers serve nothing strict; undefined: it can. Also to workers that are to come. */
  setTrailProblem(problem: string | undefined): void {
    if (problem === this.#trailProblem) return
    this.#trailProblem = problem
    for (const slot of this.#slots) slot.post({ type: 'trail', ...(problem === undefined ? {} : { problem }) })
  }

  /** Lets in-flight exchanges finish, then ends the threads. Resolves to whether nothing had to be cut. */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#stopping = true
    for (const slot of this.#slots) slot.post({ type: 'drain', timeoutMs })
    await this.#until(
      () => this.#slots.every((slot) => !slot.alive || slot.drained !== undefined),
      timeoutMs + REPORT_TIMEOUT_MS,
    )
    await Promise.all(this.#slots.map((slot) => slot.terminate()))
    return this.#slots.every((slot) => slot.drained === true)
  }

  #open(name: string): WorkerSlot<Config, Batch, Announcement> {
    const thread = this.#threads
    this.#threads += 1
    const slot = new WorkerSlot<Config, Batch, Announcement>(
      this.#options.script,
      { name, thread, vouch: this.#options.vouch },
      this.#options.workerData(name, thread),
    )
    slot.listen(
      (message) => {
        this.#pass(slot, message)
      },
      (code) => {
        this.#afterExit(slot, code)
      },
    )
    // It starts frozen: until it has this table it forwards nothing.
    if (this.#table !== undefined) slot.postTable(this.#table)
    if (this.#trailProblem !== undefined) slot.post({ type: 'trail', problem: this.#trailProblem })
    if (this.#down.length > 0) slot.post({ type: 'down', targets: this.#down })
    if (this.#people !== undefined) slot.post({ type: 'people', people: this.#people })
    if (this.#config !== undefined) slot.post({ type: 'reload', config: this.#config })
    return slot
  }

  #pass(slot: WorkerSlot<Config, Batch, Announcement>, message: FromWorker<Batch, Announcement>): void {
    if (message.type === 'durable') for (const batch of message.batches) this.#options.onBatch(batch)
    else if (message.type === 'anomaly') this.#options.onAnomaly?.(message.anomaly)
    else if (message.type === 'counted') this.#options.onCounted?.(message.deltas)
    else if (message.type === 'cohorts') this.#options.onCohorts?.(message.counts)
    else if (message.type === 'series') this.#options.onSeries(slot.thread, message.announcement)
    else if (message.type === 'otp') this.#answer(slot, message.id, message.question)
    else this.#notify()
  }

  #answer(slot: WorkerSlot<Config, Batch, Announcement>, id: number, question: OtpQuestion): void {
    const asked = this.#options.askOtp?.(question) ?? Promise.resolve({ answer: 'unavailable' as const })
    void asked.then((answer) => {
      slot.post({ type: 'otp', id, answer })
    })
  }

  #afterExit(slot: WorkerSlot<Config, Batch, Announcement>, code: number): void {
    this.#options.onGone?.(slot.thread)
    this.#notify()
    if (this.#stopping || slot.port === undefined) return
    this.#options.logger.error('a data-plane worker died and is being replaced', {
      worker: slot.name,
      code,
      failure: slot.failure,
    })
    const replace = setTimeout(() => {
      if (this.#stopping) return
      const next = this.#open(slot.name)
      next.port = slot.port
      this.#slots[this.#slots.indexOf(slot)] = next
    }, REPLACE_AFTER_MS)
    replace.unref()
  }

  #notify(): void {
    for (const check of this.#waiting) check()
  }

  /** Resolves once the workers' messages have made `holds` true, or at the deadline. */
  #until(holds: () => boolean, timeoutMs?: number): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      const check = (): void => {
        if (holds()) finish()
      }
      const timer = timeoutMs === undefined ? undefined : setTimeout(finish, timeoutMs)
      this.#waiting.add(check)
    })
  }
}
