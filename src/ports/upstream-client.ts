import type { Readable } from 'node:stream'

export interface UpstreamRequest {
  readonly upstream: string
  readonly method: string
  /** Path and query, sent byte for byte. */
  readonly target: string
  /** Names and values in turn, in order, repeated names kept. */
  readonly headers: readonly string[]
  /** Absent where the request has no body. */
  readonly body?: Readable
  readonly idempotent: boolean
}

/** Who is at fault and what happened; `timeout` is answered 504, the rest 502. */
export interface UpstreamFailure {
  readonly failure: 'refused' | 'timeout' | 'reset' | 'malformed' | 'aborted' | 'overloaded'
  readonly detail: string
}

export interface UpstreamCall {
  /** Ends the call now: the connection is destroyed. Idempotent. */
  abort(): void
  /** After `onData` returned false: take the next bytes. */
  resume(): void
}

export interface UpstreamSink {
  /**
   * Called in the same turn in which the first bytes would be written, also where the request has waited for a connection,
   * and again before a retry. Returning false ends the call before any byte is written.
   */
  onStart(call: UpstreamCall): boolean
  onInformation?(status: number, headers: readonly string[]): void
  onHead(status: number, statusText: string, headers: readonly string[]): void
  /** Returns false to pause. */
  onData(chunk: Buffer): boolean
  onEnd(): void
  /** Once, instead of `onEnd`. */
  onFailure(failure: UpstreamFailure): void
}

/** Sends requests to the configured upstreams over kept-alive connections. Never throws; every call ends in onEnd or onFailure. */
export interface UpstreamClient {
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall
  /** Takes no new request; resolves once the open ones have ended. */
  close(): Promise<void>
}
