// The upstream client: requests to the targets of each upstream over kept-alive connections, byte for byte as they were judged.
import type { Fields } from '../../http1/fields.ts'
import type { Framing } from '../../http1/framing.ts'
import type { ResponseHead } from '../../http1/head.ts'
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamSink,
} from '../../ports/upstream-client.ts'
import { TargetHealth } from './pick-target.ts'
import { Target, type TargetLimits } from './target.ts'
import { targetKey } from './target-states.ts'
import { createConnector, type UpstreamTls } from './tls-context.ts'
import { Upstream, type Entrant, type Overload, type UpstreamLoad } from './upstream.ts'
import type { ConnectionSink } from './connection-sink.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

export interface UpstreamPools extends TargetLimits, UpstreamLoad {
  /** Origins (scheme, host and port, no path), or `unix:` and the path of a socket. */
  readonly targets: readonly string[]
  /** For those that are https. Not `tls`: in a config that holds paths. */
  readonly secure?: UpstreamTls
}

export interface UpstreamClientDeps {
  /** The monotonic clock, in milliseconds. */
  readonly now: () => number
  /** Whether a target is up by its checks, by `targetKey`; absent: nobody checks. */
  readonly isUp?: (key: string) => boolean
  /** A request was turned away with nothing sent. */
  readonly onOverload?: (upstream: string, overload: Overload) => void
}

/** Throws what OpenSSL says of texts that are no PEM. */
export function createUpstreamClient(
  pools: Readonly<Record<string, UpstreamPools>>,
  deps: UpstreamClientDeps,
): UpstreamClient {
  const upstreams = new Map(Object.entries(pools).map(([name, pool]) => [name, openUpstream(name, pool, deps)]))
  let isClosed = false
  return {
    send(request, sink) {
      const attempt = new Attempt(isClosed ? undefined : upstreams.get(request.upstream), request, sink)
      attempt.enter()
      return attempt
    },
    async close() {
      isClosed = true
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()))
    },
  }
}

function openUpstream(name: string, pool: UpstreamPools, deps: UpstreamClientDeps): Upstream {
  const { now, isUp = () => true, onOverload = () => undefined } = deps
  const targets = pool.targets.map((origin) => {
    const key = targetKey(name, origin)
    const health = new TargetHealth(() => isUp(key))
    return new Target(createConnector(origin, pool.connectTimeoutMs, pool.secure), pool, health, now)
  })
  return new Upstream(targets, pool, now, (overload) => {
    onOverload(name, overload)
  })
}

const ABORTED: UpstreamFailure = { failure: 'aborted', detail: 'ended by the gateway' }

/**
 * One request, and at most one retry, over a fresh connection: only of an idempotent request without a body whose kept-alive
 * connection closed before any answer.
 */
class Attempt implements UpstreamCall, Entrant, ConnectionSink {
  readonly #upstream: Upstream | undefined
  readonly #request: UpstreamRequest
  readonly #sink: UpstreamSink
  target: Target | undefined
  #connection: UpstreamConnection | undefined
  #isOver = false
  /** While the sink is asked for leave: the connection is not this attempt's yet. */
  #isStarting = false
  #isRetried = false

  constructor(upstream: Upstream | undefined, request: UpstreamRequest, sink: UpstreamSink) {
    this.#upstream = upstream
    this.#request = request
    this.#sink = sink
  }

  enter(): void {
    if (this.#upstream === undefined) this.#tell({ failure: 'refused', detail: 'no such upstream' })
    else this.#upstream.enter(this)
  }

  use(connection: UpstreamConnection): void {
    this.#isStarting = true
    const mayStart = !this.#isOver && this.#sink.onStart(this)
    this.#isStarting = false
    if (!mayStart || this.#isOver) {
      // Not a byte was written: the connection is as it was, and the next one's.
      this.#isOver = true
      this.target?.onIdle(connection)
      this.#upstream?.leave(this)
      return
    }
    connection.touchedMs = -1
    try {
      connection.send(this.#request, this)
    } catch (error) {
      this.target?.onIdle(connection)
      this.fail({ failure: 'malformed', detail: String(error) })
      return
    }
    this.#connection = connection
    this.#sink.onHeadSent(this)
  }

  fail(failure: UpstreamFailure): void {
    this.#connection = undefined
    this.#upstream?.leave(this)
    this.#tell(failure)
  }

  abort(): void {
    if (this.#isOver) return
    if (this.#isStarting || this.#upstream?.cancel(this) === true) {
      this.#tell(ABORTED)
      return
    }
    if (this.target?.cancel(this) !== true) this.#connection?.destroy()
    this.fail(ABORTED)
  }

  resume(): void {
    this.#connection?.resume()
  }

  write(chunk: Buffer): boolean {
    return this.#connection?.write(chunk) ?? true
  }

  endBody(): void {
    this.#connection?.endBody()
  }

  onHead({ status, reason, fields }: ResponseHead, framing: Framing, isWhole: boolean): void {
    this.#sink.onHead(status, reason, fields, typeof framing === 'number' ? framing : undefined, isWhole)
  }

  onSwitch({ fields }: { readonly fields: Fields }): void {
    this.#sink.onSwitch?.(fields)
  }

  onData(chunk: Buffer): boolean {
    return this.#sink.onData(chunk)
  }

  onDrain(): void {
    this.#sink.onDrain()
  }

  onEnd(): void {
    this.#connection = undefined
    this.#upstream?.leave(this)
    if (this.#isOver) return
    this.#isOver = true
    this.#sink.onEnd()
  }

  onFailure(failure: UpstreamFailure): void {
    const connection = this.#connection
    if (connection !== undefined && this.#mayRetry(failure, connection)) {
      this.#connection = undefined
      this.#isRetried = true
      this.target?.giveFresh(this)
    } else {
      this.fail(failure)
    }
  }

  /** Only a connection that had carried an answer before can have been closed for its age. */
  #mayRetry({ failure }: UpstreamFailure, { served, isHeard }: UpstreamConnection): boolean {
    if (this.#isOver || this.#isRetried || isHeard || served === 0) return false
    return failure === 'reset' && this.#request.idempotent && this.#request.body === 0
  }

  #tell(failure: UpstreamFailure): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#sink.onFailure(failure)
  }
}
