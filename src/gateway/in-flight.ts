// Every open exchange, so that a new lock can sever what it covers.
import { findLocks, type CompiledTable } from '../core/lock-table.ts'
import { checkAssurance, isRevoked } from '../core/session.ts'
import type { Denial } from '../core/decision.ts'
import type { Instant } from '../core/time.ts'
import { lockTargetOf, type Exchange } from './exchange.ts'

export class InFlight {
  readonly #open = new Set<Exchange>()
  readonly #onCut: () => void

  constructor(onCut: () => void) {
    this.#onCut = onCut
  }

  /** Called by receive before any lock is read, so that no exchange falls between a check and a table. */
  enter(exchange: Exchange): void {
    this.#open.add(exchange)
  }

  leave(exchange: Exchange): void {
    this.#open.delete(exchange)
  }

  get size(): number {
    return this.#open.size
  }

  /** Cuts each exchange with leave to forward that the table now refuses. Returns how many. */
  sever(table: CompiledTable, now: Instant): number {
    let cut = 0
    for (const exchange of this.#open) {
      if (exchange.permit === undefined || exchange.severedBy !== undefined) continue
      const cause = severingCause(exchange, table, now)
      if (cause === undefined) continue
      this.cut(exchange, cause)
      cut += 1
    }
    return cut
  }

  /** Ends one exchange: at once where a stage waits in it, else the next stage sees what has happened. */
  cut(exchange: Exchange, cause: NonNullable<Exchange['severedBy']>): void {
    exchange.severedBy = cause
    interrupt(exchange)
    this.#onCut()
  }

  /** Ends everything, for a drain whose time has run out. */
  abortAll(): void {
    for (const exchange of this.#open) interrupt(exchange)
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
