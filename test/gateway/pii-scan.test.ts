// Responses are read as they pass: whatever the chunks are, the counts are the same, and nothing of what was found is kept.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { PiiSeen } from '../../src/core/audit-record.ts'
import { PiiScan } from '../../src/gateway/pii-scan.ts'
import { Fields } from '../../src/http1/fields.ts'

function fieldsOf(type: string | undefined, coding?: string): Fields {
  const fields = new Fields()
  if (type !== undefined) fields.push('Content-Type', type)
  if (coding !== undefined) fields.push('Content-Encoding', coding)
  return fields
}

function scan(
  body: string | Buffer,
  cuts: readonly number[] = [],
  type = 'application/json',
  coding?: string,
): PiiSeen {
  const bytes = Buffer.from(body)
  const scanner = new PiiScan()
  scanner.takeHead(fieldsOf(type, coding))
  let from = 0
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    scanner.write(bytes.subarray(from, cut))
    from = cut
  }
  return scanner.seen()
}

const PEOPLE = JSON.stringify({
  beneficiaries: [
    { name: 'राम', uid: '312345678909', mobileNumbers: ['9876543210', '9876543211'], dob: '1984-07-21' },
    { name: 'B', uid: 399876543211, contact: { phone: '+91 98765 43212', email: 'b@example.in' }, birth_year: 1990 },
  ],
  pan: 'ABCPD1234Z',
  count: 400123456789,
})
const SEEN = { aadhaar: 2, mobile: 3, birthDate: 1, birthYear: 1, email: 1, pan: 1 }

test('JSON: the names of members tell what numbers are, however the bytes are cut', () => {
  expect(scan(PEOPLE)).toEqual(SEEN)
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
      expect(scan(PEOPLE, cuts)).toEqual(SEEN)
    }),
  )
})

test('text: a value that is cut in two is counted once', () => {
  const text = `${'x '.repeat(300)}aadhaar 3123 4567 8909, mobile: 9876543210 ${'y '.repeat(300)}mail c@example.in`
  const seen = { aadhaar: 1, mobile: 1, email: 1 }
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
      expect(scan(text, cuts, 'text/html; charset=utf-8')).toEqual(seen)
    }),
  )
})

test('what cannot be read is said to be unread', () => {
  expect(scan('…', [], 'application/json', 'gzip')).toEqual({ unread: 'encoded' })
  expect(scan('…', [], 'application/pdf')).toEqual({ unread: 'binary' })
  expect(scan(`{"a": "${'x'.repeat(5_000)}"}`)).toEqual({ unread: 'partly' })
  expect(scan('{"mobile": "9876543210"}, trailing', [12])).toMatchObject({ unread: 'partly' })
  expect(scan('[{"uid": "312345678909"},,{"uid":"399876543211"}]', [30])).toMatchObject({ unread: 'partly' })
  expect(scan('[{"uid": "312345678909"},,{"uid":"399876543211"}]', [30]).aadhaar).toBeGreaterThanOrEqual(2)
})

test('a large body leaves a small scanner', () => {
  const scanner = new PiiScan()
  scanner.takeHead(fieldsOf('text/plain'))
  const chunk = Buffer.from('lorem ipsum 9999 '.repeat(4_000))
  for (let n = 0; n < 200; n++) scanner.write(chunk)
  expect(JSON.stringify(scanner).length).toBeLessThan(100)
  expect(scanner.seen()).toEqual({})
})
