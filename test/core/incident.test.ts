// Incidents: opened by an order or by the first lock that names them, with clocks that no order can set back.
import { describe, expect, test } from '@jest/globals'
import { BOARD_MS, CERT_IN_MS, incidentsOf, nearestDue } from '../../src/core/incident.ts'
import { applyEntry, EMPTY_LEDGER } from '../../src/core/ledger.ts'
import type { Order } from '../../src/core/order.ts'
import { aDesk, aLockOrder, AUDITOR, CHIEF, DESK, LEAD } from './desk.ts'
import { NOON } from './fixtures.ts'

type Action = Extract<Order, { kind: 'incident' }>['action']
const about = (action: Action, noticedAt?: number): Order => ({
  kind: 'incident',
  incident: 'INC-7',
  action,
  reason: 'records for sale',
  ...(noticedAt === undefined ? {} : { noticedAt }),
})

test('a lock that names an incident opens it, noticed when it landed, and that is said to be a guess', () => {
  const desk = aDesk()
  desk.give('lock-1', aLockOrder(), DESK)
  expect(incidentsOf(desk.ledger)).toEqual([
    { id: 'INC-7', isOpen: true, noticedAt: NOON, isNoticedGuessed: true, locks: ['lock-1'] },
  ])
  expect(nearestDue(incidentsOf(desk.ledger), 'certIn', NOON + 3_600_000)).toBe(CERT_IN_MS - 3_600_000)
})

test('who opens it tells when it was noticed; the earliest word counts, and a later one takes nothing back', () => {
  const desk = aDesk()
  desk.give('lock-1', aLockOrder(), DESK)
  expect(desk.give('a', about('open', NOON - 60_000), DESK)).toBeUndefined()
  expect(desk.give('b', about('open', NOON - 1000), LEAD)).toBeUndefined()
  const [incident] = incidentsOf(desk.ledger)
  expect(incident).toMatchObject({
    noticedAt: NOON - 60_000,
    isNoticedGuessed: false,
    openedBy: 'night-desk',
    title: 'records for sale',
  })
  expect(desk.ledger.epoch).toBe(1)
})

test('what is reported is due no more, each of the two for itself; what is closed is due no more at all', () => {
  const desk = aDesk()
  desk.give('a', about('open', NOON), DESK)
  const due = (to: 'certIn' | 'board') => nearestDue(incidentsOf(desk.ledger), to, NOON)
  expect([due('certIn'), due('board')]).toEqual([CERT_IN_MS, BOARD_MS])
  desk.give('b', about('reported-cert-in'), DESK)
  expect([due('certIn'), due('board')]).toEqual([undefined, BOARD_MS])
  desk.now += 1000
  desk.give('c', about('close'), DESK)
  expect([due('certIn'), due('board')]).toEqual([undefined, undefined])
  desk.now += 1000
  desk.give('d', about('open'), DESK)
  expect(incidentsOf(desk.ledger)[0]).toMatchObject({ isOpen: true, noticedAt: NOON })
})

test('it stays when its locks are released, and counts them still', () => {
  const desk = aDesk()
  desk.give('lock-1', aLockOrder(), DESK)
  desk.give('r', { kind: 'release', locks: ['lock-1'], reason: 'over' }, LEAD)
  desk.give('s', { kind: 'approve', release: 'r' }, CHIEF)
  expect(desk.ledger.held.size).toBe(0)
  expect(incidentsOf(desk.ledger)[0]).toMatchObject({ isOpen: true, locks: ['lock-1'] })
})

describe('an order about an incident', () => {
  test('takes a responder', () => {
    expect(aDesk().give('a', about('open', NOON), AUDITOR)).toMatchObject({ refused: 'role' })
  })
  test('that was noticed in the future is refused', () => {
    expect(
      aDesk()
        .give('a', about('open', NOON + 120_000), DESK)
        ?.problems.join(),
    ).toContain('future')
  })
})

test('the same set in any order, and repeated, gives the same incidents', () => {
  const desk = aDesk()
  desk.give('a', about('open', NOON - 5), DESK)
  desk.now += 5
  desk.give('lock-1', aLockOrder(), DESK)
  desk.give('b', about('reported-board'), LEAD)
  desk.now += 5
  desk.give('c', about('close'), LEAD)
  const wanted = incidentsOf(desk.ledger)
  for (const entries of [desk.entries.toReversed(), [...desk.entries, ...desk.entries]]) {
    const ledger = entries.reduce(applyEntry, EMPTY_LEDGER)
    expect(incidentsOf(ledger)).toEqual(wanted)
  }
})
