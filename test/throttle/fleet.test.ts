// Two gateways of a fleet, each with memory of its own: what one has counted holds at the other, at once, late, twice or in any order.
import { describe, expect, test } from '@jest/globals'
import { createDeltaBuffer, DELTA, readDeltas } from '../../src/throttle/deltas.ts'
import { createEngine, createEngineMemory, type Engine } from '../../src/throttle/engine.ts'
import { factsOf, personOf, type NamedFacts } from '../../src/throttle/facts-of.ts'
import { keyOf } from '../../src/throttle/key.ts'
import { BUILT_IN } from '../../src/throttle/new-subjects.ts'
import { createSketchPost, SKETCH_WORDS } from '../../src/throttle/sketch-post.ts'

const START = 20_000 * 86_400
const ENFORCE = { enforce: true, isHoney: false }

const facts = (second: number, more: Partial<NamedFacts> = {}) =>
  factsOf(
    {
      second: START + second,
      wallMs: (START + second) * 1000,
      route: { index: 0, id: 'record' },
      session: 's',
      account: 'a',
      address: '10.0.0.1',
      stack: 'browser',
      verifiedAtMs: 1,
      people: [],
      budgets: BUILT_IN,
      partner: undefined,
      attempt: undefined,
      target: undefined,
      ...more,
    },
    1,
  )
const person = (name: number) => [personOf(`p${String(name)}`, '', false, 1)]
const answers = (engine: Engine, ...args: Parameters<typeof facts>): readonly string[] =>
  engine.judge(facts(...args), ENFORCE).map(({ detector, answer }) => `${detector}: ${answer}`)

interface Gateway {
  readonly engine: Engine
  /** Carries what it has counted to the other, which is then at `second`. */
  tell(other: Engine, second: number, then?: number, times?: number): void
}

function gateway(): Gateway {
  const buffer = createDeltaBuffer()
  const engine = createEngine(createEngineMemory({ sessions: 1_000, addresses: 1_000 }), 0, buffer.push)
  return {
    engine,
    tell(other, second, then = second, times = 1) {
      const words = buffer.take() ?? new Int32Array(0)
      for (let time = 0; time < times; time++)
        for (const delta of readDeltas(words)) other.merge(delta, START + second, START + then)
    },
  }
}

describe('a budget over two gateways', () => {
  test('is one: who read twelve at one is refused at the other, and reads there whom it read here', () => {
    const [one, two] = [gateway(), gateway()]
    for (let name = 0; name < 12; name++) expect(answers(one.engine, name, { people: person(name) })).toEqual([])
    one.tell(two.engine, 20, 20, 2)
    expect(answers(two.engine, 21, { people: person(3) })).toEqual([])
    expect(answers(two.engine, 21, { people: person(50) })).toEqual(['new-subjects: refuse'])
  })

  test('counts what came late by when it was read: after a quarter of an hour it is of no quarter', () => {
    const [one, two] = [gateway(), gateway()]
    for (let name = 0; name < 12; name++) answers(one.engine, name, { people: person(name) })
    one.tell(two.engine, 1_000, 20)
    expect(answers(two.engine, 1_001, { people: person(50) })).toEqual([])
    for (let name = 60; name < 72; name++) answers(two.engine, 1_010, { people: person(name) })
    // Twenty-four of the hour by now, thirteen of the quarter.
    expect(two.engine.subjects.count(facts(0).account, START + 1_020, 60)).toBe(24)
  })

  test('beyond 48 people it holds to a tenth', () => {
    const [one, two] = [gateway(), gateway()]
    const budgets = [{ minutes: 60, count: 200, source: 'by config' }]
    for (let name = 0; name < 150; name++) answers(one.engine, 1, { people: person(name), budgets })
    one.tell(two.engine, 2)
    let passed = 0
    for (let name = 500; name < 700; name++)
      if (answers(two.engine, 3, { people: person(name), budgets }).length === 0) passed += 1
    expect(passed).toBeGreaterThan(30)
    expect(passed).toBeLessThan(75)
  })

  test('a refusal lasts at the other as long, and the next one doubles', () => {
    const [one, two] = [gateway(), gateway()]
    const budgets = [{ minutes: 1, count: 2, source: 'by config' }]
    for (let name = 0; name < 3; name++) answers(one.engine, 0, { people: person(name), budgets })
    one.tell(two.engine, 1)
    // The window of a minute is empty there: it is the hold that refuses.
    const held = two.engine.judge(facts(59, { people: person(9), budgets, account: 'a' }), ENFORCE)
    expect(held).toMatchObject([{ answer: 'refuse', retryAfterMs: 120_000 }])
  })

  test('whose counts do not meet is shared out, and whole again when they do', () => {
    const { engine } = gateway()
    engine.share(3)
    const passed = Array.from({ length: 12 }, (_none, name) => answers(engine, name * 20, { people: person(name) }))
    expect(passed.filter((found) => found.length === 0)).toHaveLength(4)
    engine.share(1)
    for (let name = 0; name < 12; name++)
      expect(answers(engine, 300, { account: 'b', people: person(name) })).toEqual([])
  })

  test('says of which budget it is a share', () => {
    const { engine } = gateway()
    engine.share(3)
    for (let name = 0; name < 4; name++) answers(engine, name, { people: person(name) })
    expect(engine.judge(facts(5, { people: person(9) }), ENFORCE)[0]?.sentence).toBe(
      '5th new person in 15 minutes, limit 4, a share of 12 among 3 gateways that do not hear each other, built in',
    )
  })
})

