// Between two frames is known at every byte, however the bytes come.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { closeFrame, FrameTracker } from '../../src/gateway/websocket-frames.ts'

interface Frame {
  readonly first: number
  readonly mask: Uint8Array | undefined
  readonly payload: Uint8Array
  /** A length may be written longer than it needs (RFC 6455 forbids it; some do). */
  readonly width: 7 | 16 | 64
}

/** Written by the letter of RFC 6455, 5.2. */
function bytesOf({ first, mask, payload, width }: Frame): Buffer {
  const masked = mask === undefined ? 0 : 0x80
  const { length } = payload
  const least = length > 0xffff ? 64 : length > 125 ? 16 : 7
  const used = Math.max(width, least)
  const size = Buffer.alloc(used === 7 ? 1 : used === 16 ? 3 : 9)
  if (used === 7) size[0] = masked | length
  else if (used === 16) {
    size[0] = masked | 126
    size.writeUInt16BE(length, 1)
  } else {
    size[0] = masked | 127
    size.writeBigUInt64BE(BigInt(length), 1)
  }
  return Buffer.concat([Buffer.from([first]), size, mask ?? Buffer.alloc(0), payload])
}

const frame: fc.Arbitrary<Frame> = fc.record({
  first: fc.integer({ min: 0, max: 255 }),
  mask: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined }),
  payload: fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 12 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(125, 126, 127, 255, 256).map((length) => new Uint8Array(length).fill(0x88)),
    },
  ),
  width: fc.constantFrom<Frame['width'][]>(7, 16, 64),
})

describe('the end of a frame', () => {
  test('is where RFC 6455 has it, at every byte of any sequence of frames', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), (frames) => {
        const all = frames.map(bytesOf)
        const ends = new Set<number>([0])
        let length = 0
        for (const each of all) ends.add((length += each.length))
        const bytes = Buffer.concat(all)
        const tracker = new FrameTracker()
        for (let at = 0; at <= bytes.length; at++) {
          if (tracker.isBetween !== ends.has(at)) expect([at, tracker.isBetween]).toEqual([at, ends.has(at)])
          if (at < bytes.length) tracker.see(bytes.subarray(at, at + 1))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('is the same however the bytes are split', () => {
    const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), shares, fc.boolean(), (frames, places, isCut) => {
        const whole = Buffer.concat(frames.map(bytesOf))
        const bytes = isCut ? whole.subarray(0, -1) : whole
        const bytewise = new FrameTracker()
        for (const byte of bytes) bytewise.see(Buffer.from([byte]))
        const inPieces = new FrameTracker()
        let from = 0
        for (const end of [
          ...places.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ]) {
          inPieces.see(bytes.subarray(from, end))
          from = end
        }
        expect(inPieces.isBetween).toBe(bytewise.isBetween)
        expect(inPieces.isBetween).toBe(frames.length === 0 || !isCut)
      }),
      { numRuns: 300 },
    )
  })

  test('of 70,000 bytes, whose length needs eight bytes', () => {
    const bytes = bytesOf({ first: 0x82, mask: undefined, payload: new Uint8Array(70_000), width: 7 })
    const tracker = new FrameTracker()
    tracker.see(bytes.subarray(0, -1))
    expect(tracker.isBetween).toBe(false)
    tracker.see(bytes.subarray(-1))
    expect(tracker.isBetween).toBe(true)
  })

  test('of an impossible length never comes', () => {
    const tracker = new FrameTracker()
    tracker.see(Buffer.concat([Buffer.from([0x82, 127]), Buffer.alloc(8, 0xff), Buffer.alloc(1_000)]))
    expect(tracker.isBetween).toBe(false)
  })
})

test('a close frame is unmasked, final and holds its code alone', () => {
  expect(closeFrame(1001)).toEqual(Buffer.from([0x88, 0x02, 0x03, 0xe9]))
  const tracker = new FrameTracker()
  tracker.see(closeFrame(1008))
  expect(tracker.isBetween).toBe(true)
})
