// What is taken for a person's identifier, and what is not. The numbers are published for tests: nobody has them.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { countPii, isAadhaar, maskPeople, type PiiCounts, personIn, withoutPeople } from '../../src/core/pii.ts'
import { hasVerhoeffDigit, verhoeffDigit } from '../../src/core/verhoeff.ts'
import { readShared } from '../audit/trail.ts'

interface Vectors {
  readonly verhoeff_valid: readonly { readonly number: string; readonly valid: boolean }[]
  readonly check_digit: readonly { readonly number: string; readonly digit: string }[]
  readonly aadhaar_stdnum: readonly { readonly number: string; readonly valid: boolean }[]
  readonly aadhaar_in_text_presidio: readonly { readonly text: string; readonly spans: readonly unknown[] }[]
}

const shared = readShared('vectors/verhoeff-aadhaar.json')
const vectors = shared === undefined ? undefined : (JSON.parse(shared.toString()) as Vectors)

function count(text: string, field?: string): PiiCounts {
  const counts: PiiCounts = {}
  countPii(text, counts, field)
  return counts
}

;(vectors === undefined ? describe.skip : describe)('the published vectors', () => {
  test('check digits hold where python-stdnum says so', () => {
    for (const { number, valid } of vectors?.verhoeff_valid ?? [])
      expect([number, hasVerhoeffDigit(number)]).toEqual([number, valid])
    for (const { number, digit } of vectors?.check_digit ?? [])
      expect([number, verhoeffDigit(number)]).toEqual([number, digit])
  })

  test('Aadhaar numbers are those of python-stdnum', () => {
    for (const { number, valid } of vectors?.aadhaar_stdnum ?? [])
      expect([number, isAadhaar(number)]).toEqual([number, valid])
  })

  test('they are found in the texts in which Presidio finds them', () => {
    for (const { text, spans } of vectors?.aadhaar_in_text_presidio ?? [])
      expect([text, count(text).aadhaar ?? 0]).toEqual([text, spans.length])
  })
})

test('each wrong digit, and each swap of neighbours, is seen', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 2, maxLength: 20 })
  fc.assert(
    fc.property(digits, fc.nat(), fc.integer({ min: 1, max: 9 }), (text, place, by) => {
      const whole = text + verhoeffDigit(text)
      const at = place % whole.length
      const other = (Number(whole[at]) + by) % 10
      expect(hasVerhoeffDigit(`${whole.slice(0, at)}${other}${whole.slice(at + 1)}`)).toBe(false)
      const next = Math.min(at, whole.length - 2)
      const swapped = `${whole.slice(0, next)}${whole[next + 1]}${whole[next]}${whole.slice(next + 2)}`
      expect(hasVerhoeffDigit(swapped)).toBe(swapped === whole)
    }),
  )
})

test.each<[text: string, field: string | undefined, expected: PiiCounts]>([
  // Aadhaar: a check digit holds for one number in ten, so running text needs more than that.
  ['order 312345678909 has shipped', undefined, {}],
  ['aadhaar: 312345678909', undefined, { aadhaar: 1 }],
  ['आधार 312345678909', undefined, { aadhaar: 1 }],
  ['312345678909', undefined, { aadhaar: 1 }],
  ['see 3123 4567 8909 and 3998-7654-3211', undefined, { aadhaar: 2 }],
  ['3123 4567-8909', undefined, {}],
  ['ref 312345678909', 'uidNumber', { aadhaar: 1 }],
  ['1800000000003', undefined, {}],
  ['x312345678909', 'aadhaar', {}],
  ['3123456789090', 'aadhaar', {}],
  ['3123.4567.8909', 'aadhaar', {}],
  // PAN, by the cases of Presidio.
  ['ABCPD1234Z ABCND1234Z AAATA1111R', undefined, { pan: 2 }],
  ['ABCPD0000Z', undefined, {}],
  ['XABCPD1234Z', undefined, {}],
  // Mobile numbers are any ten digits: only by a word, or with the country before them.
  ['9876543210', undefined, {}],
  ['9876543210', 'mobileNumber', { mobile: 1 }],
  ['9876543210', 'mobile_number', { mobile: 1 }],
  ['call +91 98765 43210', undefined, { mobile: 1 }],
  ['phone: 09876543210', undefined, { mobile: 1 }],
  ['5876543210', 'mobile', {}],
  ['98765432101', 'mobile', {}],
  // A day of birth, or a year alone, as CoWIN kept it of adults.
  ['1984-07-21', 'dateOfBirth', { birthDate: 1 }],
  ['21/07/1984', 'dob', { birthDate: 1 }],
  ['born, date of birth: 21-07-1984', undefined, { birthDate: 1 }],
  ['1984', 'birth_year', { birthYear: 1 }],
  ['1984-07-21', 'updatedAt', {}],
  ['1984', 'count', {}],
  ['41/07/1984', 'dob', {}],
  ['a.b+c@mail.example.in, x@y', undefined, { email: 1 }],
])('%j in %j: %j', (text, field, expected) => {
  expect(count(text, field)).toEqual(expected)
})

test.each([
  ['asked for by 9876543210', 'a mobile number'],
  ['+91 98765 43210 called', 'a mobile number'],
  ['the record 999941057058', 'an Aadhaar number'],
  ['9999 4105 7058', 'an Aadhaar number'],
  ['holder ABCPD1234Z', 'a PAN'],
  ['from someone@example.in', 'an e-mail address'],
  ['leak of 2019 birth records, since 2026-06-01, 20000 rows', undefined],
  ['INC-2026-000123', undefined],
  ['550e8400-e29b-41d4-a716-446655440000', undefined],
  ['01JD9GZ4Q7W3T5N8K2M6X0V1BC', undefined],
  ['Ab3dE9.q1w2e3r4t5y6u7i8o9p0aA', undefined],
  ['123456789012', undefined],
])('in %j a reader of the trail would find %s', (text, what) => {
  expect(personIn(text)).toBe(what)
  expect(withoutPeople(text)).toBe(what === undefined ? text : `(left out: it holds what looks like ${what})`)
})

test('of a message that repeats what was sent, all but the identifiers is left', () => {
  expect(maskPeople('there is no "9876543210" or 9999 4105 7058: give from, ABCPD1234Z, a@b.example.in')).toBe(
    'there is no "…" or …: give from, …, …',
  )
  for (const text of ['there is no "recrod", did you mean "record"?', '123456789012', '1796027413257'])
    expect(maskPeople(text)).toBe(text)
})
