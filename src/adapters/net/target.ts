// One target of an upstream: its connections, and the requests that wait for one, first come first served.
import net from 'node:net'
import tls from 'node:tls'
import type { UpstreamFailure } from '../../ports/upstream-client.ts'
import { UpstreamConnection } from './upstream-connection.ts'

export interface TargetLimits {
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly connectionsMax: number
}

/** Shorter than Node's own default of 5 s, so that we close an idle connection before the upstream does. */
const KEEP_ALIVE_MS = 4_000

/** Requests that may wait for a connection; more are refused as `overloaded`, since each holds its caller's socket. */
const WAITING_MAX = 4_096

/** How long a target that refused a connection is passed over while there is another. */
const DOWN_MS = 5_000

const SWEEP_MS = 1_000

/** A request on its way to a connection. */
export interface Waiter {
  /** A connection is the waiter's now. */
  use(connection: UpstreamConnection): void
  fail(failure: UpstreamFailure): void
}

export class Target {
  readonly #connect: () => net.Socket
  readonly #host: string
  readonly #limits: TargetLimits
  readonly #now: () => number
  readonly #open = new Set<UpstreamConnection>()
  /** The last one used is the next: the others may rest and close. */
  readonly #idle: UpstreamConnection[] = []
  readonly #waiting = new Set<Waiter>()
  readonly #connecting = new Map<Waiter, net.Socket>()
  #running = 0
  #isDown = false
  #sweep: ReturnType<typeof setInterval> | undefined
  #onIdle: (() => void) | undefined

  /** `origin`: scheme, host and port, no path. `now`: the monotonic clock, in milliseconds. */
  constructor(origin: string, limits: TargetLimits, now: () => number) {
    const { connect, host } = connectTo(new URL(origin))
    this.#connect = connect
    this.#host = host
    this.#limits = limits
    this.#now = now
  }

  get load(): number {
    return this.#running + this.#waiting.size
  }

  get isDown(): boolean {
    return this.#isDown
  }

  /** Gives the waiter a connection, in this turn where one is idle; false where too many wait already. */
  enter(waiter: Waiter): boolean {
    if (this.#running < this.#limits.connectionsMax) {
      this.#running += 1
      this.give(waiter)
      return true
    }
    if (this.#waiting.size >= WAITING_MAX) return false
    this.#waiting.add(waiter)
    return true
  }

  /** A connection for a waiter that has been let in: also for its second try. */
  give(waiter: Waiter): void {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isUsable) continue
      waiter.use(idle)
      return
    }
    this.#openFor(waiter)
  }

  /** Takes back what has no connection yet; false where it has one. */
  cancel(waiter: Waiter): boolean {
    const socket = this.#connecting.get(waiter)
    if (socket !== undefined) {
      this.#connecting.delete(waiter)
      socket.destroy()
      this.leave()
      return true
    }
    const waited = this.#waiting.delete(waiter)
    if (waited) this.#tellIfIdle()
    return waited
  }

  /** To be called once by each that was let in. */
  leave(): void {
    this.#running -= 1
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      this.#running += 1
      this.give(next)
      return
    }
    this.#tellIfIdle()
  }

  markDown(): void {
    if (this.#isDown) return
    this.#isDown = true
    setTimeout(() => {
      this.#isDown = false
    }, DOWN_MS).unref()
  }

  /** Resolves once nothing runs and nothing waits any more, with the connections closed. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#tellIfIdle()
    })
    clearInterval(this.#sweep)
    for (const connection of this.#open) connection.destroy()
  }

  #tellIfIdle(): void {
    if (this.load === 0) this.#onIdle?.()
  }

  #openFor(waiter: Waiter): void {
    const socket = this.#connect()
    this.#connecting.set(waiter, socket)
    const settle = (): boolean => {
      clearTimeout(timer)
      return this.#connecting.delete(waiter)
    }
    const timer = setTimeout(() => {
      if (settle()) waiter.fail({ failure: 'timeout', detail: 'no connection in time' })
      socket.destroy()
    }, this.#limits.connectTimeoutMs)
    const onError = (error: NodeJS.ErrnoException): void => {
      if (settle()) waiter.fail({ failure: failureOf(error), detail: error.message })
    }
    socket.once('error', onError)
    socket.once(socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect', () => {
      socket.removeListener('error', onError)
      if (!settle()) return
      const connection = new UpstreamConnection(socket, this.#host, this)
      this.#open.add(connection)
      this.#watch()
      waiter.use(connection)
    })
  }

  onIdle(connection: UpstreamConnection): void {
    connection.touchedMs = -1
    this.#idle.push(connection)
  }

  onClose(connection: UpstreamConnection): void {
    this.#open.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
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

/** The least loaded one that is up, in turn where they are equal; where all are down, down ones too. */
export function pickTarget(targets: readonly Target[], turn: number): Target | undefined {
  if (targets.length < 2) return targets[0]
  const up = targets.filter((target) => !target.isDown)
  const eligible = up.length === 0 ? targets : up
  let least: Target | undefined
  for (let index = 0; index < eligible.length; index++) {
    const target = eligible[(turn + index) % eligible.length]
    if (target !== undefined && (least === undefined || target.load < least.load)) least = target
  }
  return least
}

function connectTo(url: URL): { readonly connect: () => net.Socket; readonly host: string } {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (url.protocol !== 'https:') {
    const options = { host, port: Number(url.port || 80), noDelay: true, allowHalfOpen: false }
    return { connect: () => net.connect(options), host: url.host }
  }
  const options = { host, port: Number(url.port || 443), ALPNProtocols: ['http/1.1'] }
  const secure = net.isIP(host) === 0 ? { ...options, servername: host } : options
  return { connect: () => tls.connect(secure).setNoDelay(true), host: url.host }
}

const REFUSED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EACCES',
])

function failureOf({ code }: NodeJS.ErrnoException): UpstreamFailure['failure'] {
  return code !== undefined && REFUSED.has(code) ? 'refused' : 'reset'
}
