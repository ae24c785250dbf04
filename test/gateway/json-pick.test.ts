// The values at pointers, and whether any was missing: judged by a plain walk over what JSON.parse gives.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compilePointers, parseJsonPointer, type JsonPointer } from '../../src/core/json-pointer.ts'
import { JsonPick } from '../../src/gateway/json-pick.ts'

function pointer(text: string): JsonPointer {
  const parsed = parseJsonPointer(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}

function pick(text: string, pointers: readonly string[], cut = 0) {
  const picker = new JsonPick(compilePointers(pointers.map(pointer)), pointers.length, { bytesMax: 1_000_000 })
  const bytes = Buffer.from(text)
  picker.write(bytes.subarray(0, cut))
  picker.write(bytes.subarray(cut))
  return picker.end()
}

const one = (text: string, at: string) => {
  const result = pick(text, [at])
  return 'problem' in result ? result : { ...result.picked[0], isAmbiguous: result.isAmbiguous }
}

describe('pointers', () => {
  test.each([
    ['no slash', 'a'],
    ['a bare tilde', '/a~b'],
    ['a tilde at the end', '/a~'],
    ['too deep', '/a'.repeat(17)],
    ['half a character', '/\ud800'],
  ])('%s is refused', (_what, text) => {
    expect(parseJsonPointer(text)).toHaveProperty('problem')
  })

  // RFC 6901, 5.
  const DOCUMENT = '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}'
  test.each([
    ['/foo/0', 'bar'],
    ['/foo/1', 'baz'],
    ['/', '0'],
    ['/a~1b', '1'],
    ['/c%d', '2'],
    ['/e^f', '3'],
    ['/g|h', '4'],
    ['/i\\j', '5'],
    ['/k"l', '6'],
    ['/ ', '7'],
    ['/m~0n', '8'],
  ])('the example %s of RFC 6901', (at, value) => {
    expect(one(DOCUMENT, at)).toEqual({ values: [value], isWhole: true, isOdd: false, isAmbiguous: false })
  })
})

describe('what stands there', () => {
  test.each([
    ['a text', '{"m":"x"}', '/m', ['x'], true, false],
    ['a whole number', '{"m":17}', '/m', ['17'], true, false],
    ['the root', '"x"', '', ['x'], true, false],
    ['each element', '{"a":[{"m":"x"},{"m":"y"}]}', '/a/*/m', ['x', 'y'], true, false],
    ['each text of a list', '{"a":["x","y"]}', '/a/*', ['x', 'y'], true, false],
    ['each element of a list at the root', '[{"m":"x"},{"m":"y"}]', '/*/m', ['x', 'y'], true, false],
    ['each member of a mapping', '{"a":{"k1":{"m":"x"},"k2":{"m":"y"}}}', '/a/*/m', ['x', 'y'], true, false],
    ['nobody', '{"a":[]}', '/a/*/m', [], true, false],
    ['an element without it', '{"a":[{"m":"x"},{"n":"y"}]}', '/a/*/m', ['x'], false, false],
    ['an element that is no object', '{"a":[{"m":"x"},"y"]}', '/a/*/m', ['x'], false, true],
    ['a list of lists', '{"a":[[{"m":"x"}]]}', '/a/*/m', [], false, true],
    ['absent', '{"n":"x"}', '/m', [], false, false],
    ['null', '{"m":null}', '/m', [], false, false],
    ['true', '{"m":true}', '/m', [], false, false],
    ['an object', '{"m":{}}', '/m', [], false, true],
    ['a list in place of a text', '{"m":["x"]}', '/m', [], false, true],
    ['a fraction', '{"m":1.0}', '/m', [], false, true],
    ['an exponent', '{"m":1e2}', '/m', [], false, true],
    ['a negative', '{"m":-1}', '/m', [], false, true],
    ['a number that doubles cannot hold', '{"m":9007199254740993}', '/m', [], false, true],
    ['a very long text', `{"m":"${'x'.repeat(5_000)}"}`, '/m', [], false, true],
    ['another document', '"x"', '/m', [], false, true],
    ['an empty text', '{"m":""}', '/m', [''], true, false],
    ['a list in place of an object', '{"a":[{"m":"x"}]}', '/a/m', [], false, true],
  ] as const)('%s', (_what, text, at, values, isWhole, isOdd) => {
    for (let cut = 0; cut <= Math.min(text.length, 60); cut++) {
      const result = pick(text, [at], cut)
      expect(result).toEqual({ picked: [{ values, isWhole, isOdd }], isAmbiguous: false })
    }
  })

  test('several pointers at once, also one in another', () => {
    expect(pick('{"a":[{"m":"x","n":{"o":1}}],"z":"q"}', ['/a/*/m', '/a/0/n/o', '/z', '/a/*/n'])).toEqual({
      picked: [
        { values: ['x'], isWhole: true, isOdd: false },
        { values: ['1'], isWhole: true, isOdd: false },
        { values: ['q'], isWhole: true, isOdd: false },
        { values: [], isWhole: false, isOdd: true },
      ],
      isAmbiguous: false,
    })
  })

  test.each([
    '{"Mobile":"y","mobile":"x"}',
    '{"mobile":"x","MOBILE":"y"}',
    '{"mobile":"x","mobi\\u017fe":"y","ﬁ":1,"ｍobile":2}',
  ])('a name that a careless reader takes for it: %s', (text) => {
    expect(one(text, '/mobile')).toMatchObject({ isAmbiguous: true })
  })

  test('such a name elsewhere is nothing', () => {
    expect(one('{"mobile":"x","other":{"Mobile":"y"}}', '/mobile')).toMatchObject({ isAmbiguous: false })
  })

  test('ten thousand values are held, and no more', () => {
    const list = (count: number) => `[${Array.from({ length: count }, () => '1').join(',')}]`
    expect(pick(list(10_000), ['/*'])).toHaveProperty('picked')
    expect(pick(list(10_001), ['/*'])).toMatchObject({ problem: 'too-large' })
  })

  test('any document and pointers, against a plain walk', () => {
    const key = fc.constantFrom('a', 'b', '0', '1')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('x', 'y', 7, null, true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 3 }),
      ),
    }))
    const pointers = fc.array(fc.array(fc.oneof(key, fc.constant('*')), { maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    })
    fc.assert(
      fc.property(value, pointers, fc.nat(100), (document, tokens, cut) => {
        const text = JSON.stringify(document)
        const result = pick(
          text,
          tokens.map((each) => each.map((token) => `/${token}`).join('')),
          cut % (text.length + 1),
        )
        expect(result).toEqual({ picked: tokens.map((each) => walk(document, each)), isAmbiguous: false })
      }),
      { numRuns: 3_000 },
    )
  })
})

interface Walked {
  readonly values: readonly string[]
  readonly isWhole: boolean
  readonly isOdd: boolean
}

const missed = (isOdd: boolean): Walked => ({ values: [], isWhole: false, isOdd })

function walk(document: unknown, tokens: readonly string[]): Walked {
  const [first, ...rest] = tokens
  const isPlain = typeof document === 'string' || typeof document === 'number'
  const isObject = typeof document === 'object' && document !== null
  if (first === undefined)
    return isPlain ? { values: [String(document)], isWhole: true, isOdd: false } : missed(isObject)
  if (!isObject) return missed(isPlain)
  if (first !== '*' && !Object.hasOwn(document, first)) return missed(Array.isArray(document) && !/^\d+$/.test(first))
  const entries: unknown[] = first === '*' ? Object.values(document) : [(document as Record<string, unknown>)[first]]
  const found = entries.map((each) => walk(each, rest))
  return {
    values: found.flatMap(({ values }) => values),
    isWhole: found.every(({ isWhole }) => isWhole),
    isOdd: found.some(({ isOdd }) => isOdd),
  }
}
