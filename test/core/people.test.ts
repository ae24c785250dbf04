// Who responds: enrolled and retired by two commanders, and by nobody else; keys are changed without a gap.
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { LedgerEntry } from '../../src/core/ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER } from '../../src/core/ledger.ts'
import type { Order } from '../../src/core/order.ts'
import type { Responder } from '../../src/core/responder.ts'
import { respondersOf } from '../../src/core/roster.ts'
import { aDesk, aLockOrder, anApproval, aRelease, AUDITOR, CHIEF, DESK, GUARD, LEAD, type Desk } from './desk.ts'
import { aResponder, NOON } from './fixtures.ts'

const publicKey = (): string => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? ''
const KEYS = Array.from({ length: 4 }, publicKey)
const [KEY = '', OTHER = '', THIRD = '', FOURTH = ''] = KEYS

const anEnrolment = (fields: Partial<Extract<Order, { kind: 'enrol' }>> = {}): Order => ({
  kind: 'enrol',
  name: 'new-lead',
  role: 'commander',
  key: KEY,
  reason: 'joins the night shift',
  ...fields,
})
const aRetirement = (name: string, key?: string): Order => ({
  kind: 'retire',
  name,
  reason: 'left',
  ...(key === undefined ? {} : { key }),
})

/** Proposed by the lead and approved by the chief. */
function carryOut(desk: Desk, id: string, order: Order): void {
  expect(desk.give(id, order, LEAD)).toBeUndefined()
  expect(desk.give(`${id}-approval`, anApproval(id), CHIEF)).toBeUndefined()
  expect(desk.ledger.proposals.get(id)?.done).toBe(true)
}

const named = (desk: Desk, name: string): readonly Responder[] =>
  respondersOf(desk.guard.responders, desk.ledger.roster).filter((each) => each.name === name)

describe('an enrolment', () => {
  test('takes two commanders', () => {
    const desk = aDesk()
    expect(desk.give('enrol-1', anEnrolment(), DESK)).toMatchObject({ refused: 'role' })
    expect(desk.give('enrol-1', anEnrolment(), LEAD)).toBeUndefined()
    expect(named(desk, 'new-lead')).toEqual([])
    expect(desk.give('a', anApproval('enrol-1'), DESK)).toMatchObject({ refused: 'role' })
    expect(desk.give('b', anApproval('enrol-1'), LEAD)).toMatchObject({ refused: 'conflict' })
    expect(desk.give('c', anApproval('enrol-1'), CHIEF)).toBeUndefined()
    expect(named(desk, 'new-lead')).toEqual([{ name: 'new-lead', role: 'commander', key: KEY }])
  })

  test('changes no epoch: what the workers enforce is the same', () => {
    const desk = aDesk()
    carryOut(desk, 'enrol-1', anEnrolment())
    expect(desk.ledger.epoch).toBe(0)
  })

  test('takes as many as a release, where the config asks for more', () => {
    const desk = aDesk()
    desk.guard = { ...GUARD, approvals: 3 }
    desk.give('enrol-1', anEnrolment(), LEAD)
    desk.give('a', anApproval('enrol-1'), CHIEF)
    expect(named(desk, 'new-lead')).toEqual([])
  })

  test('lets nobody open what was locked before it', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    carryOut(desk, 'enrol-1', anEnrolment())
    const newcomer = named(desk, 'new-lead')[0] ?? DESK
    expect(desk.give('release-1', aRelease(['lock-1']), newcomer)).toMatchObject({ refused: 'role' })
    desk.give('release-1', aRelease(['lock-1']), LEAD)
    expect(desk.give('a', anApproval('release-1'), newcomer)).toMatchObject({ refused: 'role' })
    desk.give('lock-2', aLockOrder(), DESK)
    desk.give('release-2', aRelease(['lock-2']), newcomer)
    expect(desk.give('b', anApproval('release-2'), LEAD)).toBeUndefined()
    expect([...desk.ledger.held.keys()]).toEqual(['lock-1'])
  })

  test('is approved by those who were there when it was proposed, not by whom another one brought in', () => {
    const desk = aDesk()
    desk.give('enrol-2', anEnrolment({ name: 'second', key: OTHER }), LEAD)
    carryOut(desk, 'enrol-1', anEnrolment())
    expect(desk.give('a', anApproval('enrol-2'), named(desk, 'new-lead')[0] ?? DESK)).toMatchObject({ refused: 'role' })
  })

  test.each([
    ['a key that is no point', { key: 'A'.repeat(42) + 'B' }, 'bad', 'order.key'],
    ['another spelling of a key', { key: KEY.slice(0, 42) + next(KEY[42] ?? '') }, 'bad', 'order.key'],
    ['a key of low order', { key: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }, 'bad', 'low order'],
    ['a name that is taken', { name: 'chief' }, 'conflict', 'by another keyId'],
    ['a name that is taken but for its case', { name: 'Chief' }, 'bad', 'case alone'],
    ['a second key that would promote', { name: 'night-desk', keyId: 'k2' }, 'bad', 'does not change the role'],
  ] as const)('with %s is refused', (_name, fields, refused, problem) => {
    const refusal = aDesk().give('x', anEnrolment(fields), LEAD)
    expect(refusal).toMatchObject({ refused })
    expect(refusal?.problems.join()).toContain(problem)
  })

  test('with a key that somebody has or had is refused, whoever it is for', () => {
    const desk = aDesk()
    carryOut(desk, 'enrol-1', anEnrolment())
    expect(desk.give('x', anEnrolment({ name: 'twin' }), LEAD)).toMatchObject({ refused: 'conflict' })
    carryOut(desk, 'retire-1', aRetirement('new-lead'))
    expect(desk.give('y', anEnrolment({ name: 'twin' }), LEAD)?.problems.join()).toContain('has been retired')
  })

  test('is judged again when it is approved', () => {
    const desk = aDesk()
    desk.give('enrol-1', anEnrolment(), LEAD)
    carryOut(desk, 'enrol-2', anEnrolment({ name: 'second' }))
    expect(desk.give('a', anApproval('enrol-1'), CHIEF)).toMatchObject({ refused: 'conflict' })
  })
})

