// Lock flags by file and by config: what the file locks, it opens again, and what is cut off opens nothing.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import type { Lock } from '../../src/core/lock.ts'
import { configLocks, fileLocks, isSameFlags, missingFileLock, parseLocksFile } from '../../src/core/lock-flags.ts'
import { isFrozen } from '../../src/core/lock-table.ts'
import { aRoute, NOON } from './fixtures.ts'

const ROUTES = [
  aRoute('/beneficiaries/{id}', { id: 'beneficiary.read', tags: ['pii'] }),
  aRoute('/appointments', { id: 'appointment.write', methods: ['POST'], tags: ['pii', 'slow'] }),
  aRoute('/news', { id: 'news' }),
]
const WORDS = { reason: 'leak suspected', incident: 'INC-7' }

function problems(document: unknown): readonly string[] {
  const file = parseLocksFile(document, ROUTES)
  return 'problems' in file ? file.problems : []
}

/** The locks after the file was read over those that stood, or those that stood where it cannot be taken. */
function read(document: unknown, before: readonly Lock[] = [], now = NOON): readonly Lock[] {
  const file = parseLocksFile(document, ROUTES)
  return 'problems' in file ? before : fileLocks(before, file, now)
}

const briefly = (locks: readonly Lock[]) => Object.fromEntries(locks.map(({ id, mode }) => [id, mode]))

describe('a locks file is refused', () => {
  test.each([
    ['that is empty', null, 'must be a mapping'],
    ['that is absent', undefined, 'must be a mapping'],
    ['of text', 'freeze: true', 'must be a mapping'],
    ['of a list', [{ freeze: true }], 'must be a mapping'],
    ['with an unknown key', { frezee: false }, '"frezee" is not known here, did you mean "freeze"?'],
    ['with freeze in words', { freeze: 'yes' }, 'freeze must be true or false'],
    ['with freeze cut off', { freeze: null }, 'freeze must be true or false'],
    ['with an empty reason', { freeze: true, reason: '', incident: 'INC-7' }, 'reason must be a text'],
    ['with an incident that is a number', { freeze: true, reason: 'r', incident: 7 }, 'incident must be a text'],
    [
      'that freezes without a reason',
      { freeze: true, incident: 'INC-7' },
      'reason is required as soon as anything is locked',
    ],
    ['that locks a route without an incident', { routes: { news: 'deny' }, reason: 'r' }, 'incident is required'],
    ['that locks a tag without either', { tags: { pii: 'step-up' } }, 'reason is required'],
    ['with routes cut off', { routes: null }, 'routes must be a mapping'],
    ['with a list of routes', { routes: ['news'] }, 'routes must be a mapping'],
    ['with an unknown route', { routes: { nwes: 'open' } }, 'routes: there is no "nwes", did you mean "news"?'],
    ['with a route of a prototype', { routes: { constructor: 'open' } }, 'routes: there is no "constructor"'],
    ['with an unknown tag', { tags: { pi: 'open' } }, 'tags: there is no "pi", did you mean "pii"?'],
    ['with a flag cut off', { routes: { news: null } }, 'routes.news must be one of open, deny, read-only, step-up'],
    ['with half a flag', { routes: { news: 'read' }, ...WORDS }, 'routes.news must be one of'],
    ['with a flag of a lock order', { tags: { pii: 'observe' }, ...WORDS }, 'tags.pii must be one of'],
    ['with a flag that is true', { tags: { pii: true }, ...WORDS }, 'tags.pii must be one of'],
  ])('%s', (_name, document, expected) => {
    expect(problems(document).join('; ')).toContain(expected)
    const before = read({ freeze: true, ...WORDS })
    expect(read(document, before)).toBe(before)
  })

  test('with every problem at once', () => {
    expect(problems({ freze: 1, freeze: 1, reason: 1, routes: { x: 1 }, tags: 1 })).toHaveLength(6)
  })
})

