// Easy in, hard out: who may order what, when, and what it takes to open again.
import { describe, expect, test } from '@jest/globals'
import { ORDER_SKEW_MS } from '../../src/core/judge-order.ts'
import { tableOf } from '../../src/core/ledger.ts'
import type { Order } from '../../src/core/order.ts'
import { isExpired, pendingOf } from '../../src/core/pending.ts'
import { mayAudit, ROLES } from '../../src/core/responder.ts'
import { aDesk, aLockOrder, anApproval, aRelease, AUDITOR, CHIEF, DESK, GUARD, LEAD, type Desk } from './desk.ts'
import { aLock, aResponder, NOON, PEOPLE } from './fixtures.ts'

const REVOKE: Order = { kind: 'revoke', subject: PEOPLE[0], reason: 'codes leaked', incident: 'INC-7' }

/** A desk with one lock of all, `lock-1`, and its release proposed by the night desk, `release-1`. */
function aDeskWithProposal() {
  const desk = aDesk()
  desk.give('lock-1', aLockOrder(), DESK)
  desk.give('release-1', aRelease(['lock-1']), DESK)
  return desk
}

const pending = ({ ledger, now }: Desk) => pendingOf(ledger, now).map(({ id }) => id)

describe('one signature locks', () => {
  test('a responder locks and revokes, at once', () => {
    const desk = aDesk()
    expect(desk.give('lock-1', aLockOrder(), DESK)).toBeUndefined()
    expect(desk.give('revoke-1', REVOKE, DESK)).toBeUndefined()
    expect(desk.ledger.epoch).toBe(2)
    expect(tableOf(desk.ledger).locks.map(({ id }) => id)).toEqual(['lock-1'])
    expect(tableOf(desk.ledger).revocations.map(({ id, before }) => [id, before])).toEqual([['revoke-1', NOON]])
  })

  test.each([
    ['a viewer locks', aResponder('viewer', 'viewer'), aLockOrder()],
    ['an auditor locks', AUDITOR, aLockOrder()],
    ['a receiver locks', aResponder('idp', 'receiver'), aLockOrder()],
    ['a receiver proposes', aResponder('idp', 'receiver'), aRelease(['lock-1'])],
    ['a receiver approves', aResponder('idp', 'receiver'), anApproval('release-1')],
    ['an auditor revokes', AUDITOR, REVOKE],
    ['an auditor proposes', AUDITOR, aRelease(['lock-1'])],
    ['a responder approves', DESK, anApproval('release-1')],
  ])('%s: 403', (_name, by, order) => {
    const desk = aDeskWithProposal()
    expect(desk.give('x', order, by)).toMatchObject({ refused: 'role' })
  })

  test('a receiver revokes, and is no auditor', () => {
    expect(aDesk().give('revoke-1', REVOKE, aResponder('idp', 'receiver'))).toBeUndefined()
    expect(ROLES.filter(mayAudit)).toEqual(['auditor', 'responder', 'commander'])
  })

  test('who has been retired orders nothing, from that very instant on', () => {
    const leaver = aResponder('leaver', 'commander', { retiredAt: NOON })
    for (const order of [aLockOrder(), REVOKE, aRelease(['lock-1']), anApproval('release-1')]) {
      expect(aDeskWithProposal().give('x', order, leaver)).toMatchObject({
        refused: 'role',
        problems: ['leaver has been retired'],
      })
    }
    expect(aDesk().give('x', aLockOrder(), { ...leaver, retiredAt: NOON + 1 })).toBeUndefined()
  })

  test('a second delivery is a conflict that names the first answer, and changes nothing', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('lock-2', aLockOrder(), DESK)
    const before = desk.ledger
    expect(desk.give('lock-1', aLockOrder(), DESK)).toMatchObject({
      refused: 'conflict',
      first: { id: 'lock-1', epoch: 1 },
    })
    expect(desk.ledger).toBe(before)
  })
})