describe('what is found at one holds at the other', () => {
  test('a honey subject that was read, for a day', () => {
    const [one, two] = [gateway(), gateway()]
    one.engine.judge(facts(0, { people: person(1) }), { enforce: true, isHoney: true })
    one.tell(two.engine, 1)
    expect(answers(two.engine, 2, { people: person(2) })).toContain('honey-subject: refuse')
    const three = gateway()
    one.engine.judge(facts(10, { people: person(1) }), { enforce: true, isHoney: true })
    one.tell(three.engine, 86_420, 10)
    expect(answers(three.engine, 86_421, { people: person(2) })).toEqual([])
  })

  test('failed tries of a client, and tries at a person', () => {
    const [one, two] = [gateway(), gateway()]
    const login = { session: undefined, attempt: 'login', target: 't' } as const
    for (let tries = 0; tries < 3; tries++) {
      expect(answers(one.engine, tries, login)).toEqual([])
      one.engine.settle(facts(tries, login), { status: 401, failed: true })
    }
    one.tell(two.engine, 5)
    expect(answers(two.engine, 6, login)).toEqual(['failure-walk: refuse'])
  })

  test('tries at one password; a new one that another gateway sent, or a success there, begins anew', () => {
    const [one, two] = [gateway(), gateway()]
    const verify = (address: string) => ({ session: undefined, attempt: 'otp-verify', target: 't', address }) as const
    for (let tries = 0; tries < 5; tries++) answers(one.engine, tries, verify(`10.1.${String(tries)}.1`))
    one.tell(two.engine, 5)
    expect(answers(two.engine, 6, verify('10.2.0.1'))).toEqual(['failure-walk: refuse'])
    answers(one.engine, 7, { ...verify('10.3.0.1'), attempt: 'otp-request' })
    one.tell(two.engine, 8)
    expect(answers(two.engine, 70, verify('10.2.0.2'))).toEqual([])
    for (let tries = 0; tries < 4; tries++) answers(two.engine, 71, verify(`10.4.${String(tries)}.1`))
    one.engine.settle(facts(72, verify('10.3.0.1')), { status: 200, failed: false })
    one.tell(two.engine, 73)
    expect(answers(two.engine, 74, verify('10.2.0.3'))).toEqual([])
  })

  test('yesterday’s tries are not today’s', () => {
    const [one, two] = [gateway(), gateway()]
    const login = { session: undefined, attempt: 'login', target: 't' } as const
    for (let tries = 0; tries < 3; tries++) one.engine.settle(facts(tries, login), { status: 401, failed: true })
    one.tell(two.engine, 86_400 + 10, 5)
    expect(answers(two.engine, 86_400 + 11, login)).toEqual([])
  })

  test('addresses of one token: the sixth ends it, wherever it comes', () => {
    const [one, two] = [gateway(), gateway()]
    for (let place = 0; place < 5; place++) answers(one.engine, place, { address: `10.0.${String(place)}.1` })
    one.tell(two.engine, 6)
    expect(answers(two.engine, 7, { address: '10.0.9.1' })).toEqual(['token-spread: revoke'])
    const three = gateway()
    for (let place = 10; place < 15; place++)
      answers(one.engine, place, { session: 'x', address: `10.0.${String(place)}.1` })
    one.tell(three.engine, 1_000, 15)
    expect(answers(three.engine, 1_001, { session: 'x', address: '10.0.99.1' })).toEqual([])
  })

  test('strangers whom a session asked for', () => {
    const [one, two] = [gateway(), gateway()]
    for (let name = 0; name < 5; name++) one.engine.notOwner(facts(name, { people: person(name) }))
    one.tell(two.engine, 6, 6, 2)
    expect(two.engine.notOwner(facts(7, { people: person(9) }))).toMatchObject([{ answer: 'revoke', value: 6 }])
  })
})

