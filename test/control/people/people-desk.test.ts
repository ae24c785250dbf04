// Answers to findings: who may give which, what is taken, what it does, and that everything that was given leaves a record.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { createAnomalyBook, type AnomalyBook } from '../../../src/control/people/anomaly-book.ts'
import { createPeopleDesk, type Exemption, type PeopleDesk } from '../../../src/control/people/people-desk.ts'
import type { AnomalyRecord, LimitRecord } from '../../../src/core/audit-record.ts'
import type { Responder } from '../../../src/core/responder.ts'
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts'

const HOUR_MS = 3_600_000
const by = (role: Responder['role']): Responder => ({ name: role, role, key: 'x' }) as Responder

let clock: FakeClock
let book: AnomalyBook
let desk: PeopleDesk
let recorded: LimitRecord[]
let told: (readonly Exemption[])[]
let serial = 0

const anomaly = (more: Partial<AnomalyRecord> = {}): AnomalyRecord => ({
  ...{ kind: 'anomaly', time: clock.now(), id: `id-${String(++serial)}`, detector: 'new-subjects', answer: 'refuse' },
  ...{ sentence: '13th new person in 15 minutes', route: 'record', client: '10.0.0.1', ...more },
})
/** Noted, and its id. */
const noted = (more: Partial<AnomalyRecord> = {}): string => {
  const found = anomaly(more)
  book.note(found)
  return found.id
}
const answer = (id: string, action: string, more: Record<string, unknown> = {}) => ({
  ...{ iat: clock.now() / 1000, jti: `jti-${String(++serial)}`, anomaly: id, action, reason: 'night batch' },
  ...(action === 'accept' ? {} : { ttl: '2h' }),
  ...more,
})

function open(exemptions: readonly Exemption[] = []): PeopleDesk {
  return createPeopleDesk({
    ...{ book, exemptions, now: () => clock.now() },
    limits: { mode: 'shadow', views: () => [], wouldRefuse: () => undefined },
    onExemptions: (next) => void told.push(next),
    record: (record) => void recorded.push(record),
  })
}

beforeEach(() => {
  clock = createFakeClock()
  book = createAnomalyBook()
  ;[recorded, told] = [[], []]
  desk = open()
})

describe('an answer', () => {
  test('that accepts takes the finding off the list, until the caller is found again', () => {
    const id = noted()
    expect(desk.answer(answer(id, 'accept'), by('responder'))).toMatchObject({ change: 'accept', by: 'responder' })
    expect([book.list(clock.now()), told]).toEqual([[], []])
    expect(recorded).toEqual([
      { kind: 'limit', time: clock.now(), change: 'accept', anomaly: id, by: 'responder', reason: 'night batch' },
    ])
    noted()
    expect(book.list(clock.now())).toHaveLength(1)
  })

  test('of somebody who has been retired is none, from that instant on', () => {
    const id = noted()
    const leaver: Responder = { ...by('commander'), retiredAt: clock.now() + 1000 }
    expect(desk.answer(answer(id, 'exempt'), leaver)).toMatchObject({ change: 'exempt' })
    const another = noted()
    clock.advance(1000)
    expect(desk.answer(answer(another, 'exempt'), leaver)).toEqual({
      problem: 'commander has been retired',
      isRole: true,
    })
    expect([told.length, recorded.length, book.find(another)?.count]).toEqual([1, 1, 1])
  })

  test('that snoozes hides what the same caller is found for, and nobody else, for as long as it says', () => {
    desk.answer(answer(noted(), 'snooze'), by('responder'))
    noted()
    noted({ client: '10.0.0.2' })
    noted({ detector: 'cohort' })
    expect(book.list(clock.now()).map(({ anomaly: { client, detector } }) => [client, detector])).toEqual([
      ['10.0.0.1', 'cohort'],
      ['10.0.0.2', 'new-subjects'],
    ])
    clock.advance(2 * HOUR_MS)
    expect(book.list(clock.now())).toHaveLength(3)
    expect([recorded[0]?.until, told]).toEqual([clock.now(), []])
  })

  test('that exempts lets the account pass, else the client, else the address, and ends by itself', () => {
    const lead = by('commander')
    desk.answer(answer(noted({ principal: 'p', application: 'azp' }), 'exempt'), lead)
    desk.answer(answer(noted({ application: 'azp', client: '10.0.0.2' }), 'exempt', { ttl: '4h' }), lead)
    desk.answer(answer(noted({ client: '10.0.0.3' }), 'exempt'), lead)
    expect(told.at(-1)?.map(({ detector, name }) => `${detector} ${name}`)).toEqual([
      'new-subjects p',
      'new-subjects azp',
      'new-subjects 10.0.0.3',
    ])
    expect(desk.exemptions()[0]).toMatchObject({
      by: 'commander',
      reason: 'night batch',
      until: clock.now() + 2 * HOUR_MS,
    })
    clock.advance(3 * HOUR_MS)
    expect(desk.exemptions().map(({ name }) => name)).toEqual(['azp'])
  })

  test('is of what was kept through a restart', () => {
    const kept = { detector: 'cohort', name: 'p', until: clock.now() + 1, by: 'lead', reason: 'r' }
    desk = open([kept, { ...kept, name: 'over', until: clock.now() }])
    expect(desk.exemptions()).toEqual([kept])
    desk.answer(answer(noted({ principal: 'q' }), 'exempt'), by('commander'))
    expect(told.at(-1)?.map(({ name }) => name)).toEqual(['p', 'q'])
  })
})

