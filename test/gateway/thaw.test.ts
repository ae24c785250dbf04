// Through the real pipeline: what a thaw plan lets pass at each stage, what an exemption lets pass, and what is cut when either ends.
import { describe, expect, test } from '@jest/globals'
import { proveRefusals } from '../../src/gateway/canary.ts'
import { createTurnsOfTime } from '../../src/gateway/turns-of-time.ts'
import type { Lock } from '../../src/core/lock.ts'
import { placeOf, type ThawPlan } from '../../src/core/thaw.ts'
import { NOON } from '../support/fake-clock.ts'
import { field, problemOf } from '../support/raw-client.ts'
import { useRig } from '../support/rig.ts'
import { request, type DataPlane } from '../support/start-data-plane.ts'

const start = useRig()
const MINUTE = 60_000
const PLAN: ThawPlan = {
  stages: [
    { passes: 'read-only', forMs: 10 * MINUTE },
    { passes: 'percent', percent: 40, forMs: 10 * MINUTE },
    { passes: 'all', forMs: 10 * MINUTE },
  ],
  owner: 'lead',
  deadlineMs: 60 * MINUTE,
  refreezeOn: [],
}
const ROUTES = [
  { path: '/record', methods: ['GET', 'POST'], session: { level: 'required', bind: [] } },
  { path: '/maybe', methods: ['GET', 'POST'], session: { level: 'optional', bind: [] } },
  { path: '/news', methods: ['GET', 'POST'] },
] as const

/** Everything is locked since noon, and thawing since now. */
function thaw(plane: DataPlane, plan: ThawPlan = PLAN): Lock {
  const since = plane.clock.now()
  plane.clock.advance(MINUTE)
  return plane.lock({ all: true }, 'deny', {
    id: 'lock-1',
    since,
    thaw: { release: 'release-1', plan, startedAt: plane.clock.now() },
  })
}

