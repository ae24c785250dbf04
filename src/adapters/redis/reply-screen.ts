// What a Redis sends is measured before the client library sees it. Its decoder makes an array as long as a header says before
// one item has come, so eleven bytes (`*33554432\r\n`) cost 268 MB, nested ones all there is. Only RESP2 is spoken: five types.
// https://redis.io/docs/latest/develop/reference/protocol-spec/

export interface ReplyLimits {
  /** Bytes of one reply, all that is nested in it included. */
  readonly bytesMax: number
  /** Items of one reply, all arrays counted together. */
  readonly itemsMax: number
  readonly depthMax: number
  /**
   * On a connection that subscribes: flat arrays of two or three, and other strings of two bytes at least, such as `OK`. The
   * library takes the second and third item of whatever comes, and what it throws
   * there nobody can catch: the process ends.
   */
  readonly isSubscription?: boolean
}

const CR = 13
const LF = 10
const MINUS = 45
const ZERO = 48
const KINDS: Readonly<Record<number, Kind>> = { 43: 'line', [MINUS]: 'line', 58: 'integer', 36: 'bulk', 42: 'array' }
/** Of a 64-bit integer. */
const DIGITS_MAX = 19

type Kind = 'line' | 'integer' | 'bulk' | 'array'

/** Of one connection: it is to be shown every byte that comes, in order. */
export class ReplyScreen {
  readonly #limits: ReplyLimits
  /** Where in the grammar the next byte stands. */
  #state: 'type' | 'header' | 'lineFeed' | 'body' = 'type'
  #kind: Kind = 'line'
  #digits = 0
  #value = 0
  #isNegative = false
  /** Bytes of a bulk string that are still to come, its line end included. */
  #owed = 0
  /** Of the reply that has begun. */
  #bytes = 0
  #items = 0
  /** Items that each open array still waits for. */
  readonly #open: number[] = []

  constructor(limits: ReplyLimits) {
    this.#limits = limits
  }

  /** What is wrong with what was sent; undefined while nothing is. Once something is, the screen is of no more use. */
  judge(chunk: Uint8Array): string | undefined {
    const { bytesMax } = this.#limits
    let at = 0
    while (at < chunk.length) {
      const step = this.#state === 'body' ? Math.min(this.#owed, chunk.length - at) : 1
      this.#bytes += step
      if (this.#bytes > bytesMax) return `a reply is longer than ${bytesMax} bytes`
      if (this.#state === 'body') {
        this.#owed -= step
        if (this.#owed === 0) this.#complete()
      } else {
        const problem = this.#take(chunk[at] ?? 0)
        if (problem !== undefined) return problem
      }
      at += step
    }
    return undefined
  }

  #take(byte: number): string | undefined {
    if (this.#state === 'type') return this.#begin(byte)
    if (this.#state === 'lineFeed') return byte === LF ? this.#endHeader() : 'a line ended in a bare carriage return'
    if (byte !== CR) return this.#kind === 'line' ? undefined : this.#digit(byte)
    this.#state = 'lineFeed'
    return undefined
  }

  #begin(byte: number): string | undefined {
    const kind = KINDS[byte]
    if (kind === undefined) return `a reply began with byte ${byte}`
    this.#kind = kind
    this.#state = 'header'
    this.#digits = 0
    this.#value = 0
    this.#isNegative = false
    return undefined
  }

  /** Judged at each digit, before the line has ended: the decoder makes its array when the line ends. */
  #digit(byte: number): string | undefined {
    if (byte === MINUS && this.#digits === 0 && !this.#isNegative) {
      this.#isNegative = true
      return undefined
    }
    if (byte < ZERO || byte > ZERO + 9 || ++this.#digits > DIGITS_MAX) return 'a number was none'
    this.#value = this.#value * 10 + byte - ZERO
    const { bytesMax, itemsMax } = this.#limits
    if (this.#kind === 'bulk' && this.#value > bytesMax) return `a string is longer than ${bytesMax} bytes`
    if (this.#kind === 'array' && this.#items + this.#value > itemsMax) return `a reply has more than ${itemsMax} items`
    return undefined
  }

  #endHeader(): string | undefined {
    if (this.#kind !== 'line' && this.#digits === 0) return 'a number was none'
    const isLength = this.#kind === 'bulk' || this.#kind === 'array'
    // The library takes the items of nulls in what it reads for itself (subscriptions, slots), with the same end.
    if (isLength && this.#isNegative) return 'a null came, as a Sentinel gives for a primary that it does not know'
    if (this.#limits.isSubscription === true && !this.#isOfSubscription())
      return 'a subscription was answered with something else'
    if (this.#kind === 'array') return this.#openArray()
    if (this.#kind === 'bulk') {
      this.#owed = this.#value + 2
      this.#state = 'body'
    } else this.#complete()
    return undefined
  }

  #openArray(): string | undefined {
    if (this.#value === 0) {
      this.#complete()
      return undefined
    }
    this.#items += this.#value
    this.#open.push(this.#value)
    this.#state = 'type'
    const { depthMax } = this.#limits
    return this.#open.length > depthMax ? `arrays are nested deeper than ${depthMax}` : undefined
  }

  #isOfSubscription(): boolean {
    const depth = this.#open.length
    if (this.#kind === 'array') return depth === 0 && (this.#value === 2 || this.#value === 3)
    if (depth > 0) return true
    // A line of two bytes is five with its type and its end.
    return this.#kind === 'line' ? this.#bytes >= 5 : this.#kind === 'bulk' && this.#value >= 2
  }

  /** An item has ended, and with it perhaps the arrays that it was the last of. */
  #complete(): void {
    this.#state = 'type'
    while (this.#open.length > 0) {
      const left = (this.#open.pop() ?? 0) - 1
      if (left > 0) {
        this.#open.push(left)
        return
      }
    }
    this.#bytes = 0
    this.#items = 0
  }
}
