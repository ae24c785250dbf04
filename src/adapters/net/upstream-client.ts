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
import { pickTarget, Target, type TargetLimits, type Waiter } from './target.ts'
import type { ConnectionSink, UpstreamConnection } from './upstream-connection.ts'

export interface UpstreamPools extends TargetLimits {
  /** Origins: scheme, host and port, no path. */
  readonly targets: readonly string[]
}

/** `now`: the monotonic clock, in milliseconds. */
export function createUpstreamClient(
  upstreams: Readonly<Record<string, UpstreamPools>>,
  now: () => number,
): UpstreamClient {
  const targets = new Map(
    Object.entries(upstreams).map(([name, upstream]) => [
      name,
      upstream.targets.map((origin) => new Target(origin, upstream, now)),
    ]),
  )
  let turn = 0
  let isClosed = false
  return {
    send(request, sink) {
      turn = (turn + 1) % 0x4000_0000
      const eligible = isClosed ? undefined : targets.get(request.upstream)
      const attempt = new Attempt(pickTarget(eligible ?? [], turn), request, sink)
      attempt.enter()
      return attempt
    },
    async close() {
      isClosed = true
      await Promise.all([...targets.values()].flat().map((target) => target.close()))
    },
  }
}

const ABORTED: UpstreamFailure = { failure: 'aborted', detail: 'ended by the gateway' }

/** One request, and at most one retry: only of an idempotent request without a body whose kept-alive connection closed before any answer. */
class Attempt implements UpstreamCall, Waiter, ConnectionSink {
  readonly #target: Target | undefined
  readonly #request: UpstreamRequest
  readonly #sink: UpstreamSink
  #connection: UpstreamConnection | undefined
  #isOver = false
  /** While the sink is asked for leave: the connection is not this attempt's yet. */
  #isStarting = false
  #isRetried = false

  constructor(target: Target | undefined, request: UpstreamRequest, sink: UpstreamSink) {
    this.#target = target
    this.#request = request
    this.#sink = sink
  }

  enter(): void {
    if (this.#target === undefined) this.#tell({ failure: 'refused', detail: 'no such upstream' })
    else if (!this.#target.enter(this)) this.#tell({ failure: 'overloaded', detail: 'too many requests wait' })
  }

  use(connection: UpstreamConnection): void {
    this.#isStarting = true
    const mayStart = !this.#isOver && this.#sink.onStart(this)
    this.#isStarting = false
    if (!mayStart || this.#isOver) {
      // Not a byte was written: the connection is as it was, and the next one's.
      this.#isOver = true
      this.#target?.onIdle(connection)
      this.#target?.leave()
      return
    }
    connection.touchedMs = -1
    try {
      connection.send(this.#request, this)
    } catch (error) {
      this.#target?.onIdle(connection)
      this.#end({ failure: 'malformed', detail: String(error) })
      return
    }
    this.#connection = connection
    this.#sink.onHeadSent(this)
  }

  fail(failure: UpstreamFailure): void {
    if (failure.failure === 'refused') this.#target?.markDown()
    this.#end(failure)
  }

  abort(): void {
    if (this.#isOver) return
    if (this.#isStarting || this.#target?.cancel(this) === true) {
      this.#tell(ABORTED)
      return
    }
    this.#connection?.destroy()
    this.#end(ABORTED)
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

  onHead({ status, reason, fields }: ResponseHead, framing: Framing): void {
    this.#sink.onHead(status, reason, fields, typeof framing === 'number' ? framing : undefined)
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
    this.#target?.leave()
    if (this.#isOver) return
    this.#isOver = true
    this.#sink.onEnd()
  }

  onFailure(failure: UpstreamFailure): void {
    const connection = this.#connection
    this.#connection = undefined
    if (connection !== undefined && this.#mayRetry(failure, connection)) {
      this.#isRetried = true
      this.#target?.give(this)
    } else {
      this.#end(failure)
    }
  }

  /** Only a connection that had carried an answer before can have been closed for its age. */
  #mayRetry({ failure }: UpstreamFailure, { served, isHeard }: UpstreamConnection): boolean {
    if (this.#isOver || this.#isRetried || isHeard || served === 0) return false
    return failure === 'reset' && this.#request.idempotent && this.#request.body === 0
  }

  #end(failure: UpstreamFailure): void {
    this.#connection = undefined
    this.#target?.leave()
    this.#tell(failure)
  }

  #tell(failure: UpstreamFailure): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#sink.onFailure(failure)
  }
}
