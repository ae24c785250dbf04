// What opens: the withdrawal of a fresh lock by the one who ordered it, exemptions, and drills, which open and lock nothing.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { applyEntry, EMPTY_LEDGER, tableOf } from '../../src/core/ledger.ts'
import { compileTable, findLocks, isFrozen } from '../../src/core/lock-table.ts'
import type { LockTarget } from '../../src/core/lock.ts'
import type { Order } from '../../src/core/order.ts'
import { parseStatement } from '../../src/core/parse-statement.ts'
import { aDesk, aLockOrder, anApproval, aRelease, AUDITOR, CHIEF, DESK, LEAD, ROUTES, type Desk } from './desk.ts'
import { NOON } from './fixtures.ts'

const [RECORD, LIST, NEWS] = ROUTES as readonly [LockTarget['route'], LockTarget['route'], LockTarget['route']]

const aTarget = (fields: Partial<LockTarget> = {}): LockTarget => ({
  route: RECORD,
  method: 'GET',
  address: '192.0.2.7',
  userAgent: 'app/1',
  subjects: [],
  ...fields,
})
const find = (desk: Desk, target: LockTarget) =>
  findLocks(
    compileTable(tableOf(desk.ledger), ROUTES, (cidrs) => (address) => cidrs.includes(`${address}/32`)),
    target,
    desk.now,
  )

const aWithdrawal = (locks: readonly string[]): Order => ({
  kind: 'release',
  locks,
  reason: 'wrong key',
  withdraw: true,
})

describe('who locked takes that lock back alone', () => {
  test('within a minute, to the millisecond', () => {
    for (const [afterMs, refused] of [
      [0, undefined],
      [60_000, undefined],
      [60_001, 'conflict'],
    ] as const) {
      const desk = aDesk()
      desk.give('lock-1', aLockOrder(), DESK)
      desk.now += afterMs
      expect(desk.give('back-1', aWithdrawal(['lock-1']), DESK)?.refused).toBe(refused)
      expect(desk.ledger.held.has('lock-1')).toBe(refused !== undefined)
      expect(desk.ledger.epoch).toBe(refused === undefined ? 2 : 1)
    }
  })

  test('and nobody else does, nor the same name with another key, nor anybody a FREEZE', () => {
    const desk = aDesk()
    desk.guard = { ...desk.guard, responders: [...desk.guard.responders, { ...DESK, key: 'another', keyId: 'k2' }] }
    desk.freeze('freeze-1')
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('lock-2', aLockOrder(), LEAD)
    expect(desk.give('a', aWithdrawal(['lock-1']), LEAD)).toMatchObject({ refused: 'role' })
    expect(desk.give('b', aWithdrawal(['lock-1']), { ...DESK, key: 'another', keyId: 'k2' })).toMatchObject({
      refused: 'role',
    })
    expect(desk.give('c', aWithdrawal(['lock-1', 'lock-2']), DESK)).toMatchObject({ refused: 'role' })
    expect(desk.give('d', aWithdrawal(['freeze-1']), DESK)).toMatchObject({ refused: 'role' })
    expect(desk.give('e', aWithdrawal(['lock-3']), DESK)).toMatchObject({ refused: 'bad' })
    expect(desk.ledger.held.size).toBe(3)
  })

  test('without the word it stays a release, which waits for a second person', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('release-1', aRelease(['lock-1']), DESK)
    expect(desk.ledger.held.has('lock-1')).toBe(true)
  })

  test('nothing else opens with it: another lock stays', () => {
    const desk = aDesk()
    desk.give('lock-0', aLockOrder(), CHIEF)
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('back-1', aWithdrawal(['lock-1']), DESK)
    expect(isFrozen(tableOf(desk.ledger), desk.now)).toBe(true)
  })

  test('a withdrawal is weighed by its lock, whichever a gateway hears of first', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.now += 60_000
    desk.give('back-1', aWithdrawal(['lock-1']), DESK)
    const [lock, back] = desk.entries
    if (lock?.type !== 'order' || back?.type !== 'order') throw new Error('two orders were given')
    const held = (late: number) =>
      [
        [lock, { ...back, at: back.at + late }],
        [{ ...back, at: back.at + late }, lock],
      ].map((entries) => entries.reduce(applyEntry, EMPTY_LEDGER).held.has('lock-1'))
    expect(held(0)).toEqual([false, false])
    expect(held(1)).toEqual([true, true])
    // Nor does somebody else's signature under it count, wherever it was taken.
    const theirs = { ...back, by: LEAD }
    expect([lock, theirs].reduce(applyEntry, EMPTY_LEDGER).held.has('lock-1')).toBe(true)
    expect([theirs, lock].reduce(applyEntry, EMPTY_LEDGER).held.has('lock-1')).toBe(true)
  })
})

