// Every open exchange, so that a new lock can sever what it covers.
import { findLocks, type CompiledTable } from '../core/lock-table.ts'
import { checkAssurance, isRevoked } from '../core/session.ts'
import type { Denial } from '../core/decision.ts'
import type { Residual } from '../core/residual.ts'
import type { Route } from '../core/route.ts'
import type { Instant } from '../core/time.ts'
import { lockTargetOf, type Exchange } from './exchange.ts'
import type { LockView } from './lock-view.ts'
import { Slots } from './slots.ts'

export class InFlight {
  readonly #open = new Slots<Exchange>()
  readonly #onCut: () => void
  /** Those whose last bytes were given in the turn `#turn` of the view, and in the one before; no longer, so that they die young. */
  #left: Exchange[] = []
  #leftBefore: Exchange[] = []
  #turn = -1

  constructor(onCut: () => void) {
    this.#onCut = onCut
  }

  /** Called by receive before any lock is read, so that no exchange falls between a check and a table. */
  enter(exchange: Exchange): void {
    this.#open.add(exchange)
  }

  leave(exchange: Exchange): void {
    this.#open.delete(exchange)
    if (exchange.upstreamStartedMs === undefined) return
    const { turn } = exchange
    if (turn > this.#turn) {
      this.#leftBefore = turn === this.#turn + 1 ? this.#left : []
      this.#left = []
      this.#turn = turn
    }
    if (turn === this.#turn) this.#left.push(exchange)
    else if (turn === this.#turn - 1) this.#leftBefore.push(exchange)
  }

  /** Of those on a route. */
  count(holds: (exchange: Exchange, route: Route) => boolean): number {
    let found = 0
    for (const exchange of this.#open.all())
      if (exchange.route !== undefined && holds(exchange, exchange.route)) found += 1
    return found
  }

  get size(): number {
    return this.#open.size
  }

  /** Cuts each exchange with leave to forward that the table now refuses. Returns how many. */
  sever(table: CompiledTable, now: Instant): number {
    return this.#sever(table, now, () => undefined)
  }

  /** The same for a table that has just come: also what it was too late for. */
  severFor(
    table: CompiledTable,
    now: Instant,
    view: LockView,
  ): { readonly severed: number; readonly residual: Residual } {
    let [cut, finished, bytesAfter, maybeExecuted] = [0, 0, 0, 0]
    for (const exchange of [...this.#leftBefore, ...this.#left]) {
      const bytes = exchange.isCanary ? 0 : view.bytesAfter(exchange, 0)
      if (bytes === 0 || exchange.severedBy !== undefined || !isCovered(exchange, table, now)) continue
      finished += 1
      bytesAfter += bytes
    }
    const severed = this.#sever(table, now, (exchange) => {
      if (exchange.upstreamStartedMs === undefined) return
      cut += 1
      bytesAfter += view.bytesAfter(exchange, exchange.response.unwrittenBytes)
      if (!exchange.isSafe && exchange.request.isComplete) maybeExecuted += 1
    })
    return { severed, residual: { inFlight: cut + finished, cut, finished, bytesAfter, maybeExecuted } }
  }

  #sever(table: CompiledTable, now: Instant, onCut: (exchange: Exchange) => void): number {
    let severed = 0
    for (const exchange of this.#open.all()) {
      if (exchange.permit === undefined || exchange.severedBy !== undefined) continue
      const cause = severingCause(exchange, table, now)
      if (cause === undefined) continue
      // Before the cut, which destroys what is asked.
      onCut(exchange)
      this.cut(exchange, cause)
      severed += 1
    }
    return severed
  }

  /** Ends one exchange: at once where a stage waits in it, else the next stage sees what has happened. */
  cut(exchange: Exchange, cause: NonNullable<Exchange['severedBy']>): void {
    exchange.severedBy = cause
    interrupt(exchange)
    this.#onCut()
  }

  /** Ends everything, for a drain whose time has run out. */
  abortAll(): void {
    for (const exchange of this.#open.all()) interrupt(exchange)
  }
}

/** One exchange that cannot be ended well must not save the others. */
function interrupt(exchange: Exchange): void {
  try {
    exchange.interrupt?.()
  } catch {
    exchange.downstream.socket.destroy()
  }
}

function isCovered(exchange: Exchange, table: CompiledTable, now: Instant): boolean {
  return exchange.upstreamStartedMs !== undefined && severingCause(exchange, table, now) !== undefined
}

function severingCause(exchange: Exchange, table: CompiledTable, now: Instant): Exchange['severedBy'] {
  const { route, session } = exchange
  if (route === undefined) return undefined
  const locks = findLocks(table, lockTargetOf(exchange, route), now)
  if (locks?.denying !== undefined) return locks.denying
  if (locks?.undecided !== undefined) return locks.undecided
  if (
    locks?.stepUp !== undefined &&
    (session === undefined || checkAssurance(route.policy.session, session, now, locks.stepUp.since) !== undefined)
  ) {
    return locks.stepUp
  }
  return session !== undefined && isRevoked(session, table.revocations) ? 'revoked' : undefined
}

/** Why an exchange that was permitted may not go on: it has been cut, or its request has turned out to be at fault. */
export function overtakenBy({ severedBy, refusal }: Exchange): Denial | undefined {
  switch (severedBy) {
    case undefined:
      return refusal
    case 'revoked':
      return { denied: 'invalid-token', detail: 'The session has ended.' }
    case 'stale':
      return STALE
    default:
      return { denied: 'locked', lock: severedBy }
  }
}

/** Nothing is forwarded where it cannot be known whether it is locked. */
export const STALE: Denial = { denied: 'view-stale', retryAfterMs: 2_000 }
