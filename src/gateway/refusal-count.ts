// What strangers may write: a hundred refusals of one address in a second have a record each, the rest of that second is one count.
import type { RefusalsRecord } from '../core/audit-record.ts'
import type { DecisionLabel } from '../core/decision.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'

const WINDOW_MS = 1000
/** Refusals of one address in one second that have a record of their own. */
export const OWN_OF_ADDRESS_MAX = 100
/** And of all addresses together: who has many addresses cannot fill the trail either. Some 1 MB a second at most. */
export const OWN_MAX = 2000
/** Addresses that are told apart in one second; those beyond count as one. */
const ADDRESSES_MAX = 10_000
/** Addresses that a count names, those with most first. */
const NAMED_MAX = 20

interface Tally {
  count: number
  /** Beyond those that have a record of their own. */
  more: number
}

/** One for each worker. A refusal costs a look into a map; one that is only counted costs neither record nor commit. */
export class RefusalCount {
  readonly #trail: AuditTrail
  readonly #clock: Clock
  readonly #tallies = new Map<string, Tally>()
  readonly #decisions = new Map<DecisionLabel, number>()
  #windowEndsMs = -Infinity
  #own = 0
  #more = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(trail: AuditTrail, clock: Clock) {
    this.#trail = trail
    this.#clock = clock
  }

  /** Whether this refusal has a record of its own; where not it has been counted. `nowMs` is monotonic. */
  isOwn(address: string, decision: DecisionLabel, nowMs: number): boolean {
    if (nowMs >= this.#windowEndsMs) {
      this.flush()
      this.#windowEndsMs = nowMs + WINDOW_MS
    }
    const tally = this.#tallyOf(address)
    tally.count += 1
    if (tally.count <= OWN_OF_ADDRESS_MAX && this.#own < OWN_MAX) {
      this.#own += 1
      return true
    }
    tally.more += 1
    this.#more += 1
    this.#decisions.set(decision, (this.#decisions.get(decision) ?? 0) + 1)
    this.#timer ??= setTimeout(this.flush, WINDOW_MS).unref()
    return false
  }

  /** Writes the count that is still held back, and begins anew. */
  readonly flush = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#more > 0) this.#trail.append(this.#record())
    if (this.#tallies.size > 0) this.#tallies.clear()
    this.#decisions.clear()
    this.#own = 0
    this.#more = 0
  }

  #tallyOf(address: string): Tally {
    let tally = this.#tallies.get(address)
    if (tally !== undefined) return tally
    const key = this.#tallies.size < ADDRESSES_MAX ? address : ''
    tally = this.#tallies.get(key)
    if (tally === undefined) this.#tallies.set(key, (tally = { count: 0, more: 0 }))
    return tally
  }

  #record(): RefusalsRecord {
    const counted = [...this.#tallies].filter(([, { more }]) => more > 0).sort(([, a], [, b]) => b.more - a.more)
    return {
      kind: 'refusals',
      time: this.#clock.now(),
      count: this.#more,
      addresses: counted.length,
      decisions: Object.fromEntries(this.#decisions),
      clients: counted
        .filter(([client]) => client !== '')
        .slice(0, NAMED_MAX)
        .map(([client, { more }]) => ({ client, count: more })),
    }
  }
}
