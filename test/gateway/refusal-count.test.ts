// Strangers cannot fill the trail: past a hundred refusals a second an address has one count, which nobody waits for.
import { expect, test } from '@jest/globals'
import { OWN_MAX, OWN_OF_ADDRESS_MAX, RefusalCount } from '../../src/gateway/refusal-count.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { createMemoryTrail } from '../support/memory-trail.ts'
import { useRig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'

const startRig = useRig()

function open() {
  const clock = createFakeClock()
  const trail = createMemoryTrail()
  const refusals = new RefusalCount(trail, clock)
  const refuse = (address: string, times: number): number => {
    let own = 0
    for (let time = 0; time < times; time++) if (refusals.isOwn(address, 'locked', clock.monotonicMs())) own += 1
    return own
  }
  return { clock, trail, refusals, refuse }
}

test('each address has its own hundred, and the rest of the second is one record with the worst of them first', () => {
  const { clock, trail, refuse, refusals } = open()
  expect([refuse('10.0.0.1', 250), refuse('10.0.0.2', 99), refuse('10.0.0.3', 1_000)]).toEqual([100, 99, 100])
  expect(trail.records).toEqual([])
  clock.advance(1_000)
  expect(refuse('10.0.0.1', 1)).toBe(1)
  expect(trail.records).toEqual([
    {
      kind: 'refusals',
      time: clock.now(),
      count: 1_050,
      addresses: 2,
      decisions: { locked: 1_050 },
      clients: [
        { client: '10.0.0.3', count: 900 },
        { client: '10.0.0.1', count: 150 },
      ],
    },
  ])
  refusals.flush()
  expect(trail.records).toHaveLength(1)
})

test('many addresses have no more together than the trail can bear, and their count names a few', () => {
  const { clock, trail, refuse } = open()
  let own = 0
  for (let n = 0; n < 50_000; n++) own += refuse(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 1)
  expect(own).toBe(OWN_MAX)
  clock.advance(1_000)
  refuse('10.0.0.1', 1)
  const [count] = trail.records
  expect(count).toMatchObject({ kind: 'refusals', count: 50_000 - OWN_MAX })
  expect(JSON.stringify(count).length).toBeLessThan(2_000)
})

test('a flood against a frozen strict route waits for no trail once it is only counted', async () => {
  const { plane } = await startRig({
    routes: [{ path: '/records/{recordId}', audit: 'strict', subjects: [{ in: 'param', name: 'recordId' }] }],
    settings: { patience: { trailMs: 60_000, lockTrailMs: 60_000, readerMs: 60_000 } },
  })
  plane.lock({ all: true })
  const client = await plane.connect()
  for (let sent = 0; sent < OWN_OF_ADDRESS_MAX; sent++) {
    client.write(request('GET', '/records/7'))
    expect((await client.response()).status).toBe(503)
  }
  expect(plane.trail.requests).toHaveLength(OWN_OF_ADDRESS_MAX)
  // From here on no record becomes durable: what waits for one has no answer.
  plane.trail.mode = 'hang'
  for (let sent = 0; sent < 50; sent++) {
    client.write(request('GET', `/records/${sent}`))
    expect((await client.response()).status).toBe(503)
  }
  client.write('NONSENSE\r\n\r\n')
  expect((await client.response()).status).toBe(400)
  expect(plane.trail.requests).toHaveLength(OWN_OF_ADDRESS_MAX)
  expect(plane.settled.filter(({ status }) => status === 503)).toHaveLength(OWN_OF_ADDRESS_MAX + 50)
  plane.gateway.refusals.flush()
  expect(plane.trail.records.at(-1)).toMatchObject({
    kind: 'refusals',
    count: 51,
    decisions: { locked: 50, rejected: 1 },
  })
})

test('what was let through keeps its records, however many refusals there are', async () => {
  const { plane } = await startRig({
    routes: [
      { path: '/open', audit: 'strict' },
      { path: '/shut', id: 'shut' },
    ],
  })
  plane.lock({ routes: ['shut'] })
  const client = await plane.connect()
  for (let sent = 0; sent < 150; sent++) {
    client.write(request('GET', '/shut'))
    await client.response()
  }
  client.write(request('GET', '/open'))
  expect((await client.response()).status).toBe(200)
  expect(plane.trail.requests.filter(({ decision }) => decision === 'allow')).toHaveLength(1)
})
