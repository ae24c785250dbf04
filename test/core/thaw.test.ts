// Thaw plans: parsed strictly, signed by two, and from then on a function of the clock that every gateway reads alike.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { applyEntry, EMPTY_LEDGER, tableOf } from '../../src/core/ledger.ts'
import { compileTable, findLocks, findReturn, freshSinceOf, isFrozen } from '../../src/core/lock-table.ts'
import { isWhole, modeAt, type LockTarget } from '../../src/core/lock.ts'
import type { Order } from '../../src/core/order.ts'
import { parseStatement } from '../../src/core/parse-statement.ts'
import { isInShare, placeOf, returnOf, thawState, type ThawPlan, type ThawRun } from '../../src/core/thaw.ts'
import { aDesk, aLockOrder, anApproval, aRelease, CHIEF, DESK, LEAD, ROUTES, type Desk } from './desk.ts'
import { aRoute, NOON } from './fixtures.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Probes for a minute, read-only for ten, 10 % for ten, 50 % for ten, all for half an hour. */
const PLAN: ThawPlan = {
  stages: [
    { passes: 'probes', probes: { clients: ['probe'], cidrs: ['192.0.2.0/24'] }, forMs: MINUTE },
    { passes: 'read-only', forMs: 10 * MINUTE },
    { passes: 'percent', percent: 10, forMs: 10 * MINUTE },
    { passes: 'percent', percent: 50, forMs: 10 * MINUTE },
    { passes: 'all', forMs: 30 * MINUTE },
  ],
  owner: 'lead',
  deadlineMs: 2 * HOUR,
  refreezeOn: [{ metric: 'error-share', above: 0.05 }],
}
const AS_WRITTEN = {
  stages: [
    { probes: { clients: ['probe'], cidrs: ['192.0.2.0/24'] }, for: '1m' },
    { readOnly: true, for: '10m' },
    { percent: 10, for: '10m' },
    { percent: 50, for: '10m' },
    { all: true, for: '30m' },
  ],
  owner: 'lead',
  deadline: '2h',
  refreezeOn: [{ metric: 'error-share', above: 0.05 }],
}
const aRun = (fields: Partial<ThawRun> = {}): ThawRun => ({ release: 'r', plan: PLAN, startedAt: NOON, ...fields })

function parse(thaw: unknown): ThawPlan | undefined | string {
  const order = { kind: 'release', locks: ['l'], reason: 'r', thaw }
  const parsed = parseStatement({ iss: 'lead', iat: NOON / 1000, jti: 'x', order })
  if ('problems' in parsed) return parsed.problems.join('; ')
  return parsed.order.kind === 'release' ? parsed.order.thaw : undefined
}

