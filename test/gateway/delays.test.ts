// Who nears a budget is slowed down: by how much, how many at once, and what ends the wait.
import { afterEach, describe, expect, test } from '@jest/globals'
import type { AnomalyRecord } from '../../src/core/audit-record.ts'
import { createDelays, delayMs } from '../../src/gateway/delays.ts'
import { createEngine, createEngineMemory } from '../../src/throttle/engine.ts'
import { startRawUpstream, type Upstream } from '../support/gateway-process.ts'
import { until } from '../support/rig.ts'
import { request, startDataPlane, type DataPlane, type RouteSpec } from '../support/start-data-plane.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const READ: RouteSpec = {
  id: 'record.read',
  path: '/records/{id}',
  session: { level: 'required', bind: [] },
  subjects: [{ in: 'param', name: 'id' }],
  throttle: { people: 'enforce', budgets: [{ count: 4, periodMs: 3_600_000 }], delayMs: 2_000 },
}

interface Timer {
  readonly ms: number
  fire(): void
}

interface Rig {
  readonly plane: DataPlane
  readonly upstream: Upstream
  readonly told: AnomalyRecord[]
  /** Waits that are under way. */
  readonly timers: Set<Timer>
  timer(): Promise<Timer>
}

async function start(route: RouteSpec = READ, waitingMax = 10): Promise<Rig> {
  const upstream = await startRawUpstream()
  const timers = new Set<Timer>()
  const told: AnomalyRecord[] = []
  const heard: ((timer: Timer) => void)[] = []
  const schedule = (run: () => void, ms: number): (() => void) => {
    const timer = { ms, fire: run }
    timers.add(timer)
    heard.shift()?.(timer)
    return () => timers.delete(timer)
  }
  const plane = await startDataPlane({
    upstream: upstream.port,
    routes: [route],
    gateway: () => ({
      delays: createDelays(schedule, waitingMax),
      people: {
        settings: { honey: new Set(), clients: new Map(), learned: undefined, exemptions: new Set() },
        engine: createEngine(createEngineMemory({ sessions: 1_000, addresses: 1_000 }), 0),
        ...{ seed: 1, epochSeconds: 0 },
        tell: (anomaly) => void told.push(anomaly),
      },
    }),
  })
  open.push(upstream, plane)
  const timer = (): Promise<Timer> => {
    const [waiting] = timers
    return waiting === undefined ? new Promise((resolve) => heard.push(resolve)) : Promise.resolve(waiting)
  }
  return { plane, upstream, told, timers, timer }
}

const asks = (plane: DataPlane, id: number, token: string) =>
  plane.ask(request('GET', `/records/${String(500 * id)}`, { Authorization: `Bearer ${token}` }))
const served = ({ upstream }: Rig): number => upstream.received().match(/GET/g)?.length ?? 0

describe('a request for somebody new beyond half of the budget', () => {
  test('waits the longer the nearer it is, then goes on as any other; whom the account has read goes on at once', async () => {
    const rig = await start()
    const { plane, timers, timer, told } = rig
    const token = plane.token()
    for (const id of [1, 2]) expect((await asks(plane, id, token)).status).toBe(200)
    expect(timers.size).toBe(0)
    const third = asks(plane, 3, token)
    const wait = await timer()
    // A quarter of a second and half of the rest, less an eighth by chance.
    expect(wait.ms).toBe((250 + 1_750 / 2) * 0.875)
    expect(served(rig)).toBe(2)
    wait.fire()
    expect((await third).status).toBe(200)
    expect((await asks(plane, 1, token)).status).toBe(200)
    const fourth = asks(plane, 4, token)
    const longest = await timer()
    expect(longest.ms).toBe(2_000 * 0.875)
    longest.fire()
    expect((await fourth).status).toBe(200)
    expect((await asks(plane, 5, token)).status).toBe(429)
    expect(timers.size).toBe(0)
    expect(told.slice(0, 2)).toMatchObject([
      { answer: 'delay', sentence: '3rd new person in 60 minutes, limit 4, by config: slowed down' },
      { answer: 'delay' },
    ])
  })

  test('is not slowed down where the route does not ask for it', async () => {
    const { delayMs: _none, ...throttle } = READ.throttle ?? {}
    const { plane, timers, told } = await start({ ...READ, throttle })
    const token = plane.token()
    for (const id of [1, 2, 3, 4]) expect((await asks(plane, id, token)).status).toBe(200)
    expect([timers.size, told]).toEqual([0, []])
  })

  test('a lock that lands meanwhile is seen when it ends, and nothing is forwarded', async () => {
    const rig = await start()
    const { plane, timers, timer } = rig
    const token = plane.token()
    for (const id of [1, 2]) await asks(plane, id, token)
    const third = asks(plane, 3, token)
    const wait = await timer()
    plane.lock({ all: true })
    wait.fire()
    expect((await third).status).toBe(503)
    expect([timers.size, served(rig)]).toEqual([0, 2])
  })

  test('ends with its caller, and nothing is forwarded', async () => {
    const rig = await start()
    const { plane, timers, timer } = rig
    const token = plane.token()
    for (const id of [1, 2]) await asks(plane, id, token)
    const client = await plane.connect()
    client.write(request('GET', '/records/1500', { Authorization: `Bearer ${token}` }))
    await timer()
    client.close()
    await until(() => plane.settled.length === 3)
    expect([timers.size, served(rig)]).toEqual([0, 2])
  })

  test('ends when the gateway does', async () => {
    const rig = await start()
    const { plane, timers, timer } = rig
    const token = plane.token()
    for (const id of [1, 2]) await asks(plane, id, token)
    const third = asks(plane, 3, token)
    await timer()
    plane.gateway.inFlight.abortAll()
    await third
    expect(timers.size).toBe(0)
  })

  test('no more wait at once than may', async () => {
    const rig = await start(READ, 1)
    const { plane, timers, timer } = rig
    const [one, two] = [plane.token(), plane.token()]
    for (const id of [1, 2]) for (const token of [one, two]) await asks(plane, id, token)
    const waiting = asks(plane, 3, one)
    const wait = await timer()
    expect((await asks(plane, 3, two)).status).toBe(200)
    expect(timers.size).toBe(1)
    wait.fire()
    expect((await waiting).status).toBe(200)
    const next = asks(plane, 4, one)
    ;(await timer()).fire()
    expect((await next).status).toBe(200)
  })
})

test('a wait is a quarter of a second at least and what the route says at most, less a quarter by chance', () => {
  expect([delayMs(2_000, 0, 0), delayMs(2_000, 1, 0), delayMs(2_000, 1, 1)]).toEqual([250, 2_000, 1_500])
  expect(delayMs(100, 1, 0)).toBe(250)
})
