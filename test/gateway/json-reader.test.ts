// JSON is read in one way only, however its bytes come: the judge is JSON.parse, and a strict search for what readers differ about.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { JsonReader, TEXT_BYTES_MAX, type JsonProblem, type JsonSink } from '../../src/gateway/json-reader.ts'

const PLENTY = { bytesMax: 10_000_000 }

/** Builds the value again from what it is told. */
class Rebuild implements JsonSink {
  readonly stack: unknown[][] = [[]]
  readonly names: string[] = []
  wantsText(): boolean {
    return true
  }
  onOpen(kind: 'object' | 'array'): void {
    const value: unknown = kind === 'array' ? [] : {}
    this.put(value)
    this.stack.push(value as unknown[])
  }
  onClose(): void {
    this.stack.pop()
  }
  onName(name: string): void {
    this.names.push(name)
  }
  onScalar(kind: string, text: string | undefined): void {
    this.put(kind === 'string' ? text : JSON.parse(text ?? 'null'))
  }
  put(value: unknown): void {
    const into = this.stack.at(-1)
    if (Array.isArray(into)) into.push(value)
    else
      Object.defineProperty(into, this.names.pop() ?? '', {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      })
  }
}

function read(bytes: Uint8Array, cuts: readonly number[] = [], limits = PLENTY) {
  const sink = new Rebuild()
  const reader = new JsonReader(sink, limits)
  const all = Buffer.from(bytes)
  let at = 0
  for (const cut of [...cuts].map((each) => each % (all.length + 1)).sort((a, b) => a - b)) {
    reader.write(all.subarray(at, cut))
    at = cut
  }
  reader.write(all.subarray(at))
  const problem: JsonProblem | undefined = reader.end()
  return problem ?? { value: sink.stack[0]?.[0] }
}

const readText = (text: string) => read(Buffer.from(text))

describe('what is JSON is read as JSON.parse reads it', () => {
  test('any value, in any pieces, with any blanks', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5 }).filter((value) => !namesAreOdd(value)),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.constantFrom(undefined, 1, '\t'),
        (value, cuts, blanks) => {
          const text = JSON.stringify(value, null, blanks)
          expect(read(Buffer.from(text), cuts)).toEqual({ value: JSON.parse(text) })
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('escapes and characters beyond ASCII, cut at each byte', () => {
    const text =
      '{"n\\u0061me é ✓ 𝄞": ["\\"\\\\\\/\\b\\f\\n\\r\\t\\ud834\\udd1e é✓𝄞", -0.5e-10, 12345678901234567890, true, null]}'
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(read(bytes, [cut])).toEqual({ value: JSON.parse(text) })
    }
  })

  test('__proto__ is a name like any other', () => {
    const sink = new Rebuild()
    const reader = new JsonReader(sink, PLENTY)
    reader.write(Buffer.from('{"__proto__":{"x":1}}'))
    expect(reader.end()).toBeUndefined()
    expect(Object.keys(sink.stack[0]?.[0] as object)).toEqual(['__proto__'])
  })

  test('a text that is not wanted is checked, and not kept', () => {
    const texts: unknown[] = []
    const sink: JsonSink = {
      wantsText: () => false,
      onOpen: () => undefined,
      onClose: () => undefined,
      onName: () => undefined,
      onScalar: (_kind, text) => void texts.push(text),
    }
    const reader = new JsonReader(sink, PLENTY)
    reader.write(Buffer.from(`["${'x'.repeat(100_000)}", 12, true]`))
    expect(reader.end()).toBeUndefined()
    expect(texts).toEqual([undefined, undefined, undefined])
    const strict = new JsonReader(sink, PLENTY)
    strict.write(Buffer.from('["\\x"]'))
    expect(strict.end()).toMatchObject({ problem: 'malformed' })
  })

  test(`a wanted text of more than ${TEXT_BYTES_MAX} bytes is told without its characters`, () => {
    expect(readText(`["${'x'.repeat(TEXT_BYTES_MAX)}"]`)).toEqual({ value: ['x'.repeat(TEXT_BYTES_MAX)] })
    expect(readText(`["${'x'.repeat(TEXT_BYTES_MAX + 1)}"]`)).toEqual({ value: [undefined] })
  })
})

