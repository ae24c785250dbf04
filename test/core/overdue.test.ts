// What was forgotten nags: locks without an end, thaws near their deadline, proposals that nobody signs.
import { expect, test } from '@jest/globals'
import { EMPTY_LEDGER, type Ledger } from '../../src/core/ledger.ts'
import type { Lock } from '../../src/core/lock.ts'
import { findOverdue } from '../../src/core/overdue.ts'
import type { Proposal } from '../../src/core/proposal.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const GUARD = { responders: [], approvals: 2 }

function ledger(locks: readonly Partial<Lock>[], proposals: readonly Partial<Proposal>[] = []): Ledger {
  const held = locks.map(
    (more, index): [string, Ledger['held'] extends ReadonlyMap<string, infer Held> ? Held : never] => {
      const lock: Lock = {
        ...{ id: `lock-${index}`, scope: { all: true }, mode: 'deny', source: 'order', since: NOW, by: 'night-desk' },
        ...{ reason: 'x', incident: 'INC-7', onExpiry: 'stay', status: 503, message: {} },
        ...more,
      }
      return [lock.id, { lock, guard: GUARD, epoch: 1 }]
    },
  )
  const waiting = proposals.map((more): Proposal => {
    const order = { kind: 'release', locks: ['lock-0'], reason: 'x' } as const
    const by = { name: 'lead', role: 'commander', key: 'k' } as const
    const base = {
      id: 'p',
      order,
      locks: order.locks,
      reason: 'x',
      at: NOW,
      signers: [by],
      required: 2,
      done: false,
      guard: GUARD,
    }
    return { ...base, ...more }
  })
  return { ...EMPTY_LEDGER, held: new Map(held), proposals: new Map(waiting.map((each) => [each.id, each])) }
}
const problems = (from: Ledger, now = NOW): readonly string[] => findOverdue(from, now).map(({ problem }) => problem)

test('a lock without an end nags after a day, and says for how many; one with an end only after it', () => {
  const forgotten = ledger([{}, { mode: 'observe' }, { until: NOW + 100 * 24 * HOUR }])
  expect(problems(forgotten, NOW + 24 * HOUR - 1)).toEqual([])
  expect(problems(forgotten, NOW + 49 * HOUR)).toEqual([
    expect.stringMatching(/^lock lock-0 of night-desk has stood for 2 d and has no end/),
    expect.stringMatching(/^lock lock-1 of night-desk has observed for 2 d/),
  ])
  expect(problems(ledger([{ until: NOW + 1 }]), NOW + 2)).toEqual([
    expect.stringMatching(/past its time and stays locked/),
  ])
})

test('a thaw that will miss its deadline nags before it, its owner by name; one that ends in time does not', () => {
  const plan = { owner: 'lead', refreezeOn: [], stages: [{ passes: 'read-only', forMs: 5 * HOUR }] } as const
  const thawing = (deadlineMs: number, forMs: number) =>
    ledger([
      { thaw: { release: 'r', startedAt: NOW, plan: { ...plan, deadlineMs, stages: [{ ...plan.stages[0], forMs }] } } },
    ])
  const late = thawing(HOUR, 5 * HOUR)
  expect(problems(late, NOW + HOUR - 11 * 60_000)).toEqual([])
  expect(problems(late, NOW + HOUR - 9 * 60_000)).toEqual([
    'the thaw of lock lock-0 misses its deadline in 9 min and then holds again: lead sees to it',
  ])
  expect(problems(late, NOW + HOUR)).toEqual([
    expect.stringMatching(/has missed its deadline; it holds again, and lead sees/),
  ])
})

test('a proposal that nobody signs nags after an hour, with the command; not once it is done, has expired or has nothing to open', () => {
  const waiting = ledger([{}], [{}])
  expect(problems(waiting, NOW + HOUR - 1)).toEqual([])
  expect(problems(waiting, NOW + 2 * HOUR)).toEqual([
    'the release p has waited for 2 h with 1 of 2 signatures: portcullis approve p, or propose anew',
  ])
  for (const more of [{ done: true }, { expiresAt: NOW + HOUR }, { locks: ['gone'] }])
    expect(problems(ledger([{}], [more]), NOW + 2 * HOUR)).toEqual([])
})
