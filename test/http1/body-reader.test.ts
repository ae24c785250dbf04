// A body is read to its end and not one byte further, however its bytes are split.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BodyReader } from '../../src/http1/body-reader.ts'
import type { Framing } from '../../src/http1/framing.ts'

interface Read {
  readonly data: Buffer
  /** Bytes that were taken of those given. */
  readonly taken: number
  readonly isComplete: boolean
  readonly malformed: string | undefined
}

/** Reads `bytes`, given in pieces that end at `cuts`; stops where the body does. */
function read(framing: Framing, bytes: Buffer, cuts: readonly number[] = []): Read {
  const data: Buffer[] = []
  const reader = new BodyReader(framing, (chunk) => void data.push(Buffer.from(chunk)))
  let taken = 0
  for (const end of [...cuts, bytes.length]) {
    if (reader.isComplete || reader.malformed !== undefined) break
    taken += reader.read(bytes.subarray(taken, end), 0)
  }
  return { data: Buffer.concat(data), taken, isComplete: reader.isComplete, malformed: reader.malformed }
}

const bytewise = (bytes: Buffer): readonly number[] => Array.from(bytes, (_byte, index) => index)
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

const chunkText = (chunk: Uint8Array, extension: string, isUpper: boolean): string => {
  const size = chunk.length.toString(16)
  return `${isUpper ? size.toUpperCase() : size}${extension}\r\n${Buffer.from(chunk).toString('latin1')}\r\n`
}
const extension = fc.constantFrom('', ';a', ';a=b', ' ; a = "b \\" c" ;d', '\t;x="\xff"')
const chunks = fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), extension, fc.boolean()), {
  maxLength: 6,
})
const trailers = fc.constantFrom('', 'X: y\r\n', 'X:\r\nY: \xff z\r\n')
/** Where to cut, as shares of the whole. */
const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
const cutsOf = (places: readonly number[], length: number): readonly number[] =>
  places.map((share) => Math.floor(share * length)).sort((a, b) => a - b)

describe('a chunked body', () => {
  test('gives the same data and stops at the same byte, whatever its pieces and what comes behind it', () => {
    fc.assert(
      fc.property(chunks, trailers, fc.uint8Array({ maxLength: 20 }), shares, (parts, fields, behind, places) => {
        const body = latin1(`${parts.map((part) => chunkText(...part)).join('')}0\r\n${fields}\r\n`)
        const bytes = Buffer.concat([body, behind])
        const expected = {
          data: Buffer.concat(parts.map(([chunk]) => chunk)),
          taken: body.length,
          isComplete: true,
          malformed: undefined,
        }
        expect(read('chunked', bytes)).toEqual(expected)
        expect(read('chunked', bytes, cutsOf(places, bytes.length))).toEqual(expected)
        expect(read('chunked', bytes, bytewise(bytes))).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  })

  test('that is cut short anywhere is neither complete nor malformed', () => {
    const bytes = latin1('3;a="b"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\n')
    for (let end = 0; end < bytes.length; end++) {
      expect(read('chunked', bytes.subarray(0, end))).toMatchObject({
        isComplete: false,
        malformed: undefined,
        taken: end,
      })
    }
  })

  test.each([
    '\r\n',
    ' 3\r\nabc\r\n0\r\n\r\n',
    '3 \r\nabc\r\n0\r\n\r\n',
    '0x3\r\nabc\r\n0\r\n\r\n',
    '+3\r\nabc\r\n0\r\n\r\n',
    '-3\r\nabc\r\n0\r\n\r\n',
    '3_0\r\nabc\r\n0\r\n\r\n',
    'g\r\nabc\r\n0\r\n\r\n',
    '3\nabc\r\n0\r\n\r\n',
    '3\rabc\r\n0\r\n\r\n',
    '3\r\r\nabc\r\n0\r\n\r\n',
    '3;\r\nabc\r\n0\r\n\r\n',
    '3;a=\r\nabc\r\n0\r\n\r\n',
    '3;a="b\r\nabc\r\n0\r\n\r\n',
    '3;a\nb\r\nabc\r\n0\r\n\r\n',
    '3;a\0\r\nabc\r\n0\r\n\r\n',
    '3\r\nabcd\r\n0\r\n\r\n',
    '3\r\nabc\n0\r\n\r\n',
    '3\r\nabc\r0\r\n\r\n',
    '3\r\nabc0\r\n\r\n',
    '3\r\nab\r\n0\r\n\r\n',
    '0\n\r\n',
    '0\r\n\n',
    '0\r\n\r\r\n\r\n',
    '0\r\nX\r\n\r\n',
    '0\r\nX : y\r\n\r\n',
    '0\r\n X: y\r\n\r\n',
    '0\r\nX: y\0\r\n\r\n',
    '0\r\nContent-Length: 3\r\n\r\n',
    '0\r\ntransfer-encoding: chunked\r\n\r\n',
    '10000000000000\r\n',
    'ffffffffffffffff\r\n',
    `3;${'a'.repeat(5_000)}\r\nabc\r\n0\r\n\r\n`,
    `${'1;a=b\r\nx\r\n'.repeat(2_000)}0\r\n\r\n`,
    `0\r\n${'X: y\r\n'.repeat(2_000)}\r\n`,
    `0\r\nX: ${'y'.repeat(9_000)}\r\n\r\n`,
    `${'0'.repeat(5_000)}3\r\nabc\r\n0\r\n\r\n`,
  ])('%j is malformed, whole and byte by byte', (text) => {
    const bytes = latin1(text)
    for (const cuts of [[], bytewise(bytes)]) {
      expect(read('chunked', bytes, cuts)).toMatchObject({ isComplete: false, malformed: expect.any(String) })
    }
  })

  test('may have a size with zeros in front', () => {
    expect(read('chunked', latin1('0000000000000000003\r\nabc\r\n000\r\n\r\n'))).toMatchObject({
      isComplete: true,
      taken: 33,
    })
  })

  test('gives nothing on once it is malformed', () => {
    const data: string[] = []
    const reader = new BodyReader('chunked', (chunk) => void data.push(chunk.toString()))
    reader.read(latin1('1\r\na\r\nx\r\n'), 0)
    expect(reader.malformed).toBeDefined()
    expect(reader.read(latin1('1\r\nb\r\n0\r\n\r\n'), 0)).toBe(0)
    expect(data).toEqual(['a'])
  })
})

describe('a body by length', () => {
  test('ends at its length, whatever its pieces and what comes behind it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ maxLength: 20 }),
        shares,
        (body, behind, places) => {
          const bytes = Buffer.concat([body, behind])
          const expected = { data: Buffer.from(body), taken: body.length, isComplete: true, malformed: undefined }
          expect(read(body.length, bytes, cutsOf(places, bytes.length))).toEqual(expected)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('of 0 is complete at once', () => {
    expect(new BodyReader(0, () => undefined).isComplete).toBe(true)
  })

  test('is read from the place where its head ends', () => {
    const data: string[] = []
    const reader = new BodyReader(3, (chunk) => void data.push(chunk.toString()))
    expect(reader.read(latin1('headabcnext'), 4)).toBe(7)
    expect([data, reader.isComplete]).toEqual([['abc'], true])
  })
})

test('a body that its connection’s end delimits takes everything and is never complete by itself', () => {
  const reader = new BodyReader('close', () => undefined)
  expect(reader.untilClose).toBe(true)
  expect(read('close', latin1('0\r\n\r\nmore'), [3])).toMatchObject({
    data: latin1('0\r\n\r\nmore'),
    isComplete: false,
  })
})
