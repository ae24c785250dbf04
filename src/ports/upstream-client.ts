import type { Fields } from '../http1/fields.ts'

export interface UpstreamRequest {
  readonly upstream: string
  readonly method: string
  /** Path and query, sent byte for byte. */
  readonly target: string
  /** Field lines, each with its CRLF; without Host, framing and Connection, which the client writes. */
  readonly lines: string
  /** Bytes of the body, or `chunked` where nobody knows; 0 where there is none. Its bytes come by `UpstreamCall.write`. */
  readonly body: number | 'chunked'
  readonly idempotent: boolean
  /** Asks for this protocol (RFC 9110, 7.8): the answer may be a tunnel. */
  readonly upgrade?: string | undefined
}

/** Who is at fault and what happened; `timeout` is answered 504, `overloaded` 503, the rest 502. */
export interface UpstreamFailure {
  readonly failure: 'refused' | 'timeout' | 'reset' | 'malformed' | 'aborted' | 'overloaded'
  readonly detail: string
}

export interface UpstreamCall {
  /** Ends the call now: the connection is destroyed. Idempotent. */
  abort(): void
  /** After `onData` returned false: take the next bytes. */
  resume(): void
  /** Body bytes, from `onHeadSent` on. Returns false where the upstream is slower than they come; `onDrain` tells when to go on. */
  write(chunk: Buffer): boolean
  /** The body's end. */
  endBody(): void
}

export interface UpstreamSink {
  /**
   * Called in the same turn in which the first bytes would be written, also where the request has waited for a connection,
   * and again before a retry. Returning false ends the call before any byte is written.
   */
  onStart(call: UpstreamCall): boolean
  /** In that turn too: the head has been written, and the body may follow. */
  onHeadSent(call: UpstreamCall): void
  /** `length`: bytes of the body, or undefined where nobody knows before its end. `isWhole`: all of it follows in this turn. */
  onHead(status: number, statusText: string, fields: Fields, length: number | undefined, isWhole: boolean): void
  /**
   * Instead of `onHead`, where the upstream switched to the protocol that was asked for: `write`, `endBody` and `onData` carry
   * bytes as they are from here on, until `onEnd`.
   */
  onSwitch?(fields: Fields): void
  /** Returns false to pause. */
  onData(chunk: Buffer): boolean
  /** The upstream takes body bytes again. */
  onDrain(): void
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