describe('what the file locks', () => {
  test('freeze locks everything, a name its route or tag', () => {
    const locks = read({
      freeze: true,
      ...WORDS,
      routes: { news: 'deny', 'appointment.write': 'open' },
      tags: { pii: 'step-up', slow: 'read-only' },
    })
    expect(briefly(locks)).toEqual({
      'file.freeze': 'deny',
      'file.route.news': 'deny',
      'file.tag.pii': 'step-up',
      'file.tag.slow': 'read-only',
    })
    expect(locks.map(({ scope }) => scope)).toEqual([
      { all: true },
      { routes: ['news'] },
      { tags: ['pii'] },
      { tags: ['slow'] },
    ])
    for (const lock of locks)
      expect(lock).toMatchObject({ ...WORDS, source: 'file', since: NOON, onExpiry: 'stay', status: 503, message: {} })
    expect(isFrozen({ epoch: 1, locks, revocations: [] }, NOON)).toBe(true)
  })

  test('a file that says open to everything locks nothing', () => {
    expect(read({ freeze: false, routes: { news: 'open' }, tags: { pii: 'open' } })).toEqual([])
  })

  test('what stands unchanged keeps its time, so that a step-up does not ask again', () => {
    const document = { ...WORDS, tags: { pii: 'step-up' } }
    const before = read(document)
    const after = read(document, before, NOON + 5_000)
    expect(after[0]).toBe(before[0])
    expect(isSameFlags(before, after)).toBe(true)
  })

  test.each([
    ['another mode', { ...WORDS, tags: { pii: 'deny' } }],
    ['another reason', { ...WORDS, reason: 'another', tags: { pii: 'step-up' } }],
    ['another incident', { ...WORDS, incident: 'INC-8', tags: { pii: 'step-up' } }],
  ])('%s is another lock', (_name, document) => {
    const before = read({ ...WORDS, tags: { pii: 'step-up' } })
    const after = read(document, before, NOON + 5_000)
    expect(after).toHaveLength(1)
    expect(after[0]?.since).toBe(NOON + 5_000)
    expect(isSameFlags(before, after)).toBe(false)
  })
})

describe('what the file opens', () => {
  const before = read({
    freeze: true,
    ...WORDS,
    routes: { news: 'deny', 'beneficiary.read': 'deny' },
    tags: { pii: 'deny' },
  })
  const all = ['file.freeze', 'file.route.beneficiary.read', 'file.route.news', 'file.tag.pii']

  test.each([
    ['freeze by an explicit false', { freeze: false }, all.slice(1)],
    [
      'a route by an explicit open, others of its mapping by being removed',
      { routes: { news: 'open' } },
      ['file.freeze', 'file.tag.pii'],
    ],
    [
      'one route by being removed',
      { ...WORDS, routes: { news: 'deny' } },
      ['file.freeze', 'file.route.news', 'file.tag.pii'],
    ],
    ['routes by an empty mapping', { routes: {} }, ['file.freeze', 'file.tag.pii']],
    ['tags by an empty mapping', { tags: {} }, all.slice(0, 3)],
    ['nothing by a file of nothing', {}, all],
    ['nothing by a file of words', { ...WORDS }, all],
    ['nothing by a file whose keys are gone', { ...WORDS, freeze: true }, all],
    ['everything by saying so', { freeze: false, routes: {}, tags: {} }, []],
  ])('%s', (_name, document, expected) => {
    expect(Object.keys(briefly(read(document, before))).toSorted()).toEqual(expected)
  })
})

describe('a locks file that was never read whole', () => {
  const missing = [missingFileLock(NOON)]

  test('locks everything', () => {
    expect(isFrozen({ epoch: 1, locks: missing, revocations: [] }, NOON + 1e12)).toBe(true)
    expect(missing[0]).toMatchObject({
      id: 'file.missing',
      scope: { all: true },
      mode: 'deny',
      source: 'file',
      onExpiry: 'stay',
    })
  })

  test.each([
    ['a file that says freeze: false', { freeze: false }, {}],
    ['a file that names routes', { ...WORDS, routes: { news: 'deny' } }, { 'file.route.news': 'deny' }],
    ['a file that names tags', { tags: {} }, {}],
    ['a file that freezes', { freeze: true, ...WORDS }, { 'file.freeze': 'deny' }],
    ['an empty mapping', {}, { 'file.missing': 'deny' }],
    ['a file of words alone, as a torn one may be', { ...WORDS }, { 'file.missing': 'deny' }],
    ['a file that cannot be taken', { freeze: null }, { 'file.missing': 'deny' }],
  ])('%s', (_name, document, expected) => {
    expect(briefly(read(document, missing))).toEqual(expected)
  })
})