describe('the times of an order', () => {
  test.each([
    ['a minute old', -ORDER_SKEW_MS, undefined],
    ['more than a minute old', -ORDER_SKEW_MS - 1, 'bad'],
    ['a minute ahead', ORDER_SKEW_MS, undefined],
    ['more than a minute ahead', ORDER_SKEW_MS + 1, 'bad'],
  ])('an order %s', (_name, offsetMs, expected) => {
    const refusal = aDesk().give('x', aLockOrder(), DESK, { iat: (NOON + offsetMs) / 1000 })
    expect(refusal?.refused).toBe(expected)
    if (expected !== undefined) expect(refusal?.now).toBe(NOON / 1000)
  })

  test.each([
    ['ahead', 1, undefined],
    ['now', 0, 'bad'],
    ['past', -1, 'bad'],
  ])('an exp that is %s', (_name, seconds, expected) => {
    expect(aDesk().give('x', aLockOrder(), DESK, { exp: NOON / 1000 + seconds })?.refused).toBe(expected)
  })

  test.each([
    ['long ago', -1e12, undefined],
    ['a minute ahead', ORDER_SKEW_MS, undefined],
    ['more than a minute ahead', ORDER_SKEW_MS + 1, 'bad'],
  ])('a revocation of sessions before %s', (_name, offsetMs, expected) => {
    const order: Order = { ...REVOKE, before: NOON + offsetMs }
    expect(aDesk().give('x', order, DESK)?.refused).toBe(expected)
  })
})