describe('a plan as it is written', () => {
  test('is parsed whole', () => {
    expect(parse(AS_WRITTEN)).toEqual(PLAN)
    expect(parse({ ...AS_WRITTEN, refreezeOn: undefined })).toEqual({ ...PLAN, refreezeOn: [] })
  })

  test.each([
    ['that is text', 'slowly', 'order.thaw must be an object'],
    ['without stages', { ...AS_WRITTEN, stages: [] }, 'order.thaw.stages is required'],
    ['without an owner', { ...AS_WRITTEN, owner: ' ' }, 'order.thaw.owner is required'],
    ['without a deadline', { ...AS_WRITTEN, deadline: undefined }, 'order.thaw.deadline is required'],
    ['with a mistyped key', { ...AS_WRITTEN, refreezOn: [] }, 'did you mean "refreezeOn"?'],
    [
      'with a deadline before its end',
      { ...AS_WRITTEN, deadline: '1h' },
      'order.thaw.deadline is shorter than the stages',
    ],
    ['with a deadline in a season', { ...AS_WRITTEN, deadline: '31d' }, 'more than 30 days'],
    ['with a stage of text', { ...AS_WRITTEN, stages: ['all'] }, 'order.thaw.stages[0] must be an object'],
    ['with a stage for ever', { ...AS_WRITTEN, stages: [{ all: true }] }, 'order.thaw.stages[0].for is required'],
    [
      'with a stage of nothing',
      { ...AS_WRITTEN, stages: [{ for: '1m' }] },
      'exactly one of probes, readOnly, percent, all',
    ],
    [
      'with a stage of two',
      { ...AS_WRITTEN, stages: [{ percent: 5, all: true, for: '1m' }] },
      'exactly one of probes, readOnly, percent, all',
    ],
    ['with 100 %', { ...AS_WRITTEN, stages: [{ percent: 100, for: '1m' }] }, 'above 0 and below 100'],
    ['with a share of text', { ...AS_WRITTEN, stages: [{ percent: '5', for: '1m' }] }, 'above 0 and below 100'],
    [
      'with all of false',
      { ...AS_WRITTEN, stages: [{ all: false, for: '1m' }] },
      'order.thaw.stages[0].all must be true',
    ],
    [
      'with probes that are everybody',
      { ...AS_WRITTEN, stages: [{ probes: { all: true }, for: '1m' }] },
      'order.thaw.stages[0].probes names everything',
    ],
    [
      'with probes by a bad network',
      { ...AS_WRITTEN, stages: [{ probes: { cidrs: ['10.0.0.0/99'] }, for: '1m' }] },
      'order.thaw.stages[0].probes.cidrs must each be a network',
    ],
    [
      'with a stage after all',
      {
        ...AS_WRITTEN,
        stages: [
          { all: true, for: '1m' },
          { percent: 5, for: '1m' },
        ],
      },
      'order.thaw.stages[1] comes after a stage that lets everything pass',
    ],
    [
      'with a share that shrinks',
      {
        ...AS_WRITTEN,
        stages: [
          { percent: 9, for: '1m' },
          { percent: 5, for: '1m' },
        ],
      },
      'order.thaw.stages[1] adds nothing',
    ],
    [
      'with a metric that nobody measures',
      { ...AS_WRITTEN, refreezeOn: [{ metric: 'eror-share', above: 1 }] },
      'did you mean "error-share"?',
    ],
    [
      'with a share above 1',
      { ...AS_WRITTEN, refreezeOn: [{ metric: 'error-share', above: 5 }] },
      'a share is never above it',
    ],
    [
      'with a metric and no number',
      { ...AS_WRITTEN, refreezeOn: [{ metric: 'requests' }] },
      'refreezeOn[0].above is required',
    ],
  ])('%s is refused', (_name, thaw, problem) => {
    expect(parse(thaw)).toContain(problem)
  })

  test('every problem is named at once', () => {
    const problems = parse({ stages: [{ percent: 0, for: 'x' }], owner: '', deadline: 'x', refreezeOn: [{}], more: 1 })
    expect(String(problems).split('; ')).toHaveLength(7)
  })
})

describe('what passes when', () => {
  const at = (ms: number, run = aRun()) => thawState(run, NOON + ms)
  test('goes by the clock, and what passed before goes on passing', () => {
    expect(at(-1)).toEqual({ is: 'frozen', why: 'not-begun' })
    expect(at(0)).toMatchObject({ index: 0, readOnly: false, percent: 0, probes: [{ clients: ['probe'] }] })
    expect(at(MINUTE - 1)).toMatchObject({ index: 0 })
    expect(at(MINUTE)).toMatchObject({ index: 1, readOnly: true, percent: 0, probes: [{ clients: ['probe'] }] })
    expect(at(11 * MINUTE)).toMatchObject({ index: 2, readOnly: true, percent: 10 })
    expect(at(21 * MINUTE)).toMatchObject({ index: 3, percent: 50 })
    expect(at(31 * MINUTE)).toMatchObject({ index: 4, percent: 100 })
    expect(at(61 * MINUTE - 1)).toMatchObject({ is: 'stage' })
    expect(at(61 * MINUTE)).toEqual({ is: 'open' })
    expect(at(1e12)).toEqual({ is: 'open' })
  })

  test('a plan that does not end with all stays at its last stage, and holds again at its deadline', () => {
    const run = aRun({ plan: { ...PLAN, stages: PLAN.stages.slice(0, 3) } })
    expect(at(2 * HOUR - 1, run)).toMatchObject({ index: 2, percent: 10 })
    expect(at(2 * HOUR, run)).toEqual({ is: 'frozen', why: 'deadline' })
    expect(at(1e12, run)).toEqual({ is: 'frozen', why: 'deadline' })
  })

  test('a plan that was ended early holds from then on; one that had come to its end is not touched', () => {
    const early = aRun({ refrozen: { at: NOON + 5 * MINUTE, why: 'x' } })
    expect(at(5 * MINUTE - 1, early)).toMatchObject({ is: 'stage' })
    expect(at(5 * MINUTE, early)).toEqual({ is: 'frozen', why: 'refrozen' })
    expect(at(1e12, early)).toEqual({ is: 'frozen', why: 'refrozen' })
    expect(at(61 * MINUTE, aRun({ refrozen: { at: NOON + 61 * MINUTE, why: 'x' } }))).toEqual({ is: 'open' })
  })
})

