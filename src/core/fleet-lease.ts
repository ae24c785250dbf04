// How long a gateway may trust its view of the locks: counted from before the request that a peer has answered was sent, by the
// larger of two clocks. A machine that was suspended and a clock that was stepped both count against the lease.

/** One moment on both clocks: one that only grows but may stop with the machine, and the wall's, which may jump. */
export interface Moment {
  readonly monotonicMs: number
  readonly wallMs: number
}

/** What elapsed from one moment to the other: never negative. */
export function elapsedMs(from: Moment, to: Moment): number {
  return Math.max(0, to.monotonicMs - from.monotonicMs, to.wallMs - from.wallMs)
}

/** Requests whose answers are waited for: those of a few leases. */
const SENT_MAX = 64

export class FleetLease {
  readonly #leaseMs: number
  /** By nonce, in the order of sending. */
  readonly #sent = new Map<string, { readonly at: Moment; readonly order: number }>()
  #count = 0
  #renewed: { readonly at: Moment; readonly order: number } | undefined

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** To be called before the request leaves. */
  sent(nonce: string, at: Moment): void {
    this.#count += 1
    this.#sent.set(nonce, { at, order: this.#count })
    const [oldest] = this.#sent.keys()
    if (this.#sent.size > SENT_MAX && oldest !== undefined) this.#sent.delete(oldest)
  }

  /** When the request with the nonce was sent; undefined where it is none of mine, or is long ago. */
  sentAt(nonce: string): Moment | undefined {
    return this.#sent.get(nonce)?.at
  }

  /** The nonce has been answered: false where it is none of mine, or is long ago. An older answer never shortens the lease. */
  answered(nonce: string): boolean {
    const request = this.#sent.get(nonce)
    if (request === undefined) return false
    if (this.#renewed === undefined || request.order > this.#renewed.order) this.#renewed = request
    return true
  }

  /** Ends it now, until another answer. */
  end(): void {
    this.#renewed = undefined
  }

  remainingMs(now: Moment): number {
    return this.#renewed === undefined ? 0 : Math.max(0, this.#leaseMs - elapsedMs(this.#renewed.at, now))
  }

  /** When it ends on each clock, whichever is first; undefined where it has been ended, or never begun. */
  get ends(): Moment | undefined {
    if (this.#renewed === undefined) return undefined
    const { monotonicMs, wallMs } = this.#renewed.at
    return { monotonicMs: monotonicMs + this.#leaseMs, wallMs: wallMs + this.#leaseMs }
  }
}
