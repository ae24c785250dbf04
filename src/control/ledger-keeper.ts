// Holds the ledger and carries each change of it to the workers, the disk and the trail, in the order that its kind demands.
import type { LedgerEntry } from '../core/ledger-entry.ts'
import { applyEntry, tableOf, type Ledger } from '../core/ledger.ts'
import type { Lock } from '../core/lock.ts'
import type { OrderRecord } from '../core/audit-record.ts'
import type { Route } from '../core/route.ts'
import type { ClockReading } from '../core/worker-statement.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { DataPlane, WorkerReport } from '../ports/data-plane.ts'
import type { Logger } from '../ports/logger.ts'
import type { OrderJournal } from '../ports/order-journal.ts'
import { orderRecord } from './desk-records.ts'
import { createLockWriter, type LockWriter } from './lock-writer.ts'
import { createProver, type Prover, type ProofView, type ProvenEpoch } from './prover.ts'
import { hashedTable } from './table-hash.ts'
import { settledWithin, valueWithin } from './within.ts'

export type DeskChange =
  | { readonly event: 'lock'; readonly id: string; readonly epoch: number; readonly locks: readonly Lock[] }
  | {
      readonly event: 'release'
      readonly id: string
      readonly epoch: number
      readonly locks: readonly string[]
      /** Who took their own lock back, alone. */
      readonly withdrawnBy?: string
    }
  | ({ readonly event: 'proof'; readonly id: string; readonly epoch: number } & ProofView)
  | { readonly event: 'status'; readonly epoch: number }

export interface KeeperDeps {
  readonly journal: OrderJournal
  readonly dataPlane: DataPlane
  readonly trail: AuditTrail
  readonly clock: Clock
  readonly logger: Logger
  readonly routes: () => readonly Route[]
  /** In the turn in which the entry has taken effect. */
  readonly onEntry?: (entry: LedgerEntry) => void
  readonly clockReading?: () => ClockReading | undefined
  /** How long an answer waits for the disk. */
  readonly limitMs: number
  /** Between two tries of a lock that could not be written. */
  readonly retryMs: number
  /** How long an answer waits for the workers' reports. */
  readonly reportLimitMs: number
}

/** A change that is in force. */
interface Landing {
  readonly epoch: number
  /** Resolves once the workers have reported, and with whether it is durable; never rejects. */
  readonly durable: Promise<boolean>
  readonly proof: Promise<ProofView>
}

type Opening = { readonly epoch: number; readonly proof: Promise<ProofView> } | { readonly unavailable: string }

export interface LedgerKeeper {
  readonly ledger: Ledger
  /** A change that only locks: enforced in this turn, then written. */
  land(entry: LedgerEntry, id: string): Landing
  /**
   * A change that opens, or may open later: recorded and durable first, and only then applied and enforced; where that fails
   * or takes longer than the limit, nothing has changed, now or after a restart. `isWanted` is asked again after each wait.
   */
  open(entry: LedgerEntry, id: string, isWanted?: () => boolean): Promise<Opening>
  /** The workers are given the table from here on; changes before are kept and not sent. */
  start(): Promise<void>
  onChange(listener: (change: DeskChange) => void): () => void
  certificate(epoch: number): ProvenEpoch | undefined
  /** Changes that hold and are not durable yet. */
  readonly behind: number
  close(): void
}

/** What the proof of a start is of. */
export const START = 'start'
/** Orders that stand when a gateway starts are proven by it as well; of very many, the newest. */
const PROVEN_AT_START_MAX = 16

export function standingOrders(ledger: Ledger): readonly string[] {
  return [...ledger.held].flatMap(([id, { lock }]) => (lock.source === 'order' ? [id] : [])).slice(-PROVEN_AT_START_MAX)
}

const NO_PROOF: ProofView = { proven: [], missing: [], elapsedMs: 0 }

interface State {
  ledger: Ledger
  isStarted: boolean
  readonly listeners: Set<(change: DeskChange) => void>
  readonly writer: LockWriter
  readonly prover: Prover
}

export function createLedgerKeeper(ledger: Ledger, deps: KeeperDeps): LedgerKeeper {
  const { journal, logger, limitMs, retryMs } = deps
  const state: State = {
    ledger,
    isStarted: false,
    listeners: new Set(),
    writer: createLockWriter({ journal, logger, limitMs, retryMs }),
    prover: createProver(deps),
  }
  return {
    get ledger() {
      return state.ledger
    },
    land: (entry, id) => land(state, deps, entry, id),
    open: (entry, id, isWanted) => open(state, deps, { entry, id, isWanted: isWanted ?? (() => true) }),
    async start() {
      state.isStarted = true
      const startedMs = deps.clock.monotonicMs()
      await enforce(state, deps)
      void prove(state, deps, { id: START, locks: tableOf(state.ledger).locks, startedMs })
    },
    onChange(listener) {
      state.listeners.add(listener)
      return () => state.listeners.delete(listener)
    },
    certificate: (epoch) => state.prover.certificate(epoch),
    get behind() {
      return state.writer.behind
    },
    close() {
      state.writer.close()
      state.listeners.clear()
    },
  }
}

function land(state: State, deps: KeeperDeps, entry: LedgerEntry, id: string): Landing {
  const startedMs = deps.clock.monotonicMs()
  const before = locksOf(state.ledger)
  state.ledger = applyEntry(state.ledger, entry)
  deps.onEntry?.(entry)
  const locks = locksOf(state.ledger).filter((lock) => !before.includes(lock))
  const { epoch } = state.ledger
  // From here on no worker forwards what the change covers; all that follows may fail.
  const reports = enforce(state, deps)
  const written = state.writer.write(entry)
  // Not after the reports: a worker that is asked for its canaries finds the table in its port.
  const proof = prove(state, deps, { id, locks, startedMs, epoch })
  record(deps, orderRecord(entry, 'accepted', state.ledger))
  emit(state, deps, { event: 'lock', id, epoch, locks })
  return {
    epoch,
    durable: Promise.all([written, reports]).then(([durable]) => durable),
    proof,
  }
}

