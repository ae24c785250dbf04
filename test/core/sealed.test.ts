// Sealed orders: signed beforehand, used once, able to freeze and to nothing else.
import { describe, expect, test } from '@jest/globals'
import { tableOf } from '../../src/core/ledger.ts'
import type { Statement } from '../../src/core/order.ts'
import { parseStatement } from '../../src/core/parse-statement.ts'
import { aDesk, aLockOrder, anApproval, aRelease, CHIEF, DESK, LEAD } from './desk.ts'
import { NOON } from './fixtures.ts'

const SECONDS = NOON / 1000
const FREEZE = { kind: 'lock', scope: { all: true }, reason: 'opened the envelope', incident: 'INC-7' }
const payload = (fields: object = {}) => ({
  iss: 'night-desk',
  jti: 'envelope-1',
  sealed: true,
  nbf: SECONDS,
  exp: SECONDS + 90 * 86_400,
  order: FREEZE,
  ...fields,
})

const problems = (value: unknown): string => {
  const parsed = parseStatement(value)
  return 'problems' in parsed ? parsed.problems.join('; ') : ''
}

describe('an envelope', () => {
  test('is parsed whole, with or without an iat', () => {
    const expected: Statement = {
      iss: 'night-desk',
      iat: SECONDS,
      nbf: SECONDS,
      exp: SECONDS + 90 * 86_400,
      jti: 'envelope-1',
      sealed: true,
      order: { ...FREEZE, mode: 'deny', onExpiry: 'stay', status: 503, message: {} } as Statement['order'],
    }
    expect(parseStatement(payload())).toEqual(expected)
    expect(parseStatement(payload({ iat: 7 }))).toEqual({ ...expected, iat: 7 })
  })

  test.each([
    ['no nbf', { nbf: undefined }, 'nbf is required'],
    ['no exp', { exp: undefined }, 'exp is required'],
    ['an nbf that is text', { nbf: 'now' }, 'nbf must be a time in seconds'],
    ['an exp before its nbf', { exp: SECONDS - 1 }, 'exp must come after nbf'],
    ['an exp that nobody will remember', { exp: SECONDS + 400 * 86_400 + 1 }, 'more than 400 days'],
    ['a seal of false', { sealed: false, iat: SECONDS }, 'sealed must be true, or absent'],
    ['a seal of text', { sealed: 'true', iat: SECONDS }, 'sealed must be true, or absent'],
    ['a part of the routes', { order: { ...FREEZE, scope: { routes: ['record'] } } }, 'goes with a freeze alone'],
    ['a milder mode', { order: { ...FREEZE, mode: 'read-only' } }, 'goes with a freeze alone'],
    ['a release', { order: { kind: 'release', locks: ['x'], reason: 'r' } }, 'goes with a freeze alone'],
    ['an approval', { order: { kind: 'approve', release: 'x' } }, 'goes with a freeze alone'],
    [
      'a revocation',
      { order: { kind: 'revoke', client: 'a', reason: 'r', incident: 'i' } },
      'goes with a freeze alone',
    ],
    ['a drill', { order: { kind: 'drill' } }, 'goes with a freeze alone'],
  ])('with %s is refused', (_name, fields, expected) => {
    expect(problems(payload(fields))).toContain(expected)
  })
})

describe('opening an envelope', () => {
  const sealed = { nbf: SECONDS, exp: SECONDS + 86_400, sealed: true, iat: SECONDS - 1e6 } as const

  test('freezes at any time between nbf and exp, whatever its iat', () => {
    for (const [seconds, expected] of [
      [-61, 'nbf has not come yet'],
      [-60, undefined],
      [86_399, undefined],
      [86_400, 'exp has passed'],
    ] as const) {
      const desk = aDesk()
      desk.now += seconds * 1000
      const refusal = desk.give('envelope-1', aLockOrder(), DESK, sealed)
      expect(refusal?.problems[0]).toBe(expected)
      if (expected !== undefined) expect(refusal?.now).toBe(SECONDS + seconds)
    }
  })

  test('works once: a replay is the second delivery, also after the release', () => {
    const desk = aDesk()
    desk.give('envelope-1', aLockOrder(), DESK, sealed)
    desk.now += 3_600_000
    expect(desk.give('envelope-1', aLockOrder(), DESK, sealed)).toMatchObject({ first: { id: 'envelope-1', epoch: 1 } })
    desk.give('release-1', aRelease(['envelope-1']), LEAD)
    desk.give('a', anApproval('release-1'), CHIEF)
    expect(desk.give('envelope-1', aLockOrder(), DESK, sealed)).toMatchObject({ refused: 'conflict' })
    expect(tableOf(desk.ledger).locks).toEqual([])
  })

  test('of one who has been retired since is refused', () => {
    const refusal = aDesk().give('envelope-1', aLockOrder(), { ...DESK, retiredAt: NOON }, sealed)
    expect(refusal).toMatchObject({ refused: 'role' })
  })

  test('an order that is not sealed obeys its nbf too', () => {
    expect(aDesk().give('x', aLockOrder(), DESK, { nbf: SECONDS + 61 })?.problems).toEqual(['nbf has not come yet'])
    expect(aDesk().give('x', aLockOrder(), DESK, { nbf: SECONDS + 60 })).toBeUndefined()
  })
})