describe('a file that was cut off', () => {
  /** What has opened that no whole file opened. */
  function openedByTruncation(text: string, before: readonly Lock[]): readonly string[] {
    return Array.from({ length: text.length }, (_, end) => text.slice(0, end)).flatMap((cut) => {
      let document: unknown
      try {
        document = parse(cut) as unknown
      } catch {
        return []
      }
      const after = read(document, before)
      return before
        .filter(({ id }) => !after.some((lock) => lock.id === id))
        .map(({ id }) => `${id} by ${JSON.stringify(cut)}`)
    })
  }

  const flow = `freeze: true
reason: leak suspected
incident: INC-7
routes: { beneficiary.read: deny, appointment.write: read-only }
tags: { pii: step-up }
`
  test('opens nothing at any byte, written as in the documentation', () => {
    expect(openedByTruncation(flow, read(parse(flow)))).toEqual([])
  })

  test('opens nothing at any byte, in whatever order its keys stand', () => {
    const lines = flow.trimEnd().split('\n')
    fc.assert(
      fc.property(fc.shuffledSubarray(lines, { minLength: lines.length }), (shuffled) => {
        const text = `${shuffled.join('\n')}\n`
        expect(openedByTruncation(text, read(parse(text)))).toEqual([])
      }),
      { numRuns: 12 },
    )
  })

  test('opens nothing where none was ever read whole, unless it says of itself what is locked', () => {
    const opened = openedByTruncation(flow.replace('freeze: true\n', ''), [missingFileLock(NOON)])
    // What stands between the words and the first name of a mapping opens nothing; a whole mapping is a word about locks.
    expect(opened.filter((each) => !each.includes('routes: {'))).toEqual([])
  })

  test('with one name a line, what is cut between two lines reads as removed: that alone opens', () => {
    const text =
      'reason: leak suspected\nincident: INC-7\nroutes:\n  beneficiary.read: deny\n  appointment.write: read-only\n'
    const opened = openedByTruncation(text, read(parse(text)))
    for (const each of opened)
      expect(each).toMatch(/^file\.route\.appointment\.write by ".*beneficiary\.read: deny(\\n *)?"$/)
  })
})

describe('the lock key of a route', () => {
  const locked = [
    aRoute('/a', { id: 'a', lock: 'deny' }),
    aRoute('/b', { id: 'b' }),
    aRoute('/c', { id: 'c', lock: 'step-up' }),
  ]

  test('locks the route under its own name, and keeps its time over a reload', () => {
    const locks = configLocks([], locked, NOON)
    expect(briefly(locks)).toEqual({ 'config.a': 'deny', 'config.c': 'step-up' })
    expect(locks.map(({ scope, source }) => [scope, source])).toEqual([
      [{ routes: ['a'] }, 'config'],
      [{ routes: ['c'] }, 'config'],
    ])
    expect(isSameFlags(locks, configLocks(locks, locked, NOON + 1))).toBe(true)
    const changed = configLocks(locks, [aRoute('/a', { id: 'a', lock: 'read-only' }), ...locked.slice(2)], NOON + 1)
    expect(isSameFlags(locks, changed)).toBe(false)
    expect(changed.map(({ since }) => since)).toEqual([NOON + 1, NOON])
  })

  test('flags are the same whatever their order, and different where one is more or less', () => {
    const locks = configLocks([], locked, NOON)
    expect(isSameFlags(locks, locks.toReversed())).toBe(true)
    expect(isSameFlags(locks, locks.slice(1))).toBe(false)
    expect(isSameFlags(locks.slice(1), locks)).toBe(false)
    expect(isSameFlags([], [])).toBe(true)
  })
})
