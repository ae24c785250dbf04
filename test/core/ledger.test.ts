// The ledger is a set of accepted orders: order and repetition change nothing, the epoch only grows, and no one person opens.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Guard, LedgerEntry } from '../../src/core/ledger-entry.ts'
import { applyEntry, EMPTY_LEDGER, tableOf, type Ledger } from '../../src/core/ledger.ts'
import { isFrozen } from '../../src/core/lock-table.ts'
import type { Order } from '../../src/core/order.ts'
import { isSamePerson, type Responder } from '../../src/core/responder.ts'
import { aDesk, aLockOrder, anApproval, aRelease, AUDITOR, CHIEF, DESK, GUARD, LEAD, type Desk } from './desk.ts'
import { aLock, aResponder, NOON, PEOPLE } from './fixtures.ts'

type OrderEntry = Extract<LedgerEntry, { type: 'order' }>

function anEntry(
  id: string,
  order: Order,
  by: Responder = DESK,
  fields: Partial<OrderEntry> & { readonly exp?: number } = {},
): OrderEntry {
  const { exp, ...rest } = fields
  const statement = { iss: by.name, iat: NOON / 1000, jti: id, order, ...(exp === undefined ? {} : { exp }) }
  return { type: 'order', id, jws: id, statement, by, at: NOON, channel: 'api', guard: GUARD, ...rest }
}

const apply = (entries: readonly LedgerEntry[]) => entries.reduce(applyEntry, EMPTY_LEDGER)

