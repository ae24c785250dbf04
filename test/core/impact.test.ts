// What a lock would have refused: counted by the function that judges, different people exactly while they are few.
import { describe, expect, test } from '@jest/globals'
import { DISTINCT_MAX, DistinctCount, sizeOf, unionOf } from '../../src/core/distinct.ts'
import { ImpactCount, IMPACT_WINDOW_MS, mergeImpacts, tableFor, type ImpactQuestion } from '../../src/core/impact.ts'
import { parseImpact } from '../../src/core/impact-message.ts'
import type { Sample } from '../../src/core/impact.ts'
import { RegularCallers } from '../../src/core/regular-callers.ts'
import { createRoute } from '../support/control-ports.ts'

const NOW = 1_800_000_000_000
const read = createRoute('record.read', { tags: ['pii'] })
const write = createRoute('record.write', { tags: ['pii'], methods: ['POST'] })
const hook = createRoute('sms.delivered', { session: 'none', methods: ['POST'], tags: ['callback'] })
const health = createRoute('health', { session: 'none', tags: ['health'] })
const ROUTES = [read, write, hook, health]
const cidrs = (list: readonly string[]) => (address: string) => list.includes(`${address}/32`)

function sample(more: Partial<Sample> = {}): Sample {
  const base = { at: NOW - 1000, route: read, method: 'GET', address: '203.0.113.1', userAgent: 'app/1', subjects: [] }
  return { ...base, ...more }
}

function count(question: Partial<ImpactQuestion>, samples: readonly Sample[], weight = 1) {
  const whole: ImpactQuestion = {
    scope: { all: true },
    mode: 'deny',
    from: NOW - IMPACT_WINDOW_MS,
    to: NOW,
    ...question,
  }
  const counting = new ImpactCount(whole, tableFor(whole, ROUTES, cidrs))
  for (const each of samples) counting.add(each, weight)
  return counting.result(NOW - IMPACT_WINDOW_MS, 0)
}

describe('an impact', () => {
  const samples = [
    sample({ session: 's.1', principal: 'p.1', clients: ['clinic-7', 'iss#clinic-7'], subjects: ['t.1', 't.2'] }),
    sample({ session: 's.1', principal: 'p.1', clients: ['clinic-7'], subjects: ['t.2'], at: NOW - 61_000 }),
    sample({ session: 's.2', clients: ['lab-1'], route: write, method: 'POST', address: '203.0.113.2' }),
    sample({ route: hook, method: 'POST', userAgent: 'sms/2' }),
  ]

  test('counts requests, and different sessions, clients, subjects and addresses, by route and minute', () => {
    const all = count({}, samples)
    expect(all).toMatchObject({ requests: 4, isSampled: false, callbacks: { 'sms.delivered': 1 } })
    expect([all.sessions, all.clients, all.subjects, all.addresses].map(sizeOf)).toEqual([2, 2, 2, 2])
    expect([all.routes, all.byClient]).toEqual([
      { 'record.read': 2, 'record.write': 1, 'sms.delivered': 1 },
      { 'clinic-7': 2, 'lab-1': 1 },
    ])
    expect(all.minutes.slice(-3)).toEqual([0, 1, 3])
  })

  test.each([
    [{ scope: { routes: ['record.write'] } }, 1],
    [{ scope: { tags: ['pii'], methods: ['GET'] } }, 2],
    [{ scope: { clients: ['iss#clinic-7'] } }, 1],
    [{ scope: { cidrs: ['203.0.113.2/32'] } }, 1],
    [{ scope: { userAgents: ['SMS/*'] } }, 1],
    [{ scope: { subjects: ['t.1'] } }, 1],
    [{ scope: { sessions: ['s.1'] } }, 2],
    [{ mode: 'read-only' }, 2],
    [{ mode: 'step-up', scope: { tags: ['pii'] } }, 3],
  ] as const)('of %j is what such a lock would refuse', (question, requests) => {
    expect(count(question as Partial<ImpactQuestion>, samples).requests).toBe(requests)
  })

  test('of a sample stands for all, and says so', () => {
    expect(count({}, samples, 2.5)).toMatchObject({ requests: 10, isSampled: true })
  })

  test('of two gateways is the sum, in which nobody counts twice', () => {
    const merged = mergeImpacts([count({}, samples), count({}, samples.slice(0, 1))], 0)
    expect([merged.requests, sizeOf(merged.sessions), sizeOf(merged.subjects)]).toEqual([5, 2, 2])
    expect(parseImpact(JSON.parse(JSON.stringify(merged)))).toEqual(merged)
  })

  test.each([
    ['requests', -1],
    ['sessions', [3, 2]],
    ['routes', { a: 'x' }],
    ['minutes', 'none'],
    ['probes', [{}]],
    ['isSampled', 1],
  ])('with a %s of another shape is none', (key, value) => {
    expect(parseImpact({ ...count({}, samples), [key]: value })).toBeUndefined()
  })
})

describe('different ones', () => {
  test('are counted exactly up to a number, and to some percent beyond, also over a union', () => {
    const counts = [0, 1].map((half) => {
      const counting = new DistinctCount()
      for (let index = half * 20_000; index < 40_000 + half * 20_000; index++) counting.add(`person ${index}`)
      return counting.least
    })
    expect(Math.abs(sizeOf(unionOf(counts)) - 60_000) / 60_000).toBeLessThan(0.12)
    const few = new DistinctCount()
    for (let index = 0; index < 5000; index++) few.add(`person ${index % (DISTINCT_MAX - 1)}`)
    expect(sizeOf(few.least)).toBe(DISTINCT_MAX - 1)
  })
})

describe('who calls like clockwork', () => {
  const calls = (times: readonly number[], more: Partial<Sample> = {}) => {
    const callers = new RegularCallers()
    for (const at of times) callers.add(sample({ at, ...more }), 1)
    return callers.found
  }

  test('is told with the product it names and the rhythm; who has a session or no rhythm is not', () => {
    const ten = Array.from({ length: 30 }, (_, index) => NOW + index * 10_000 + (index % 3) * 200)
    expect(calls(ten, { userAgent: 'partner-poll/3 (secret)' })).toEqual([
      { route: 'record.read', caller: 'partner-poll/3', requests: 30, everyMs: expect.any(Number) },
    ])
    expect(calls(ten, { session: 's.1' })).toEqual([])
    expect(calls([0, 900, 11_000, 12_000, 50_000, 51_500, 120_000].map((ms) => NOW + ms))).toEqual([])
  })

  test('who asks for one person after another is none, whatever its rhythm and its name', () => {
    const walk = (people: number, userAgent: string) => {
      const callers = new RegularCallers()
      for (let index = 0; index < 30; index++)
        callers.add(sample({ at: NOW + index * 500, userAgent, subjects: [`p.${index % people}`] }), 1)
      return callers.found.length
    }
    expect([walk(1, 'partner-poll/3'), walk(3, 'partner-poll/3'), walk(3, 'kube-probe/1.31')]).toEqual([1, 1, 1])
    expect([walk(4, 'scraper/1'), walk(30, 'scraper/1'), walk(30, 'kube-probe/1.31')]).toEqual([0, 0, 0])
  })

  test('and who names itself a probe, or asks a route for probes, is told at once', () => {
    expect(calls([NOW], { userAgent: 'kube-probe/1.31' })).toMatchObject([{ caller: 'kube-probe/1.31', everyMs: 0 }])
    expect(calls([NOW], { route: health, userAgent: '9876543210 <x>' })).toMatchObject([
      { route: 'health', requests: 1 },
    ])
  })
})
