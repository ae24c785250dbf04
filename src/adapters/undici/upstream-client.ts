// The upstream client on undici: one pool a target, byte-exact targets and fields, every undici error as an UpstreamFailure.
import { errors, type Dispatcher } from 'undici'
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamSink,
} from '../../ports/upstream-client.ts'
import { isKeptAliveClosed, isSocketFailing, pickTarget, Target, type TargetLimits, type Waiter } from './target.ts'

export interface UpstreamPools extends TargetLimits {
  /** Origins: scheme, host and port, no path. */
  readonly targets: readonly string[]
}

export function createUpstreamClient(upstreams: Readonly<Record<string, UpstreamPools>>): UpstreamClient {
  const targets = new Map(
    Object.entries(upstreams).map(([name, upstream]) => [
      name,
      upstream.targets.map((origin) => new Target(origin, upstream)),
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

/** One request, and at most one retry: only of an idempotent request without a body whose kept-alive connection closed before any answer. */
class Attempt implements UpstreamCall, Waiter, Dispatcher.DispatchHandler {
  readonly #target: Target | undefined
  readonly #request: UpstreamRequest
  readonly #sink: UpstreamSink
  #controller: Dispatcher.DispatchController | undefined
  #over = false
  #answered = false
  #retried = false

  constructor(target: Target | undefined, request: UpstreamRequest, sink: UpstreamSink) {
    this.#target = target
    this.#request = request
    this.#sink = sink
  }

  enter(): void {
    if (this.#target === undefined) this.#fail({ failure: 'refused', detail: 'no such upstream' })
    else if (!this.#target.enter(this)) this.#fail({ failure: 'overloaded', detail: 'too many requests wait' })
  }

  begin(): void {
    const { method, target, headers, body } = this.#request
    try {
      this.#target?.pool.dispatch({ method, path: target, headers: headers as string[], body: body ?? null }, this)
    } catch (error) {
      this.#target?.leave()
      this.#fail(failureOf(error))
    }
  }

  abort(): void {
    if (this.#over) return
    this.#fail({ failure: 'aborted', detail: 'ended by the gateway' })
    if (this.#target?.cancel(this)) return
    // Where a connection is being opened for it there is no controller yet: onRequestStart ends it before a byte is written.
    this.#controller?.abort(new errors.RequestAbortedError())
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over || !this.#sink.onStart(this)) {
      this.#over = true
      controller.abort(new errors.RequestAbortedError())
    }
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusText = ''): void {
    if (this.#over) return
    const fields = rawFields(controller.rawHeaders)
    if (status < 200) this.#sink.onInformation?.(status, fields)
    else this.#sink.onHead(status, statusText, fields)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#sink.onData(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.#target?.leave()
    if (this.#over) return
    if (isSocketFailing()) {
      this.#fail({ failure: 'reset', detail: 'the connection was reset within the body' })
      return
    }
    this.#over = true
    this.#sink.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.#over && this.#mayRetry(error)) {
      this.#retried = true
      this.begin()
      return
    }
    this.#target?.leave()
    const failure = failureOf(error)
    if (failure.failure === 'refused') this.#target?.markDown()
    this.#fail(failure)
  }

  #mayRetry(error: Error): boolean {
    if (this.#answered || this.#retried || !this.#request.idempotent || this.#request.body !== undefined) return false
    return isKeptAliveClosed(error)
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#over) return
    this.#over = true
    this.#sink.onFailure(failure)
  }
}

function rawFields(raw: Dispatcher.DispatchController['rawHeaders']): readonly string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((each) => (typeof each === 'string' ? each : each.toString('latin1')))
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

const TIMEOUTS = [errors.HeadersTimeoutError, errors.BodyTimeoutError, errors.ConnectTimeoutError]
const MALFORMED = [
  errors.HTTPParserError,
  errors.HeadersOverflowError,
  errors.ResponseExceededMaxSizeError,
  errors.ResponseContentLengthMismatchError,
  errors.InvalidArgumentError,
]

function failureOf(error: unknown): UpstreamFailure {
  const detail = error instanceof Error ? error.message : String(error)
  if (TIMEOUTS.some((kind) => error instanceof kind)) return { failure: 'timeout', detail }
  if (MALFORMED.some((kind) => error instanceof kind)) return { failure: 'malformed', detail }
  const { code } = error as { readonly code?: unknown }
  return { failure: typeof code === 'string' && REFUSED.has(code) ? 'refused' : 'reset', detail }
}