describe('a signature over the trail that was seen', () => {
  const ROOTS = ['A', 'B'].map((letter) => `${letter.repeat(43)}=`) as [string, string]
  const at = (size: number, root = ROOTS[0], origin = 'gw-1') => ({ origin, size, root })

  test.each([
    ['as it is', at(7), undefined],
    ['that has grown', at(6), undefined],
    ['that is shorter now', at(8), '7 entries here, and you signed over 8'],
    ['that has another root', at(7, ROOTS[1]), 'another root'],
    ['of another gateway', at(900, ROOTS[1], 'gw-2'), undefined],
  ])('%s', (_name, checkpoint, problem) => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.checkpoint = at(7)
    const signed = { ...aRelease(['lock-1']), checkpoint } as Order
    const refusals = [desk.give('release-1', signed, DESK)]
    desk.give('release-2', aRelease(['lock-1']), DESK)
    refusals.push(desk.give('approve-1', { kind: 'approve', release: 'release-2', checkpoint }, LEAD))
    for (const refusal of refusals) {
      if (problem === undefined) expect(refusal).toBeUndefined()
      else expect(refusal).toMatchObject({ refused: 'conflict', problems: [expect.stringContaining(problem)] })
    }
  })

  test.each([
    ['text', '7'],
    ['a root in hex', at(7, 'ab'.repeat(32))],
    ['no origin', { size: 7, root: ROOTS[0] }],
  ])('a checkpoint that is %s is refused', (_name, checkpoint) => {
    const order = { ...aRelease(['l']), checkpoint }
    const parsed = parseStatement({ iss: 'lead', iat: NOON / 1000, jti: 'x', order })
    expect('problems' in parsed ? parsed.problems.join() : '').toContain('order.checkpoint must be')
  })
})

