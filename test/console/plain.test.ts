import { expect, test } from '@jest/globals'
import { plain } from '../../console/src/plain.ts'
import { translate } from '../../console/src/messages/messages.ts'
import { clockText, fieldText, momentOfField, momentText, spanText } from '../../console/src/time.ts'

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
})

test.each([
  [900, '0 s', '0 सेकंड'],
  [65_000, '1 min 5 s', '1 मिनट 5 सेकंड'],
  [600_000, '10 min', '10 मिनट'],
  [3_700_000, '1 h 1 min', '1 घंटे 1 मिनट'],
  [7_200_000, '2 h', '2 घंटे'],
  [100_000_000, '27 h 46 min', '27 घंटे 46 मिनट'],
  [200_000_000, '2 d 7 h', '2 दिन 7 घंटे'],
])('%d ms are %s, in words of each language, and a number is not parted from its unit', (ms, en, hi) => {
  const plainSpaces = (text: string): string => text.replaceAll(/(\d)\u00a0/g, '$1 ')
  expect([plainSpaces(spanText(ms, translate('en'))), plainSpaces(spanText(ms, translate('hi')))]).toEqual([en, hi])
  expect(spanText(ms, translate('en'))).not.toMatch(/\d [a-z]/)
})

test('a moment is typed in the zone that is shown', () => {
  const at = Date.parse('2026-11-29T19:40:00Z')
  expect([fieldText(at, 'ist'), fieldText(at, 'utc')]).toEqual(['2026-11-30T01:10', '2026-11-29T19:40'])
  expect([momentOfField('2026-11-30T01:10', 'ist'), momentOfField('2026-11-29T19:40', 'utc')]).toEqual([at, at])
  expect(momentOfField('', 'ist')).toBeUndefined()
})