describe('what readers differ about is refused', () => {
  test.each([
    ['nothing', ''],
    ['blanks alone', ' \n'],
    ['a member that stands twice', '{"a":1,"a":2}'],
    ['the same name by an escape', '{"a":1,"\\u0061":2}'],
    ['a twin deep below', '[{"x":{"a":1,"b":2,"a":1}}]'],
    ['a comma at the end', '[1,]'],
    ['a comma at the end of an object', '{"a":1,}'],
    ['a comma at the beginning', '[,1]'],
    ['two commas', '[1,,2]'],
    ['single quotes', "{'a':1}"],
    ['a name without quotes', '{a:1}'],
    ['a comment', '{"a":1/*x*/}'],
    ['a line comment', '{"a":1}//x'],
    ['two values', '{} {}'],
    ['something behind', '{}x'],
    ['an end too many', '{}}'],
    ['an end of the other kind', '[1}'],
    ['no end', '{"a":1'],
    ['no end of a string', '"abc'],
    ['no end of an escape', '"abc\\'],
    ['a leading zero', '[01]'],
    ['a plus', '[+1]'],
    ['a bare dot', '[1.]'],
    ['a hexadecimal', '[0x10]'],
    ['NaN', '[NaN]'],
    ['Infinity', '[-Infinity]'],
    ['a literal in capitals', '[TRUE]'],
    ['half a literal', '[tru]'],
    ['an escape that is none', '["\\x41"]'],
    ['half a unicode escape', '["\\u12g4"]'],
    ['a line break in a string', '["a\nb"]'],
    ['a NUL in a name', '{"a\\u0000b":1}'],
    ['half a character in a name', '{"\\ud800":1}'],
    ['a form feed for a blank', '[\f1]'],
    ['a no-break space for a blank', '[\u00a01]'],
    ['a byte order mark', '\ufeff{}'],
    ['a missing colon', '{"a" 1}'],
    ['a missing value', '{"a":}'],
  ])('%s', (_what, text) => {
    expect(readText(text)).toMatchObject({ problem: 'malformed' })
  })

  test.each([
    ['a lone continuation', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong of three', [0xe0, 0x80, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a sequence that ends in the quote', [0xc3]],
    ['latin-1', [0xe9]],
  ])('bytes that are no UTF-8: %s', (_what, bytes) => {
    expect(read(Buffer.concat([Buffer.from('["'), Buffer.from(bytes), Buffer.from('"]')]))).toMatchObject({
      problem: 'malformed',
    })
  })

  test('UTF-16 and UTF-32', () => {
    expect(read(Buffer.from('{"a":1}', 'utf16le'))).toMatchObject({ problem: 'malformed' })
  })

  test('bytes changed blindly: what is taken, JSON.parse takes for the same', () => {
    let taken = 0
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\0e-.\u0000\u007f tn'.split(''), 'é')), {
          maxLength: 3,
        }),
        (value, edits) => {
          let text = JSON.stringify(value)
          for (const [place, char] of edits) {
            const at = place % (text.length + 1)
            text = text.slice(0, at) + char + text.slice(at + 1)
          }
          const result = readText(text)
          if ('problem' in result) return
          taken += 1
          expect(result.value).toEqual(JSON.parse(text))
        },
      ),
      { numRuns: 3_000 },
    )
    expect(taken).toBeGreaterThan(300)
  })
})

describe('limits', () => {
  test('bytes, levels, members, names and numbers', () => {
    expect(read(Buffer.from('[1,2,3]'), [3], { bytesMax: 6 })).toMatchObject({ problem: 'too-large' })
    expect(read(Buffer.from('[1,2,3]'), [3], { bytesMax: 7 })).toEqual({ value: [1, 2, 3] })
    expect(readText('['.repeat(65) + ']'.repeat(65))).toMatchObject({ problem: 'too-large' })
    expect(readText('['.repeat(64) + ']'.repeat(64))).not.toHaveProperty('problem')
    const members = (count: number) => `{${Array.from({ length: count }, (_, n) => `"${n}":1`).join(',')}}`
    expect(readText(members(10_001))).toMatchObject({ problem: 'too-large' })
    expect(readText(members(10_000))).not.toHaveProperty('problem')
    expect(readText(`{"${'n'.repeat(1_025)}":1}`)).toMatchObject({ problem: 'too-large' })
    expect(readText(`[${'1'.repeat(513)}]`)).toMatchObject({ problem: 'too-large' })
  })

  test('a problem ends the reading', () => {
    const reader = new JsonReader(new Rebuild(), PLENTY)
    expect(reader.write(Buffer.from('{]'))).toBe(false)
    expect(reader.write(Buffer.from('{}'))).toBe(false)
    expect(reader.end()).toMatchObject({ problem: 'malformed' })
  })
})

function namesAreOdd(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, each]) => !name.isWellFormed() || name.includes('\0') || namesAreOdd(each))
}
