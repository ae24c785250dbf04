// A request as it stands on its connection: its head, where its body ends, and who may read that body when.
import type { BodyReader } from '../http1/body-reader.ts'
import type { Framing } from '../http1/framing.ts'
import type { Malformed, RequestHead } from '../http1/head.ts'
import type { Fields } from '../http1/fields.ts'

export class Request {
  readonly method: string
  /** The request target exactly as sent. */
  readonly target: string
  readonly minor: 0 | 1
  readonly fields: Fields
  readonly framing: Framing | Malformed
  /** Absent where there is no body, or where it cannot be told where it ends. */
  readonly body: BodyReader | undefined

  constructor(head: RequestHead, framing: Framing | Malformed, body: BodyReader | undefined) {
    this.method = head.method
    this.target = head.target
    this.minor = head.minor
    this.fields = head.fields
    this.framing = framing
    this.body = body
  }

  /** Bytes of the body, or `chunked` where only its end will tell. */
  get bodyLength(): number | 'chunked' {
    if (this.body === undefined) return 0
    return typeof this.framing === 'number' ? this.framing : 'chunked'
  }

  /** Whether every byte of it has been read. Of a request that cannot be framed nobody knows. */
  get isComplete(): boolean {
    return this.body === undefined ? this.framing === 0 && this.method !== 'CONNECT' : this.body.isComplete
  }
}
