// The upstream client on undici: one pool a target, byte-exact targets and fields, every undici error as an UpstreamFailure.
import { errors, Pool, type Dispatcher } from 'undici'
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamSink,
  UpstreamRequest,
} from '../../ports/upstream-client.ts'

export interface UpstreamPools {
  readonly targets: readonly string[]
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly connectionsMax: number
}

/** Shorter than Node's own default of 5 s, so that we close an idle connection before the upstream does. */
const KEEP_ALIVE_MS = 4_000

export function createUpstreamClient(upstreams: Readonly<Record<string, UpstreamPools>>): UpstreamClient {
  const pools = new Map(
    Object.entries(upstreams).map(([name, upstream]) => [
      name,
      upstream.targets.map((target) => openPool(target, upstream)),
    ]),
  )
  return {
    send(request, sink) {
      const pool = leastPending(pools.get(request.upstream) ?? [])
      const attempt = new Attempt(pool, request, sink)
      attempt.start()
      return attempt
    },
    async close() {
      await Promise.all([...pools.values()].flat().map((pool) => pool.destroy()))
    },
  }
}

function openPool(target: string, upstream: UpstreamPools): Pool {
  return new Pool(target, {
    connections: upstream.connectionsMax,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: 60_000,
    headersTimeout: upstream.headersTimeoutMs,
    bodyTimeout: upstream.bodyTimeoutMs,
    // Longer fields than Node's own 16 KiB are an attack on us, not an answer.
    maxHeaderSize: 65_536,
    connect: { timeout: upstream.connectTimeoutMs },
  })
}

function leastPending(pools: readonly Pool[]): Pool | undefined {
  let least = pools[0]
  if (pools.length < 2) return least
  let load = Infinity
  for (const pool of pools) {
    const { running, pending } = pool.stats
    if (running + pending < load) {
      load = running + pending
      least = pool
    }
  }
  return least
}

/** One request, and at most one retry: only of an idempotent request without a body whose kept-alive connection closed before any answer. */
class Attempt implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #pool: Pool | undefined
  readonly #request: UpstreamRequest
  readonly #sink: UpstreamSink
  #controller: Dispatcher.DispatchController | undefined
  #aborted = false
  #over = false
  #answered = false
  #retried = false

  constructor(pool: Pool | undefined, request: UpstreamRequest, sink: UpstreamSink) {
    this.#pool = pool
    this.#request = request
    this.#sink = sink
  }

  start(): void {
    const { method, target, headers, body } = this.#request
    if (this.#pool === undefined) {
      this.#fail({ failure: 'refused', detail: 'no such upstream' })
      return
    }
    try {
      this.#pool.dispatch(
        { method: method as Dispatcher.HttpMethod, path: target, headers: headers as string[], body: body ?? null },
        this,
      )
    } catch (error) {
      this.#fail(failureOf(error))
    }
  }

  abort(): void {
    if (this.#aborted || this.#over) return
    this.#aborted = true
    // Where the request still waits for a connection, onRequestStart ends it before a byte is written.
    this.#controller?.abort(new errors.RequestAbortedError())
    this.#request.body?.destroy()
    this.#fail({ failure: 'aborted', detail: 'ended by the gateway' })
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted || !this.#sink.onStart(this)) {
      this.#over = true
      controller.abort(new errors.RequestAbortedError())
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusText = ''): void {
    if (this.#over) return
    const fields = rawFields(controller.rawHeaders)
    if (status < 200) {
      this.#sink.onInformation?.(status, fields)
      return
    }
    this.#answered = true
    this.#sink.onHead(status, statusText, fields)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#sink.onData(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#over = true
    this.#sink.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over || this.#aborted) return
    if (this.#mayRetry(error)) {
      this.#retried = true
      this.start()
      return
    }
    this.#fail(failureOf(error))
  }

  #mayRetry(error: Error): boolean {
    if (this.#answered || this.#retried || !this.#request.idempotent || this.#request.body !== undefined) return false
    // A connection that had carried an answer before and closed: the request cannot have been refused on its merits.
    const socket = error instanceof errors.SocketError ? (error.socket as { bytesRead?: number } | null) : null
    return (socket?.bytesRead ?? 0) > 0 && socket !== null
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

function failureOf(error: unknown): UpstreamFailure {
  const detail = error instanceof Error ? error.message : String(error)
  if (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  ) {
    return { failure: 'timeout', detail }
  }
  if (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.HeadersOverflowError ||
    error instanceof errors.ResponseExceededMaxSizeError
  ) {
    return { failure: 'malformed', detail }
  }
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && REFUSED.has(code)) return { failure: 'refused', detail }
  return { failure: error instanceof errors.InvalidArgumentError ? 'malformed' : 'reset', detail }
}
