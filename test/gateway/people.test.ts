// Detectors of people in the live gateway: who is refused, what stays readable, what callers are told, and what the trail says.
import { afterEach, describe, expect, test } from '@jest/globals'
import type { AnomalyRecord } from '../../src/core/audit-record.ts'
import { createTeller, type PeopleSettings } from '../../src/gateway/people-guard.ts'
import type { PlaceOf } from '../../src/ports/places.ts'
import { createEngine, createEngineMemory } from '../../src/throttle/engine.ts'
import { field } from '../support/raw-client.ts'
import { startDataPlane, request, type DataPlane, type RouteSpec } from '../support/start-data-plane.ts'
import { startRawUpstream, type Upstream } from '../support/gateway-process.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const source = { in: 'param', name: 'id' } as const
const READ: RouteSpec = {
  id: 'record.read',
  path: '/records/{id}',
  session: { level: 'optional', bind: [] },
  subjects: [source],
  throttle: { people: 'enforce', budgets: [{ count: 3, periodMs: 3_600_000 }] },
}
const NOTHING: PeopleSettings = { honey: new Set(), clients: new Map(), learned: undefined, exemptions: new Set() }

interface Rig {
  readonly plane: DataPlane
  readonly upstream: Upstream
  readonly told: AnomalyRecord[]
  settings(change: Partial<PeopleSettings>): void
}

async function start(route: RouteSpec = READ, status = 200, answer = () => '{}', placeOf?: PlaceOf): Promise<Rig> {
  const upstream = await startRawUpstream((socket) => {
    const body = answer()
    const fields = `Content-Type: application/json\r\nContent-Length: ${String(body.length)}`
    socket.write(`HTTP/1.1 ${String(status)} X\r\n${fields}\r\n\r\n${body}`)
  })
  open.push(upstream)
  const told: AnomalyRecord[] = []
  const plane = await startDataPlane({
    upstream: upstream.port,
    routes: [route],
    gateway: ({ clock }) => ({
      people: {
        settings: NOTHING,
        engine: createEngine(createEngineMemory({ sessions: 1_000, addresses: 1_000 }), 0),
        seed: 1,
        epochSeconds: 0,
        ...(placeOf === undefined ? {} : { placeOf }),
        tell: createTeller(
          (anomaly) => void told.push(anomaly),
          () => clock.now(),
        ),
      },
    }),
  })
  open.push(plane)
  const { people } = plane.gateway
  return {
    plane,
    upstream,
    told,
    settings(change) {
      if (people !== undefined) people.settings = { ...people.settings, ...change }
    },
  }
}

const read = (plane: DataPlane, id: string | number, token?: string) =>
  plane.ask(request('GET', `/records/${String(id)}`, token === undefined ? {} : { Authorization: `Bearer ${token}` }))