/** The next character of base64url: its last bits are lost in 43 characters. */
function next(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(character) + 1] ?? ''
}

describe('a new key for an old hand', () => {
  test('works beside the old one until that is retired, and is the same person all along', () => {
    const desk = aDesk()
    carryOut(desk, 'enrol-1', anEnrolment({ name: 'lead', keyId: '2027', key: KEY }))
    const rekeyed = named(desk, 'lead').find(({ keyId }) => keyId === '2027') ?? DESK
    desk.give('lock-1', aLockOrder(), rekeyed)
    desk.give('release-1', aRelease(['lock-1']), LEAD)
    expect(desk.give('a', anApproval('release-1'), rekeyed)).toMatchObject({ refused: 'conflict' })
    carryOut(desk, 'enrol-2', anEnrolment({ key: OTHER }))
    expect(desk.give('b', anApproval('release-1'), CHIEF)).toBeUndefined()

    expect(desk.give('retire-1', aRetirement('lead', LEAD.key), rekeyed)).toBeUndefined()
    expect(desk.give('c', anApproval('retire-1'), CHIEF)).toBeUndefined()
    desk.now += 1
    const old = named(desk, 'lead').find(({ key }) => key === LEAD.key) ?? DESK
    expect(old.retiredAt).toBe(NOON)
    expect(desk.give('d', aLockOrder(), old)).toMatchObject({ refused: 'role', problems: ['lead has been retired'] })
    expect(desk.give('e', aLockOrder(), rekeyed)).toBeUndefined()
  })
})

