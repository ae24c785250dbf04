// Verified tokens in as little memory as they need: the last ones as objects, the many others packed outside of the heap.
import { LRUCache } from 'lru-cache'
import type { TokenName } from './token-name.ts'

const NAME_BYTES = 32
const HEAD_BYTES = NAME_BYTES + 4
/** Of the packed tier: the oldest is emptied as a whole when room is needed, so that seven eighths are always remembered. */
const GENERATIONS = 8
/** What an entry takes on average; where they take more, fewer are remembered, and memory stays bounded all the same. */
const ENTRY_BYTES = 216
const HOT_MAX = 10_000

export interface TokenMemoryOptions<T> {
  /** So many are remembered at least, those that were asked for last. */
  readonly entriesMax: number
  readonly pack: (value: T) => string
  /** Undefined where it counts no more. */
  readonly unpack: (text: string) => T | undefined
  readonly hotMax?: number
}

export interface TokenMemory<T> {
  get(name: TokenName): T | undefined
  set(name: TokenName, value: T): void
  delete(name: TokenName): void
  /** Bytes of the packed tier, outside of the heap. */
  readonly bytes: number
}

/** Bounded in entries and in bytes. What leaves the first tier is packed into the second; what is found there comes back. */
export function createTokenMemory<T extends object>(options: TokenMemoryOptions<T>): TokenMemory<T> {
  const { entriesMax, pack, unpack } = options
  const hotMax = Math.max(1, Math.min(options.hotMax ?? HOT_MAX, entriesMax))
  const packed = entriesMax > hotMax ? createPacked(entriesMax - hotMax) : undefined
  const hot = new LRUCache<number, Named<T>>({
    max: hotMax,
    ...(packed === undefined
      ? {}
      : {
          dispose: ({ name, value }, _number, reason) => {
            if (reason === 'evict') packed.set(name, pack(value))
          },
        }),
  })
  return {
    get: (name) => {
      const known = hot.get(numberOf(name))
      if (known?.name === name) return known.value
      const text = packed?.get(name)
      const value = text === undefined ? undefined : unpack(text)
      if (value !== undefined) hot.set(numberOf(name), { name, value })
      return value
    },
    set: (name, value) => void hot.set(numberOf(name), { name, value }),
    delete: (name) => {
      if (hot.peek(numberOf(name))?.name === name) hot.delete(numberOf(name))
      packed?.delete(name)
    },
    get bytes() {
      return packed?.bytes ?? 0
    },
  }
}

interface Named<T> {
  readonly name: TokenName
  readonly value: T
}

/**
 * The first 48 bits of a name: V8 enters each text that a Map is asked for into its table of names, and a new one a request costs more
 * than all else here. Two tokens with one number push each other out, no more.
 */
function numberOf(name: TokenName): number {
  const high = name.charCodeAt(0) | (name.charCodeAt(1) << 8) | (name.charCodeAt(2) << 16)
  const low = name.charCodeAt(3) | (name.charCodeAt(4) << 8) | (name.charCodeAt(5) << 16)
  return high * 0x1000000 + low
}

interface Packed {
  get(name: TokenName): string | undefined
  set(name: TokenName, text: string): void
  delete(name: TokenName): void
  readonly bytes: number
}

function createPacked(entriesMax: number): Packed {
  const each = Math.ceil(entriesMax / (GENERATIONS - 1))
  /** Newest first. */
  let generations = [new Generation(each)]
  const first = (): Generation => generations[0] as Generation
  return {
    get: (name) => {
      for (const generation of generations) {
        const text = generation.get(name)
        if (text !== undefined) return text
      }
      return undefined
    },
    set: (name, text) => {
      if (first().add(name, text)) return
      const last = generations.length < GENERATIONS ? new Generation(each) : (generations.pop() as Generation)
      last.clear()
      generations = [last, ...generations]
      last.add(name, text)
    },
    delete: (name) => {
      for (const generation of generations) generation.delete(name)
    },
    get bytes() {
      return generations.reduce((sum, generation) => sum + generation.bytes, 0)
    },
  }
}

/** Entries one after the other in one block, found by a table of their places; nothing is taken out but all at once. */
class Generation {
  readonly #entriesMax: number
  readonly #mask: number
  /** Offset of an entry plus one, in units of four bytes; 0: free. */
  readonly #places: Uint32Array
  readonly #block: Buffer
  #entries = 0
  #end = 0

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, entriesMax * 1.5)))
    this.#mask = slots - 1
    this.#places = new Uint32Array(slots)
    this.#block = Buffer.allocUnsafeSlow(Math.max(entriesMax * ENTRY_BYTES, 1 << 16))
  }

  get bytes(): number {
    return this.#places.byteLength + this.#block.length
  }

  get(name: TokenName): string | undefined {
    const at = this.#find(name)
    if (at === undefined) return undefined
    const length = this.#block.readUInt32LE(at + NAME_BYTES)
    return length === 0 ? undefined : this.#block.toString('utf8', at + HEAD_BYTES, at + HEAD_BYTES + length)
  }

  /** False where there is no room. */
  add(name: TokenName, text: string): boolean {
    const known = this.#find(name)
    if (known !== undefined && this.#block.readUInt32LE(known + NAME_BYTES) > 0) return true
    const bytes = Buffer.byteLength(text)
    const end = this.#end + HEAD_BYTES + bytes
    // What fits into no block is not remembered here, and fills none.
    if (HEAD_BYTES + bytes > this.#block.length) return true
    if (this.#entries >= this.#entriesMax || end > this.#block.length) return false
    this.#block.write(name, this.#end, NAME_BYTES, 'latin1')
    this.#block.writeUInt32LE(bytes, this.#end + NAME_BYTES)
    this.#block.write(text, this.#end + HEAD_BYTES, bytes, 'utf8')
    let slot = slotOf(name) & this.#mask
    while (this.#places[slot] !== 0) slot = (slot + 1) & this.#mask
    this.#places[slot] = this.#end / 4 + 1
    this.#entries += 1
    this.#end = (end + 3) & ~3
    return true
  }

  delete(name: TokenName): void {
    const at = this.#find(name)
    if (at !== undefined) this.#block.writeUInt32LE(0, at + NAME_BYTES)
  }

  clear(): void {
    this.#places.fill(0)
    this.#entries = 0
    this.#end = 0
  }

  /** The latest of that name. */
  #find(name: TokenName): number | undefined {
    let found: number | undefined
    for (let slot = slotOf(name) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = this.#places[slot] as number
      if (place === 0) return found
      const at = (place - 1) * 4
      if (this.#holds(at, name)) found = at
    }
  }

  #holds(at: number, name: TokenName): boolean {
    const block = this.#block
    for (let index = 0; index < NAME_BYTES; index++) if (block[at + index] !== name.charCodeAt(index)) return false
    return true
  }
}

/** A hash by SHA-256 is as good in its first bits as in all. */
function slotOf(name: TokenName): number {
  return name.charCodeAt(0) | (name.charCodeAt(1) << 8) | (name.charCodeAt(2) << 16) | (name.charCodeAt(3) << 24)
}
