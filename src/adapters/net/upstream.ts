// One upstream: its targets, how much they are given at once, and the requests that wait for their turn, first come first served.
import type { UpstreamFailure } from '../../ports/upstream-client.ts'
import { pickTarget } from './pick-target.ts'
import type { Target, Waiter } from './target.ts'

export interface UpstreamLoad {
  /** Requests that all targets together answer at once. */
  readonly inFlightMax: number
  /** Requests beyond these: each holds its caller's socket. */
  readonly queue: { readonly requestsMax: number; readonly timeoutMs: number }
}

/** A request was turned away: as many wait as may, or it has waited as long as it may. */
export type Overload = 'queue-full' | 'queue-timeout'

/** A request on its way to a target. */
export interface Entrant extends Waiter {
  /** The place that it has been given, to be given back by `leave`. */
  target: Target | undefined
}

const FULL: UpstreamFailure = { failure: 'overloaded', detail: 'too many requests wait' }
const LATE: UpstreamFailure = { failure: 'overloaded', detail: 'no turn in time' }

export class Upstream {
  readonly #targets: readonly Target[]
  readonly #load: UpstreamLoad
  readonly #now: () => number
  readonly #onOverload: (overload: Overload) => void
  /** With the monotonic millisecond at which each has waited long enough: all wait equally long, so the first is due first. */
  readonly #queue = new Map<Entrant, number>()
  #inFlight = 0
  #turn = 0
  #isServing = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #onIdle: (() => void) | undefined

  constructor(
    targets: readonly Target[],
    load: UpstreamLoad,
    now: () => number,
    onOverload: (overload: Overload) => void,
  ) {
    this.#targets = targets
    this.#load = load
    this.#now = now
    this.#onOverload = onOverload
  }

  /** Gives it a place at a target in this turn where there is one; else it waits, and the target is picked when its turn comes. */
  enter(entrant: Entrant): void {
    const target = this.#queue.size === 0 ? this.#pick() : undefined
    if (target !== undefined) {
      this.#letIn(entrant, target)
    } else if (this.#queue.size >= this.#load.queue.requestsMax) {
      this.#onOverload('queue-full')
      entrant.fail(FULL)
    } else {
      this.#queue.set(entrant, this.#now() + this.#load.queue.timeoutMs)
      this.#watch(this.#load.queue.timeoutMs)
    }
  }

  /** Takes it out of the queue; false where it does not wait there. */
  cancel(entrant: Entrant): boolean {
    const waited = this.#queue.delete(entrant)
    if (waited) this.#tellIfIdle()
    return waited
  }

  /** It gives back its place, if it has one. */
  leave(entrant: Entrant): void {
    const { target } = entrant
    if (target === undefined) return
    entrant.target = undefined
    target.pending -= 1
    this.#inFlight -= 1
    this.#serve()
    this.#tellIfIdle()
  }

  /** Resolves once nothing runs and nothing waits any more, with the connections closed. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#tellIfIdle()
    })
    clearTimeout(this.#timer)
    for (const target of this.#targets) target.close()
  }

  /** Where every target that is up is full, the others are not asked in their place. */
  #pick(): Target | undefined {
    if (this.#inFlight >= this.#load.inFlightMax) return undefined
    this.#turn = (this.#turn + 1) % 0x4000_0000
    const target = pickTarget(this.#targets, this.#turn)
    return target?.hasRoom === true ? target : undefined
  }

  #letIn(entrant: Entrant, target: Target): void {
    this.#inFlight += 1
    target.pending += 1
    entrant.target = target
    target.give(entrant)
  }

  /** In a loop of its own: whoever has no leave to start gives its place back within it, and a thousand may do so at once. */
  #serve(): void {
    if (this.#isServing) return
    this.#isServing = true
    try {
      for (const entrant of this.#queue.keys()) {
        const target = this.#pick()
        if (target === undefined) return
        this.#queue.delete(entrant)
        this.#letIn(entrant, target)
      }
    } finally {
      this.#isServing = false
    }
  }

  #watch(ms: number): void {
    this.#timer ??= setTimeout(this.#expire, Math.max(1, ms)).unref()
  }

  readonly #expire = (): void => {
    this.#timer = undefined
    const now = this.#now()
    for (const [entrant, dueMs] of this.#queue) {
      if (dueMs > now) {
        this.#watch(dueMs - now)
        return
      }
      this.#queue.delete(entrant)
      this.#onOverload('queue-timeout')
      entrant.fail(LATE)
    }
    this.#tellIfIdle()
  }

  #tellIfIdle(): void {
    if (this.#inFlight === 0 && this.#queue.size === 0) this.#onIdle?.()
  }
}
