// Every open exchange, so that a new lock can sever what it covers.
import { findLocks, type CompiledTable } from '../core/lock-table.ts'
import { checkAssurance, isRevoked } from '../core/session.ts'
import { lockTargetOf, type Exchange } from './exchange.ts'
import type { Instant } from '../core/time.ts'

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
      exchange.severedBy = cause
      cutExchange(exchange)
      this.#onCut()
      cut += 1
    }
    return cut
  }

  /** Cuts everything, for a drain whose time has run out. */
  abortAll(): void {
    for (const exchange of this.#open) cutExchange(exchange)
  }
}

function severingCause(exchange: Exchange, table: CompiledTable, now: Instant): Exchange['severedBy'] {
  const { route, session } = exchange
  if (route === undefined) return undefined
  const locks = findLocks(table, lockTargetOf(exchange, route), now)
  if (locks?.denying !== undefined) return locks.denying
  if (
    locks?.stepUp !== undefined &&
    (session === undefined || checkAssurance(route.policy.session, session, now, locks.stepUp.since) !== undefined)
  ) {
    return locks.stepUp
  }
  return session !== undefined && isRevoked(session, table.revocations) ? 'revoked' : undefined
}

/**
 * Ends both sides now. The downstream socket is reset, not closed: closing waits for what the kernel has buffered, and let
 * a slow reader have megabytes more. On TLS that means the raw socket underneath. Where nothing has been sent yet the
 * upstream alone is ended, and the caller gets the lock's answer.
 */
function cutExchange(exchange: Exchange): void {
  exchange.call?.abort()
  if (!exchange.response.headersSent) return
  const { socket } = exchange.response
  if (socket === null) return
  const raw = (socket as unknown as { _parent?: { resetAndDestroy?: () => void } })._parent
  if (raw?.resetAndDestroy !== undefined) raw.resetAndDestroy()
  else socket.resetAndDestroy()
}
