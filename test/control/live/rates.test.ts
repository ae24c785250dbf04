import { expect, test } from '@jest/globals'
import { createRates, type DecisionTotal } from '../../../src/control/live/rates.ts'

test('tells what grew in each second, and the busiest routes of the last minute', () => {
  let now = 1000
  let totals: DecisionTotal[] = [{ route: 'a', decision: 'allow', count: 100 }]
  const rates = createRates({ now: () => now }, () => totals)
  const heard: unknown[] = []
  const stop = rates.listen((second) => heard.push(second.decisions))
  // What was counted before it first looked belongs to no second.
  rates.look()
  totals = [
    { route: 'a', decision: 'allow', count: 104 },
    { route: 'b', decision: 'locked', count: 7 },
  ]
  now += 1000
  rates.look()
  rates.look()
  expect(heard).toEqual([{}, { allow: 4, locked: 7 }, {}])
  expect(rates.view).toMatchObject({
    now: '1970-01-01T00:00:02.000Z',
    routes: [
      { route: 'b', allowed: 0, refused: 7 },
      { route: 'a', allowed: 4, refused: 0 },
    ],
  })
  stop()
  for (let second = 0; second < 1000; second++) rates.look()
  expect(rates.view.seconds).toHaveLength(900)
  expect(rates.view.routes).toEqual([])
  expect(heard).toHaveLength(3)
})
