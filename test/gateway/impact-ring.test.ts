// The last fifteen minutes of what was let through: whole while it is little, a fair sample beyond, and never more than its bound.
import { expect, test } from '@jest/globals'
import { sizeOf } from '../../src/core/distinct.ts'
import { IMPACT_WINDOW_MS, type ImpactQuestion } from '../../src/core/impact.ts'
import { countImpact } from '../../src/gateway/count-impact.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { ImpactRing } from '../../src/gateway/impact-ring.ts'
import { useRig, type Rig } from '../support/rig.ts'
import { request, routeOf } from '../support/start-data-plane.ts'

const start = useRig()
const route = routeOf({ path: '/record' })

const asked = ({ plane }: Rig, more: Partial<ImpactQuestion> = {}) => {
  const to = plane.clock.now() + 1
  return countImpact(plane.gateway, { scope: { all: true }, mode: 'deny', from: to - IMPACT_WINDOW_MS, to, ...more }, 0)
}

test('what was let through is counted, once; what was refused anyway is not', async () => {
  const rig = await start({
    routes: [{ path: '/record', session: { level: 'required', bind: [] } }, { path: '/open' }],
  })
  const token = rig.plane.token({ clients: ['clinic-7'] })
  await rig.plane.ask(request('GET', '/record', { Authorization: `Bearer ${token}`, 'User-Agent': 'app/1' }))
  await rig.plane.ask(request('GET', '/record', { Authorization: `Bearer ${token}` }))
  await rig.plane.ask(request('GET', '/open'))
  await rig.plane.ask(request('GET', '/record'))
  await rig.plane.ask(request('GET', '/nowhere'))
  rig.plane.lock({ routes: ['open'] })
  await rig.plane.ask(request('GET', '/open'))
  const all = await asked(rig)
  expect([all.requests, sizeOf(all.sessions), all.byClient]).toEqual([3, 1, { 'clinic-7': 2 }])
  expect((await asked(rig, { scope: { userAgents: ['app/*'] } })).requests).toBe(1)
  expect((await asked(rig, { scope: { clients: ['clinic-7'], routes: ['open'] } })).requests).toBe(0)
})

test('what is open now is told, and what is older than the window is forgotten', async () => {
  const rig = await start({ routes: [{ path: '/record' }] }, () => undefined)
  const client = await rig.plane.connect()
  client.write(request('GET', '/record'))
  await rig.upstream.requested(1)
  expect(await asked(rig)).toMatchObject({ requests: 1, open: 1 })
  rig.plane.clock.advance(IMPACT_WINDOW_MS + 1000)
  expect(await asked(rig)).toMatchObject({ requests: 0, open: 1 })
})

function exchangeAt(startedAt: number, address: string): Exchange {
  const fields = { first: () => 'app/1' }
  return { startedAt, address, method: 'GET', subjects: [], request: { fields }, isNoted: false } as never
}

test('a slice keeps no more than its bound, and what it keeps stands for all, from its beginning to its end', () => {
  const ring = new ImpactRing(7)
  const from = 1_800_000_000_000
  for (let index = 0; index < 50_000; index++) ring.note(exchangeAt(from + (index % 15_000), String(index)), route)
  const [slice, ...others] = ring.between(from, from + 15_000)
  expect([others.length, slice?.count, slice?.samples.length]).toEqual([0, 50_000, 512])
  const places = (slice?.samples ?? []).map(({ address }) => Number(address))
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length
  expect(Math.abs(mean - 25_000)).toBeLessThan(3000)
})

test('an hour of traffic leaves fifteen minutes of slices; one exchange counts once; a clock that was stepped back loses nothing new', () => {
  const ring = new ImpactRing(1)
  const from = 1_800_000_000_000
  for (let second = 0; second < 3600; second++) ring.note(exchangeAt(from + second * 1000, 'a'), route)
  const kept = ring.between(0, Infinity)
  expect(kept.length).toBe(61)
  expect(kept.every(({ samples }) => samples.length === 15)).toBe(true)
  const once = exchangeAt(from + 3_600_000, 'b')
  ring.note(once, route)
  ring.note(once, route)
  ring.note(exchangeAt(from - 1_000_000, 'c'), route)
  const addresses = ring.between(0, Infinity).flatMap(({ samples }) => samples.map(({ address }) => address))
  expect(addresses.filter((each) => each === 'b')).toEqual(['b'])
  expect(addresses).toContain('c')
})