describe('sketches', () => {
  /** Two hundred sessions of a common stack, for the same few people, then `count` people by addresses of a rare one. */
  const crowd = (engine: Engine, from: number, count: number): readonly string[] => {
    for (let each = 0; each < 200; each++)
      answers(engine, 0, {
        session: `c${String(each)}`,
        account: `c${String(each)}`,
        people: person(10_000 + (each % 20)),
      })
    answers(engine, 1_000, { session: 'late', account: 'late', people: person(9_999) })
    return Array.from({ length: count }, (_none, each) => from + each).flatMap((each) =>
      answers(engine, 1_001, {
        ...{ session: undefined, account: undefined, verifiedAtMs: undefined, stack: 'tool' },
        ...{ address: `10.9.${String(each)}.1`, people: person(each) },
      }),
    )
  }
  const alike = { session: undefined, account: undefined, verifiedAtMs: undefined, stack: 'tool' } as const

  test('a rare client stack that is spread over gateways is one', () => {
    const [one, two] = [gateway(), gateway()]
    expect([crowd(one.engine, 0, 28), crowd(two.engine, 100, 20)]).toEqual([[], []])
    const words = createSketchPost(one.engine).collect(START + 1_002)
    createSketchPost(two.engine).merge(words, START + 1_003, START + 1_002)
    expect(answers(two.engine, 1_003, { ...alike, address: '10.8.0.1', people: person(777) })).toEqual([
      'cohort: refuse',
    ])
    const three = gateway()
    crowd(three.engine, 100, 5)
    // Of the hour before: it counts no more.
    createSketchPost(three.engine).merge(words, START + 3_700, START + 1_002)
    expect(answers(three.engine, 3_700, { ...alike, address: '10.8.0.1', people: person(777) })).toEqual([])
  })

  test('a rare client stack has a share where counts do not meet', () => {
    const { engine } = gateway()
    crowd(engine, 0, 0)
    engine.share(3)
    expect(crowd(engine, 0, 20)).toContain('cohort: refuse')
  })

  test('only those that have changed are sent', () => {
    const { engine } = gateway()
    crowd(engine, 0, 20)
    const post = createSketchPost(engine)
    expect(post.collect(START + 1_002).length).toBe(2 * SKETCH_WORDS)
    expect(post.collect(START + 1_003).length).toBe(0)
    answers(engine, 1_004, { ...alike, address: '10.8.0.1', people: person(777) })
    expect(post.collect(START + 1_005).length).toBe(SKETCH_WORDS)
  })

  test('what is no sketch changes nothing', () => {
    const { engine } = gateway()
    const words = new Int32Array(2 * SKETCH_WORDS - 1).fill(7)
    words[2] = 99
    createSketchPost(engine).merge(words, START, START)
    expect(createSketchPost(engine).collect(START)).toHaveLength(0)
  })
})

describe('deltas', () => {
  test('are bounded, and what is none is left out', () => {
    const buffer = createDeltaBuffer()
    for (let count = 0; count < 100_000; count++) buffer.push(DELTA.person, keyOf(String(count), 1), count)
    expect(buffer.take()?.length).toBe(4 * 16_384)
    expect(buffer.take()).toBeUndefined()
    expect([...readDeltas(Int32Array.from([1, 0, 5, 1, 1, 3, 5, 99, 1, 3, 5, (7 << 16) | 2, 1, 3]))]).toEqual([
      { kind: DELTA.held, key: { high: 1, low: 3 }, value: 5, extra: 7 },
    ])
  })
})
