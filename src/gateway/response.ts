// The one response of an exchange, written to its connection in as few writes as its bytes allow.
import type { Duplex } from 'node:stream'
import { responseHeadText } from '../http1/write-head.ts'
import { afterWrites, holdWrites, release } from '../http1/write-turn.ts'

/** Up to so many bytes are copied into one write: that is what Node writes without an allocation of its own. */
const ONE_WRITE_MAX = 16_384

/** How the end of the body is told: by a length in the fields, by chunks, by the end of the connection; or there is none. */
export type ResponseFraming = 'length' | 'chunked' | 'close' | 'none'

export class Response {
  readonly #socket: Duplex
  /** Text that has not been written: the head waits for the first bytes of the body. */
  #head = ''
  #framing: ResponseFraming = 'none'
  headSent = false
  isOver = false

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  /** The connection has ended: nothing can be said any more. */
  get isGone(): boolean {
    return this.#socket.destroyed
  }

  /** RFC 9110, 10.1.1. */
  writeContinue(): void {
    this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  /** The head leaves with the first bytes of the body, or with `flush`. `lines`: field lines, without those of the framing. */
  sendHead(status: number, reason: string, lines: string, framing: ResponseFraming): void {
    this.#framing = framing
    this.#head = responseHeadText(
      status,
      reason,
      framing === 'chunked' ? `${lines}Transfer-Encoding: chunked\r\n` : lines,
    )
    this.headSent = true
  }

  flush(): void {
    if (this.#head !== '') this.#write(this.#takeHead())
  }

  /** Returns false where the caller is slower than the bytes come; `drain` of the socket tells when it has caught up. */
  write(chunk: Buffer): boolean {
    if (this.#framing === 'none' || chunk.length === 0) return true
    if (this.#framing !== 'chunked') return this.#writeWith(this.#takeHead(), chunk, '')
    return this.#writeWith(`${this.#takeHead()}${chunk.length.toString(16)}\r\n`, chunk, '\r\n')
  }

  /** The last bytes leave. `done` is called once the kernel has them; `onSlow` before, where it does not take them at once. */
  end(last: Buffer | undefined, done: () => void, onSlow?: () => void): void {
    const hasLast = last !== undefined && last.length > 0 && this.#framing !== 'none'
    let tail = ''
    let before = this.#takeHead()
    if (this.#framing === 'chunked') {
      tail = hasLast ? '\r\n0\r\n\r\n' : '0\r\n\r\n'
      if (hasLast) before += `${last.length.toString(16)}\r\n`
    }
    this.isOver = true
    if (hasLast) this.#writeWith(before, last, tail)
    else if (before !== '' || tail !== '') this.#write(before + tail)
    afterWrites(() => {
      if (this.#socket.writableLength === 0 || this.#socket.destroyed) done()
      else {
        onSlow?.()
        this.#socket.write('', done)
      }
    })
  }

  get unwrittenBytes(): number {
    return this.#socket.writableLength
  }

  onceDrained(then: () => void): void {
    this.#socket.once('drain', then)
  }

  removeDrained(then: () => void): void {
    this.#socket.removeListener('drain', then)
  }

  #takeHead(): string {
    const head = this.#head
    this.#head = ''
    return head
  }

  #writeWith(before: string, chunk: Buffer, after: string): boolean {
    if (before.length + chunk.length + after.length <= ONE_WRITE_MAX) {
      return this.#write(before + chunk.toString('latin1', 0, chunk.length) + after)
    }
    this.#socket.cork()
    if (before !== '') this.#socket.write(before, 'latin1')
    let flows = this.#socket.write(chunk)
    if (after !== '') flows = this.#socket.write(after, 'latin1')
    release(this.#socket)
    return flows
  }

  #write(text: string): boolean {
    holdWrites(this.#socket)
    return this.#socket.write(text, 'latin1')
  }
}