describe('the share of sessions', () => {
  const sessions = Array.from({ length: 5_000 }, (_, index) => `k1.${index.toString(36).padStart(22, '-')}`)

  test('is what it says, only grows, and is another for the next lock', () => {
    const inside = (percent: number, lock = 'lock-1') => sessions.filter((each) => isInShare(percent, each, lock))
    for (const percent of [0.5, 10, 50, 90]) {
      expect(Math.abs(inside(percent).length / sessions.length - percent / 100)).toBeLessThan(0.025)
    }
    const ten = new Set(inside(10))
    expect(inside(50).filter((each) => ten.has(each))).toHaveLength(ten.size)
    const both = inside(10, 'lock-2').filter((each) => ten.has(each)).length
    expect(Math.abs(both / sessions.length - 0.01)).toBeLessThan(0.008)
  })

  test('is the same at every gateway: these places are part of the protocol', () => {
    expect(
      [placeOf('', ''), placeOf('k1.aaaaaaaaaaaaaaaaaaaaaa', 'lock-1'), placeOf('a', 'b')].map((each) =>
        each.toFixed(6),
      ),
    ).toEqual(PLACES)
  })
})

describe('when a caller comes back', () => {
  const sessions = Array.from({ length: 5_000 }, (_, index) => `session-${index}`)
  test('is spread over the stage that lets it in, later places later, and it is let in then', () => {
    const now = NOON + MINUTE
    const times = sessions.map((session) => {
      const turn = returnOf(aRun(), { session, isSafe: false }, 'lock-1', now)
      if (turn === undefined) throw new Error('everybody is let in at last')
      const state = thawState(aRun(), now + turn.afterMs)
      expect(state.is === 'stage' && isInShare(state.percent, session, 'lock-1')).toBe(true)
      return turn.afterMs
    })
    // Three stages let unsafe requests in: from 10, 20 and 30 minutes on, each over its whole length.
    const buckets = [10, 15, 20, 25, 30, 45, 60].map((minutes) => minutes * MINUTE)
    const counts = buckets
      .slice(0, -1)
      .map((from, index) => times.filter((ms) => from <= ms && ms < (buckets[index + 1] ?? 0)).length)
    for (const [index, expected] of [0.05, 0.05, 0.2, 0.2, 0.25, 0.25].entries())
      expect(Math.abs((counts[index] ?? 0) / sessions.length - expected)).toBeLessThan(0.03)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(10 * MINUTE)
  })

  test('without a session, within the stage that lets everybody in; a reader when reading opens', () => {
    expect(returnOf(aRun(), { isSafe: false }, 'l', NOON)).toEqual({ afterMs: 31 * MINUTE, spreadMs: 30 * MINUTE })
    expect(returnOf(aRun(), { isSafe: true }, 'l', NOON)).toEqual({ afterMs: MINUTE, spreadMs: 10 * MINUTE })
    expect(returnOf(aRun({ refrozen: { at: NOON, why: 'x' } }), { isSafe: true }, 'l', NOON)).toBeUndefined()
    const short = aRun({ plan: { ...PLAN, stages: PLAN.stages.slice(0, 2) } })
    expect(returnOf(short, { isSafe: false, session: 'a' }, 'l', NOON)).toBeUndefined()
  })
})

