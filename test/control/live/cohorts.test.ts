import { expect, test } from '@jest/globals'
import { DistinctCount, type Distinct } from '../../../src/core/distinct.ts'
import { createCohorts } from '../../../src/control/live/cohorts.ts'
import type { CohortsEvent } from '../../../src/ports/live-views.ts'
import type { CohortCount } from '../../../src/ports/worker-protocol.ts'

function distinct(...values: readonly string[]): Distinct {
  const count = new DistinctCount()
  for (const value of values) count.add(value)
  return count.least
}

const aCount = (agent: string, requests: number, over: Partial<CohortCount> = {}): CohortCount => ({
  ...{ agent, fields: 'host', requests, refused: 0, addresses: distinct('a'), people: distinct() },
  ...over,
})
const NO_OTHERS = { requests: 0, refused: 0 }

test('sums what workers have told of a minute: each address and person once, whoever met it', () => {
  let now = 0
  const cohorts = createCohorts({ monotonicMs: () => now })
  const heard: CohortsEvent[] = []
  cohorts.listen((event) => heard.push(event))
  expect(heard).toEqual([{ cohorts: [], others: NO_OTHERS }])
  cohorts.add({
    cohorts: [
      aCount('tool', 5, { refused: 2, addresses: distinct('a', 'b'), people: distinct('p', 'q') }),
      aCount('app', 4),
    ],
    others: { requests: 7, refused: 1 },
  })
  now += 2000
  cohorts.add({
    cohorts: [aCount('app', 3), aCount('tool', 1, { addresses: distinct('b', 'c'), people: distinct('q') })],
    others: NO_OTHERS,
  })
  cohorts.tick()
  cohorts.tick()
  expect(heard.slice(1)).toEqual([
    {
      cohorts: [
        { agent: 'app', fields: 'host', requests: 7, refused: 0, addresses: 1, people: 0 },
        { agent: 'tool', fields: 'host', requests: 6, refused: 2, addresses: 3, people: 2 },
      ],
      others: { requests: 7, refused: 1 },
    },
  ])
  // The first telling is older than a minute; then both.
  now = 60_500
  cohorts.tick()
  expect(heard.at(-1)?.cohorts.map(({ agent, requests }) => [agent, requests])).toEqual([
    ['app', 3],
    ['tool', 1],
  ])
  now = 63_000
  cohorts.tick()
  expect(heard.at(-1)).toEqual({ cohorts: [], others: NO_OTHERS })
  cohorts.tick()
  expect(heard).toHaveLength(4)
})

test('ten are shown, and the rest is summed', () => {
  const cohorts = createCohorts({ monotonicMs: () => 0 })
  cohorts.add({
    cohorts: Array.from({ length: 13 }, (_, index) => aCount(`tool ${index}`, 20 - index, { refused: 1 })),
    others: { requests: 5, refused: 5 },
  })
  const heard: CohortsEvent[] = []
  const stop = cohorts.listen((event) => heard.push(event))
  expect(heard[0]?.cohorts).toHaveLength(10)
  expect(heard[0]?.others).toEqual({ requests: 10 + 9 + 8 + 5, refused: 8 })
  stop()
  cohorts.add({ cohorts: [aCount('late', 1)], others: NO_OTHERS })
  cohorts.tick()
  expect(heard).toHaveLength(1)
})
