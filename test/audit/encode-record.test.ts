// Requests are put together by hand: what comes out is what JSON.stringify would give, byte for byte.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodeMembers } from '../../src/audit/encode-record.ts'
import type { AuditRecord, RequestRecord } from '../../src/core/audit-record.ts'

/** The members in the order in which they are declared. */
const ORDER = [
  'kind',
  'phase',
  'id',
  'client',
  'method',
  'route',
  'path',
  'principal',
  'subjects',
  'returned',
  'session',
  'issuer',
  'application',
  'otp',
  'decision',
  'reason',
  'lock',
  'epoch',
  'status',
  'bytes',
  'received',
  'durationMs',
  'upstreamMs',
  'pii',
  'detail',
] as const satisfies readonly (keyof RequestRecord)[]

/** Not one member of the type is missing above: else this line is no `true`. */
const isWhole: Exclude<keyof RequestRecord, (typeof ORDER)[number] | 'time'> extends never ? true : false = true

function expected(record: RequestRecord): string {
  return JSON.stringify(Object.fromEntries(ORDER.map((name) => [name, record[name]]))).slice(1)
}

const odd = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  // Every unit of UTF-16: controls, line separators, surrogates that stand alone.
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom('', '"', '\\', '\\"', '\u2028', '\ud800', '\udc00x', '\x7f', '\0', '</script>', '__proto__'),
)
const number = fc.oneof(
  fc.nat(),
  fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, 0.001, 1e21, 2 ** 53, 5e-7),
)
const reason = fc.constantFrom<NonNullable<RequestRecord['reason']>[]>(
  'locked',
  'audit-unavailable',
  'malformed-request',
  'headers-too-large',
  'upstream',
  'severed',
  'aborted',
)

const record: fc.Arbitrary<RequestRecord> = fc.record(
  {
    kind: fc.constant('request' as const),
    time: fc.nat(),
    phase: fc.constantFrom('decision' as const, 'outcome' as const),
    id: odd,
    client: odd,
    method: odd,
    path: odd,
    decision: fc.constantFrom<RequestRecord['decision'][]>('allow', 'locked', 'rejected', 'error'),
    epoch: fc.nat(),
    route: odd,
    principal: odd,
    subjects: fc.array(odd, { maxLength: 4 }),
    session: odd,
    issuer: odd,
    application: odd,
    otp: fc.boolean(),
    reason,
    lock: odd,
    status: fc.integer({ min: 100, max: 599 }),
    returned: number,
    bytes: number,
    received: number,
    durationMs: number,
    upstreamMs: number,
    detail: fc.record({ keys: fc.array(odd, { maxLength: 2 }), box: odd }),
  },
  { requiredKeys: ['kind', 'time', 'phase', 'id', 'client', 'method', 'path', 'decision', 'epoch'] },
)

test('a request is encoded as JSON.stringify would, whichever members it has and whatever stands in them', () => {
  expect(isWhole).toBe(true)
  fc.assert(
    fc.property(record, (each) => {
      const encoded = encodeMembers(each)
      expect(encoded).toBe(expected(each))
      const { time: _time, ...members } = each
      // A lone surrogate comes back as it was: JSON.stringify has escaped it.
      expect(JSON.parse(`{${encoded}`)).toEqual(members)
      expect(encoded).not.toMatch(/[\n\r]/)
    }),
    { numRuns: 1_000 },
  )
})

test('every unit of UTF-16 is encoded as JSON.stringify would', () => {
  for (let code = 0; code <= 0xffff; code++) {
    const each: RequestRecord = {
      kind: 'request',
      phase: 'outcome',
      time: 0,
      id: 'a',
      client: '::1',
      method: 'GET',
      path: `/${String.fromCharCode(code)}/`,
      decision: 'allow',
      epoch: 1,
    }
    if (encodeMembers(each) !== expected(each)) expect([code, encodeMembers(each)]).toEqual([code, expected(each)])
  }
})

test('an empty list of subjects stays one', () => {
  const each: RequestRecord = {
    kind: 'request',
    phase: 'decision',
    time: 1,
    id: 'a',
    client: '::1',
    method: 'GET',
    path: '/',
    subjects: [],
    decision: 'allow',
    epoch: 0,
  }
  expect(encodeMembers(each)).toBe(expected(each))
})

test('another record is encoded with its members in their own order, its time apart', () => {
  const each: AuditRecord = { kind: 'gap', time: 7, lost: 3, reason: 'a "full"\u2028disk' }
  expect(encodeMembers(each)).toBe('"kind":"gap","lost":3,"reason":"a \\"full\\"\u2028disk"}')
})