describe('an exemption', () => {
  const exempt = (scope: object, fields: Partial<Extract<Order, { kind: 'exempt' }>> = {}): Order => ({
    kind: 'exempt',
    locks: ['lock-1'],
    scope,
    ttlMs: 3_600_000,
    reason: 'the clinic needs its list',
    ...fields,
  })
  const aLockedDesk = (): Desk => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    return desk
  }

  test('takes two people, a commander to propose and another to approve', () => {
    const desk = aLockedDesk()
    expect(desk.give('x', exempt({ routes: ['news'] }), DESK)).toMatchObject({ refused: 'role' })
    expect(desk.give('exempt-1', exempt({ routes: ['news'] }), LEAD)).toBeUndefined()
    expect(find(desk, aTarget({ route: NEWS }))?.denying?.id).toBe('lock-1')
    expect(desk.give('a', anApproval('exempt-1'), LEAD)).toMatchObject({ refused: 'conflict' })
    expect(desk.give('b', anApproval('exempt-1'), CHIEF)).toBeUndefined()
    expect(find(desk, aTarget({ route: NEWS }))).toBeUndefined()
    expect(desk.ledger.epoch).toBe(2)
  })

  test.each([
    ['a route', { routes: ['news'] }, { route: NEWS }, { route: LIST }],
    ['a tag', { tags: ['pii'] }, { route: LIST }, { route: NEWS }],
    ['a client', { clients: ['clinic'] }, { clients: ['clinic'] }, { clients: ['other'] }],
    ['a network', { cidrs: ['192.0.2.9/32'] }, { address: '192.0.2.9' }, { address: '192.0.2.7' }],
    ['an agent', { userAgents: ['probe/*'] }, { userAgent: 'probe/2' }, { userAgent: 'app/1' }],
    [
      'all that it names at once',
      { routes: ['record'], methods: ['GET'], clients: ['clinic'] },
      { clients: ['clinic'] },
      { clients: ['clinic'], method: 'PUT' },
    ],
  ] as const)('for %s lets that pass and nothing else', (_name, scope, inside, outside) => {
    const desk = aLockedDesk()
    desk.give('exempt-1', exempt(scope), LEAD)
    desk.give('a', anApproval('exempt-1'), CHIEF)
    expect(find(desk, aTarget(inside))).toBeUndefined()
    expect(find(desk, aTarget(outside))?.denying?.id).toBe('lock-1')
  })

  test('goes through the locks that it names, and ends by itself', () => {
    const desk = aLockedDesk()
    desk.give('lock-2', aLockOrder({ routes: ['record'] }), DESK)
    desk.give('exempt-1', exempt({ tags: ['pii'] }), LEAD)
    desk.give('a', anApproval('exempt-1'), CHIEF)
    expect(find(desk, aTarget())?.denying?.id).toBe('lock-2')
    expect(find(desk, aTarget({ route: LIST }))).toBeUndefined()
    desk.now += 3_600_000 - 1
    expect(find(desk, aTarget({ route: LIST }))).toBeUndefined()
    desk.now += 1
    expect(find(desk, aTarget({ route: LIST }))?.denying?.id).toBe('lock-1')
  })

  test('is signed by those who were there when the lock landed, over what they saw', () => {
    const desk = aLockedDesk()
    const late = { ...CHIEF, name: 'late', key: 'late' }
    desk.guard = { ...desk.guard, responders: [...desk.guard.responders, late] }
    expect(desk.give('x', exempt({ routes: ['news'] }), late)).toMatchObject({ refused: 'role' })
    desk.give('exempt-1', exempt({ routes: ['news'] }), LEAD)
    expect(desk.give('a', anApproval('exempt-1'), late)).toMatchObject({ refused: 'role' })
    desk.give('lock-2', aLockOrder(), DESK)
    expect(desk.give('b', anApproval('exempt-1', 1), CHIEF)).toMatchObject({ refused: 'conflict' })
    expect(desk.give('y', exempt({ routes: ['news'] }, { epoch: 1 }), LEAD)).toMatchObject({ refused: 'conflict' })
  })

  test.each([
    ['everything', { scope: { all: true } }, 'a lock whole is a release'],
    ['no time', { ttl: undefined }, 'order.ttl is required'],
    ['more than a day', { ttl: '25h' }, 'more than 24h'],
    ['no lock', { locks: [] }, 'order.locks is required'],
    ['no reason', { reason: '' }, 'order.reason is required'],
    ['another key', { mode: 'deny' }, 'order.mode is not known here'],
  ])('of %s is refused', (_name, fields, problem) => {
    const order = { kind: 'exempt', locks: ['l'], scope: { routes: ['news'] }, ttl: '1h', reason: 'r', ...fields }
    const parsed = parseStatement({ iss: 'lead', iat: NOON / 1000, jti: 'x', order })
    expect('problems' in parsed ? parsed.problems.join() : '').toContain(problem)
  })

  test('of an unknown route is refused with the nearest', () => {
    expect(
      aLockedDesk()
        .give('x', exempt({ routes: ['mews'] }), LEAD)
        ?.problems.join(),
    ).toContain('did you mean "news"?')
  })

  test('never lets pass what it does not name, and no one person makes one', () => {
    const people = [DESK, LEAD, CHIEF, AUDITOR]
    const step = fc.tuple(
      fc.oneof(
        fc.constantFrom<Order>(exempt({ routes: ['news'] }), exempt({ clients: ['clinic'] })),
        fc.nat(3).map((number) => anApproval(`exempt-${number}`)),
      ),
      fc.nat(3),
    )
    let opened = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.constantFrom(...people), (steps, by) => {
        const desk = aLockedDesk()
        for (const [each, number] of steps) desk.give(`${each.kind}-${number}`, each, by)
        expect(find(desk, aTarget({ route: NEWS, clients: ['clinic'] }))?.denying).toBeDefined()
      }),
      { numRuns: 100 },
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.constantFrom(...people)), { maxLength: 12 }), (steps) => {
        const desk = aLockedDesk()
        for (const [[each, number], by] of steps) desk.give(`${each.kind}-${number}`, each, by)
        if (find(desk, aTarget({ route: NEWS, clients: ['clinic'] })) === undefined) opened++
        expect(find(desk, aTarget({ route: LIST }))?.denying?.id).toBe('lock-1')
      }),
      { numRuns: 200 },
    )
    expect(opened).toBeGreaterThan(3)
  })
})

describe('a drill', () => {
  const DRILL: Order = { kind: 'drill' }

  test('meets its own canaries on every route, and no request', () => {
    const desk = aDesk()
    expect(desk.give('drill-1', DRILL, DESK)).toBeUndefined()
    expect(desk.ledger.epoch).toBe(1)
    for (const route of ROUTES) {
      expect(find(desk, aTarget({ route, drill: 'drill-1' }))?.denying?.id).toBe('drill-1')
      expect(find(desk, aTarget({ route }))).toBeUndefined()
      expect(find(desk, aTarget({ route, drill: 'drill-0' }))).toBeUndefined()
    }
    expect([isFrozen(tableOf(desk.ledger), desk.now), tableOf(desk.ledger).locks]).toEqual([false, []])
  })

  test('replaces the one before, and a late one from elsewhere changes nothing', () => {
    const desk = aDesk()
    desk.give('drill-1', DRILL, DESK)
    desk.now += 1
    desk.give('drill-2', DRILL, LEAD)
    expect(tableOf(desk.ledger).drill).toMatchObject({ id: 'drill-2', by: 'lead', since: NOON + 1 })
    const [first, second] = desk.entries
    if (first === undefined || second === undefined) throw new Error('two orders were given')
    const other = [second, first].reduce(applyEntry, EMPTY_LEDGER)
    expect(tableOf(other).drill).toEqual(tableOf(desk.ledger).drill)
  })

  test('takes a responder', () => {
    expect(aDesk().give('x', DRILL, AUDITOR)).toMatchObject({ refused: 'role' })
  })
})
