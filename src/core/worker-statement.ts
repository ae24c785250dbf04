// What a worker says of itself, and signs: which table it enforces, and which requests it has refused.
import { isEpoch, isFields, isNumber, isText, parseList } from './message-shapes.ts'
import { parseResidual, type Residual } from './residual.ts'
import type { Instant } from './time.ts'

/** What another clock shows, less what this gateway's shows, in milliseconds: true within so many, if the other can be believed. */
export interface ClockOffset {
  readonly offsetMs: number
  readonly withinMs: number
}

/** Where the gateway's wall clock stands beside those that it can see. */
export interface ClockReading {
  /** Against the store's own clock. */
  readonly store?: ClockOffset
  /** Against the median of the peers that answered. */
  readonly peers?: ClockOffset & { readonly count: number }
}

export interface CanaryResult {
  readonly route: string
  readonly status: number
  readonly refused: boolean
  /** Locked routes of the same class (upstream, tags, session, posture, audit), for which this one stands. */
  readonly stands: number
}

export interface WorkerStatement {
  readonly gateway: string
  readonly worker: string
  /** All workers of the gateway: it has proven an order once each has. */
  readonly workers: readonly string[]
  /** What landed; empty at a start without any order. */
  readonly orders: readonly string[]
  /** Of the table that the worker enforces. */
  readonly epoch: number
  /** Hash of that table (core/table-lines). */
  readonly table: string
  readonly at: Instant
  readonly clock?: ClockReading
  /** `table`: no canary can show it; the worker's word on its table is what there is. */
  readonly proof: 'canary' | 'table'
  readonly canaries: readonly CanaryResult[]
  /** What it was too late for, where that has not been told before. */
  readonly residual?: Residual
}

export function parseWorkerStatement(value: unknown): WorkerStatement | undefined {
  if (!isFields(value)) return undefined
  const { gateway, worker, epoch, table, at } = value
  const [workers, orders] = [parseList(value.workers, textOf), parseList(value.orders, textOf)]
  const proof = (['canary', 'table'] as const).find((each) => each === value.proof)
  const canaries = parseList(value.canaries, parseCanary)
  const clock = value.clock === undefined ? {} : parseClock(value.clock)
  if (workers === undefined || orders === undefined || canaries === undefined || proof === undefined) return undefined
  if (!isText(gateway) || !isText(worker) || typeof table !== 'string' || !isEpoch(epoch) || !isNumber(at))
    return undefined
  const told = parseTold(value.residual)
  if (clock === undefined || told === undefined) return undefined
  return { gateway, worker, workers, orders, epoch, table, at, clock, proof, canaries, ...told }
}

function parseTold(value: unknown): Pick<WorkerStatement, 'residual'> | undefined {
  const residual = parseResidual(value)
  if (residual !== undefined) return { residual }
  return value === undefined ? {} : undefined
}

/** Whether it shows what it says: every canary was refused, where there could be one. */
export function isShown({ proof, canaries }: WorkerStatement): boolean {
  return proof === 'table' || (canaries.length > 0 && canaries.every(({ refused }) => refused))
}

function textOf(value: unknown): string | undefined {
  return isText(value) ? value : undefined
}

function parseCanary(value: unknown): CanaryResult | undefined {
  if (!isFields(value)) return undefined
  const { route, status, refused, stands } = value
  return isText(route) && isNumber(status) && typeof refused === 'boolean' && isNumber(stands)
    ? { route, status, refused, stands }
    : undefined
}

function parseClock(value: unknown): ClockReading | undefined {
  if (!isFields(value)) return undefined
  const store = value.store === undefined ? undefined : parseOffset(value.store)
  const peers = value.peers === undefined ? undefined : parseOffset(value.peers)
  const count = isFields(value.peers) ? value.peers.count : undefined
  if ((value.store !== undefined && store === undefined) || (value.peers !== undefined && peers === undefined))
    return undefined
  return {
    ...(store === undefined ? {} : { store }),
    ...(peers === undefined ? {} : { peers: { ...peers, count: isNumber(count) ? count : 0 } }),
  }
}

function parseOffset(value: unknown): ClockOffset | undefined {
  if (!isFields(value)) return undefined
  const { offsetMs, withinMs } = value
  return Number.isSafeInteger(offsetMs) && isNumber(withinMs) ? { offsetMs: offsetMs as number, withinMs } : undefined
}
