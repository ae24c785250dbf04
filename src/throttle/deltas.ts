// What one gateway has counted, told to the others of its fleet: four words each, collected on the request path by plain stores and
// carried off it (control/fleet/counts). Applying one twice changes nothing, or makes a count stricter.
import type { Key } from './key.ts'

/** What happened to the key; values are of 32 bits, `extra` of 16. */
export const DELTA = {
  /** A person was let through for the first time: the hash. */
  person: 1,
  /** New people are refused until this second; extra: how often that has doubled. */
  held: 2,
  /** A honey subject was read. */
  honey: 3,
  /** A try has failed (1) or not (0). */
  walked: 4,
  /** At this person: a try was let through (0), a password was sent (1), a try has succeeded (2). */
  tried: 5,
  /** A token was shown at this address; extra: its network. */
  place: 6,
  /** A person whom the session does not own was asked for: the hash. */
  stranger: 7,
} as const

type DeltaKind = (typeof DELTA)[keyof typeof DELTA]

export type OnDelta = (kind: DeltaKind, key: Key, value: number, extra?: number) => void

export interface Delta {
  readonly kind: DeltaKind
  readonly key: Key
  readonly value: number
  readonly extra: number
}

const WORDS = 4
/** Of one thread between two turns of its timer: more than it can serve requests in that time. */
const DELTAS_MAX = 16_384

export interface DeltaBuffer {
  readonly push: OnDelta
  /** What has come since the last time; undefined where nothing has. */
  take(): Int32Array<ArrayBuffer> | undefined
}

/** Grows to what it needs; beyond its bound the latest are lost, which the other gateways then do not count. */
export function createDeltaBuffer(): DeltaBuffer {
  let words = new Int32Array(WORDS * 256)
  let used = 0
  return {
    push(kind, { high, low }, value, extra = 0) {
      if (used === words.length) {
        if (used >= WORDS * DELTAS_MAX) return
        const larger = new Int32Array(2 * words.length)
        larger.set(words)
        words = larger
      }
      words[used] = high
      words[used + 1] = low
      words[used + 2] = value
      words[used + 3] = (extra << 16) | kind
      used += WORDS
    },
    take() {
      if (used === 0) return undefined
      const taken = words.slice(0, used)
      used = 0
      return taken
    },
  }
}

const KINDS: ReadonlySet<number> = new Set(Object.values(DELTA))

/** What is no delta is left out. */
export function* readDeltas(words: Int32Array): Generator<Delta> {
  for (let at = 0; at + WORDS <= words.length; at += WORDS) {
    const [high = 0, low = 0, value = 0, last = 0] = words.subarray(at, at + WORDS)
    const kind = last & 0xffff
    if (low === 0 || !KINDS.has(kind)) continue
    yield { kind: kind as DeltaKind, key: { high, low }, value, extra: last >>> 16 }
  }
}