describe('different people by one session', () => {
  test('only those that are new to it are refused, and the sentence says why', async () => {
    const { plane, told } = await start()
    const token = plane.token()
    for (const id of [101, 250, 377]) expect((await read(plane, id, token)).status).toBe(200)
    const refused = await read(plane, 490, token)
    expect(refused.status).toBe(429)
    expect(field(refused, 'ratelimit-policy')).toBe('"subjects";q=3;w=3600')
    expect(JSON.parse(refused.body.toString())).toMatchObject({ 'violated-policies': ['subjects'] })
    expect((await read(plane, 250, token)).status).toBe(200)
    expect((await read(plane, 490, plane.token())).status).toBe(200)
    expect(told).toMatchObject([
      {
        detector: 'new-subjects',
        answer: 'refuse',
        threat: 'OAT-011',
        sentence: '4th new person in 60 minutes, limit 3, by config',
      },
    ])
  })

  test('a caller without a session is told no number', async () => {
    const { plane } = await start()
    for (const id of [101, 250, 377]) await read(plane, id)
    const refused = await read(plane, 490)
    expect(refused.status).toBe(429)
    expect(refused.fields.filter(([name]) => name.startsWith('ratelimit'))).toEqual([])
    expect(JSON.stringify({ ...JSON.parse(refused.body.toString()), instance: '' })).not.toMatch(/\b3\b/)
  })

  test('two sessions of one person have one budget', async () => {
    const { plane } = await start()
    const [one, two] = [plane.token({ principal: 'p' }), plane.token({ principal: 'p' })]
    for (const id of [101, 250, 377]) await read(plane, id, one)
    expect((await read(plane, 490, two)).status).toBe(429)
  })

  test('a route that does not enforce refuses nobody, and tells', async () => {
    const { plane, told } = await start({ ...READ, throttle: { budgets: [{ count: 3, periodMs: 3_600_000 }] } })
    const token = plane.token()
    for (const id of [101, 250, 377, 490]) expect((await read(plane, id, token)).status).toBe(200)
    expect(told).toMatchObject([{ detector: 'new-subjects', answer: 'observe' }])
  })

  test('a partner has one budget over all of its sessions', async () => {
    const { plane, settings } = await start({ ...READ, throttle: { people: 'enforce' } })
    settings({ clients: new Map([['partner-a', [{ minutes: 60, count: 2, source: 'by config' }]]]) })
    const by = () => plane.token({ clients: ['partner-a'] })
    expect([(await read(plane, 101, by())).status, (await read(plane, 250, by())).status]).toEqual([200, 200])
    expect((await read(plane, 377, by())).status).toBe(429)
    expect((await read(plane, 377, plane.token({ clients: ['other'] }))).status).toBe(200)
  })

  test('who is exempted from a detector passes, and is told all the same', async () => {
    const { plane, settings, told } = await start()
    settings({ exemptions: new Set(['new-subjects\0p']) })
    const token = plane.token({ principal: 'p' })
    for (const id of [101, 250, 377, 490]) expect((await read(plane, id, token)).status).toBe(200)
    expect(told).toMatchObject([{ detector: 'new-subjects', answer: 'observe' }])
  })
})

describe('people whom the answer names', () => {
  const response = { owner: [], number: [], subjects: ['/people/*/id'], unknown: 'refuse', bytesMax: 10_000 } as const
  const SEARCH: RouteSpec = { ...READ, id: 'record.search', subjects: [], response }
  const answering = async (route: RouteSpec = SEARCH) => {
    const next = { body: '' }
    const rig = await start(route, 200, () => next.body)
    const token = rig.plane.token()
    const name = async (ids: readonly unknown[], by = token) => {
      next.body = JSON.stringify({ people: ids.map((id) => ({ id })) })
      return read(rig.plane, 'any', by)
    }
    return { ...rig, next, token, name }
  }

  test('each of an array counts, and an answer beyond the budget does not leave', async () => {
    const { name, told, plane } = await answering()
    expect((await name(['a', 'b'])).status).toBe(200)
    expect((await name(['a', 'b'])).status).toBe(200)
    const refused = await name(['c', 'd', 'e'])
    expect([refused.status, refused.body.toString().includes('people')]).toEqual([429, false])
    expect((await name(['b'])).status).toBe(200)
    expect((await name(['c', 'd', 'e'], plane.token())).status).toBe(200)
    expect(told).toMatchObject([
      { detector: 'new-subjects', answer: 'refuse', sentence: '5th new person in 60 minutes, limit 3, by config' },
    ])
    const outcomes = plane.trail.requests.filter(({ phase }) => phase === 'outcome')
    expect(outcomes.map(({ returned }) => returned)).toEqual([2, 2, undefined, 1, 3])
  })

  test('whom the request has named counts once, and a list is no walk', async () => {
    const both = { ...SEARCH, subjects: [source], throttle: { people: 'enforce' } } as const
    const { next, plane, token, told } = await answering(both)
    for (let id = 1; id <= 12; id++) {
      next.body = JSON.stringify({ people: [{ id: `x${String(id * 500)}` }] })
      expect((await read(plane, `x${String(id * 500)}`, token)).status).toBe(200)
    }
    next.body = JSON.stringify({ people: [{ id: 'x9999' }] })
    expect((await read(plane, 'x500', token)).status).toBe(429)
    const list = Array.from({ length: 10 }, (_none, id) => ({ id: String(id + 1) }))
    next.body = JSON.stringify({ people: list })
    expect((await read(plane, '1', plane.token())).status).toBe(200)
    expect(told.map(({ detector }) => detector)).not.toContain('sequential-identifiers')
  })

  test('one that observes lets all through, and tells', async () => {
    const { name, told } = await answering({ ...SEARCH, throttle: { budgets: [{ count: 3, periodMs: 3_600_000 }] } })
    expect((await name(['a', 'b', 'c', 'd'])).status).toBe(200)
    expect(told).toMatchObject([{ detector: 'new-subjects', answer: 'observe' }])
  })

  test('a honey subject among them does not leave, and holds the session', async () => {
    const { name, told, settings, plane } = await answering({ ...SEARCH, throttle: {} })
    settings({ honey: new Set([plane.gateway.pseudonyms.of('subject', '666')]) })
    expect((await name(['a', '666'])).status).toBe(429)
    expect((await name(['a'])).status).toBe(429)
    expect((await name(['a'], plane.token())).status).toBe(200)
    expect(told[0]).toMatchObject({ detector: 'honey-subject', answer: 'lock' })
  })

  test.each([
    ['refuse', 502],
    ['pass', 200],
  ] as const)('nobody where somebody should be named: %s, and it is counted', async (unknown, status) => {
    const { next, plane, name } = await answering({ ...SEARCH, response: { ...response, unknown } })
    expect((await name(['a', 'b'])).status).toBe(200)
    expect(plane.unjudged).toEqual([])
    for (const body of ['{}', '{"people":[{"name":"x"}]}', '{"people":[{"id":"a"},{}]}', 'no JSON']) {
      next.body = body
      expect((await read(plane, 'any', plane.token())).status).toBe(status)
    }
    expect(plane.unjudged).toEqual(Array.from({ length: 4 }, () => 'record.search'))
    expect((await name([])).status).toBe(200)
  })
})

