// Waiting for the trail, with an end: a record that is not durable in time counts as one that cannot be written.
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Gateway } from './gateway.ts'
import { Slots } from './slots.ts'

/** How finely a timeout is told: it ends within a quarter of itself. */
const TICKS = 4

/** Called once: whether the record became durable in time. Never throws. */
export type OnCommitted = (held: boolean) => void

interface Wait {
  slot: number
  readonly told: OnCommitted
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

  add(trail: AuditTrail, ticket: number, told: OnCommitted): void {
    const wait = { slot: -1, told, lastTick: this.#tick + TICKS }
    this.#open.add(wait)
    this.#timer ??= setInterval(this.#expire, this.#tickMs).unref()
    trail.onDurable(ticket, (problem) => {
      this.#settle(wait, problem === undefined)
    })
  }

  #settle(wait: Wait, held: boolean): void {
    if (wait.slot === -1) return
    this.#open.delete(wait)
    wait.told(held)
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

/** Tells whether the record became durable within `timeoutMs`, or a quarter more; never within this call. */
export function onCommitted({ trail }: Gateway, ticket: number, timeoutMs: number, told: OnCommitted): void {
  waitsOf(trail, timeoutMs).add(trail, ticket, told)
}

/** The same as a promise, which never rejects. */
export function committed(gateway: Gateway, ticket: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      onCommitted(gateway, ticket, timeoutMs, resolve)
    } catch {
      resolve(false)
    }
  })
}
