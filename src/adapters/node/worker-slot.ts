// One place in the pool: a data-plane worker thread, and what it has said of itself.
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import type { Impact } from '../../core/impact.ts'
import type { LockTable } from '../../core/lock-table.ts'
import type { WorkerProof } from '../../ports/data-plane.ts'
import type { FromWorker, ToWorker } from '../../ports/worker-protocol.ts'

export interface SlotIdentity {
  readonly name: string
  readonly thread: number
  /** Head of the worker's proofs: the gateway's key vouches for the worker's. */
  readonly vouch: (worker: string, key: string) => string
}

export class WorkerSlot<Config, Batch, Announcement> {
  readonly name: string
  readonly thread: number
  readonly #worker: Worker
  readonly #tables: MessagePort
  alive = true
  /** Epoch that it enforces; -1 until it has said so. */
  epoch = -1
  /** Exchanges cut when it took that epoch. */
  severed = 0
  port: number | undefined
  failure: string | undefined
  trailProblem: string | undefined
  reloads = 0
  reloadProblem: string | undefined
  drained: boolean | undefined
  /** What the gateway's key has said of the worker's. */
  voucher: string | undefined
  readonly proofs = new Map<number, WorkerProof>()
  readonly #vouch: (worker: string, key: string) => string
  readonly impacts = new Map<number, Impact>()

  constructor(script: URL, { name, thread, vouch }: SlotIdentity, workerData: Readonly<Record<string, unknown>>) {
    this.name = name
    this.thread = thread
    this.#vouch = vouch
    const { port1, port2 } = new MessageChannel()
    this.#tables = port1
    this.#tables.unref()
    this.#worker = new Worker(script, {
      name: `portcullis ${name}`,
      workerData: { ...workerData, name, thread, tables: port2 },
      transferList: [port2],
    })
  }

  listen(onMessage: (message: FromWorker<Batch, Announcement>) => void, onExit: (code: number) => void): void {
    this.#worker.on('message', (message: FromWorker<Batch, Announcement>) => {
      this.#take(message)
      onMessage(message)
    })
    this.#worker.on('error', (error) => {
      this.failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    this.#worker.on('exit', (code) => {
      this.alive = false
      this.epoch = -1
      this.#tables.close()
      onExit(code)
    })
  }

  postTable(table: LockTable): void {
    if (this.alive) this.#tables.postMessage(table)
  }

  post(message: ToWorker<Config>): void {
    if (this.alive) this.#worker.postMessage(message)
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  #takeProof({
    id,
    epoch,
    proofs,
    signed,
    residual,
  }: Extract<FromWorker<Batch, Announcement>, { type: 'proof' }>): void {
    if (this.voucher === undefined) return
    const canaries = proofs.map((proof) => ({ ...proof, worker: this.name }))
    const told = residual === undefined ? {} : { residual }
    this.proofs.set(id, { worker: this.name, epoch, canaries, text: `${this.voucher}.${signed}`, ...told })
  }

  #take(message: FromWorker<Batch, Announcement>): void {
    if (isPassed(message)) return
    switch (message.type) {
      case 'key':
        this.voucher = this.#vouch(this.name, message.key)
        break
      case 'listening':
        this.port = message.port
        break
      case 'failed':
        this.failure = message.message
        break
      case 'enforcing':
        this.epoch = message.epoch
        this.severed = message.severed
        break
      case 'trail':
        this.trailProblem = trailProblemOf(message)
        break
      case 'proof':
        this.#takeProof(message)
        break
      case 'impact':
        this.impacts.set(message.id, message.impact)
        break
      case 'reloaded':
        this.reloads += 1
        this.reloadProblem = message.problem
        break
      case 'drained':
        this.drained = message.clean
        break
    }
  }
}

type Message<Batch, Announcement> = FromWorker<Batch, Announcement>
type Passed = { readonly type: 'durable' | 'series' | 'anomaly' | 'counted' | 'cohorts' | 'otp' }

/** What the pool passes on, and no slot keeps. */
function isPassed<Batch, Announcement>(
  message: Message<Batch, Announcement>,
): message is Extract<Message<Batch, Announcement>, Passed> {
  return ['durable', 'series', 'anomaly', 'counted', 'cohorts', 'otp'].includes(message.type)
}

function trailProblemOf({
  healthy,
  problem,
}: {
  readonly healthy: boolean
  readonly problem?: string
}): string | undefined {
  return healthy ? undefined : (problem ?? 'cannot be written')
}