// ---- on a desk ----

const aTarget = (fields: Partial<LockTarget> = {}): LockTarget => ({
  route: ROUTES[0] ?? aRoute('/'),
  method: 'GET',
  address: '198.51.100.1',
  userAgent: 'app/1',
  subjects: [],
  ...fields,
})
const find = (desk: Desk, fields: Partial<LockTarget> = {}, routes = ROUTES) =>
  findLocks(
    compileTable(tableOf(desk.ledger), routes, (cidrs) => () => cidrs.length > 0),
    aTarget(fields),
    desk.now,
  )

const thawing = (locks: readonly string[] = ['lock-1'], plan = PLAN): Order =>
  ({ ...aRelease(locks), thaw: plan }) as Order

function aThawingDesk(): Desk {
  const desk = aDesk()
  desk.give('lock-1', aLockOrder(), DESK)
  desk.now += HOUR
  desk.give('release-1', thawing(), LEAD)
  desk.give('a', anApproval('release-1'), CHIEF)
  return desk
}
const inside = (percent: number): string => {
  for (let index = 0; ; index++) if (placeOf(`s${index}`, 'lock-1') * 100 < percent) return `s${index}`
}
const outside = (percent: number): string => {
  for (let index = 0; ; index++) if (placeOf(`s${index}`, 'lock-1') * 100 >= percent) return `s${index}`
}