/** The lock of a drill is proven like the others. */
function locksOf(ledger: Ledger): readonly Lock[] {
  const { locks, drill } = tableOf(ledger)
  return drill === undefined ? locks : [...locks, drill]
}

interface Wanted {
  readonly entry: LedgerEntry
  readonly isWanted: () => boolean
}

async function open(state: State, deps: KeeperDeps, change: Wanted & { readonly id: string }): Promise<Opening> {
  const { entry, id, isWanted } = change
  const startedMs = deps.clock.monotonicMs()
  const failed = await makeDurable(state, deps, change, startedMs)
  if (failed !== undefined) {
    record(deps, { ...orderRecord(entry, 'refused', state.ledger), problems: [failed] })
    return { unavailable: failed }
  }
  // A newer word of the same source came meanwhile and is written behind this one: it counts.
  if (!isWanted()) return { unavailable: 'superseded' }
  const before = state.ledger
  state.ledger = applyEntry(before, entry)
  deps.onEntry?.(entry)
  const { epoch } = state.ledger
  if (epoch === before.epoch) {
    emit(state, deps, { event: 'status', epoch })
    return { epoch, proof: Promise.resolve(NO_PROOF) }
  }
  await enforce(state, deps)
  const outcome = orderRecord(entry, 'released', state.ledger)
  record(deps, { ...outcome, time: deps.clock.now() })
  const by = outcome.withdrawn === true && outcome.by !== undefined ? { withdrawnBy: outcome.by } : {}
  emit(state, deps, { event: 'release', id, epoch, locks: outcome.locks ?? [], ...by })
  return { epoch, proof: prove(state, deps, { id, locks: [], startedMs, epoch }) }
}

/** Whether this signature is the one that was missing. */
function takesEffect(before: Ledger, entry: LedgerEntry): boolean {
  const after = applyEntry(before, entry)
  if (after.epoch !== before.epoch || after.incidents !== before.incidents) return true
  return [...after.proposals.values()].some(({ id, done }) => done && before.proposals.get(id)?.done !== true)
}

/** Trail and journal, one after the other, within one limit. What is wrong, or undefined. */
async function makeDurable(
  state: State,
  deps: KeeperDeps,
  change: Wanted,
  startedMs: number,
): Promise<string | undefined> {
  const { entry, isWanted } = change
  const leftMs = (): number => Math.max(1, deps.limitMs - (deps.clock.monotonicMs() - startedMs))
  if (!(await state.writer.caughtUp(leftMs()))) return 'locks that were ordered before are not durable yet'
  const outcome = takesEffect(state.ledger, entry) ? 'accepted' : 'pending'
  const ticket = appendSafely(deps, orderRecord(entry, outcome, state.ledger))
  if (ticket === undefined) return 'the audit trail cannot be written'
  const recorded = await settledWithin(deps.trail.durable(ticket), leftMs())
  if (recorded !== 'done') return `the audit trail ${recorded === 'late' ? 'is slow' : 'cannot be written'}`
  if (!isWanted()) return 'superseded'
  try {
    await deps.journal.append(entry, leftMs())
    return undefined
  } catch (error) {
    deps.logger.error('an order that opens was refused: the order journal could not keep it in time', {
      error: messageOf(error),
    })
    return 'the order journal could not keep it in time'
  }
}

async function enforce(state: State, deps: KeeperDeps): Promise<readonly WorkerReport[]> {
  if (!state.isStarted) return []
  try {
    return await valueWithin(deps.dataPlane.enforce(hashedTable(state.ledger)), deps.reportLimitMs, [])
  } catch (error) {
    deps.logger.error('the lock table could not be given to the workers', { error: messageOf(error) })
    return []
  }
}

interface Shown {
  readonly id: string
  readonly locks: readonly Lock[]
  readonly startedMs: number
  readonly epoch?: number
}

async function prove(state: State, deps: KeeperDeps, shown: Shown): Promise<ProofView> {
  if (!state.isStarted) return NO_PROOF
  const epoch = shown.epoch ?? state.ledger.epoch
  try {
    const { locks, startedMs, id } = shown
    const orders = id === START ? standingOrders(state.ledger) : [id]
    const proof = await state.prover.prove({ epoch, orders, locks, startedMs, routes: deps.routes() })
    emit(state, deps, { event: 'proof', id, epoch, ...proof })
    return proof
  } catch (error) {
    deps.logger.error('an epoch could not be proven', { epoch, error: messageOf(error) })
    return { ...NO_PROOF, missing: deps.dataPlane.workers.map(({ worker }) => worker) }
  }
}

/** For records that nothing waits for. */
function record(deps: KeeperDeps, what: OrderRecord): void {
  if (appendSafely(deps, what) !== undefined) return
  const { order, outcome, epoch } = what
  deps.logger.error('AN ORDER IS NOT IN THE TRAIL: the audit trail cannot be written', { order, outcome, epoch })
}

/** Whatever the trail does: a lock that is in force is answered as one. */
function appendSafely(deps: KeeperDeps, what: OrderRecord): number | undefined {
  try {
    return deps.trail.append(what)
  } catch (error) {
    deps.logger.error('the audit trail refused a record', { error: messageOf(error) })
    return undefined
  }
}

function emit(state: State, deps: KeeperDeps, change: DeskChange): void {
  for (const listener of state.listeners) {
    try {
      listener(change)
    } catch (error) {
      deps.logger.error('a listener failed', { event: change.event, error: messageOf(error) })
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