describe('the scope of a lock order', () => {
  test.each([
    ['a route', { routes: ['recrod'] }, 'order.scope.routes: there is no "recrod", did you mean "record"?'],
    ['a tag', { tags: ['pi'] }, 'order.scope.tags: there is no "pi", did you mean "pii"?'],
    ['an upstream', { upstreams: ['cmz'] }, 'order.scope.upstreams: there is no "cmz", did you mean "cms"?'],
    ['a name of a prototype', { routes: ['constructor'] }, 'order.scope.routes: there is no "constructor"'],
    ['one of several', { routes: ['record', 'nothing-like-it'] }, 'order.scope.routes: there is no "nothing-like-it"'],
  ])('%s that nobody knows is refused', (_name, scope, problem) => {
    expect(aDesk().give('x', aLockOrder(scope), DESK)).toEqual({ refused: 'bad', problems: [problem] })
  })

  test('thousands of unknown names are answered with twenty problems, quickly', () => {
    const routes = Array.from({ length: 10_000 }, (_, index) => `recxrd-${index}`)
    const started = performance.now()
    expect(aDesk().give('x', aLockOrder({ routes }), DESK)?.problems).toHaveLength(20)
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('a client that is an identifier of a person is known by pseudonym, and refused by any other name', () => {
    for (const clients of [['9876543210'], ['app', 'https://otp.example.in#someone@example.in']])
      expect(aDesk().give('x', aLockOrder({ clients }), DESK)?.problems).toEqual([
        expect.stringMatching(/^order\.scope\.clients holds what looks like an? .*by pseudonym$/),
      ])
    expect(aDesk().give('x', aLockOrder({ clients: ['k1.q1w2e3r4t5y6u7i8o9p0aA'] }), DESK)).toBeUndefined()
  })

  test('known names, and dimensions that are not known beforehand, are taken', () => {
    expect(
      aDesk().give('x', aLockOrder({ routes: ['record'], tags: ['pii'], upstreams: ['cms'], clients: ['app'] }), DESK),
    ).toBeUndefined()
  })
})

describe('a release takes two people', () => {
  test('what a thaw plan has opened to its end is not opened again by an older proposal', () => {
    const desk = aDeskWithProposal()
    const thaw = {
      stages: [{ passes: 'all', forMs: 60_000 }],
      owner: 'lead',
      deadlineMs: 600_000,
      refreezeOn: [],
    } as const
    desk.give('thaw-1', { kind: 'release', locks: ['lock-1'], reason: 'mended', thaw }, DESK)
    desk.give('approve-1', anApproval('thaw-1'), LEAD)
    desk.now += 59_999
    expect(pending(desk)).toEqual(['release-1'])
    desk.now += 1
    expect(pending(desk)).toEqual([])
    expect(desk.give('approve-2', anApproval('release-1'), LEAD)).toEqual({
      refused: 'conflict',
      problems: ['what it opens is open already'],
    })
  })

  test('proposed by one and approved by another, it opens', () => {
    const desk = aDeskWithProposal()
    expect(desk.ledger.proposals.get('release-1')).toMatchObject({ done: false, required: 2, signers: [DESK] })
    expect(desk.ledger.held.has('lock-1')).toBe(true)
    const before = desk.ledger.epoch
    expect(desk.give('approve-1', anApproval('release-1'), LEAD)).toBeUndefined()
    expect(desk.ledger.proposals.get('release-1')).toMatchObject({ done: true, signers: [DESK, LEAD] })
    expect(desk.ledger.held.has('lock-1')).toBe(false)
    expect([...desk.ledger.released]).toEqual(['lock-1'])
    expect(desk.ledger.epoch).toBe(before + 1)
  })

  test('a FREEZE file leaves the same way', () => {
    const desk = aDesk()
    desk.freeze('freeze-1')
    expect(desk.give('release-1', aRelease(['freeze-1']), LEAD)).toBeUndefined()
    expect(tableOf(desk.ledger).locks).toHaveLength(1)
    expect(desk.give('approve-1', anApproval('release-1'), CHIEF)).toBeUndefined()
    expect(tableOf(desk.ledger).locks).toHaveLength(0)
  })

  test.each([
    ['the proposer', LEAD],
    ['the proposer under another key', { ...LEAD, key: 'another' }],
    ['the key of the proposer under another name', { ...CHIEF, key: LEAD.key }],
  ])('%s is no second person: 409', (_name, by) => {
    const desk = aDesk()
    desk.guard = { ...GUARD, responders: [...GUARD.responders, by] }
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('release-1', aRelease(['lock-1']), LEAD)
    expect(desk.give('approve-1', anApproval('release-1'), by)).toMatchObject({ refused: 'conflict' })
    expect(desk.ledger.held.has('lock-1')).toBe(true)
  })

  test('one who approved before does not count twice where three are asked for', () => {
    const desk = aDesk()
    desk.guard = { ...GUARD, approvals: 3 }
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('release-1', aRelease(['lock-1']), DESK)
    expect(desk.give('approve-1', anApproval('release-1'), LEAD)).toBeUndefined()
    expect(desk.give('approve-2', anApproval('release-1'), LEAD)).toMatchObject({ refused: 'conflict' })
    expect(desk.ledger.held.has('lock-1')).toBe(true)
    expect(desk.give('approve-3', anApproval('release-1'), CHIEF)).toBeUndefined()
    expect(desk.ledger.held.has('lock-1')).toBe(false)
  })

  test('fewer approvals than when the lock landed do not open it', () => {
    const desk = aDesk()
    desk.guard = { ...GUARD, approvals: 3 }
    desk.give('lock-1', aLockOrder(), DESK)
    desk.guard = GUARD
    desk.give('release-1', aRelease(['lock-1']), DESK)
    expect(desk.ledger.proposals.get('release-1')?.required).toBe(3)
    desk.give('approve-1', anApproval('release-1'), LEAD)
    expect(desk.ledger.held.has('lock-1')).toBe(true)
  })

  test('a config that asks for one person is not obeyed', () => {
    const desk = aDesk()
    desk.guard = { ...GUARD, approvals: 1 }
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('release-1', aRelease(['lock-1']), LEAD)
    expect(desk.ledger.proposals.get('release-1')).toMatchObject({ required: 2, done: false })
    expect(desk.ledger.held.has('lock-1')).toBe(true)
  })
})

describe('only those who were enrolled when a lock landed release it', () => {
  const late = aResponder('late', 'commander')
  const promoted = { ...DESK, role: 'commander' as const }
  const rekeyed = { ...CHIEF, key: 'a new key' }
  const impostor = { ...LEAD, name: 'impostor' }

  test.each([
    ['one who came later', late],
    ['a name with a new key', rekeyed],
    ['a key under a new name', impostor],
    ['one who was no commander then', promoted],
  ])('%s does not approve: 403', (_name, by) => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.guard = { ...GUARD, responders: [...GUARD.responders, by] }
    desk.give('release-1', aRelease(['lock-1']), by === promoted ? CHIEF : DESK)
    expect(desk.give('approve-1', anApproval('release-1'), by)).toMatchObject({ refused: 'role' })
    expect(desk.ledger.held.has('lock-1')).toBe(true)
  })

  test.each([
    ['one who came later', late],
    ['one who was an auditor then', { ...AUDITOR, role: 'commander' as const }],
  ])('%s does not propose: 403', (_name, by) => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    expect(desk.give('release-1', aRelease(['lock-1']), by)).toMatchObject({ refused: 'role' })
  })

  test('each lock of a release is judged by its own time', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.guard = { ...GUARD, responders: [...GUARD.responders, late] }
    desk.give('lock-2', aLockOrder(), DESK)
    expect(desk.give('release-1', aRelease(['lock-2', 'lock-1']), late)).toMatchObject({ refused: 'role' })
    expect(desk.give('release-2', aRelease(['lock-2']), late)).toBeUndefined()
  })

  test('signatures that were never judged here do not count either', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    const entry = {
      type: 'order',
      jws: 'x',
      at: NOON,
      channel: 'file',
      guard: { responders: [late, rekeyed], approvals: 1 },
    } as const
    const statement = { iss: 'x', iat: NOON / 1000, jti: 'x' }
    desk.apply({ ...entry, id: 'release-1', by: late, statement: { ...statement, order: aRelease(['lock-1']) } })
    desk.apply({ ...entry, id: 'approve-1', by: rekeyed, statement: { ...statement, order: anApproval('release-1') } })
    expect(desk.ledger.held.has('lock-1')).toBe(true)
  })
})

