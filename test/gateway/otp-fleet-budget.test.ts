// One OTP at two gateways of a fleet, over a real Redis: its budget is one, also while both are asked at once, and never open.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openRedisTally } from '../../src/adapters/redis/fleet-tally.ts'
import type { ResponsePolicy } from '../../src/core/policy.ts'
import { createSpending } from '../../src/gateway/otp-spending.ts'
import type { FleetTally } from '../../src/ports/fleet-tally.ts'
import { createBudgetMemory, createBudgetSlab } from '../../src/throttle/budget-slab.ts'
import { missingRedis, startRedis, type RedisServer } from '../support/redis-server.ts'
import { field } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { request, startDataPlane, type DataPlane } from '../support/start-data-plane.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: the budget of a fleet was not tried, since ${missing}`)
const withRedis = missing === undefined ? describe : describe.skip

const ANSWER: ResponsePolicy = {
  owner: [],
  number: [],
  subjects: ['/people/*/id'],
  unknown: 'refuse',
  bytesMax: 10_000,
}
const session = { level: 'required', bind: [] } as const
const SESSION = { session: 'k.0123456789012345678901', principal: 'k.person0123456789012345', authTime: 1_789_999_000 }

withRedis('two gateways and a Redis', () => {
  let redis: RedisServer
  let upstream: RawUpstream
  let planes: DataPlane[]
  let tallies: FleetTally[]
  let questions = 0
  let body = '{}'

  const open = async (): Promise<DataPlane> => {
    const plane = await startDataPlane({
      upstream: upstream.port,
      routes: [
        { id: 'find', path: '/find/{id}', session, subjects: [{ in: 'param', name: 'id' }] },
        { id: 'people', path: '/people', session, response: ANSWER },
        { id: 'other', path: '/other', session },
      ],
    })
    const tally = openRedisTally({
      url: redis.url,
      fleet: 'f',
      timeoutMs: 1_000,
      fraction: () => 0.5,
      members: () => 2,
      logger: plane.gateway.logger,
    })
    const counted: FleetTally = {
      ...tally,
      spend: (...asked) => {
        questions += 1
        return tally.spend(...asked)
      },
    }
    const spend = createSpending(
      { slab: createBudgetSlab(createBudgetMemory(64, 1), 0), clock: plane.clock, tally: counted },
      { subjects: 4 },
    )
    plane.gateway.settings = { ...plane.gateway.settings, spend }
    planes.push(plane)
    tallies.push(tally)
    return plane
  }

  beforeEach(async () => {
    redis = await startRedis()
    questions = 0
    ;[planes, tallies] = [[], []]
    upstream = await startRawUpstream(
      () => `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await open()
    await open()
  })

  afterEach(async () => {
    for (const plane of planes) await plane.close()
    for (const tally of tallies) await tally.close()
    await upstream.close()
    await redis.stop()
  })

  const get = (n: number, path: string) => {
    const plane = planes[n] as DataPlane
    return plane.ask(request('GET', path, { Authorization: `Bearer ${plane.token(SESSION)}` }))
  }
  const status = async (n: number, path: string): Promise<number> => (await get(n, path)).status

  test('what one has granted is spent at the other; what was granted asks nobody again', async () => {
    for (const [n, id] of [
      [0, 'a'],
      [1, 'b'],
      [0, 'c'],
      [1, 'd'],
    ] as const)
      expect(await status(n, `/find/${id}`)).toBe(200)
    expect(questions).toBe(4)
    const refused = await get(0, '/find/e')
    expect([refused.status, field(refused, 'www-authenticate')]).toEqual([401, expect.stringContaining('max_age="0"')])
    expect(questions).toBe(5)
    // By now it knows of all four, and of the two at the other one.
    expect(await status(0, '/find/f')).toBe(401)
    expect([await status(0, '/find/a'), await status(0, '/find/b')]).toEqual([200, 200])
    expect(questions).toBe(5)
    expect(upstream.requests).toHaveLength(6)
  })

  test('forty at once over both: four people, no more and no fewer', async () => {
    const statuses = await Promise.all(Array.from({ length: 40 }, (_, n) => status(n % 2, `/find/p${String(n)}`)))
    expect(statuses.filter((each) => each === 200)).toHaveLength(4)
    expect(statuses.filter((each) => each === 401)).toHaveLength(36)
    expect(upstream.requests).toHaveLength(4)
  })

  test('people of the answers: held back until the fleet has said so, and whole', async () => {
    body = '{"people":[{"id":"a"},{"id":"b"},{"id":"c"}]}'
    const first = await get(0, '/people')
    expect([first.status, first.body.toString()]).toEqual([200, body])
    body = '{"people":[{"id":"c"},{"id":"d"},{"id":"STRANGER"}]}'
    const second = await get(1, '/people')
    expect(second.status).toBe(401)
    expect(second.body.toString()).not.toContain('STRANGER')
    body = '{"people":[{"id":"d"}]}'
    expect(await status(1, '/people')).toBe(200)
    expect(planes[1]?.trail.requests.at(-1)).toMatchObject({ decision: 'allow', returned: 1 })
  })

  test('a lock that lands while the others are asked is seen', async () => {
    redis.pause()
    const asked = get(0, '/find/a')
    while (questions === 0) await new Promise((resolve) => setImmediate(resolve))
    planes[0]?.lock({ all: true })
    redis.resume()
    expect((await asked).status).toBe(503)
    expect(upstream.requests).toHaveLength(0)
  })

  test('a session that ends while the others are asked has ended', async () => {
    redis.pause()
    const asked = get(0, '/find/a')
    while (questions === 0) await new Promise((resolve) => setImmediate(resolve))
    planes[0]?.clock.advance(24 * 3_600_000)
    planes[0]?.renewLease()
    redis.resume()
    const answer = await asked
    expect([answer.status, field(answer, 'www-authenticate')]).toEqual([401, expect.stringContaining('invalid_token')])
    expect(upstream.requests).toHaveLength(0)
  })

  test('a caller that leaves while the answer waits for the others leaves nothing behind', async () => {
    body = '{"people":[{"id":"a"}]}'
    redis.pause()
    const plane = planes[0] as DataPlane
    const client = await plane.connect()
    client.write(request('GET', '/people', { Authorization: `Bearer ${plane.token(SESSION)}` }))
    while (questions === 0) await new Promise((resolve) => setImmediate(resolve))
    client.close()
    while (plane.trail.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    redis.resume()
    expect(await status(0, '/people')).toBe(200)
    expect(plane.errors).toEqual([])
  })

  test('without Redis each has its share, and what was granted before goes on', async () => {
    expect(await status(0, '/find/a')).toBe(200)
    await redis.kill()
    expect(await status(0, '/find/a')).toBe(200)
    expect(await status(0, '/find/b')).toBe(200)
    const beyond = await get(0, '/find/c')
    expect([beyond.status, field(beyond, 'retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)])
    // The other one knows of nothing, and has no more than its share either: together four, as ever.
    expect([await status(1, '/find/d'), await status(1, '/find/e'), await status(1, '/find/f')]).toEqual([
      200, 200, 503,
    ])
    await redis.start()
    // What was granted alone is told with the next question: first a, b and x, then d and e, and nothing is left.
    let back = 503
    while (back === 503) back = await status(0, '/find/x')
    expect(back).toBe(200)
    let other = 503
    while (other === 503) other = await status(1, '/find/g')
    expect(other).toBe(401)
    expect([await status(1, '/find/d'), await status(0, '/find/y')]).toEqual([200, 401])
  })
})
