// Detectors: what the request rate counts, and what is told where several detectors look.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { observeAll, type Detector, type Observation, type Sample } from '../../src/throttle/detector.ts'
import { factsOf } from '../../src/throttle/facts-of.ts'
import type { Finding } from '../../src/throttle/finding.ts'
import { createImpossibleTravel, createTravelMemory } from '../../src/throttle/impossible-travel.ts'
import { createRateMemory, createRateSlab } from '../../src/throttle/rate-slab.ts'
import { createRequestRate } from '../../src/throttle/request-rate.ts'
import type { Limit } from '../../src/core/time.ts'
import { aRoute } from '../core/fixtures.ts'

const MINUTE: Limit = { count: 2, periodMs: 60_000 }

function limited(id: string, requests?: Limit) {
  const route = aRoute(`/${id}`, { id })
  return { ...route, policy: { ...route.policy, throttle: requests === undefined ? {} : { requests } } }
}

const aSample = (fields: Partial<Sample> = {}): Sample => ({
  monotonicMs: 1_000,
  route: limited('record', MINUTE),
  key: 'k1.aaaaaaaaaaaaaaaaaaaaaa',
  hasSession: true,
  subjects: [],
  ...fields,
})
const aDetector = () => createRequestRate(createRateSlab(createRateMemory(64, 7), 0))

describe('impossible travel', () => {
  const [delhi, mumbai, london] = [
    { latitude: 28.61, longitude: 77.21 },
    { latitude: 19.08, longitude: 72.88 },
    { latitude: 51.51, longitude: -0.13 },
  ]
  const travel = () => createImpossibleTravel(createTravelMemory(64), 0)
  const at = (second: number, hasSession = true) =>
    factsOf(
      {
        ...{ second: 1_800_000_000 + second, wallMs: 0, route: { index: 0, id: 'r' }, account: 'a' },
        session: hasSession ? 's' : undefined,
        ...{ address: '10.0.0.1', stack: undefined, verifiedAtMs: undefined, people: [], budgets: [] },
        ...{ partner: undefined, attempt: undefined, target: undefined },
      },
      1,
    )

  test('is told where nobody travels so fast, and says how far and how soon', () => {
    const detector = travel()
    expect(detector.judge(at(0), delhi)).toBeUndefined()
    expect(detector.judge(at(1_800), london)).toMatchObject({
      answer: 'observe',
      threat: 'OAT-019',
      sentence: '6712 km from its last place, 30 minutes ago',
    })
    expect(detector.judge(at(1_860), london)).toBeUndefined()
  })

  test('is not what an airliner does, nor what is near, nor what nobody knows', () => {
    const detector = travel()
    detector.judge(at(0), delhi)
    expect(detector.judge(at(7_200), mumbai)).toBeUndefined()
    expect(detector.judge(at(7_200 + 9 * 3_600), london)).toBeUndefined()
    expect(detector.judge(at(50_000), undefined)).toBeUndefined()
    const another = travel()
    another.judge(at(0, false), delhi)
    expect(another.judge(at(60, false), london)).toBeUndefined()
  })

  test('across the date line is a step', () => {
    const detector = travel()
    detector.judge(at(0), { latitude: -17, longitude: 179.9 })
    expect(detector.judge(at(60), { latitude: -17, longitude: -179.9 })).toBeUndefined()
  })
})

