// The journal's bytes: a header with a mark of what was acknowledged, then frames, each chained to the one before by SHA-256.
import { createHash } from 'node:crypto'

/** `plain` counts at once. `prepared` counts only if a `commit` names it and no `void` does. */
export const FRAME = { plain: 1, prepared: 2, commit: 3, void: 4 } as const
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

export const HEADER_BYTES = 4096
export const FRAME_HEAD_BYTES = 40
/** Far more than an order can need: a length beyond it is damage. */
export const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024

const MAGIC = Buffer.from('portcullis orders 1\n')
/** In a sector of its own, so that a torn write of the mark is impossible on any disk. */
const MARK_AT = 512
const MARK_BYTES = 72

const GENESIS: Buffer = sha256(MAGIC)

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Where the acknowledged frames end, and the chain there. */
export interface Mark {
  readonly end: number
  readonly chain: Buffer
}

/** Of a journal without entries. */
export const GENESIS_MARK: Mark = { end: HEADER_BYTES, chain: GENESIS }

export function encodeHeader(mark: Mark = GENESIS_MARK): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  encodeMark(mark).copy(header, MARK_AT)
  return header
}

export const markPosition = MARK_AT

export function encodeMark(mark: Mark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeBigUInt64LE(BigInt(mark.end))
  mark.chain.copy(bytes, 8)
  sha256(bytes.subarray(0, 40)).copy(bytes, 40)
  return bytes
}

/** length (u32), kind (u8), three zeros, SHA-256 over the chain so far, these eight bytes and the payload; then the payload. */
export function encodeFrame(
  kind: FrameKind,
  payload: Uint8Array,
  chain: Buffer,
): { readonly bytes: Buffer; readonly chain: Buffer } {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length)
  bytes.writeUInt32LE(payload.length)
  bytes.writeUInt8(kind, 4)
  const next = sha256(chain, bytes.subarray(0, 8), payload)
  next.copy(bytes, 8)
  bytes.set(payload, FRAME_HEAD_BYTES)
  return { bytes, chain: next }
}

export interface FoundEntry {
  readonly offset: number
  readonly payload: string
}

export interface Scan {
  readonly entries: readonly FoundEntry[]
  readonly end: number
  readonly chain: Buffer
  /** Bytes behind the end that are not zero: the rest of a write that was never acknowledged. */
  readonly torn: boolean
}

/** What was damaged, and where it begins. */
export interface Damage {
  readonly damaged: string
  readonly offset: number
}

/** Reads a whole journal. Pure. */
export function scanJournal(bytes: Buffer): Scan | Damage {
  if (!isHeader(bytes.subarray(0, HEADER_BYTES))) {
    return { damaged: 'the header is not that of an order journal', offset: 0 }
  }
  const mark = decodeMark(bytes.subarray(MARK_AT, MARK_AT + MARK_BYTES))
  if (mark === undefined)
    return { damaged: 'the mark of the acknowledged end does not match its own hash', offset: MARK_AT }
  const tally = createTally()
  let at = HEADER_BYTES
  let chain = GENESIS
  let isMarkMet = false
  for (;;) {
    if (at === mark.end) {
      if (!chain.equals(mark.chain))
        return { damaged: 'the acknowledged frames are not those that were written', offset: at }
      isMarkMet = true
    }
    const frame = frameAt(bytes, at, chain)
    if (frame === undefined) break
    tally.take(frame, at)
    at += FRAME_HEAD_BYTES + frame.payload.length
    chain = frame.chain
  }
  if (!isMarkMet) return { damaged: 'an acknowledged frame does not match the chain', offset: Math.min(at, mark.end) }
  return { entries: tally.counted(), end: at, chain, torn: bytes.subarray(at).some((byte) => byte !== 0) }
}

/** All of it but the mark is the same in every journal. */
function isHeader(bytes: Buffer): boolean {
  if (bytes.length !== HEADER_BYTES) return false
  const expected = encodeHeader()
  return (
    bytes.subarray(0, MARK_AT).equals(expected.subarray(0, MARK_AT)) &&
    bytes.subarray(MARK_AT + MARK_BYTES).equals(expected.subarray(MARK_AT + MARK_BYTES))
  )
}

function decodeMark(bytes: Buffer): Mark | undefined {
  if (!sha256(bytes.subarray(0, 40)).equals(bytes.subarray(40))) return undefined
  const end = Number(bytes.readBigUInt64LE())
  return Number.isSafeInteger(end) && end >= HEADER_BYTES
    ? { end, chain: Buffer.from(bytes.subarray(8, 40)) }
    : undefined
}

interface Frame {
  readonly kind: number
  readonly payload: Buffer
  readonly chain: Buffer
}

function frameAt(bytes: Buffer, at: number, chain: Buffer): Frame | undefined {
  if (at + FRAME_HEAD_BYTES > bytes.length) return undefined
  const length = bytes.readUInt32LE(at)
  const kind = bytes.readUInt8(at + 4)
  if (length === 0 || length > PAYLOAD_BYTES_MAX || at + FRAME_HEAD_BYTES + length > bytes.length) return undefined
  if (kind < FRAME.plain || kind > FRAME.void) return undefined
  const payload = bytes.subarray(at + FRAME_HEAD_BYTES, at + FRAME_HEAD_BYTES + length)
  const next = sha256(chain, bytes.subarray(at, at + 8), payload)
  return next.equals(bytes.subarray(at + 8, at + FRAME_HEAD_BYTES)) ? { kind, payload, chain: next } : undefined
}

interface Tally {
  take(frame: Frame, offset: number): void
  counted(): readonly FoundEntry[]
}

/** A commit counts from where it stands: a release takes its place in the order in which it took effect. */
function createTally(): Tally {
  const prepared = new Map<string, FoundEntry>()
  const counted = new Map<string, FoundEntry>()
  return {
    take(frame, offset) {
      const found = { offset, payload: frame.payload.toString('utf8') }
      const named = frame.payload.toString('hex')
      if (frame.kind === FRAME.plain) counted.set(frame.chain.toString('hex'), found)
      else if (frame.kind === FRAME.prepared) prepared.set(frame.chain.toString('hex'), found)
      else if (frame.kind === FRAME.void) counted.delete(named)
      else {
        const entry = prepared.get(named)
        if (entry !== undefined) counted.set(named, entry)
      }
    },
    counted: () => [...counted.values()],
  }
}
