// One target of an upstream: its connections, and the requests that wait for one, first come first served.
import { buildConnector, Pool } from 'undici'

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

/** The socket on which an error arose: undici hands on the system's own error, which does not name it. */
const socketOf = new WeakMap<Error, { readonly bytesRead: number }>()

/** While undici hears of a socket's error: it takes a reset for the end of a body that only its connection's end delimits. */
let isFailing = false

/** Whether what ends now ends because its socket has failed, and is not whole. */
export function isSocketFailing(): boolean {
  return isFailing
}

/**
 * Whether the error is that a kept-alive connection has closed: one that had carried an answer before. undici's own
 * errors tell of the socket themselves.
 */
export function isKeptAliveClosed(error: Error): boolean {
  const { socket } = error as { readonly socket?: { readonly bytesRead?: number } | null }
  const closed = CLOSED.has(error.message) || CLOSED.has((error as NodeJS.ErrnoException).code ?? '')
  return closed && ((socket ?? socketOf.get(error))?.bytesRead ?? 0) > 0
}

const CLOSED: ReadonlySet<string> = new Set(['other side closed', 'closed', 'ECONNRESET', 'EPIPE'])

export interface Waiter {
  /** A connection is free, or about to be opened. */
  begin(): void
}

export class Target {
  readonly pool: Pool
  readonly #connectionsMax: number
  readonly #waiting = new Set<Waiter>()
  #running = 0
  #isDown = false
  #onIdle: (() => void) | undefined

  constructor(origin: string, limits: TargetLimits) {
    this.#connectionsMax = limits.connectionsMax
    const connect = buildConnector({ timeout: limits.connectTimeoutMs, allowH2: false })
    this.pool = new Pool(origin, {
      connections: limits.connectionsMax,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: 60_000,
      headersTimeout: limits.headersTimeoutMs,
      bodyTimeout: limits.bodyTimeoutMs,
      // Longer fields than these are an attack on us, not an answer.
      maxHeaderSize: 65_536,
      connect: (options, done) => {
        connect(options, (...args) => {
          const [, socket] = args
          socket?.on('error', (error: Error) => {
            socketOf.set(error, socket)
            isFailing = true
          })
          done(...args)
          // After undici's own listener, which has ended the responses on it by now.
          socket?.on('error', () => {
            isFailing = false
          })
        })
      },
    })
  }

  get load(): number {
    return this.#running + this.#waiting.size
  }

  get isDown(): boolean {
    return this.#isDown
  }

  /** Calls `begin` in this turn where there is room, else when there is; false where too many wait already. */
  enter(waiter: Waiter): boolean {
    if (this.#running < this.#connectionsMax) {
      this.#running += 1
      waiter.begin()
      return true
    }
    if (this.#waiting.size >= WAITING_MAX) return false
    this.#waiting.add(waiter)
    return true
  }

  /** Takes back what has not begun; false where it has. */
  cancel(waiter: Waiter): boolean {
    const waited = this.#waiting.delete(waiter)
    if (waited) this.#tellIfIdle()
    return waited
  }

  /** To be called once for each `begin`. */
  leave(): void {
    this.#running -= 1
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      this.#running += 1
      next.begin()
      return
    }
    this.#tellIfIdle()
  }

  /** Resolves once nothing runs and nothing waits any more, with the connections closed. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#tellIfIdle()
    })
    await this.pool.destroy()
  }

  #tellIfIdle(): void {
    if (this.load === 0) this.#onIdle?.()
  }

  markDown(): void {
    if (this.#isDown) return
    this.#isDown = true
    setTimeout(() => {
      this.#isDown = false
    }, DOWN_MS).unref()
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
