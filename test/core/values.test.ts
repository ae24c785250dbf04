// The small values of core/: times, rates, names near to a mistyped one, networks, pseudonyms, roles, labels, permits.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { isDenial, labelOf, type DenialReason } from '../../src/core/decision.ts'
import { didYouMean, findNearest } from '../../src/core/did-you-mean.ts'
import { isNetwork } from '../../src/core/network.ts'
import { grantPermit, type Permit } from '../../src/core/permit.ts'
import { isPseudonym } from '../../src/core/pseudonym.ts'
import { mayOrder, neededRole, ROLES, type OrderKind } from '../../src/core/responder.ts'
import { parseDuration, parseInstant, parseLimit } from '../../src/core/time.ts'
import { aRoute } from './fixtures.ts'

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['2s', 2_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['180d', 15_552_000_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    ['0.001s', 1],
    ['2', undefined],
    ['2 s', undefined],
    ['2S', undefined],
    ['-2s', undefined],
    ['+2s', undefined],
    ['1e3s', undefined],
    ['2s\n', undefined],
    ['2w', undefined],
    ['.5s', undefined],
    ['1.s', undefined],
    ['1.2345s', undefined],
    ['9999999999s', undefined],
    ['', undefined],
    ['\u0662s', undefined],
  ])('%j is %j', (text, expected) => {
    expect(parseDuration(text)).toBe(expected)
  })
})

describe('rates', () => {
  test.each([
    ['60/m', { count: 60, periodMs: 60_000 }],
    ['20/h', { count: 20, periodMs: 3_600_000 }],
    ['5/10s', { count: 5, periodMs: 10_000 }],
    ['1/d', { count: 1, periodMs: 86_400_000 }],
    ['0/m', undefined],
    ['5/0s', undefined],
    ['5', undefined],
    ['5/', undefined],
    ['5/ms', undefined],
    ['1.5/m', undefined],
    ['-5/m', undefined],
    ['5/m ', undefined],
    ['5/m/m', undefined],
  ])('%j is %j', (text, expected) => {
    expect(parseLimit(text)).toEqual(expected)
  })
})

describe('instants', () => {
  test.each([
    ['2026-11-24T12:00:00Z', Date.UTC(2026, 10, 24, 12)],
    ['2026-11-24t12:00:00z', Date.UTC(2026, 10, 24, 12)],
    ['2026-11-24T17:30:00+05:30', Date.UTC(2026, 10, 24, 12)],
    ['2026-11-24T12:00:00.5Z', Date.UTC(2026, 10, 24, 12) + 500],
    ['2026-11-24T12:00:00.123456789Z', Date.UTC(2026, 10, 24, 12) + 123],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2026-02-29T00:00:00Z', undefined],
    ['2026-02-30T00:00:00Z', undefined],
    ['2026-04-31T00:00:00Z', undefined],
    ['2026-13-01T00:00:00Z', undefined],
    ['2026-00-01T00:00:00Z', undefined],
    ['2026-01-00T00:00:00Z', undefined],
    ['2026-01-01T24:00:00Z', undefined],
    ['2026-01-01T23:60:00Z', undefined],
    ['2026-01-01T23:59:60Z', undefined],
    ['2026-01-01T00:00:00+24:00', undefined],
    ['2026-01-01T00:00:00', undefined],
    ['2026-01-01 00:00:00Z', undefined],
    ['2026-01-01', undefined],
    ['26-01-01T00:00:00Z', undefined],
    ['+002026-01-01T00:00:00Z', undefined],
    ['Tue, 24 Nov 2026 12:00:00 GMT', undefined],
    ['1795521600000', undefined],
    ['', undefined],
  ])('%j is %j', (text, expected) => {
    expect(parseInstant(text)).toBe(expected)
  })

  test('every instant is read back from its own text', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
        expect(parseInstant(date.toISOString())).toBe(date.getTime())
      }),
      { numRuns: 200 },
    )
  })
})