describe('is refused, and changes nothing', () => {
  test.each([
    ['viewer', 'accept'],
    ['auditor', 'snooze'],
    ['responder', 'exempt'],
  ] as const)('%s may not %s', (role, action) => {
    expect(desk.answer(answer(noted(), action), by(role))).toEqual({
      problem: `${role} may not ${action}`,
      isRole: true,
    })
    expect([book.list(clock.now()).length, recorded, told]).toEqual([1, [], []])
  })

  test.each([
    [{ iat: 0 }, 'iat must be'],
    [{ iat: 'now' }, 'iat must be'],
    [{ jti: '' }, 'jti is missing'],
    [{ anomaly: 7 }, 'anomaly must be'],
    [{ action: 'forget' }, 'action must be'],
    [{ reason: ' ' }, 'reason must say'],
    [{ reason: 'x'.repeat(501) }, 'reason must say'],
    [{ ttl: undefined }, 'ttl must be'],
    [{ ttl: '31d' }, 'ttl must be'],
    [{ ttl: '0s' }, 'ttl must be'],
    [{ anomaly: 'nobody' }, 'there is no such finding'],
  ])('%j', (more, problem) => {
    const done = desk.answer(answer(noted(), 'exempt', more), by('commander'))
    expect(done).toEqual({ problem: expect.stringContaining(problem) })
    expect([book.list(clock.now()).length, recorded, told]).toEqual([1, [], []])
  })

  test.each([undefined, null, 'text', 7])('%j, which is no answer at all', (payload) => {
    expect(desk.answer(payload, by('commander'))).toHaveProperty('problem')
  })

  test('given twice, or to what has been answered', () => {
    const id = noted()
    const given = answer(id, 'accept')
    desk.answer(given, by('responder'))
    const [again] = [noted()]
    expect(desk.answer({ ...given, anomaly: again }, by('responder'))).toEqual({
      problem: 'this has been given before',
    })
    expect(desk.answer(answer(id, 'accept'), by('responder'))).toHaveProperty('problem')
    expect(recorded).toHaveLength(1)
  })
})

describe('the book', () => {
  test('lists each caller and detector once, the latest first, with how often they met', () => {
    noted({ principal: 'p' })
    clock.advance(1_000)
    noted({ principal: 'q' })
    clock.advance(1_000)
    const last = noted({ principal: 'p', client: '10.9.9.9' })
    const listed = book.list(clock.now())
    expect(listed.map(({ anomaly: { principal }, count }) => [principal, count])).toEqual([
      ['p', 2],
      ['q', 1],
    ])
    expect([listed[0]?.anomaly.id, listed[0]?.lastAt]).toEqual([last, clock.now()])
    expect(book.find(last)?.count).toBe(2)
    expect(book.find('nobody')).toBeUndefined()
  })

  test('keeps the last two thousand, and tells who listens of each', () => {
    const heard: string[] = []
    const stop = book.listen(({ id }) => void heard.push(id))
    for (let client = 0; client < 2_100; client++)
      noted({ client: `10.1.${String(client >> 8)}.${String(client & 255)}` })
    stop()
    noted({ client: '10.0.0.9' })
    const listed = book.list(clock.now())
    expect([listed.length, heard.length]).toEqual([2_000, 2_100])
    expect(listed.at(-1)?.anomaly.client).toBe('10.1.0.101')
  })
})
