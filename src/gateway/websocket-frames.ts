// Where one WebSocket frame ends and the next may begin (RFC 6455, 5.2), without keeping any of it.

/** The longest head: two bytes, eight of length, four of mask. */
const HEAD_BYTES_MAX = 14

/** Follows the frames of one direction. A close frame of our own may stand only where `isBetween`. */
export class FrameTracker {
  /** Bytes of the frame's payload still to come. */
  #left = 0
  readonly #head = Buffer.alloc(HEAD_BYTES_MAX)
  #headBytes = 0

  get isBetween(): boolean {
    return this.#left === 0 && this.#headBytes === 0
  }

  see(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at)
        this.#left -= taken
        at += taken
      } else {
        this.#head[this.#headBytes++] = chunk[at++] as number
        if (this.#headBytes === headLength(this.#head, this.#headBytes)) {
          this.#left = payloadLength(this.#head)
          this.#headBytes = 0
        }
      }
    }
  }
}

/** Length of the head as far as its first bytes tell. */
function headLength(head: Buffer, known: number): number {
  if (known < 2) return HEAD_BYTES_MAX
  const second = head[1] as number
  const length = second & 0x7f
  const extended = length === 126 ? 2 : length === 127 ? 8 : 0
  return 2 + extended + ((second & 0x80) === 0 ? 0 : 4)
}

function payloadLength(head: Buffer): number {
  const length = (head[1] as number) & 0x7f
  if (length === 126) return head.readUInt16BE(2)
  // Past 2^53 no peer gets to the end of a frame.
  return length === 127 ? Number(head.readBigUInt64BE(2)) : length
}

/** An unmasked close frame, as a server sends it. `code`: RFC 6455, 7.4. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 0xff])
}
