// What is written is read again as the same, or is not written.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isToken } from '../../src/http1/fields.ts'
import { isMalformed, parseRequestHead, parseResponseHead } from '../../src/http1/head.ts'
import { fieldLine, requestHeadText, responseHeadText } from '../../src/http1/write-head.ts'

const TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
const token = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...TCHARS), minLength: 1, maxLength })
const char = (min: number, max: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((code) => String.fromCharCode(code))
const value = fc
  .string({ unit: fc.oneof(char(0x20, 0x7e), char(0x80, 0xff), fc.constant('\t')) })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
const target = fc.string({ unit: char(0x21, 0x7e), minLength: 1 })
const fields = fc.array(fc.tuple(token(20), value), { maxLength: 8 })
const linesOf = (each: readonly (readonly [string, string])[]): string =>
  each.map(([name, text]) => fieldLine(name, text)).join('')

describe('a head that was written', () => {
  test('of a request, is read again as the same', () => {
    fc.assert(
      fc.property(token(32), target, fields, (method, path, each) => {
        const text = requestHeadText(method, path, linesOf(each))
        expect(text.endsWith('\r\n\r\n')).toBe(true)
        const head = parseRequestHead(text.slice(0, -2))
        expect(head).toMatchObject({ method, target: path, minor: 1, fields: { raw: each.flat() } })
      }),
      { numRuns: 300 },
    )
  })

  test('of a response, is read again as the same', () => {
    const reason = fc.string({ unit: char(0x20, 0x7e) })
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), reason, fields, (status, phrase, each) => {
        const text = responseHeadText(status, phrase, linesOf(each))
        const head = parseResponseHead(text.slice(0, -2))
        expect(head).toMatchObject({ status, reason: phrase, minor: 1, fields: { raw: each.flat() } })
      }),
      { numRuns: 300 },
    )
  })
})

describe('a field line', () => {
  test('is one line whatever is asked for, or a TypeError', () => {
    const odd = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: char(0, 0x1ff) }))
    fc.assert(
      fc.property(odd, odd, (name, text) => {
        let line: string
        try {
          line = fieldLine(name, text)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        // As the bytes that leave: whoever reads them finds this one field.
        const head = parseRequestHead(`GET / HTTP/1.1\r\n${Buffer.from(line, 'latin1').toString('latin1')}`)
        expect(isMalformed(head) ? head : head.fields.raw).toEqual([name, text.replace(/^[ \t]+|[ \t]+$/g, '')])
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['X-A', 'a\r\nb: c'],
    ['X-A', 'a\nb'],
    ['X-A', 'a\rb'],
    ['X-A', 'a\0b'],
    ['X-A', 'a\n'],
    ['X-A', '\x7f'],
    // Their low bytes are CR and LF.
    ['X-A', 'a\u010d\u010ab: c'],
    ['X-A: b\r\nX-B', 'c'],
    ['X A', 'c'],
    ['X-A\n', 'c'],
    ['', 'c'],
    ['X-\u010d', 'c'],
  ])('of %j and %j is not written', (name, text) => {
    expect(() => fieldLine(name, text)).toThrow(TypeError)
  })

  test('takes every name that is a token, and no other', () => {
    for (let code = 0; code < 0x180; code++) {
      const name = `a${String.fromCharCode(code)}`
      if (isToken(name)) expect(fieldLine(name, 'b')).toBe(`${name}: b\r\n`)
      else expect(() => fieldLine(name, 'b')).toThrow(TypeError)
    }
  })
})

test.each(['', '/a b', '/a\tb', '/a\r\nX: y', '/a\n', '/\x7f', '/\xff', '/\u010d\u010a', ' /a'])(
  'the target %j is not written',
  (bad) => {
    expect(() => requestHeadText('GET', bad, '')).toThrow(TypeError)
  },
)