describe('a retirement', () => {
  test('holds whatever the config says afterwards', () => {
    const desk = aDesk()
    carryOut(desk, 'enrol-1', anEnrolment())
    carryOut(desk, 'retire-1', aRetirement('night-desk'))
    const { roster } = desk.ledger
    const after = (config: readonly Responder[]) =>
      respondersOf(config, roster).find(({ name }) => name === 'night-desk')
    expect(after([DESK])?.retiredAt).toBe(NOON)
    expect(after([{ ...DESK, key: 'a new one' }])?.retiredAt).toBe(NOON)
    expect(after([{ ...DESK, role: 'commander' }])?.retiredAt).toBe(NOON)
    expect(after([{ ...DESK, retiredAt: NOON - 5 }])?.retiredAt).toBe(NOON - 5)
  })

  test('a line of the config that has the name or the key of somebody enrolled by an order is that person', () => {
    const desk = aDesk()
    carryOut(desk, 'enrol-1', anEnrolment({ role: 'responder' }))
    const { roster } = desk.ledger
    for (const line of [
      aResponder('new-lead', 'commander', { key: KEY }),
      aResponder('new-lead', 'commander', { key: OTHER }),
      aResponder('another', 'commander', { key: KEY }),
    ])
      expect(respondersOf([line], roster)).toEqual([{ name: 'new-lead', role: 'responder', key: KEY }])
  })

  test('who is retired may come back with a new key', () => {
    const desk = aDesk()
    carryOut(desk, 'retire-1', aRetirement('night-desk'))
    desk.now += 1
    carryOut(desk, 'enrol-1', anEnrolment({ name: 'night-desk', role: 'responder', keyId: 'back' }))
    expect(named(desk, 'night-desk').map(({ keyId, retiredAt }) => [keyId, retiredAt])).toEqual([
      [undefined, NOON],
      ['back', undefined],
    ])
    desk.now += 1
    carryOut(desk, 'retire-2', aRetirement('night-desk'))
    expect(named(desk, 'night-desk').map(({ retiredAt }) => retiredAt)).toEqual([NOON, NOON + 2])
  })

  test('never leaves too few to release', () => {
    const desk = aDesk()
    // Two commanders: without one of them the night desk proposes and the other approves.
    carryOut(desk, 'retire-1', aRetirement('chief'))
    desk.now += 1
    expect(desk.give('x', aRetirement('lead'), LEAD)).toMatchObject({ refused: 'conflict' })
    expect(desk.give('y', aRetirement('night-desk'), LEAD)).toMatchObject({ refused: 'conflict' })
  })

  test('never leaves a lock that nobody could release', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    carryOut(desk, 'enrol-1', anEnrolment())
    carryOut(desk, 'enrol-2', anEnrolment({ name: 'second', key: OTHER }))
    carryOut(desk, 'retire-1', aRetirement('chief'))
    desk.now += 1
    const newcomer = named(desk, 'new-lead')[0] ?? DESK
    expect(desk.give('x', aRetirement('lead'), newcomer)?.problems.join()).toContain('lock lock-1 would be left')
    desk.give('release-1', aRelease(['lock-1']), DESK)
    desk.give('a', anApproval('release-1'), LEAD)
    expect(desk.give('y', aRetirement('lead'), newcomer)).toBeUndefined()
  })

  test.each([
    ['nobody', aRetirement('cheif'), 'bad', 'did you mean "chief"?'],
    ['a key that is none of theirs', aRetirement('chief', KEY), 'bad', 'no key of chief'],
  ] as const)('of %s is refused', (_name, order, refused, problem) => {
    const refusal = aDesk().give('x', order, LEAD)
    expect(refusal).toMatchObject({ refused })
    expect(refusal?.problems.join()).toContain(problem)
  })

  test('of one who has left already is a conflict', () => {
    const desk = aDesk()
    carryOut(desk, 'retire-1', aRetirement('night-desk'))
    desk.now += 1
    expect(desk.give('x', aRetirement('night-desk'), LEAD)).toMatchObject({ refused: 'conflict' })
  })
})

