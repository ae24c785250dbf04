// One target of an upstream: its connections, each kept for the next request where it is clean.
import type net from 'node:net'
import type { UpstreamFailure } from '../../ports/upstream-client.ts'
import type { Candidate, TargetHealth } from './pick-target.ts'
import type { Connector } from './tls-context.ts'
import { UpstreamConnection } from './upstream-connection.ts'

export interface TargetLimits {
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly connectionsMax: number
}

/** Shorter than Node's own default of 5 s, so that we close an idle connection before the upstream does. */
const KEEP_ALIVE_MS = 4_000

const SWEEP_MS = 1_000

/** A request that needs a connection. */
export interface Waiter {
  /** A connection is the waiter's now. */
  use(connection: UpstreamConnection): void
  fail(failure: UpstreamFailure): void
}

export class Target implements Candidate {
  readonly #connector: Connector
  readonly #limits: TargetLimits
  readonly #health: TargetHealth
  readonly #now: () => number
  readonly #open = new Set<UpstreamConnection>()
  /** The last one used is the next: the others may rest and close. */
  readonly #idle: UpstreamConnection[] = []
  readonly #connecting = new Map<Waiter, net.Socket>()
  /** They have their place; the connection of whoever had it before has yet to come to rest, or to close. */
  readonly #expecting = new Set<Waiter>()
  #sweep: ReturnType<typeof setInterval> | undefined
  /** Requests that have a place here: never more than the connections. Counted by the upstream. */
  pending = 0

  /** `now`: the monotonic clock, in milliseconds. */
  constructor(connector: Connector, limits: TargetLimits, health: TargetHealth, now: () => number) {
    this.#connector = connector
    this.#limits = limits
    this.#health = health
    this.#now = now
  }

  get isDown(): boolean {
    return this.#health.isDown(this.#now())
  }

  get hasRoom(): boolean {
    return this.pending < this.#limits.connectionsMax
  }

  /** A connection for a waiter that has a place: in this turn where one is idle. */
  give(waiter: Waiter): void {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isUsable) continue
      waiter.use(idle)
      return
    }
    this.giveFresh(waiter)
  }

  /** One that never rested, for a second try: where one was closed at rest, so may be the others (a restart of the target). */
  giveFresh(waiter: Waiter): void {
    if (this.#open.size + this.#connecting.size < this.#limits.connectionsMax) this.#openFor(waiter)
    else this.#expecting.add(waiter)
  }

  /** Takes back what has no connection yet; false where it has one. Its place is still its own. */
  cancel(waiter: Waiter): boolean {
    const socket = this.#connecting.get(waiter)
    if (socket === undefined) return this.#expecting.delete(waiter)
    this.#connecting.delete(waiter)
    socket.destroy()
    this.#giveNext()
    return true
  }

  /** Once nothing has a place here any more. */
  close(): void {
    clearInterval(this.#sweep)
    for (const connection of this.#open) connection.destroy()
  }

  #openFor(waiter: Waiter): void {
    let connection: UpstreamConnection | undefined
    const onOpen = (failure?: UpstreamFailure): void => {
      // Where it is another's no more, it has been cancelled.
      if (!this.#connecting.delete(waiter)) return
      if (failure !== undefined) {
        if (failure.failure === 'refused') this.#health.refused(this.#now())
        this.#giveNext()
        waiter.fail(failure)
        return
      }
      connection = new UpstreamConnection(socket, this.#connector.host, this)
      this.#open.add(connection)
      this.#watch()
      waiter.use(connection)
    }
    const socket = this.#connector.connect(onOpen, (borrowed) => {
      connection?.take(borrowed)
    })
    this.#connecting.set(waiter, socket)
  }

  onIdle(connection: UpstreamConnection): void {
    connection.touchedMs = -1
    const next = this.#takeExpecting()
    if (next === undefined) this.#idle.push(connection)
    else next.use(connection)
  }

  onClose(connection: UpstreamConnection): void {
    this.#open.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    this.#giveNext()
  }

  /** There is room for one connection more. */
  #giveNext(): void {
    const next = this.#takeExpecting()
    if (next !== undefined) this.#openFor(next)
  }

  #takeExpecting(): Waiter | undefined {
    for (const next of this.#expecting) {
      this.#expecting.delete(next)
      return next
    }
    return undefined
  }

  /** Looks for timeouts now and then, rather than by a timer for each wait: one is noticed late by two looks at most. */
  #watch(): void {
    const { headersTimeoutMs, bodyTimeoutMs } = this.#limits
    const everyMs = Math.max(10, Math.min(SWEEP_MS, headersTimeoutMs / 4, bodyTimeoutMs / 4))
    this.#sweep ??= setInterval(() => {
      const now = this.#now()
      for (const connection of this.#open) this.#expire(connection, now)
    }, everyMs).unref()
  }

  #expire(connection: UpstreamConnection, now: number): void {
    const { headersTimeoutMs, bodyTimeoutMs } = this.#limits
    const { waitsFor } = connection
    if (connection.touchedMs < 0 || (connection.isHeld && waitsFor !== 'nothing')) {
      connection.touchedMs = now
      return
    }
    const waitedMs = now - connection.touchedMs
    if (waitsFor === 'head' && waitedMs >= headersTimeoutMs) {
      connection.fail({ failure: 'timeout', detail: 'no answer in time' })
    } else if (waitsFor === 'body' && waitedMs >= bodyTimeoutMs) {
      connection.fail({ failure: 'timeout', detail: 'no more of the body in time' })
    } else if (waitsFor === 'nothing' && waitedMs >= KEEP_ALIVE_MS && this.#idle.includes(connection)) {
      connection.destroy()
    }
  }
}