describe('the request rate', () => {
  test('lets the limit pass, and then refuses with what is needed to answer', () => {
    const detector = aDetector()
    expect(detector.observe(aSample())).toEqual({ allowance: { limit: MINUTE, remaining: 1, resetMs: 30_000 } })
    expect(detector.observe(aSample())?.allowance?.remaining).toBe(0)
    expect(detector.observe(aSample())).toEqual({
      allowance: { limit: MINUTE, remaining: 0, resetMs: 60_000 },
      finding: {
        detector: 'request-rate',
        answer: 'refuse',
        threat: 'OAT-011',
        key: 'session',
        limit: 2,
        retryAfterMs: 30_000,
        sentence: 'over 2 requests in 60 s',
      },
    })
    expect(detector.observe(aSample({ monotonicMs: 31_000 }))?.finding).toBeUndefined()
  })

  test('is of each session, and of each route', () => {
    const detector = aDetector()
    for (let request = 0; request < 3; request++) detector.observe(aSample())
    expect(detector.observe(aSample())?.finding).toBeDefined()
    expect(detector.observe(aSample({ key: '10.1.2.3' }))?.finding).toBeUndefined()
    expect(detector.observe(aSample({ route: limited('list', MINUTE) }))?.finding).toBeUndefined()
  })

  test('is not enforced where the route sets no limit', () => {
    const detector = aDetector()
    for (let request = 0; request < 1_000; request++)
      expect(detector.observe(aSample({ route: limited('open') }))).toBeUndefined()
  })

  test('a throttle lock has a count of its own, also where the route sets no limit', () => {
    const detector = aDetector()
    const lock = { id: 'lock-1', limit: { count: 1, periodMs: 60_000 } }
    expect(detector.observe(aSample({ route: limited('open'), lock }))?.finding).toBeUndefined()
    expect(detector.observe(aSample({ route: limited('open'), lock }))?.finding?.answer).toBe('refuse')
    expect(
      detector.observe(aSample({ route: limited('open'), lock: { ...lock, id: 'lock-2' } }))?.finding,
    ).toBeUndefined()
    expect(detector.observe(aSample({ lock }))?.finding?.answer).toBe('refuse')
    expect(detector.observe(aSample())?.allowance?.remaining).toBe(1)
  })

  test('a throttle lock that lets a request pass does not spare it the limit of the route', () => {
    const detector = aDetector()
    const lock = { id: 'lock-1', limit: { count: 100, periodMs: 60_000 } }
    for (let request = 0; request < 2; request++) expect(detector.observe(aSample({ lock }))?.finding).toBeUndefined()
    expect(detector.observe(aSample({ lock }))?.finding?.answer).toBe('refuse')
  })
})

describe('several detectors', () => {
  const finding = (answer: Finding['answer'], detector = answer): Finding => ({
    detector,
    answer,
    retryAfterMs: 1,
    sentence: 'seen',
  })
  const allowance = (remaining: number) => ({ limit: MINUTE, remaining, resetMs: 1 })
  /** Detectors that see what they are given, and which of them were asked. */
  function detectors(...seen: readonly (Observation | undefined)[]) {
    const asked: number[] = []
    const all = seen.map((each, index): Detector => ({ name: `${index}`, observe: () => (asked.push(index), each) }))
    return { asked, all }
  }

  test.each([
    ['nobody looks', [], {}],
    ['nobody sees anything', [undefined, {}], {}],
    ['one sees an allowance', [undefined, { allowance: allowance(3) }], { allowance: allowance(3) }],
    [
      'the tightest allowance is told',
      [{ allowance: allowance(3) }, { allowance: allowance(1) }, { allowance: allowance(2) }],
      { allowance: allowance(1) },
    ],
    ['an observation is told', [{ finding: finding('observe') }, undefined], { finding: finding('observe') }],
    [
      'the first of two observations is told',
      [{ finding: finding('observe', 'a' as 'observe') }, { finding: finding('observe') }],
      { finding: finding('observe', 'a' as 'observe') },
    ],
    [
      'a step-up before an observation',
      [{ finding: finding('observe') }, { finding: finding('step-up') }],
      { finding: finding('step-up') },
    ],
    [
      'a step-up is kept',
      [{ finding: finding('step-up') }, { finding: finding('observe') }],
      { finding: finding('step-up') },
    ],
    [
      'a refusal before a step-up',
      [{ finding: finding('step-up') }, { finding: finding('refuse'), allowance: allowance(0) }],
      { finding: finding('refuse'), allowance: allowance(0) },
    ],
  ] as const)('%s', (_name, seen, expected) => {
    expect(observeAll(detectors(...seen).all, aSample())).toEqual(expected)
  })

  test('after a refusal nobody counts the request that was refused', () => {
    const { asked, all } = detectors(
      { finding: finding('observe') },
      { finding: finding('refuse') },
      { finding: finding('refuse') },
    )
    observeAll(all, aSample())
    expect(asked).toEqual([0, 1])
  })

  test('the gravest finding up to the first refusal is told', () => {
    const answer = fc.option(fc.constantFrom('observe', 'step-up', 'refuse'), { nil: undefined })
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 6 }), (answers) => {
        const { all } = detectors(
          ...answers.map((each) => (each === undefined ? undefined : { finding: finding(each) })),
        )
        const gravest = (['refuse', 'step-up', 'observe'] as const).find((each) => answers.includes(each))
        expect(observeAll(all, aSample()).finding?.answer).toBe(gravest)
      }),
      { numRuns: 200 },
    )
  })
})
