// Requests by client stack: one tool is one row, however many addresses and versions it has; nothing is counted for nobody.
import { expect, test } from '@jest/globals'
import { sizeOf } from '../../src/core/distinct.ts'
import { CohortTally, STACKS_MAX, TOLD_MAX } from '../../src/gateway/cohort-tally.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const start = useRig()

function watchedTally(): { readonly tally: CohortTally; readonly watch: (count: number) => void } {
  const watched = new SharedArrayBuffer(4)
  const watch = (count: number): void => {
    Atomics.store(new Int32Array(watched), 0, count)
  }
  watch(1)
  return { tally: new CohortTally(watched), watch }
}

test('what ends at a real gateway is counted once, with its refusals, by stack', async () => {
  const { tally } = watchedTally()
  const { plane } = await start({
    routes: [{ path: '/record/{id}', subjects: [{ in: 'param', name: 'id' }] }],
    trustedProxies: ['127.0.0.1/32'],
    gateway: () => ({ cohorts: tally }),
  })
  const ask = (path: string, from: string, agent: string) =>
    plane.ask(request('GET', path, { 'X-Forwarded-For': from, 'User-Agent': agent }))
  await ask('/record/1', '10.0.0.1', 'python-requests/2.31')
  await ask('/record/2', '10.0.0.2', 'python-requests/2.32')
  await ask('/nowhere', '10.0.0.2', 'python-requests/2.32')
  await plane.ask(request('GET', '/record/1', { 'User-Agent': 'python-requests/2.31', 'X-Forwarded-For': '10.0.0.3' }))
  await plane.ask(request('GET', '/record/1'))
  const counts = tally.take()
  expect(
    counts?.cohorts.map(({ agent, fields, requests, refused, addresses, people }) => [
      ...[agent, fields, requests, refused, sizeOf(addresses), sizeOf(people)],
    ]),
  ).toEqual([
    ['python-requests/#', 'host, x-forwarded-for, user-agent', 3, 1, 2, 2],
    ['python-requests/#', 'host, user-agent, x-forwarded-for', 1, 0, 1, 1],
    ['', 'host', 1, 0, 1, 1],
  ])
  expect(tally.take()).toBeUndefined()
})

function exchangeOf(agent: string, names: readonly string[] = ['host', 'user-agent']): Exchange {
  const fields = { first: () => agent, names }
  return { decision: 'allow', address: '192.0.2.1', subjects: [], returned: [], request: { fields } } as never
}

test('nothing is looked at while nobody watches', () => {
  const { tally, watch } = watchedTally()
  watch(0)
  tally.count({
    get request(): never {
      throw new Error('looked at')
    },
  } as never)
  expect(tally.take()).toBeUndefined()
})

test('who makes up a stack for each request fills a bounded memory, and hides nobody', () => {
  const { tally } = watchedTally()
  const names = (index: number): string => [...String(index)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
  for (let index = 0; index < 10_000; index++) tally.count(exchangeOf(`made-up ${names(index)}`))
  for (let index = 0; index < 5; index++) tally.count(exchangeOf('made-up a'))
  const counts = tally.take()
  expect(counts?.cohorts).toHaveLength(TOLD_MAX)
  expect(counts?.cohorts[0]).toMatchObject({ agent: 'made-up a', requests: 6 })
  const told = counts?.cohorts.reduce((sum, { requests }) => sum + requests, 0) ?? 0
  expect(told + (counts?.others.requests ?? 0)).toBe(10_005)
  expect(STACKS_MAX).toBeLessThan(10_000)
})

test('what callers write of people into their names is told to nobody', () => {
  const { tally } = watchedTally()
  tally.count(exchangeOf('kiosk 9876543210 (asha.rao@example.in)', ['host', 'x-mobile-9876543210']))
  expect(tally.take()?.cohorts[0]).toMatchObject({ agent: 'kiosk # (…)', fields: 'host, x-mobile-#' })
})