describe('what a release may name', () => {
  test.each([
    ['a lock that is not there', ['lock-2'], 'bad', 'there is no lock lock-2, did you mean "lock-1"?'],
    ['one that is and one that is not', ['lock-1', 'nothing-like-it'], 'bad', 'there is no lock nothing-like-it'],
    ['a lock by file', ['file.freeze'], 'bad', 'lock file.freeze was set by the locks file: it is opened there'],
    ['a lock of the config', ['config.news'], 'bad', 'lock config.news was set by the config: it is opened there'],
  ])('%s is refused', (_name, locks, refused, problem) => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.apply({ type: 'flags', source: 'file', locks: [aLock({ id: 'file.freeze', source: 'file' })], at: NOON })
    desk.apply({ type: 'flags', source: 'config', locks: [aLock({ id: 'config.news', source: 'config' })], at: NOON })
    expect(desk.give('release-1', aRelease(locks), LEAD)).toEqual({ refused, problems: [problem] })
  })

  test('what was released before is a conflict', () => {
    const desk = aDeskWithProposal()
    desk.give('approve-1', anApproval('release-1'), LEAD)
    expect(desk.give('release-2', aRelease(['lock-1']), LEAD)).toMatchObject({ refused: 'conflict' })
    expect(desk.give('approve-2', anApproval('release-1'), CHIEF)).toMatchObject({ refused: 'conflict' })
    desk.give('lock-3', aLockOrder(), DESK)
    expect(desk.give('release-3', aRelease(['lock-1', 'missing']), LEAD)).toMatchObject({ refused: 'bad' })
  })

  test('an approval of a release that nobody proposed is refused with the nearest that was', () => {
    const desk = aDeskWithProposal()
    expect(desk.give('approve-1', anApproval('release-2'), LEAD)).toEqual({
      refused: 'bad',
      problems: ['there is no proposal release-2, did you mean "release-1"?'],
    })
  })

  test('an approval of a release whose locks another release has opened is a conflict', () => {
    const desk = aDeskWithProposal()
    desk.give('release-2', aRelease(['lock-1']), LEAD)
    desk.give('approve-2', anApproval('release-2'), CHIEF)
    expect(desk.give('approve-1', anApproval('release-1'), LEAD)).toMatchObject({ refused: 'conflict' })
  })
})

