import { expect, test } from '@jest/globals'
import { plain } from '../../console/src/plain.ts'
import { clockText, momentText, spanText } from '../../console/src/time.ts'

test.each([
  ['a\u202egpj.exe', 'a\\u202egpj.exe'],
  ['\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
  ['one\ntwo', 'one\\u000atwo'],
  ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ['क्षेत्र', 'क्षेत्र'],
  ['Z' + '\u0300'.repeat(60), 'Z' + '\u0300'.repeat(4)],
])('%j is shown as %j', (given, shown) => {
  expect(plain(given)).toBe(shown)
})

test('is cut by whole characters', () => {
  expect(plain('😀'.repeat(10), 4)).toBe('😀😀😀…')
})

test('times are told in the zone that was chosen', () => {
  const at = Date.parse('2026-11-29T19:40:05Z')
  expect(momentText(at, 'ist')).toBe('2026-11-30 01:10:05 IST')
  expect(momentText(at, 'utc')).toBe('2026-11-29 19:40:05 UTC')
  expect(clockText(at, 'ist')).toBe('01:10:05')
  expect([spanText(900), spanText(65_000), spanText(600_000), spanText(3_700_000), spanText(200_000_000)]).toEqual([
    '0 s',
    '1 min 5 s',
    '10 min',
    '1 h 1 min',
    '2 d 7 h',
  ])
})