/** All of a ledger that must not depend on the order in which its entries came. */
function essence({ held, released, revocations, proposals, ...ledger }: Ledger) {
  return {
    locks: tableOf({ held, released, revocations, proposals, ...ledger }).locks,
    revocations: tableOf({ held, released, revocations, proposals, ...ledger }).revocations,
    held: [...held.keys()].toSorted(),
    released: [...released].toSorted(),
    proposals: [...proposals.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    accepted: [...ledger.accepted.keys()].toSorted(),
  }
}

describe('one entry after another', () => {
  test('each entry that is applied again leaves the very same ledger', () => {
    const entries: readonly LedgerEntry[] = [
      { type: 'freeze', id: 'freeze-1', at: NOON, guard: GUARD },
      anEntry('lock-1', aLockOrder()),
      anEntry('revoke-1', { kind: 'revoke', session: PEOPLE[1], reason: 'r', incident: 'i' }),
      anEntry('release-1', aRelease(['lock-1'])),
      anEntry('approve-1', anApproval('release-1'), LEAD),
      { type: 'flags', source: 'file', locks: [aLock({ id: 'file.freeze', source: 'file' })], at: NOON },
      { type: 'flags', source: 'config', locks: [], at: NOON },
    ]
    const ledger = apply(entries)
    for (const entry of entries) expect(applyEntry(ledger, structuredClone(entry))).toBe(ledger)
  })

  test('a lock lands whole', () => {
    const order: Order = {
      ...aLockOrder(),
      mode: 'throttle',
      ttlMs: 60_000,
      limit: { count: 6, periodMs: 60_000 },
      message: { en: 'Later.' },
    } as Order
    expect(tableOf(apply([anEntry('lock-1', order, LEAD)]))).toEqual({
      epoch: 1,
      revocations: [],
      locks: [
        {
          ...aLock({ id: 'lock-1', mode: 'throttle', since: NOON, by: 'lead' }),
          until: NOON + 60_000,
          limit: { count: 6, periodMs: 60_000 },
          message: { en: 'Later.' },
        },
      ],
    })
  })

  test('a FREEZE file locks everything, with nobody to name', () => {
    const ledger = apply([{ type: 'freeze', id: 'freeze-1', at: NOON, guard: GUARD }])
    expect(isFrozen(tableOf(ledger), NOON + 1e12)).toBe(true)
    expect(tableOf(ledger).locks[0]).toMatchObject({
      id: 'freeze-1',
      source: 'freeze',
      mode: 'deny',
      onExpiry: 'stay',
      status: 503,
    })
    expect(tableOf(ledger).locks[0]).not.toHaveProperty('by')
  })

  test('a released lock does not come back by a replay, nor does a FREEZE', () => {
    const lock = anEntry('lock-1', aLockOrder())
    const freeze: LedgerEntry = { type: 'freeze', id: 'freeze-1', at: NOON, guard: GUARD }
    const ledger = apply([
      lock,
      freeze,
      anEntry('release-1', aRelease(['lock-1', 'freeze-1'])),
      anEntry('approve-1', anApproval('release-1'), LEAD),
    ])
    expect(tableOf(ledger).locks).toEqual([])
    for (const again of [lock, freeze, { ...lock, at: NOON + 1 }]) expect(applyEntry(ledger, again)).toBe(ledger)
  })

  test.each([
    ['a subject, from now', { subject: PEOPLE[0] }, NOON],
    ['a client, from now', { client: 'app' }, NOON],
    ['a session, for good', { session: PEOPLE[1] }, Number.MAX_SAFE_INTEGER],
    ['a session, before a time', { session: PEOPLE[1], before: NOON - 7 }, NOON - 7],
    ['everybody, before a time', { before: NOON - 7 }, NOON - 7],
  ])('a revocation of %s', (_name, fields, before) => {
    const ledger = apply([anEntry('revoke-1', { kind: 'revoke', reason: 'r', incident: 'i', ...fields })])
    expect(tableOf(ledger).revocations).toEqual([
      { id: 'revoke-1', reason: 'r', incident: 'i', by: 'night-desk', since: NOON, ...fields, before },
    ])
  })

  test('the table names the oldest lock first, flags after orders', () => {
    const ledger = apply([
      { type: 'flags', source: 'config', locks: [aLock({ id: 'config.x', since: 0 })], at: NOON },
      { type: 'flags', source: 'file', locks: [aLock({ id: 'file.x', since: 0 })], at: NOON },
      anEntry('b', aLockOrder(), DESK, { at: NOON + 1 }),
      anEntry('c', aLockOrder()),
      anEntry('a', aLockOrder()),
    ])
    expect(tableOf(ledger).locks.map(({ id }) => id)).toEqual(['a', 'c', 'b', 'file.x', 'config.x'])
  })

  test('flags replace the flags of their own source alone, and unchanged ones make no new epoch', () => {
    const flags = (source: 'file' | 'config', ...ids: readonly string[]): LedgerEntry => ({
      type: 'flags',
      source,
      locks: ids.map((id) => aLock({ id, source })),
      at: NOON,
    })
    const first = apply([anEntry('lock-1', aLockOrder()), flags('config', 'c'), flags('file', 'a', 'b')])
    expect([first.epoch, first.fileKnown]).toEqual([3, true])
    expect(applyEntry(first, flags('file', 'a', 'b')).epoch).toBe(3)
    const second = applyEntry(first, flags('file', 'a'))
    expect([second.epoch, tableOf(second).locks.map(({ id }) => id)]).toEqual([4, ['lock-1', 'a', 'c']])
    const known = applyEntry(EMPTY_LEDGER, flags('file'))
    expect([known.epoch, known.fileKnown, applyEntry(EMPTY_LEDGER, flags('config')).fileKnown]).toEqual([
      0,
      true,
      false,
    ])
  })

  test('a person is one name and one key', () => {
    expect(isSamePerson(LEAD, { ...LEAD, key: 'x' })).toBe(true)
    expect(isSamePerson(LEAD, { ...CHIEF, key: LEAD.key })).toBe(true)
    expect(isSamePerson(LEAD, CHIEF)).toBe(false)
  })
})

describe('a signature that comes before what it signs', () => {
  const lock = anEntry('lock-1', aLockOrder())
  const release = anEntry('release-1', aRelease(['lock-1']))
  const approval = anEntry('approve-1', anApproval('release-1'), LEAD)

  test('an approval waits for its release', () => {
    const waiting = apply([lock, approval])
    expect(waiting.held.has('lock-1')).toBe(true)
    expect(waiting.epoch).toBe(1)
    expect(applyEntry(waiting, release).held.has('lock-1')).toBe(false)
  })

  test('approvals of one person before the release are one signature', () => {
    const twice = apply([
      lock,
      approval,
      anEntry('approve-2', anApproval('release-1'), LEAD),
      anEntry('release-1', aRelease(['lock-1']), LEAD),
    ])
    expect(twice.held.has('lock-1')).toBe(true)
    expect(twice.proposals.get('release-1')?.signers).toEqual([LEAD])
  })

  test('a release waits for its lock, which then never comes into force', () => {
    const early = apply([release, approval])
    expect([...early.released]).toEqual(['lock-1'])
    const both = applyEntry(early, lock)
    expect(tableOf(both).locks).toEqual([])
    expect(both.epoch).toBe(early.epoch)
  })

  test('a release that was enough before its lock came is weighed by the lock', () => {
    const wantsThree = { ...lock, guard: { ...GUARD, approvals: 3 } }
    expect(apply([release, approval, wantsThree]).held.has('lock-1')).toBe(true)
    const wantsOthers: OrderEntry = { ...lock, guard: { responders: [DESK, CHIEF], approvals: 2 } }
    const held = apply([release, approval, wantsOthers])
    expect(held.held.has('lock-1')).toBe(true)
    expect(held.released.has('lock-1')).toBe(false)
    expect(applyEntry(held, anEntry('approve-2', anApproval('release-1'), CHIEF)).held.has('lock-1')).toBe(false)
  })

  test('a lock that comes late and asks for more brings back what was opened with it, under a new epoch', () => {
    const both = anEntry('release-1', aRelease(['lock-1', 'lock-2']))
    const opened = apply([lock, both, approval])
    expect(opened.held.has('lock-1')).toBe(false)
    const late = applyEntry(opened, anEntry('lock-2', aLockOrder(), DESK, { guard: { ...GUARD, approvals: 3 } }))
    expect([...late.held.keys()].toSorted()).toEqual(['lock-1', 'lock-2'])
    expect(late.epoch).toBeGreaterThan(opened.epoch)
  })

  test('an approval of after the exp of its release does not count, whichever comes first', () => {
    const short = anEntry('release-1', aRelease(['lock-1']), DESK, { exp: NOON / 1000 + 1 })
    const tooLate = { ...approval, at: NOON + 1_000 }
    expect(apply([lock, short, tooLate]).held.has('lock-1')).toBe(true)
    expect(apply([lock, tooLate, short]).held.has('lock-1')).toBe(true)
    expect(apply([lock, short, { ...approval, at: NOON + 999 }]).held.has('lock-1')).toBe(false)
  })

  test('two responders are not enough: one must be a commander', () => {
    const second = aResponder('second', 'responder')
    const guard: Guard = { ...GUARD, responders: [...GUARD.responders, second] }
    const both = [{ ...lock, guard }, release, anEntry('approve-1', anApproval('release-1'), second)]
    expect(apply(both).held.has('lock-1')).toBe(true)
    expect([...apply(both.slice(1)).released]).toEqual([])
  })

  test('a release by a key that was not enrolled is none, whoever approves it', () => {
    const theirs = anEntry('release-1', aRelease(['lock-1']), aResponder('late', 'commander'))
    expect(apply([lock, theirs, approval]).held.has('lock-1')).toBe(true)
    expect(apply([theirs, approval, lock]).held.has('lock-1')).toBe(true)
  })
})

// ---- properties ----

const LATE = aResponder('late', 'commander')
const ENROLLED = [DESK, LEAD, CHIEF, AUDITOR] as const
const guards: fc.Arbitrary<Guard> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(GUARD) },
  {
    weight: 1,
    arbitrary: fc.record({
      responders: fc.subarray([...ENROLLED, LATE], { minLength: 1 }),
      approvals: fc.integer({ min: 1, max: 3 }),
    }),
  },
)
const id = (kind: string) => fc.nat(2).map((number) => `${kind}-${number}`)
const order: fc.Arbitrary<Order> = fc.oneof(
  fc.constantFrom(aLockOrder(), aLockOrder({ routes: ['record'] }), aLockOrder({ tags: ['pii'] })),
  fc
    .tuple(
      fc.uniqueArray(fc.oneof(id('lock'), fc.constant('freeze-0')), { minLength: 1, maxLength: 3 }),
      fc.option(fc.nat(8), { nil: undefined }),
    )
    .map(([locks, epoch]) => aRelease(locks, epoch)),
  fc
    .tuple(id('release'), fc.option(fc.nat(8), { nil: undefined }))
    .map(([release, epoch]) => anApproval(release, epoch)),
  fc.record({
    kind: fc.constant('revoke' as const),
    reason: fc.constant('r'),
    incident: fc.constant('i'),
    subject: fc.constantFrom(...PEOPLE),
  }),
)
/** The id of each order tells its kind, so that releases and approvals find what they name. */
const entry: fc.Arbitrary<LedgerEntry> = fc.oneof(
  { weight: 1, arbitrary: guards.map((guard): LedgerEntry => ({ type: 'freeze', id: 'freeze-0', at: NOON, guard })) },
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        order,
        fc.nat(4),
        fc.constantFrom(...ENROLLED, LATE),
        guards,
        fc.nat(3),
        fc.option(fc.constantFrom(1, 2), { nil: undefined }),
      )
      .map(([each, number, by, guard, seconds, exp]) =>
        anEntry(`${each.kind}-${number}`, each, by, {
          guard,
          at: NOON + seconds * 1_000,
          ...(exp === undefined ? {} : { exp: NOON / 1000 + exp }),
        }),
      ),
  },
)
/** One entry for each id, as two orders of one id do not exist. */
const entries = fc.uniqueArray(entry, { maxLength: 16, selector: (each) => ('id' in each ? each.id : ''), size: 'max' })

