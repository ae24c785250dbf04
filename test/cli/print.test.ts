import { PassThrough } from 'node:stream'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { columnsOf, createPrinter, escapedJson, plain, shorten, table } from '../../src/cli/print.ts'

describe('plain', () => {
  test.each([
    ['colors', '\x1b[1;31mred\x1b[0m', 'red'],
    ['8-bit colors', '\x9b31mred', 'red'],
    ['titles', '\x1b]0;title\x07text', 'text'],
    ['titles with the other end', '\x1b]8;;http://x\x1b\\link', 'link'],
    ['device strings', '\x1bPq#0\x1b\\text', 'text'],
    ['two-character escapes', '\x1bcreset\x1b(B', 'reset'],
    ['an escape inside an escape', '\x1b\x1b[31m[31mx', '[31mx'],
    ['a string without its end', '\x1b]0;rest', '0;rest'],
    ['lines', 'one\r\ntwo\u2028three\tfour', 'one two three four'],
    ['controls', 'a\x00b\x08c\x7fd\x85e', 'abcd e'],
    ['bidi overrides', 'a\u202eb\u2066c\u200fd', 'abcd'],
    ['the unseen', 'a\u200bb\ufeffc\u{e0041}d\u00ade', 'abcde'],
    ['half a pair', 'a\ud800b', 'ab'],
  ])('takes away %s', (_name, text, expected) => {
    expect(plain(text)).toBe(expected)
  })

  test('leaves scripts as they are, with the joiners of Devanagari', () => {
    for (const text of ['क्‍ष', 'र्‌य', 'Zoë – 東京', '👩‍💻']) expect(plain(text)).toBe(text)
  })
})

test('JSON keeps every character, and none that a terminal obeys', () => {
  const text = 'a\x1b[31m\x9b\u202e\u2028\u{e0041}\ud800"\\\n'
  const written = escapedJson({ text })
  expect(written).not.toMatch(/[^\x20-\x7e\n]/)
  expect(JSON.parse(written)).toEqual({ text })
})

test('columns stay aligned where scripts are wide or combine', () => {
  expect(columnsOf('東京')).toBe(4)
  expect(columnsOf('की')).toBe(2)
  const lines = table(
    ['A', 'B'],
    [
      ['東京', 'x'],
      ['ab', { style: 'red', text: 'y' }],
    ],
  ).map((line) => line.map((each) => (typeof each === 'string' ? each : each.text)).join(''))
  expect(lines).toEqual(['  A     B', '  東京  x', '  ab    y'])
})

test('what is cut says so', () => {
  expect(shorten('abcdef', 4)).toBe('abc…')
  expect(shorten('abcd', 4)).toBe('abcd')
})

test('NO_COLOR and dumb terminals get no style', () => {
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, {}]) {
    const stdout = Object.assign(new PassThrough(), { isTTY: true as const, columns: 80, rows: 24 })
    createPrinter({ env, stdout, stderr: stdout }).out({ style: 'red', text: 'FROZEN' })
    expect(String(stdout.read())).toBe(Object.keys(env).length === 0 ? '\x1b[1;31mFROZEN\x1b[0m\n' : 'FROZEN\n')
  }
})

test('nothing but print.ts, the questions, records on their way out and watch write to the terminal', () => {
  const folder = fileURLToPath(new URL('../../src/cli/', import.meta.url))
  const writers = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.endsWith('.ts') && /console[.]|(?:stdout|stderr)[.]write/.test(readFileSync(join(folder, file), 'utf8')),
  )
  // Records and tables go out as they are, and `watch` redraws a screen of lines that print.ts has made plain.
  expect(writers.sort()).toEqual(['audit/export.ts', 'commands/watch.ts', 'print.ts', 'questions.ts'])
})
