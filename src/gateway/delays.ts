// The mildest answer: a request for somebody new waits a little, more the nearer its account is to its budget. A wait costs a socket and
// a timer, so as many wait at once as may and the next goes on at once; it ends with its caller and with the gateway, and a lock that
// has landed meanwhile is seen by whoever goes on.
import type { Exchange } from './exchange.ts'
import type { Schedule } from './turns-of-time.ts'

/** Of one worker. */
const WAITING_MAX = 1_000
const SHORTEST_MS = 250

export interface Delays {
  /** Undefined where as many wait as may. Never rejects: whoever waits for it looks again at what has come meanwhile. */
  wait(exchange: Exchange, ms: number): Promise<void> | undefined
}

export function createDelays(schedule: Schedule, waitingMax = WAITING_MAX): Delays {
  let waiting = 0
  return {
    wait(exchange, ms) {
      if (waiting >= waitingMax) return undefined
      waiting += 1
      return new Promise((resolve) => {
        const end = (): void => {
          cancel()
          exchange.interrupt = undefined
          exchange.onDownstreamClose = undefined
          waiting -= 1
          resolve()
        }
        const cancel = schedule(end, ms)
        exchange.interrupt = end
        exchange.onDownstreamClose = end
      })
    },
  }
}

/** `nearness`: from half of the budget (0) to all of it (1). Up to a quarter less by chance, so that a tool cannot tell where it stands. */
export function delayMs(longestMs: number, nearness: number, fraction: number): number {
  return (SHORTEST_MS + Math.max(0, longestMs - SHORTEST_MS) * nearness) * (1 - fraction / 4)
}