describe('union', () => {
  test('any order and any repetition of a set of entries gives the same locks, tombstones, revocations and proposals', () => {
    let released = 0
    fc.assert(
      fc.property(
        entries.chain((set) =>
          fc.tuple(
            fc.constant(set),
            fc.shuffledSubarray([...set], { minLength: set.length }),
            set.length === 0 ? fc.constant([]) : fc.array(fc.constantFrom(...set), { maxLength: 5 }),
          ),
        ),
        ([set, shuffled, again]) => {
          const one = essence(apply(set))
          released += one.released.length
          expect(essence(apply([...shuffled, ...again]))).toEqual(one)
          expect(essence(apply([...again, ...shuffled]))).toEqual(one)
        },
      ),
      { numRuns: 800 },
    )
    expect(released).toBeGreaterThan(30)
  })

  test('two halves of a set, merged either way, give the whole', () => {
    fc.assert(
      fc.property(entries, fc.nat(), (set, bits) => {
        const half = set.filter((_each, index) => (bits >> index) & 1)
        const rest = set.filter((each) => !half.includes(each))
        expect(essence(apply([...half, ...rest]))).toEqual(essence(apply([...rest, ...half])))
      }),
      { numRuns: 300 },
    )
  })

  test('the epoch never falls, and grows whenever the table changes', () => {
    fc.assert(
      fc.property(entries, (set) => {
        let ledger = EMPTY_LEDGER
        for (const each of set) {
          const next = applyEntry(ledger, each)
          const changed =
            JSON.stringify({ ...tableOf(next), epoch: 0 }) !== JSON.stringify({ ...tableOf(ledger), epoch: 0 })
          expect(next.epoch).toBeGreaterThanOrEqual(ledger.epoch + (changed ? 1 : 0))
          ledger = next
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a lock is held or is a tombstone, never both and never neither', () => {
    fc.assert(
      fc.property(entries, (set) => {
        const ledger = apply(set)
        const locks = set.flatMap((each) =>
          each.type === 'freeze' || (each.type === 'order' && each.statement.order.kind === 'lock') ? [each.id] : [],
        )
        for (const lock of locks) {
          expect([lock, ledger.held.has(lock)]).toEqual([lock, !ledger.released.has(lock)])
          expect([lock, ledger.tombstones.has(lock)]).toEqual([lock, ledger.released.has(lock)])
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('no one person opens', () => {
  const step = fc.tuple(order, fc.nat(9), fc.nat(120))

  /** A FREEZE and two locks of others, and then whatever the given people send. */
  function run(
    people: readonly Responder[],
    steps: readonly (readonly [Order, number, number])[],
    after: (desk: Desk) => void,
  ): Desk {
    const desk = aDesk()
    desk.freeze('freeze-0')
    desk.give('lock-0', aLockOrder(), DESK)
    desk.give('lock-1', aLockOrder({ routes: ['record'] }), CHIEF)
    after(desk)
    for (const [index, [each, number, seconds]] of steps.entries()) {
      const by = people[index % people.length] ?? DESK
      desk.now += seconds * 1_000
      // Several ids of a kind, so that one release is proposed and approved many times over.
      desk.give(`${each.kind}-${each.kind === 'lock' ? number + 2 : number}`, each, by)
      const { epoch } = desk.ledger
      expect(epoch).toBeGreaterThanOrEqual(3)
    }
    return desk
  }

  test.each(ENROLLED)('whatever $name ($role) sends, and in whatever order', (by) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: 'max' }), (steps) => {
        const { ledger } = run([by], steps, () => undefined)
        expect([...ledger.released]).toEqual([])
        expect([...ledger.held.keys()]).toEqual(expect.arrayContaining(['freeze-0', 'lock-0', 'lock-1']))
      }),
      { numRuns: 150 },
    )
  })

  test('nor do keys that were not enrolled when the locks landed, however many and whatever they are called', () => {
    const newcomers = [
      LATE,
      aResponder('later', 'commander'),
      { ...LEAD, key: 'a new key' },
      { ...CHIEF, name: 'chief-2' },
      // Enrolled, but as one who may not approve; and one who may not even propose.
      { ...DESK, role: 'commander' as const },
      { ...AUDITOR, role: 'commander' as const },
    ]
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 25, size: 'max' }),
        fc.integer({ min: 1, max: 3 }),
        (steps, approvals) => {
          const { ledger } = run(newcomers, steps, (desk) => {
            desk.guard = { responders: newcomers, approvals }
          })
          expect([...ledger.held.keys()]).toEqual(expect.arrayContaining(['freeze-0', 'lock-0', 'lock-1']))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('but two people do, so the property above is not empty', () => {
    const desk = run(
      [LEAD, CHIEF],
      [
        [aRelease(['lock-0', 'freeze-0', 'lock-1']), 0, 0],
        [anApproval('release-0'), 0, 0],
      ],
      () => undefined,
    )
    expect(desk.ledger.held.size).toBe(0)
  })

  test('whatever is released has been signed by two people who were enrolled, one of them a commander', () => {
    let opened = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(order, fc.nat(3), fc.nat(20)), { maxLength: 30, size: 'max' }), (steps) => {
        const { ledger } = run([DESK, LEAD, CHIEF, AUDITOR], steps, () => undefined)
        for (const lock of ledger.released) {
          opened++
          const by = [...ledger.proposals.values()].filter((proposal) => proposal.done && proposal.locks.includes(lock))
          expect(by.length).toBeGreaterThan(0)
          for (const { signers } of by) {
            expect(new Set(signers.map(({ name }) => name)).size).toBeGreaterThanOrEqual(2)
            expect(signers.some(({ role }) => role === 'commander')).toBe(true)
          }
        }
      }),
      { numRuns: 400 },
    )
    expect(opened).toBeGreaterThan(5)
  })

  test('no sequence of lock orders lowers the epoch or opens anything', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...ENROLLED), fc.nat(5), fc.integer({ min: -90, max: 90 })), {
          maxLength: 20,
        }),
        (steps) => {
          const desk = aDesk()
          for (const [by, number, seconds] of steps) {
            const before = desk.ledger
            desk.give(`lock-${number}`, aLockOrder(), by, { iat: desk.now / 1000 + seconds })
            expect(desk.ledger.epoch).toBeGreaterThanOrEqual(before.epoch)
            for (const held of before.held.keys()) expect(desk.ledger.held.has(held)).toBe(true)
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})
