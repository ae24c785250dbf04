// Field lines: order, spelling and repetition are kept, names are judged once.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Fields, isToken, lowerCased, parseFields } from '../../src/http1/fields.ts'

function fieldsOf(text: string): Fields {
  const fields = new Fields()
  expect(parseFields(text, 0, fields)).toBeUndefined()
  return fields
}

/** RFC 9110, 5.6.2, spelled out. */
const TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
const name = fc.string({ unit: fc.constantFrom(...TCHARS), minLength: 1, maxLength: 80 })
const value = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
  })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))

describe('a token', () => {
  test('is made of the characters of RFC 9110 alone', () => {
    for (let code = 0; code < 0x200; code++) {
      const char = String.fromCharCode(code)
      expect([code, isToken(char)]).toEqual([code, TCHARS.includes(char)])
      expect([code, lowerCased(`X-${char}`)]).toEqual([
        code,
        TCHARS.includes(char) ? `x-${char.toLowerCase()}` : undefined,
      ])
    }
    expect(isToken('')).toBe(false)
    expect(lowerCased('')).toBeUndefined()
    expect(isToken('a\n')).toBe(false)
  })

  test('is judged alike the first time and later, also where thousands have been seen', () => {
    for (let index = 0; index < 5_000; index++) lowerCased(`X-Stranger-${String(index)}`)
    for (const each of ['Host', 'X-Stranger-4999', 'X-New-One']) {
      expect(lowerCased(each)).toBe(each.toLowerCase())
      expect(lowerCased(each)).toBe(each.toLowerCase())
    }
    expect(lowerCased('X New')).toBeUndefined()
    expect(lowerCased('X New')).toBeUndefined()
  })
})

describe('field lines', () => {
  test('are found by name in small letters, whatever their spelling', () => {
    const fields = fieldsOf('Accept: a\r\nX: 1\r\naccept:b\r\nACCEPT:\r\n')
    expect(fields.count).toBe(4)
    expect(fields.first('accept')).toBe('a')
    expect(fields.joined('accept')).toBe('a, b, ')
    expect(fields.countOf('accept')).toBe(3)
    expect(fields.has('x')).toBe(true)
    expect(fields.has('y')).toBe(false)
    expect([fields.first('y'), fields.joined('y'), fields.countOf('y')]).toEqual([undefined, undefined, 0])
  })

  test.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])('may be named %s', (odd) => {
    expect(fieldsOf('X: 1\r\n').has(odd)).toBe(false)
    expect(fieldsOf(`${odd}: 1\r\n`).first(odd.toLowerCase())).toBe('1')
  })

  test.each([
    ['Host\r\n', 'A header field line without a colon.'],
    ['Host\r\nX: c\r\n', 'A header field line without a colon.'],
    ['Host : b\r\n', 'A header field name that is not a token.'],
    [' Host: b\r\n', 'A header field name that is not a token.'],
    ['A: b\r\n c: d\r\n', 'A header field name that is not a token.'],
    [': b\r\n', 'A header field name that is not a token.'],
    ['\r\n', 'A header field line without a colon.'],
  ])('%j: %s', (text, problem) => {
    expect(parseFields(text, 0, new Fields())).toBe(problem)
  })

  test('are read as they were written, whatever white space stands around their values', () => {
    const blank = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 })
    fc.assert(
      fc.property(fc.array(fc.tuple(name, blank, value, blank), { maxLength: 20 }), (lines) => {
        const fields = fieldsOf(lines.map(([n, before, v, after]) => `${n}:${before}${v}${after}\r\n`).join(''))
        expect(fields.raw).toEqual(lines.flatMap(([n, , v]) => [n, v]))
        expect(fields.names).toEqual(lines.map(([n]) => n.toLowerCase()))
      }),
      { numRuns: 300 },
    )
  })
})
