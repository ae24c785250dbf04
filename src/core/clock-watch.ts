// Where this gateway's wall clock stands beside others that it can see. Of an answer it is known only that it was made between the
// request and its arrival: half of that is how wrong the offset may be (Cristian 1989).
import { type Moment } from './fleet-lease.ts'
import type { ClockOffset, ClockReading } from './worker-statement.ts'

/** The quickest of so many answers counts. */
const SAMPLES_MAX = 16
/** Beyond it the wall clock was stepped against the monotonic one, and what was measured before is of another clock. */
const STEP_MS = 50
/** Peers whose last answer is kept. */
const PEERS_MAX = 64

export class ClockWatch {
  #store: ClockOffset[] = []
  readonly #peers = new Map<string, ClockOffset>()
  #wallAhead: number | undefined

  /** The store answered `timeMs` between the two moments. */
  hearStore(sent: Moment, came: Moment, timeMs: number): void {
    this.#forgetSteps(came)
    this.#store = [...this.#store, offsetOf(sent, came, timeMs)].slice(-SAMPLES_MAX)
  }

  /** The peer wrote `timeMs` between the two moments. */
  hearPeer(gateway: string, sent: Moment, came: Moment, timeMs: number): void {
    this.#forgetSteps(came)
    this.#peers.delete(gateway)
    this.#peers.set(gateway, offsetOf(sent, came, timeMs))
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > PEERS_MAX && oldest !== undefined) this.#peers.delete(oldest)
  }

  /** Undefined where nobody has answered yet. */
  get reading(): ClockReading | undefined {
    const store = best(this.#store)
    const peers = [...this.#peers.values()].toSorted((a, b) => a.offsetMs - b.offsetMs)
    const median = peers[Math.floor(peers.length / 2)]
    if (store === undefined && median === undefined) return undefined
    return {
      ...(store === undefined ? {} : { store }),
      ...(median === undefined ? {} : { peers: { ...median, count: peers.length } }),
    }
  }

  #forgetSteps({ wallMs, monotonicMs }: Moment): void {
    const ahead = wallMs - monotonicMs
    if (this.#wallAhead !== undefined && Math.abs(ahead - this.#wallAhead) > STEP_MS) {
      this.#store = []
      this.#peers.clear()
    }
    this.#wallAhead = ahead
  }
}

function offsetOf(sent: Moment, came: Moment, timeMs: number): ClockOffset {
  const halfMs = Math.max(0, came.monotonicMs - sent.monotonicMs) / 2
  return { offsetMs: Math.round(timeMs - (came.wallMs - halfMs)), withinMs: Math.ceil(halfMs) + 1 }
}

function best(samples: readonly ClockOffset[]): ClockOffset | undefined {
  return samples.reduce<ClockOffset | undefined>(
    (found, each) => (found === undefined || each.withinMs < found.withinMs ? each : found),
    undefined,
  )
}
