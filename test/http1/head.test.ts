// Heads are read in one way only: every byte at every place is refused or kept as it came.
import { describe, expect, test } from '@jest/globals'
import { isMalformed, parseRequestHead, parseResponseHead } from '../../src/http1/head.ts'

const HEAD = 'GET /a HTTP/1.1\r\nHost: b\r\nX: c d\r\n'

const REFUSED: readonly (readonly [name: string, text: string])[] = [
  ['no version', 'GET /a\r\n'],
  ['no target', 'GET  HTTP/1.1\r\n'],
  ['a blank in the target', 'GET /a b HTTP/1.1\r\n'],
  ['two blanks', 'GET  /a HTTP/1.1\r\n'],
  ['a blank at the end of the line', 'GET /a HTTP/1.1 \r\n'],
  ['a tab for a blank', 'GET\t/a\tHTTP/1.1\r\n'],
  ['a blank in front', ' GET /a HTTP/1.1\r\n'],
  ['an empty line in front', '\r\nGET /a HTTP/1.1\r\n'],
  ['a method that is no token', 'G(T /a HTTP/1.1\r\n'],
  ['a method of 33 letters', `${'A'.repeat(33)} /a HTTP/1.1\r\n`],
  ['HTTP/1.2', 'GET /a HTTP/1.2\r\n'],
  ['HTTP/2.0', 'GET /a HTTP/2.0\r\n'],
  ['HTTP/1.10', 'GET /a HTTP/1.10\r\n'],
  ['HTTP/01.1', 'GET /a HTTP/01.1\r\n'],
  ['http/1.1', 'GET /a http/1.1\r\n'],
  ['a bare LF after the request line', 'GET /a HTTP/1.1\nHost: b\r\n'],
  ['a bare LF after a field', 'GET /a HTTP/1.1\r\nHost: b\nX: c\r\n'],
  ['a bare CR in a value', 'GET /a HTTP/1.1\r\nHost: b\rX: c\r\n'],
  ['CR CR LF', 'GET /a HTTP/1.1\r\nHost: b\r\r\n'],
  ['a folded line', 'GET /a HTTP/1.1\r\nHost: b\r\n c: d\r\n'],
  ['a line folded by a tab', 'GET /a HTTP/1.1\r\nHost: b\r\n\tc: d\r\n'],
  ['a line without a colon', 'GET /a HTTP/1.1\r\nHost\r\n'],
  ['a line without a colon, before one with', 'GET /a HTTP/1.1\r\nHost\r\nX: c\r\n'],
  ['a blank before the colon', 'GET /a HTTP/1.1\r\nHost : b\r\n'],
  ['an empty name', 'GET /a HTTP/1.1\r\n: b\r\n'],
  ['a name beyond ASCII', 'GET /a HTTP/1.1\r\nH\xf6st: b\r\n'],
]

describe('a request’s head', () => {
  test.each(REFUSED)('with %s is malformed', (_name, text) => {
    expect(parseRequestHead(text)).toEqual({ malformed: expect.any(String) })
  })

  test('is read into method, target, version and fields as they were spelled', () => {
    const text = 'M-SEARCH /a?b=%20#c HTTP/1.0\r\nhOST:b\r\nX:\t c d \t\r\nX: \xff\r\nEmpty:\r\n'
    expect(parseRequestHead(text)).toMatchObject({
      method: 'M-SEARCH',
      target: '/a?b=%20#c',
      minor: 0,
      fields: {
        raw: ['hOST', 'b', 'X', 'c d', 'X', '\xff', 'Empty', ''],
        names: ['host', 'x', 'x', 'empty'],
      },
    })
  })

  test('keeps or refuses every byte put in every place, and every byte in the place of another', () => {
    let kept = 0
    for (let at = 0; at <= HEAD.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const char = String.fromCharCode(byte)
        kept += expectVerbatim(HEAD.slice(0, at) + char + HEAD.slice(at))
        if (at < HEAD.length) kept += expectVerbatim(HEAD.slice(0, at) + char + HEAD.slice(at + 1))
      }
    }
    // Neither everything nor nothing was refused.
    expect(kept).toBeGreaterThan(1_000)
    expect(kept).toBeLessThan(2 * 256 * HEAD.length)
  })

  test('has no control in it but a tab, wherever one is put', () => {
    for (let at = 0; at <= HEAD.length; at++) {
      for (let byte = 0; byte < 0x80; byte++) {
        if (byte === 0x09 || (byte >= 0x20 && byte < 0x7f)) continue
        // A CR or LF may make a line end of its own; by itself none does.
        const text = HEAD.slice(0, at) + String.fromCharCode(byte) + HEAD.slice(at)
        expect([text, isMalformed(parseRequestHead(text))]).toEqual([text, true])
      }
    }
  })
})

/** What was read, written again with no white space around values, is the text with none. Returns 1 where it was read. */
function expectVerbatim(text: string): 0 | 1 {
  const head = parseRequestHead(text)
  if (isMalformed(head)) return 0
  let again = `${head.method} ${head.target} HTTP/1.${String(head.minor)}\r\n`
  const { raw } = head.fields
  for (let index = 0; index < raw.length; index += 2) again += `${raw[index] ?? ''}:${raw[index + 1] ?? ''}\r\n`
  const [line = '', ...rest] = text.split('\r\n')
  const trimmed = rest.map((each) => each.replace(/^([^:]*:)[ \t]*(.*?)[ \t]*$/s, '$1$2'))
  if (again !== [line, ...trimmed].join('\r\n')) expect(again).toBe(text)
  return 1
}

describe('a response’s head', () => {
  test.each([
    ['HTTP/1.1 200 OK\r\n', 200, 'OK', 1],
    ['HTTP/1.0 404 Not Found\r\n', 404, 'Not Found', 0],
    ['HTTP/1.1 204 \r\n', 204, '', 1],
    ['HTTP/1.1 204\r\n', 204, '', 1],
    ['HTTP/1.1 599 \xe9\r\n', 599, '\xe9', 1],
    ['HTTP/1.1 100 Continue\r\n', 100, 'Continue', 1],
  ])('%j is read', (text, status, reason, minor) => {
    expect(parseResponseHead(text)).toMatchObject({ status, reason, minor })
  })

  test.each([
    'HTTP/1.1 20 OK\r\n',
    'HTTP/1.1 2000 OK\r\n',
    'HTTP/1.1 099 OK\r\n',
    'HTTP/1.1 600 OK\r\n',
    'HTTP/1.1 0xC OK\r\n',
    'HTTP/1.1  200 OK\r\n',
    'HTTP/1.1 200OK\r\n',
    'HTTP/1.1 200\tOK\r\n',
    'HTTP/1.2 200 OK\r\n',
    'HTTP/2.0 200 OK\r\n',
    'HTTP/2 200 OK\r\n',
    'http/1.1 200 OK\r\n',
    'ICY 200 OK\r\n',
    ' HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 200 O\0K\r\n',
    'HTTP/1.1 200 O\rK\r\n',
    'HTTP/1.1 200 OK\nX: c\r\n',
    'HTTP/1.1\r\nX: 200\r\n',
    'HTTP/1.1 200 OK\r\n X: folded\r\n',
    'HTTP/1.1 200 OK\r\nX : c\r\n',
  ])('%j is malformed', (text) => {
    expect(parseResponseHead(text)).toEqual({ malformed: expect.any(String) })
  })
})