/** A token by whether its session is within the share of the lock. */
function tokenWithin(plane: DataPlane, isWithin: boolean, percent = 40): string {
  for (let index = 0; ; index++) {
    const session = `t.${String(index).padStart(22, '0')}`
    if (placeOf(session, 'lock-1') * 100 < percent === isWithin) return plane.token({ session })
  }
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}`, 'Content-Length': '0' })

describe('a thaw plan', () => {
  test('lets readers pass first, with an OTP that is newer than the lock', async () => {
    const { plane } = await start({ routes: ROUTES })
    const old = plane.token()
    plane.clock.advance(1000)
    thaw(plane)
    const fresh = plane.token()
    expect((await plane.ask(request('GET', '/record', bearer(fresh)))).status).toBe(200)
    const stale = await plane.ask(request('GET', '/record', bearer(old)))
    expect(stale.status).toBe(401)
    expect(field(stale, 'www-authenticate')).toContain('error="insufficient_user_authentication"')
    expect(field(stale, 'www-authenticate')).toContain('max_age="60"')
    const write = await plane.ask(request('POST', '/record', bearer(fresh)))
    expect([write.status, problemOf(write).lock]).toEqual([503, { id: 'lock-1', epoch: plane.epoch }])
    expect((await plane.ask(request('GET', '/news'))).status).toBe(200)
  })

  test('then lets the share of sessions pass, which is decided once the session is known', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    thaw(plane)
    plane.clock.advance(10 * MINUTE)
    const [inside, outside] = [tokenWithin(plane, true), tokenWithin(plane, false)]
    expect((await plane.ask(request('POST', '/record', bearer(inside)))).status).toBe(200)
    expect((await plane.ask(request('POST', '/record', bearer(outside)))).status).toBe(503)
    // Who has no session is told to log in where one is asked for, and waits where it is not.
    expect((await plane.ask(request('POST', '/record', { 'Content-Length': '0' }))).status).toBe(401)
    expect((await plane.ask(request('POST', '/maybe', { 'Content-Length': '0' }))).status).toBe(503)
    expect(upstream.connections.length).toBe(1)
    plane.clock.advance(10 * MINUTE)
    expect((await plane.ask(request('POST', '/record', bearer(outside)))).status).toBe(200)
    expect((await plane.ask(request('POST', '/maybe', { 'Content-Length': '0' }))).status).toBe(200)
  })

  test('sends callers back at the time of their own turn', async () => {
    const { plane } = await start({ routes: ROUTES })
    thaw(plane)
    const retry = async (token?: string): Promise<number> => {
      const fields = token === undefined ? { 'Content-Length': '0' } : bearer(token)
      return Number(field(await plane.ask(request('POST', '/maybe', fields)), 'retry-after'))
    }
    // Without a session: within the stage that lets everybody in, half way by the jitter of this rig.
    expect(await retry()).toBe((20 + 5) * 60)
    plane.clock.advance(10 * MINUTE)
    const late = tokenWithin(plane, false)
    const turn = await retry(late)
    expect(turn).toBeGreaterThanOrEqual(10 * 60)
    expect(turn).toBeLessThanOrEqual(21 * 60)
    plane.clock.advance(turn * 1000)
    expect((await plane.ask(request('POST', '/maybe', bearer(late)))).status).toBe(200)
  })

  test('that is ended cuts what it had let pass, by the table that says so', async () => {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    const lock = thaw(plane)
    const client = await plane.connect()
    client.write(request('GET', '/news'))
    await upstream.requested(1)
    upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfour')
    await client.until('four')
    const { thaw: run } = lock
    if (run === undefined) throw new Error('it thaws')
    const refrozen = { at: plane.clock.now(), why: 'error-share 0.2 is above 0.1' }
    plane.store(plane.post({ locks: [{ ...lock, thaw: { ...run, refrozen } }] }))
    expect(await client.ended).toBe('reset')
    expect((await plane.ask(request('GET', '/news'))).status).toBe(503)
  })
})

describe('what ends by the clock alone', () => {
  /** The worker's timer, moved by the test. */
  async function open(change: (plane: DataPlane) => void) {
    const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
    change(plane)
    const waiting: { run: () => void; ms: number }[] = []
    const take = createTurnsOfTime(plane.gateway.inFlight, plane.clock, (run, ms) => {
      const timer = { run, ms }
      waiting.push(timer)
      return () => void waiting.splice(waiting.indexOf(timer), 1)
    })
    const client = await plane.connect()
    client.write(request('GET', '/news'))
    await upstream.requested(1)
    upstream.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfour')
    await client.until('four')
    const { current } = plane.gateway.view
    if (current === undefined) throw new Error('the worker has its table')
    take(current)
    const pass = (ms: number): void => {
      plane.clock.advance(ms)
      for (const timer of waiting.splice(0)) timer.run()
    }
    return { plane, client, waiting, pass }
  }

  test('an exemption: the stream that it let pass is cut when it is over, and not before', async () => {
    const until = NOON + 5 * MINUTE
    const { plane, client, waiting, pass } = await open((each) => {
      each.lock({ all: true }, 'deny', { exemptions: [{ id: 'exempt-1', scope: { routes: ['news'] }, until }] })
    })
    expect(waiting).toMatchObject([{ ms: 1000 }])
    pass(5 * MINUTE - 500)
    expect([plane.cuts, waiting[0]?.ms]).toEqual([0, 500])
    pass(500)
    expect(await client.ended).toBe('reset')
    expect([plane.cuts, waiting]).toEqual([1, []])
    expect((await plane.ask(request('GET', '/news'))).status).toBe(503)
  })

  test('a plan that misses its deadline', async () => {
    const { plane, client, pass } = await open((each) => {
      thaw(each, { ...PLAN, stages: PLAN.stages.slice(0, 1) })
    })
    pass(60 * MINUTE - 1)
    expect(plane.cuts).toBe(0)
    pass(1)
    expect(await client.ended).toBe('reset')
  })

  test('a table without such an end sets no timer', async () => {
    const { waiting } = await open((each) => {
      thaw(each)
    })
    expect(waiting).toEqual([])
  })
})

describe('the lock of a drill', () => {
  const DRILL: Lock = {
    id: 'drill-1',
    scope: { all: true },
    mode: 'deny',
    source: 'drill',
    since: NOON,
    reason: 'a drill',
    incident: 'DRILL',
    onExpiry: 'stay',
    status: 503,
    message: {},
  }

  test('is met by canaries of its own alone, however a caller names itself', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.store(plane.post({ drill: DRILL }))
    const prove = async (drill?: string) =>
      (await proveRefusals(plane.server, plane.gateway, [{ route: 'news', stands: 1 }], drill)).map(
        ({ refused }) => refused,
      )
    expect(await prove('drill-1')).toEqual([true])
    expect(await prove('drill-0')).toEqual([false])
    expect(await prove()).toEqual([false])
    const { status } = await plane.ask(request('GET', '/news', { 'Portcullis-Drill': 'drill-1' }))
    expect(status).toBe(200)
  })
})