test('a honey subject holds the session that read it, on any route, at once', async () => {
  const { plane, settings, told } = await start({ ...READ, throttle: {} })
  settings({ honey: new Set([plane.gateway.pseudonyms.of('subject', '666')]) })
  const token = plane.token()
  expect((await read(plane, 101, token)).status).toBe(200)
  expect((await read(plane, 666, token)).status).toBe(429)
  expect((await read(plane, 101, token)).status).toBe(429)
  expect((await read(plane, 101, plane.token())).status).toBe(200)
  expect(told[0]).toMatchObject({ detector: 'honey-subject', answer: 'lock' })
})

test('people whom the session does not own: the third asks for a fresh OTP, the sixth ends the session', async () => {
  const bind = [{ source, claim: 'records' }]
  const { plane } = await start({ ...READ, session: { level: 'required', bind }, throttle: { people: 'enforce' } })
  const token = plane.token({ claims: { records: ['7'] } })
  expect((await read(plane, 7, token)).status).toBe(200)
  for (const id of [101, 250, 377]) expect((await read(plane, id, token)).status).toBe(403)
  const stepUp = await read(plane, 7, token)
  expect([stepUp.status, field(stepUp, 'www-authenticate')]).toEqual([
    401,
    expect.stringContaining('insufficient_user'),
  ])
  for (const id of [490, 512, 633]) await read(plane, id, token)
  expect(field(await read(plane, 7, token), 'www-authenticate')).toContain('invalid_token')
})

test('an account at two places that nobody travels between is told, and refused nothing', async () => {
  let latitude = 0
  const { plane, told } = await start(READ, 200, undefined, () => ({ latitude, longitude: 0 }))
  const token = plane.token()
  expect((await read(plane, 101, token)).status).toBe(200)
  latitude = 60
  expect((await read(plane, 101, token)).status).toBe(200)
  expect(told).toMatchObject([{ detector: 'impossible-travel', answer: 'observe', value: 6672 }])
})

test('failed tries are counted by their answers: a client that never succeeds is held back after three', async () => {
  const { plane, upstream } = await start(
    {
      id: 'login',
      path: '/login/{id}',
      session: { level: 'none', bind: [] },
      subjects: [],
      throttle: { people: 'enforce', attempt: 'login', target: source },
    },
    401,
  )
  const statuses = []
  for (let count = 0; count < 5; count++)
    statuses.push((await plane.ask(request('GET', `/login/${String(count)}`))).status)
  expect(statuses).toEqual([401, 401, 401, 429, 429])
  expect(upstream.received().match(/GET/g)).toHaveLength(3)
})
