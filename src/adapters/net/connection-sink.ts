// Who hears of a connection to an upstream: the exchange on it.
import type { Framing } from '../../http1/framing.ts'
import type { ResponseHead } from '../../http1/head.ts'
import type { UpstreamFailure } from '../../ports/upstream-client.ts'

/** What an exchange hears of its connection; it ends with `onEnd` or `onFailure`, and then nothing more comes. */
export interface ConnectionSink {
  /** `isWhole`: all of the body follows in this turn. */
  onHead(head: ResponseHead, framing: Framing, isWhole: boolean): void
  onSwitch(head: ResponseHead): void
  /** Returns false to pause. */
  onData(chunk: Buffer): boolean
  onDrain(): void
  onEnd(): void
  onFailure(failure: UpstreamFailure): void
}
