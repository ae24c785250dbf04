// Where a body ends is told in one way, or the message is malformed.
import { describe, expect, test } from '@jest/globals'
import { hasConnectionOption, requestFraming, responseFraming } from '../../src/http1/framing.ts'
import { isMalformed, parseRequestHead, parseResponseHead } from '../../src/http1/head.ts'

function ofRequest(lines: string, minor = 1): unknown {
  const head = parseRequestHead(`POST / HTTP/1.${String(minor)}\r\n${lines}`)
  if (isMalformed(head)) throw new Error(head.malformed)
  return requestFraming(head)
}

function ofResponse(lines: string, status = 200, minor = 1, isHead = false): unknown {
  const head = parseResponseHead(`HTTP/1.${String(minor)} ${String(status)} X\r\n${lines}`)
  if (isMalformed(head)) throw new Error(head.malformed)
  return responseFraming(head, isHead)
}

const MALFORMED = { malformed: expect.any(String) }
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

const FRAMINGS: readonly (readonly [lines: string, framing: unknown])[] = [
  ['Content-Length: 0\r\n', 0],
  ['Content-Length: 15\r\n', 15],
  ['Content-Length: 0015\r\n', 15],
  ['Content-Length: 999999999999999\r\n', 999_999_999_999_999],
  ['Content-Length: 1000000000000000\r\n', MALFORMED],
  ['Content-Length: 9007199254740993\r\n', MALFORMED],
  ['Content-Length:\r\n', MALFORMED],
  ['Content-Length: +1\r\n', MALFORMED],
  ['Content-Length: -1\r\n', MALFORMED],
  ['Content-Length: 1.0\r\n', MALFORMED],
  ['Content-Length: 1e1\r\n', MALFORMED],
  ['Content-Length: 0x1\r\n', MALFORMED],
  ['Content-Length: 1 1\r\n', MALFORMED],
  ['Content-Length: 1, 1\r\n', MALFORMED],
  ['Content-Length: \xb2\r\n', MALFORMED],
  ['Content-Length: 1\r\ncontent-length: 1\r\n', MALFORMED],
  ['Content-Length: 1\r\nContent-Length: 2\r\n', MALFORMED],
  [CHUNKED, 'chunked'],
  ['transfer-encoding: CHUNKED\r\n', 'chunked'],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', MALFORMED],
  ['Transfer-Encoding: chunked, chunked\r\n', MALFORMED],
  ['Transfer-Encoding: gzip, chunked\r\n', MALFORMED],
  ['Transfer-Encoding: chunked, identity\r\n', MALFORMED],
  ['Transfer-Encoding: identity\r\n', MALFORMED],
  ['Transfer-Encoding: "chunked"\r\n', MALFORMED],
  ['Transfer-Encoding: chunked;q=1\r\n', MALFORMED],
  ['Transfer-Encoding: chun\u00a0ked\r\n', MALFORMED],
  // The Kelvin sign becomes k in small letters; its low byte does not.
  ['Transfer-Encoding: chun\u00e2\u0084\u00aaed\r\n', MALFORMED],
  ['Transfer-Encoding:\r\n', MALFORMED],
  [`${CHUNKED}Content-Length: 1\r\n`, MALFORMED],
  [`Content-Length: 0\r\n${CHUNKED}`, MALFORMED],
]

describe('of a request', () => {
  test.each([['', 0] as const, ...FRAMINGS])('with %j: %p', (lines, framing) => {
    expect(ofRequest(lines)).toEqual(framing)
  })

  test('of HTTP/1.0, chunked is malformed and a length is not', () => {
    expect(ofRequest(CHUNKED, 0)).toEqual(MALFORMED)
    expect(ofRequest('Content-Length: 3\r\n', 0)).toBe(3)
  })
})

describe('of a response', () => {
  test.each([['', 'close'] as const, ...FRAMINGS])('with %j: %p', (lines, framing) => {
    expect(ofResponse(lines)).toEqual(framing)
  })

  test.each([100, 101, 103, 204, 304])('of status %d there is no body, whatever its fields say', (status) => {
    for (const lines of ['', 'Content-Length: 5\r\n', CHUNKED]) expect(ofResponse(lines, status)).toBe(0)
    expect(ofResponse(`${CHUNKED}Content-Length: 5\r\n`, status)).toEqual(MALFORMED)
  })

  test('to HEAD there is none either', () => {
    for (const lines of ['', 'Content-Length: 5\r\n', CHUNKED]) expect(ofResponse(lines, 200, 1, true)).toBe(0)
    expect(ofResponse('Content-Length: x\r\n', 200, 1, true)).toEqual(MALFORMED)
  })

  test('of HTTP/1.0, chunked is malformed', () => {
    expect(ofResponse(CHUNKED, 200, 0)).toEqual(MALFORMED)
    expect(ofResponse('', 200, 0)).toBe('close')
  })
})

test.each([
  ['', false],
  ['Connection: close\r\n', true],
  ['Connection: CLOSE\r\n', true],
  ['Connection: keep-alive\r\n', false],
  ['Connection: keep-alive, Close\r\n', true],
  ['Connection: keep-alive\r\nconnection: close\r\n', true],
  ['Connection:\t,,close ,\r\n', true],
  ['Connection: closed\r\n', false],
  ['Connection: not-close\r\n', false],
  ['Connection: x close\r\n', false],
  ['Close: close\r\n', false],
])('%j asks for a close: %p', (lines, expected) => {
  const head = parseRequestHead(`GET / HTTP/1.1\r\n${lines}`)
  if (isMalformed(head)) throw new Error(head.malformed)
  expect(hasConnectionOption(head.fields, 'close')).toBe(expected)
})
