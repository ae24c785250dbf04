// What only shows between detectors and their memory: flagged keys, penalties, sketches, learned limits, workers that share.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createCellMemory, createCells } from '../../src/throttle/cells.ts'
import { createEngine, createEngineMemory } from '../../src/throttle/engine.ts'
import { factsOf, personOf, stepOf } from '../../src/throttle/facts-of.ts'
import { hllAdd, hllEstimate, hllMerge, REGISTERS } from '../../src/throttle/hyperloglog.ts'
import { keyOf } from '../../src/throttle/key.ts'
import { budgetsOf, LEARN_RULES, learnLimits } from '../../src/throttle/learned-limits.ts'
import { createMaxima } from '../../src/throttle/maxima.ts'
import { BUILT_IN } from '../../src/throttle/new-subjects.ts'
import { penaltyLeft, punish } from '../../src/throttle/penalty.ts'

const read = (second: number, account: string, person: number, more: { budgets?: typeof BUILT_IN } = {}) =>
  factsOf(
    {
      ...{
        second,
        wallMs: second * 1000,
        route: { index: 0, id: 'record' },
        session: account,
        account,
        address: '10.0.0.1',
      },
      ...{
        stack: 'browser',
        verifiedAtMs: 1,
        people: [personOf(`p${String(person)}`, 'x', false, 1)],
        budgets: more.budgets ?? BUILT_IN,
      },
      ...{ partner: undefined, attempt: undefined, target: undefined },
    },
    1,
  )
const ENFORCE = { enforce: true, isHoney: false }

test('workers share what they count, to the last person', () => {
  const memory = createEngineMemory({ sessions: 100, addresses: 100 })
  const workers = [createEngine(memory, 0), createEngine(memory, 1)]
  const refused = Array.from({ length: 13 }, (_none, person) =>
    workers[person % 2]?.judge(read(1_000 + person, 'a', person), ENFORCE),
  )
  expect(refused.map((found) => found?.length)).toEqual([...Array.from({ length: 12 }, () => 0), 1])
})

test('beyond 48 people a key is counted by sketches, and its limit of 200 holds to a tenth', () => {
  const engine = createEngine(createEngineMemory({ sessions: 100, addresses: 100 }), 0)
  const budgets = [{ minutes: 60, count: 200, source: 'by config' }]
  let passed = 0
  for (let person = 0; person < 400; person++)
    if (
      engine.judge(read(3_600 + person, 'a', person, { budgets }), ENFORCE).every(({ answer }) => answer !== 'refuse')
    )
      passed += 1
  expect(passed).toBeGreaterThan(180)
  expect(passed).toBeLessThan(220)
})

test('an account comes back by another request, not by the answer to its first', () => {
  const { subjects } = createEngine(createEngineMemory({ sessions: 100, addresses: 100 }), 0)
  const [first, next] = [read(6_000, 'a', 1), read(6_060, 'a', 2)]
  subjects.judge(first, first.people, true)
  expect(subjects.survey(first, read(6_000, 'a', 3).people).isFollow).toBe(false)
  expect(subjects.survey(next, next.people).isFollow).toBe(true)
})

describe('cells', () => {
  test('a flagged key is never washed out, an idle one is', () => {
    const cells = createCells(createCellMemory({ cells: 8, words: 1, ttlSeconds: 1_000 }), 0)
    const [flagged, idle] = [keyOf('flagged', 1), keyOf('idle', 1)]
    cells.with(flagged, 10, (at) => {
      cells.words[at] = 7
      cells.flag(at, 500)
    })
    cells.with(idle, 10, (at) => (cells.words[at] = 7))
    for (let count = 0; count < 1_000; count++) cells.with(keyOf(`new-${String(count)}`, 1), 20, () => undefined)
    expect(cells.peek(flagged, 30, (at) => cells.words[at])).toBe(7)
    expect(cells.peek(idle, 30, (at) => cells.words[at])).toBeUndefined()
  })

  test('where all are flagged a new key has no cell, and nothing is lost', () => {
    const cells = createCells(createCellMemory({ cells: 8, words: 1, ttlSeconds: 1_000 }), 0)
    for (let count = 0; count < 8; count++)
      cells.with(keyOf(String(count), 1), 10, (at) => {
        cells.flag(at, 500)
      })
    expect(cells.with(keyOf('ninth', 1), 20, () => true)).toBeUndefined()
    expect(cells.with(keyOf('ninth', 1), 501, () => true)).toBe(true)
  })
})

