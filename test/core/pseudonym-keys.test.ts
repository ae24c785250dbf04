// The newest key whose day has come, unless what is in force would cover nobody under it.
import { expect, test } from '@jest/globals'
import { EMPTY_TABLE, type LockTable } from '../../src/core/lock-table.ts'
import type { Lock } from '../../src/core/lock.ts'
import { chooseKey, keysInUse } from '../../src/core/pseudonym-keys.ts'

const NOW = Date.UTC(2027, 5, 1)
const DAY = 86_400_000
const RING = [
  { id: 'old', from: 0 },
  { id: 'mid', from: NOW - 100 * DAY },
  { id: 'new', from: NOW },
  { id: 'next', from: NOW + DAY },
]
const none = new Set<string>()

test('a key counts from its day on, whatever the order of the lines', () => {
  expect(chooseKey(RING.toReversed(), none, NOW)).toEqual({ id: 'new' })
  expect(chooseKey(RING, none, NOW - 1)).toEqual({ id: 'mid' })
  expect(chooseKey(RING, none, NOW + DAY)).toEqual({ id: 'next' })
  expect(chooseKey([{ id: 'next', from: NOW + DAY }], none, NOW)).toEqual({ id: 'next' })
})

test('it waits while somebody is named by another, and for nobody of another fleet', () => {
  expect(chooseKey(RING, new Set(['mid']), NOW)).toEqual({ id: 'mid', waiting: 'new' })
  expect(chooseKey(RING, new Set(['old', 'mid']), NOW)).toEqual({ id: 'mid', waiting: 'new' })
  expect(chooseKey(RING, new Set(['new']), NOW)).toEqual({ id: 'new' })
  expect(chooseKey(RING, new Set(['strange']), NOW)).toEqual({ id: 'new' })
})

test('locks in force and late revocations name people, what has ended does not', () => {
  const lock = (scope: Lock['scope'], more: Partial<Lock> = {}): Lock => ({
    ...{ id: 'l', scope, mode: 'deny', source: 'order', since: NOW, reason: 'x', incident: 'i' },
    ...{ onExpiry: 'open', status: 503, message: {} },
    ...more,
  })
  const revoked = { id: 'r', before: NOW, reason: 'x', incident: 'i', by: 'desk' }
  const table: LockTable = {
    ...EMPTY_TABLE,
    locks: [
      lock({ all: true }),
      lock({ subjects: ['subj.x'] }),
      lock({ principals: ['prin.x'], sessions: ['sess.x'] }),
      lock({ subjects: ['gone.x'] }, { until: NOW - 1 }),
    ],
    revocations: [
      { ...revoked, since: NOW - DAY, subject: 'late.x' },
      { ...revoked, since: NOW - 31 * DAY, subject: 'past.x', session: 'past2.x' },
    ],
  }
  expect([...keysInUse(table, NOW)].sort()).toEqual(['late', 'prin', 'sess', 'subj'])
})