describe('a release with a plan', () => {
  test('takes two people, starts with the second signature, and names an owner whom somebody knows', () => {
    const desk = aDesk()
    desk.give('lock-1', aLockOrder(), DESK)
    const nobody = desk.give('x', thawing(['lock-1'], { ...PLAN, owner: 'laed' }), LEAD)
    expect(nobody?.problems).toEqual(['order.thaw.owner: there is no responder "laed", did you mean "lead"?'])
    desk.give('release-1', thawing(), LEAD)
    expect(find(desk, { clients: ['probe'] })?.denying?.id).toBe('lock-1')
    desk.now += 7
    desk.give('a', anApproval('release-1'), CHIEF)
    expect(tableOf(desk.ledger).locks[0]?.thaw).toEqual({ release: 'release-1', plan: PLAN, startedAt: NOON + 7 })
    expect(desk.ledger.epoch).toBe(2)
  })

  test('lets pass what each stage says, asks older sessions for a new OTP, and refuses the rest', () => {
    const desk = aThawingDesk()
    expect(find(desk)?.denying?.id).toBe('lock-1')
    const probe = find(desk, { clients: ['probe'], method: 'POST' })
    expect(probe).toEqual({ freshSince: NOON })
    expect(isFrozen(tableOf(desk.ledger), desk.now)).toBe(false)
    desk.now += MINUTE
    expect(find(desk)).toEqual({ freshSince: NOON })
    expect(find(desk, { method: 'POST' })?.denying?.id).toBe('lock-1')
    desk.now += 10 * MINUTE
    expect(find(desk, { method: 'POST', session: inside(10) })).toEqual({ freshSince: NOON })
    expect(find(desk, { method: 'POST', session: outside(10) })?.denying?.id).toBe('lock-1')
    desk.now += 20 * MINUTE
    expect(find(desk, { method: 'POST', session: outside(50) })).toEqual({ freshSince: NOON })
    const [lock] = tableOf(desk.ledger).locks
    if (lock === undefined) throw new Error('the lock stays in the table')
    expect([modeAt(lock, desk.now), isWhole(lock, desk.now)]).toEqual(['deny', false])
    desk.now += 30 * MINUTE
    expect([modeAt(lock, desk.now), isWhole(lock, desk.now)]).toEqual([undefined, false])
    // For ever: a session of before may live long.
    desk.now += 1e10
    expect(freshSinceOf(find(desk, { method: 'POST', session: outside(50) }))).toBe(NOON)
  })

  test('before the session is known, a share is neither refused nor let pass; without sessions it goes by address', () => {
    const desk = aThawingDesk()
    desk.now += 11 * MINUTE
    expect(find(desk, { method: 'POST' })).toEqual({ undecided: expect.objectContaining({ id: 'lock-1' }) })
    const bare = ROUTES[0] ?? aRoute('/')
    const route = { ...bare, policy: { ...bare.policy, session: { level: 'none' as const, bind: [] } } }
    const routes = [route]
    expect(find(desk, { route, method: 'POST', address: inside(10) }, routes)).toEqual({ freshSince: NOON })
    expect(find(desk, { route, method: 'POST', address: outside(10) }, routes)?.denying?.id).toBe('lock-1')
  })

  test('another lock over the same route is not thawed with it', () => {
    const desk = aThawingDesk()
    desk.give('lock-2', aLockOrder({ tags: ['pii'] }), DESK)
    desk.now += 61 * MINUTE
    expect(find(desk)?.denying?.id).toBe('lock-2')
  })

  test('a refused caller is told when its turn comes', () => {
    const desk = aThawingDesk()
    desk.now += MINUTE
    const lock = find(desk, { method: 'POST', session: outside(50) })?.denying
    if (lock === undefined) throw new Error('it is refused')
    const turn = findReturn(lock, aTarget({ method: 'POST', session: outside(50) }), desk.now)
    expect(turn?.afterMs).toBeGreaterThanOrEqual(30 * MINUTE)
    expect(findReturn({ ...lock, thaw: undefined } as never, aTarget(), desk.now)).toBeUndefined()
  })

  test('is ended by any gateway: the lock holds again under a new epoch, and the first word counts everywhere', () => {
    const desk = aThawingDesk()
    const { epoch } = desk.ledger
    desk.now += 5 * MINUTE
    desk.apply({ type: 'refreeze', release: 'release-1', why: 'error-share 0.09', at: desk.now })
    expect(find(desk)?.denying?.id).toBe('lock-1')
    expect(desk.ledger.epoch).toBe(epoch + 1)
    expect(isFrozen(tableOf(desk.ledger), desk.now)).toBe(true)
    const later = { type: 'refreeze', release: 'release-1', why: 'later', at: desk.now + 5 } as const
    expect(applyEntry(desk.ledger, later)).toBe(desk.ledger)
    const [first, ...others] = desk.entries.slice().reverse()
    if (first === undefined) throw new Error('entries were applied')
    const other = [later, first, ...others].reduce(applyEntry, EMPTY_LEDGER)
    expect(tableOf(other).locks).toEqual(tableOf(desk.ledger).locks)
    // A new release takes two people again, and its plan counts.
    desk.give('release-2', thawing(), LEAD)
    expect(find(desk)?.denying?.id).toBe('lock-1')
    desk.give('b', anApproval('release-2'), CHIEF)
    expect(find(desk, { clients: ['probe'] })?.denying).toBeUndefined()
    desk.give('release-3', aRelease(['lock-1']), LEAD)
    desk.give('c', anApproval('release-3'), CHIEF)
    expect(find(desk)).toBeUndefined()
  })

  test('lets nothing pass that an earlier moment refused for good: it only widens, until it ends or is ended', () => {
    const desk = aThawingDesk()
    fc.assert(
      fc.property(
        fc.nat(90 * MINUTE),
        fc.nat(90 * MINUTE),
        fc.constantFrom('GET', 'POST'),
        fc.nat(500),
        (one, two, method, index) => {
          const [early, late] = [Math.min(one, two), Math.max(one, two)]
          const table = compileTable(tableOf(desk.ledger), ROUTES, () => () => false)
          const passes = (ms: number) =>
            findLocks(table, aTarget({ method, session: `s${index}` }), NOON + HOUR + ms)?.denying === undefined
          if (passes(early)) expect(passes(late)).toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })
})

const PLACES: readonly string[] = ['0.134821', '0.052616', '0.132765']