test('a penalty doubles with each cause and is halved by clean days', () => {
  const words = new Int32Array(3)
  expect([0, 100, 400].map((second) => punish(words, 0, 1_000 + second))).toEqual([60, 120, 240])
  expect(punish(words, 0, 1_405)).toBe(235)
  expect(penaltyLeft(words, 0, 1_640)).toBe(0)
  expect(punish(words, 0, 1_640 + 2 * 86_400)).toBe(60)
})

test('a union of sketches counts nobody twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 0, max: 3_000 }), (one, two) => {
      const [a, b] = [new Uint8Array(REGISTERS), new Uint8Array(REGISTERS)]
      for (let each = 0; each < one; each++) hllAdd(a, 0, Math.imul(each, 0x9e3779b1))
      for (let each = 0; each < two; each++) hllAdd(b, 0, Math.imul(each, 0x9e3779b1))
      hllMerge(a, 0, b, 0)
      const truth = Math.max(one, two)
      expect(Math.abs(hllEstimate(a, 0) - truth) / truth).toBeLessThan(0.35)
    }),
    { numRuns: 100, seed: 1 },
  )
})

describe('learned limits', () => {
  const DAY = 86_400
  const rules = LEARN_RULES

  test('nothing is learned from fewer than fifty accounts, nor from those that were refused', () => {
    const memory = createEngineMemory({ sessions: 1_000, addresses: 100 })
    const engine = createEngine(memory, 0)
    for (let account = 0; account < 100; account++)
      for (let person = 0; person < 13; person++)
        engine.judge(read(20_000 * DAY + account, `a${String(account)}`, account * 20 + person), ENFORCE)
    const limits = learnLimits(createMaxima(memory.maxima), 'session', rules, [], 20_000 * DAY * 1000)
    expect(limits.map(({ accounts, count, confidence }) => [accounts, count, confidence])).toEqual([
      [0, 12, 'none'],
      [0, 25, 'none'],
      [0, 40, 'none'],
    ])
    expect(budgetsOf(limits, 'session', 0)[0]?.source).toBe('built in')
  })

  test('a limit rises by a tenth a day, however often it is asked', () => {
    const memory = createEngineMemory({ sessions: 1_000, addresses: 100 })
    const engine = createEngine(memory, 0)
    const start = 20_000 * DAY
    for (let account = 0; account < 100; account++)
      for (let person = 0; person < 12; person++)
        engine.judge(read(start + account, `a${String(account)}`, account * 20 + person), ENFORCE)
    const maxima = createMaxima(memory.maxima)
    let limits = learnLimits(maxima, 'session', rules, [], start * 1000)
    expect(limits[0]?.count).toBe(13)
    for (let hour = 1; hour < 24; hour++)
      limits = learnLimits(maxima, 'session', rules, limits, (start + hour * 3_600) * 1000)
    expect(limits[0]?.count).toBe(13)
    limits = learnLimits(maxima, 'session', rules, limits, (start + 25 * 3_600) * 1000)
    expect(limits[0]?.count).toBe(14)
  })
})

test('only identifiers have a place in a sequence, not pseudonyms', () => {
  expect([stepOf('IN-0070'), stepOf('70001'), stepOf('k1.aaaaaaaaaaaaaaaaaaaa12'), stepOf('abc')]).toEqual([
    70, 4465, -1, -1,
  ])
})