describe('the nearest name', () => {
  const known = ['beneficiary.read', 'beneficiary.write', 'appointment.write', 'pii']
  test.each([
    ['beneficiary.raed', 'beneficiary.read'],
    ['Beneficiary.Read', 'beneficiary.read'],
    ['beneficary.write', 'beneficiary.write'],
    ['pi', 'pii'],
    ['ppi', 'pii'],
    ['certificate', undefined],
    ['x', undefined],
  ])('%s: %s', (name, expected) => {
    expect(findNearest(name, known)).toBe(expected)
    expect(didYouMean(name, known)).toBe(expected === undefined ? '' : `, did you mean "${expected}"?`)
  })

  test('of the names themselves the nearest is the name itself, and of no names none is near', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 }),
        fc.nat(),
        (names, at) => {
          const name = names[at % names.length] ?? ''
          expect(findNearest(name, names)?.toLowerCase()).toBe(name.toLowerCase())
          expect(findNearest(name, [])).toBeUndefined()
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a name of any length is judged quickly', () => {
    const started = performance.now()
    findNearest('x'.repeat(100_000), known)
    findNearest('x'.repeat(1_000), ['y'.repeat(1_000)])
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe('networks', () => {
  test.each([
    ['10.0.0.0/8', true],
    ['0.0.0.0/0', true],
    ['192.0.2.7', true],
    ['192.0.2.7/32', true],
    ['2001:db8::/32', true],
    ['::/0', true],
    ['::1', true],
    ['1:2:3:4:5:6:7:8', true],
    ['1:2:3:4:5:6:7::', true],
    ['::ffff:192.0.2.7', true],
    ['::ffff:192.0.2.0/120', true],
    ['64:ff9b::192.0.2.7', true],
    ['::ffff:192.0.2.0/24', false],
    ['10.0.0.0/33', false],
    ['10.0.0.0/08', false],
    ['10.0.0.0/', false],
    ['10.0.0.0/8/8', false],
    ['10.0.0/8', false],
    ['010.0.0.0/8', false],
    ['10.0.0.256', false],
    ['0x0a.0.0.1', false],
    ['167772161', false],
    ['2001:db8::/129', false],
    ['1:2:3:4:5:6:7', false],
    ['1:2:3:4:5:6:7:8:9', false],
    ['1:2:3:4:5:6:7::8', false],
    ['1::2::3', false],
    [':::', false],
    [':1:2:3:4:5:6:7', false],
    ['12345::', false],
    ['::192.0.2.7:1', false],
    ['::192.0.02.7', false],
    ['fe80::1%eth0', false],
    ['[::1]', false],
    ['::1:80 ', false],
    ['banana', false],
    ['*', false],
    ['', false],
  ])('%j: %j', (text, expected) => {
    expect(isNetwork(text)).toBe(expected)
  })

  test('whatever an order may name, the workers can compile', () => {
    const { compile } = createAddresses()
    const part = fc.constantFrom(
      '',
      '0',
      '1',
      'ffff',
      'db8',
      '2001',
      '10',
      '255',
      '256',
      '01',
      '1.2.3.4',
      '10.0.0.0',
      '0.0.0.0',
    )
    const text = fc
      .tuple(
        fc.array(part, { minLength: 1, maxLength: 9 }),
        fc.constantFrom(':', '.', ':'),
        fc.constantFrom('', '', '/0', '/8', '/32', '/64', '/96', '/104', '/128', '/129', '/033'),
      )
      .map(([parts, separator, bits]) => parts.join(separator) + bits)
    let taken = 0
    fc.assert(
      fc.property(text, (cidr) => {
        if (!isNetwork(cidr)) return
        taken++
        expect(() => compile([cidr])).not.toThrow()
      }),
      { numRuns: 3_000 },
    )
    expect(taken).toBeGreaterThan(40)
  })
})

describe('pseudonyms', () => {
  test.each([
    ['k1.aaaaaaaaaaaaaaaaaaaaaa', true],
    ['2026-11.AZaz09_-AZaz09_-AZaz09', true],
    ['k1.aaaaaaaaaaaaaaaaaaaaa', false],
    ['k1.aaaaaaaaaaaaaaaaaaaaaaa', false],
    ['.aaaaaaaaaaaaaaaaaaaaaa', false],
    ['aaaaaaaaaaaaaaaaaaaaaa', false],
    ['k1.aaaaaaaaaaaaaaaaaaaaaa\n', false],
    ['k1.aaaaaaaaaaaaaaaaaaaaa=', false],
    ['9999 8888 7777', false],
    ['+919876543210', false],
  ])('%j: %j', (text, expected) => {
    expect(isPseudonym(text)).toBe(expected)
  })
})

describe('roles', () => {
  test.each([
    ['lock', ['responder', 'commander']],
    ['revoke', ['receiver', 'responder', 'commander']],
    ['release', ['responder', 'commander']],
    ['approve', ['commander']],
  ] as const satisfies readonly (readonly [OrderKind, readonly string[]])[])('%s is for %j', (kind, roles) => {
    expect(ROLES.filter((role) => mayOrder(role, kind))).toEqual(roles)
    // A receiver of events takes sessions back and nothing else: nobody is told to be one.
    expect(neededRole(kind)).toBe(roles.find((role) => role !== 'receiver'))
  })
})

describe('decisions', () => {
  test.each([
    ['malformed-target', 'rejected'],
    ['malformed-request', 'rejected'],
    ['near-miss', 'rejected'],
    ['no-route', 'rejected'],
    ['method-not-allowed', 'rejected'],
    ['expectation', 'rejected'],
    ['headers-too-large', 'rejected'],
    ['body-too-large', 'rejected'],
    ['locked', 'locked'],
    ['view-stale', 'locked'],
    ['no-session', 'unauthenticated'],
    ['invalid-token', 'unauthenticated'],
    ['insufficient-authentication', 'unauthenticated'],
    ['not-owner', 'forbidden'],
    ['throttled', 'throttled'],
    ['audit-unavailable', 'error'],
    ['sessions-unavailable', 'error'],
  ] as const satisfies readonly (readonly [DenialReason, string])[])('%s is recorded as %s', (denied, label) => {
    expect(labelOf({ denied })).toBe(label)
    expect(isDenial({ denied })).toBe(true)
  })

  test('leave to forward is recorded as allow', () => {
    const permit = grantPermit(aRoute('/x'), 7)
    expect(labelOf(permit)).toBe('allow')
    expect(isDenial(permit)).toBe(false)
    expect([permit.route.id, permit.epoch]).toEqual(['/x', 7])
  })

  test('a literal is no permit', () => {
    const route = aRoute('/x')
    // @ts-expect-error a literal lacks the private member, so no other file than the one that grants can make a permit
    const forged: Permit = { route, epoch: 7 }
    // @ts-expect-error nor does a copy of a true one count: spreading leaves the private member behind
    const copied: Permit = { ...grantPermit(route, 7) }
    expect([forged, copied]).not.toContain(grantPermit(route, 7))
  })
})