describe('the exp of a release', () => {
  test.each([
    ['before', 0, undefined],
    ['at', 1_000, 'bad'],
    ['after', 2_000, 'bad'],
  ])('an approval that comes %s it', (_name, laterMs, expected) => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('release-1', aRelease(['lock-1']), DESK, { exp: NOON / 1000 + 1 })
    desk.now += laterMs
    expect(desk.give('approve-1', anApproval('release-1'), LEAD)?.refused).toBe(expected)
    expect(desk.ledger.held.has('lock-1')).toBe(expected !== undefined)
    const proposal = desk.ledger.proposals.get('release-1')
    expect(proposal !== undefined && isExpired(proposal, desk.now)).toBe(expected !== undefined)
  })

  test('without one a release waits as long as it must', () => {
    const desk = aDeskWithProposal()
    desk.now += 365 * 86_400_000
    expect(desk.give('approve-1', anApproval('release-1'), LEAD)).toBeUndefined()
  })
})

describe('the epoch that a signer saw', () => {
  /** Epoch 1: a lock of one route. Epoch 2: a lock that came since. */
  function aDeskWithLaterLock(
    scope: Parameters<typeof aLockOrder>[0],
    first: Parameters<typeof aLockOrder>[0] = { routes: ['record'] },
  ) {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(first), DESK)
    desk.give('lock-2', aLockOrder(scope), DESK)
    return desk
  }

  test.each([
    ['a lock of everything', { all: true as const }, 'conflict'],
    ['a lock of the same route', { routes: ['record'] }, 'conflict'],
    ['a lock of a tag of the route', { tags: ['pii'] }, 'conflict'],
    ['a lock of a person, on any route', { subjects: [PEOPLE[0]] }, 'conflict'],
    ['a lock of another route', { routes: ['news'] }, undefined],
    ['a lock of another upstream', { upstreams: ['cms'] }, undefined],
  ])('%s came since', (_name, scope, expected) => {
    expect(aDeskWithLaterLock(scope).give('release-1', aRelease(['lock-1'], 1), DESK)?.refused).toBe(expected)
    const desk = aDeskWithLaterLock(scope)
    desk.give('release-1', aRelease(['lock-1']), DESK)
    expect(desk.give('approve-1', anApproval('release-1', 1), LEAD)?.refused).toBe(expected)
    expect(desk.ledger.held.has('lock-1')).toBe(expected !== undefined)
  })

  test('who signed over the newer epoch, or over none, is not refused', () => {
    expect(aDeskWithLaterLock({ all: true }).give('release-1', aRelease(['lock-1'], 2), DESK)).toBeUndefined()
    expect(aDeskWithLaterLock({ all: true }).give('release-1', aRelease(['lock-1']), DESK)).toBeUndefined()
  })

  test('a lock that the release names itself is one that the signer knows', () => {
    expect(aDeskWithLaterLock({ all: true }).give('release-1', aRelease(['lock-1', 'lock-2'], 1), DESK)).toBeUndefined()
  })

  test('a lock that has opened by itself since does not stand in the way', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    desk.give('lock-2', { ...aLockOrder(), ttlMs: 1_000, onExpiry: 'open' } as Order, DESK)
    desk.now += 1_000
    expect(desk.give('release-1', aRelease(['lock-1'], 1), DESK)).toBeUndefined()
  })

  test('a lock is never refused for an epoch', () => {
    const desk = aDeskWithLaterLock({ all: true })
    expect(desk.give('lock-3', { ...aLockOrder(), epoch: 0 } as Order, DESK)).toBeUndefined()
  })
})