describe('signatures of the retired', () => {
  const entryOf = (id: string, order: Order, by: Responder, at: number): LedgerEntry => ({
    type: 'order',
    id,
    jws: id,
    statement: { iss: by.name, iat: at / 1000, jti: id, order },
    by,
    at,
    channel: 'api',
    guard: { ...GUARD, responders: [...GUARD.responders, aResponder('fourth', 'commander')] },
  })
  const FOURTH_HAND = aResponder('fourth', 'commander')
  const retirement = [
    entryOf('retire-1', aRetirement('chief'), LEAD, NOON),
    entryOf('retire-1-approval', anApproval('retire-1'), FOURTH_HAND, NOON + 10),
  ]
  const release = (at: number) => [
    entryOf('lock-1', aLockOrder(), DESK, NOON - 1000),
    entryOf('release-1', aRelease(['lock-1']), DESK, NOON),
    entryOf('approve-1', anApproval('release-1'), CHIEF, at),
  ]
  const held = (entries: readonly LedgerEntry[]) => entries.reduce(applyEntry, EMPTY_LEDGER).held.has('lock-1')

  test('open nothing, whichever half of a fleet hears of it first', () => {
    for (const [at, isHeld] of [
      [NOON + 9, false],
      [NOON + 10, true],
      [NOON + 500, true],
    ] as const) {
      expect(held([...release(at), ...retirement])).toBe(isHeld)
      expect(held([...retirement, ...release(at)])).toBe(isHeld)
    }
  })

  test('nor do those of people who were not there when it was proposed, or are no commanders', () => {
    const late = aResponder('late', 'commander')
    const proposed = entryOf('enrol-1', anEnrolment(), LEAD, NOON)
    for (const [by, enrolled] of [
      [late, 0],
      [DESK, 0],
      [{ ...CHIEF, key: 'another' }, 0],
      [CHIEF, 1],
    ] as const) {
      const approval = entryOf('approve-1', anApproval('enrol-1'), by, NOON)
      for (const entries of [
        [proposed, approval],
        [approval, proposed],
      ])
        expect(entries.reduce(applyEntry, EMPTY_LEDGER).roster.enrolments).toHaveLength(enrolled)
    }
  })

  test('two who retire each other in two halves of a fleet: the first counts, in both', () => {
    const first = retirement
    const second = [
      entryOf('retire-2', aRetirement('lead'), CHIEF, NOON + 20),
      entryOf('retire-2-approval', anApproval('retire-2'), FOURTH_HAND, NOON + 30),
    ]
    for (const entries of [
      [...first, ...second],
      [...second, ...first],
    ]) {
      const { roster } = entries.reduce(applyEntry, EMPTY_LEDGER)
      expect(roster.retirements.map(({ name }) => name)).toEqual(['chief'])
    }
  })
})

test('whatever people order about each other, two commanders stand behind each change, and the set alone decides', () => {
  const people = [DESK, LEAD, CHIEF, AUDITOR]
  const order: fc.Arbitrary<Order> = fc.oneof(
    fc
      .record({
        name: fc.constantFrom('new-lead', 'lead', 'third'),
        key: fc.constantFrom(KEY, OTHER, THIRD, FOURTH),
        keyId: fc.constantFrom(undefined, 'a', 'b'),
      })
      .map(({ keyId, ...fields }) => anEnrolment({ ...fields, ...(keyId === undefined ? {} : { keyId }) })),
    fc.constantFrom('lead', 'chief', 'new-lead', 'night-desk').map((name) => aRetirement(name)),
    fc.nat(5).map((number) => anApproval(`proposal-${number}`)),
  )
  const step = fc.tuple(order, fc.nat(5), fc.constantFrom(...people), fc.nat(3))
  let changed = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 24, size: 'max' }), (steps) => {
      const desk = aDesk()
      for (const [index, [each, number, by, ms]] of steps.entries()) {
        desk.now += ms
        desk.give(each.kind === 'approve' ? `approve-${index}` : `proposal-${number}`, each, by)
      }
      const { roster, proposals } = desk.ledger
      changed += roster.enrolments.length + roster.retirements.length
      for (const proposal of proposals.values()) {
        if (!proposal.done) continue
        const commanders = proposal.signers.filter(({ role }) => role === 'commander')
        expect(new Set(commanders.map(({ name }) => name)).size).toBeGreaterThanOrEqual(2)
      }
      const keys = respondersOf(desk.guard.responders, roster).map(({ key }) => key)
      expect(new Set(keys).size).toBe(keys.length)
      const shuffled = [...desk.entries].reverse().reduce(applyEntry, EMPTY_LEDGER)
      expect(shuffled.roster).toEqual(roster)
    }),
    { numRuns: 400 },
  )
  expect(changed).toBeGreaterThan(20)
})
