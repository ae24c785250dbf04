// Waiting for the trail, with an end: a record that is not durable in time counts as one that cannot be written.
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Gateway } from './gateway.ts'
import { Slots } from './slots.ts'

/** How finely a timeout is told: it ends within a quarter of itself. */
const TICKS = 4

interface Wait {
  slot: number
  readonly resolve: (held: boolean) => void
  readonly lastTick: number
}

/** The waits of one length, which share one timer rather than having one each. */
class Waits {
  readonly #open = new Slots<Wait>()
  readonly #tickMs: number
  #tick = 0
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(timeoutMs: number) {
    this.#tickMs = timeoutMs / TICKS
  }

  add(durable: Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const wait = { slot: -1, resolve, lastTick: this.#tick + TICKS }
      this.#open.add(wait)
      this.#timer ??= setInterval(this.#expire, this.#tickMs).unref()
      durable.then(
        () => {
          this.#settle(wait, true)
        },
        () => {
          this.#settle(wait, false)
        },
      )
    })
  }

  #settle(wait: Wait, held: boolean): void {
    this.#open.delete(wait)
    wait.resolve(held)
  }

  readonly #expire = (): void => {
    this.#tick += 1
    if (this.#open.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    for (const wait of this.#open.all()) if (wait.lastTick < this.#tick) this.#settle(wait, false)
  }
}

const byLength = new WeakMap<AuditTrail, Map<number, Waits>>()

function waitsOf(trail: AuditTrail, timeoutMs: number): Waits {
  let ofTrail = byLength.get(trail)
  if (ofTrail === undefined) byLength.set(trail, (ofTrail = new Map<number, Waits>()))
  let waits = ofTrail.get(timeoutMs)
  if (waits === undefined) ofTrail.set(timeoutMs, (waits = new Waits(timeoutMs)))
  return waits
}

/** Resolves to whether the record became durable within `timeoutMs`, or a quarter more; never rejects. */
export function committed({ trail }: Gateway, ticket: number, timeoutMs: number): Promise<boolean> {
  let durable: Promise<void>
  try {
    durable = trail.durable(ticket)
  } catch {
    return Promise.resolve(false)
  }
  return waitsOf(trail, timeoutMs).add(durable)
}
