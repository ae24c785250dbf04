// Who takes what a caller sends on after its head, and within what bounds.

/** Takes the body of the open request. */
export interface BodySink {
  onData(chunk: Buffer): void
  onEnd(): void
  /** It breaks the coding, or is too slow (`detail` absent): nothing more of it comes. */
  onBroken(detail: string | undefined): void
}

/** Takes what comes after a switch of protocols. */
export interface TunnelSink {
  onData(chunk: Buffer): void
  onEnd(): void
}

export interface DownstreamLimits {
  readonly headerBytesMax: number
  /** Of the request target. */
  readonly urlBytesMax: number
  readonly requestsPerConnectionMax: number
}
