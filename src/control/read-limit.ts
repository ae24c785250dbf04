// How much one login, or one address, may read of the control API: a console in many tabs and scripts beside it never notice, and
// what asks without end holds up neither orders nor others.
import { gcra } from '../core/gcra.ts'
import type { Limit } from '../core/time.ts'
import type { Addresses } from '../ports/addresses.ts'
import type { Clock } from '../ports/clock.ts'
import type { Caller } from './sessions.ts'

/** In one burst, and from then on 100 a second. A tab of the console asks for one or two a second. */
export const READS: Limit = { count: 1_000, periodMs: 10_000 }
/** How often what nobody needs any more is looked for. */
const SWEEP_EVERY_MS = 1_000
/** Addresses that are told apart; those beyond share one allowance. Logins have one each, whatever strangers do. */
const ADDRESSES_MAX = 10_000

export interface ReadLimit {
  /**
   * Takes `cost` reads from who asks: the login where there is one, else the address (also with the read token, which several share).
   * Milliseconds until it passes; 0 where it does.
   */
  take(caller: Caller | undefined, address: string | undefined, cost: number): number
}

export function createReadLimit(clock: Pick<Clock, 'monotonicMs'>, addresses: Addresses): ReadLimit {
  const arrivals = new Map<string, number>()
  let sweptAtMs = -Infinity
  /** Whose allowance is whole again is forgotten first. */
  const hasRoom = (nowMs: number): boolean => {
    if (arrivals.size >= ADDRESSES_MAX && nowMs - sweptAtMs >= SWEEP_EVERY_MS) {
      sweptAtMs = nowMs
      for (const [name, arrivalMs] of arrivals) if (arrivalMs <= nowMs) arrivals.delete(name)
    }
    return arrivals.size < ADDRESSES_MAX
  }
  return {
    take(caller, address, cost) {
      const nowMs = clock.monotonicMs()
      const isLogin = caller?.kind === 'responder'
      const name = isLogin ? caller.responder.key : addressOf(addresses, address)
      const key = isLogin || arrivals.has(name) || hasRoom(nowMs) ? name : ''
      const verdict = gcra(READS, arrivals.get(key) ?? -Infinity, nowMs, cost)
      arrivals.set(key, verdict.arrivalMs)
      return verdict.allowed ? 0 : verdict.retryAfterMs
    },
  }
}

function addressOf(addresses: Addresses, address: string | undefined): string {
  const parsed = address === undefined ? undefined : addresses.parse(address)
  return parsed === undefined ? 'unix' : addresses.aggregate(parsed)
}
