// What is read of the control API is bounded by login and address; orders, logins, probes and scrapes are not.
import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { createReadLimit, READS } from '../../src/control/read-limit.ts'
import type { Caller } from '../../src/control/sessions.ts'
import { people } from '../support/control-desk.ts'
import { AUTHORIZED, createServerRig, type ServerRig } from '../support/control-server.ts'
import { login } from '../support/control-login.ts'
import { LOCK_ALL } from '../support/control-signing.ts'

const { desk, lead } = people
const person = (name: string): Caller => ({ kind: 'responder', responder: { name, key: name, role: 'responder' } })

describe('the allowance', () => {
  const open = () => {
    const clock = { now: 1000, monotonicMs: () => clock.now }
    return { clock, limit: createReadLimit(clock, createAddresses()) }
  }

  test('is a burst, then an even rate; what is refused takes nothing', () => {
    const { clock, limit } = open()
    const take = (): number => limit.take(person('a'), undefined, 1)
    for (let count = 0; count < READS.count; count++) expect(take()).toBe(0)
    expect([take(), take(), take()]).toEqual([10, 10, 10])
    clock.now += 10
    expect([take(), take()]).toEqual([0, 10])
    clock.now += READS.periodMs
    expect(limit.take(person('a'), undefined, READS.count)).toBe(0)
    expect(limit.take(person('a'), undefined, 10)).toBe(100)
  })

  test('is one for a login wherever it comes from, and another for each address without one', () => {
    const { limit } = open()
    expect(limit.take(person('a'), '192.0.2.1', READS.count)).toBe(0)
    expect(limit.take(person('a'), '192.0.2.2', 1)).toBeGreaterThan(0)
    expect(limit.take(person('b'), '192.0.2.1', 1)).toBe(0)
    expect(limit.take({ kind: 'machine' }, '::ffff:192.0.2.1', READS.count)).toBe(0)
    expect(limit.take(undefined, '192.0.2.1', 1)).toBeGreaterThan(0)
    expect(limit.take(undefined, '192.0.2.2', 1)).toBe(0)
    // One subscriber has the whole /64.
    expect(limit.take(undefined, '2001:db8::1', READS.count)).toBe(0)
    expect(limit.take(undefined, '2001:db8::2', 1)).toBeGreaterThan(0)
  })

  test('of strangers is bounded in memory, and takes none from who has logged in', () => {
    const { clock, limit } = open()
    const from = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    for (let index = 0; index < 10_000; index++) limit.take(undefined, from(index), 1)
    // Beyond, they share one.
    expect(limit.take(undefined, from(10_001), READS.count)).toBe(0)
    expect(limit.take(undefined, from(10_002), 1)).toBeGreaterThan(0)
    expect(limit.take(person('a'), from(10_003), READS.count)).toBe(0)
    clock.now += 2000
    expect(limit.take(undefined, from(10_002), 1)).toBe(0)
  })
})

/** An impact counts for ten. */
async function exhaust({ app }: ServerRig, authorization: typeof AUTHORIZED): Promise<number> {
  let statuses = 0
  for (;;) {
    const { status } = await request(app)
      .post('/api/v1/impact')
      .set(authorization)
      .send({ scope: { all: true } })
    if (status === 429) return statuses
    statuses += 1
  }
}

test('who reads too much is told so, with when again; others, orders and probes are not touched', async () => {
  const server = await createServerRig()
  const { app, rig } = server
  expect(await exhaust(server, AUTHORIZED)).toBe(READS.count / 10)
  // Nothing of a rate is left in this instant; the clock stands still.
  const refused = await request(app).get('/api/v1/status').set(AUTHORIZED)
  expect([refused.status, refused.headers['retry-after'], refused.headers['content-type']]).toEqual([
    ...[429, '1', 'application/problem+json'],
  ])
  expect(refused.body).toMatchObject({
    type: 'urn:portcullis:problem:too-many-requests',
    detail: expect.stringMatching(/this address reads too much: 1000 at once, then 100 a second; ask again in 1 s/),
  })
  // Without a credential it is the same address, and no oracle of tokens.
  expect((await request(app).get('/api/v1/status')).status).toBe(429)
  for (const path of ['/healthz', '/readyz', '/metrics']) expect((await request(app).get(path)).status).toBe(200)
  const order = rig.sign(lead, LOCK_ALL)
  expect((await request(app).post('/api/v1/orders').send({ order })).status).toBe(201)
  const own = await login(server, desk)
  expect((await request(app).get('/api/v1/status').set(own)).status).toBe(200)
  rig.clock.advance(10)
  expect((await request(app).get('/api/v1/status').set(AUTHORIZED)).status).toBe(200)
  await exhaust(server, own)
  expect((await request(app).get('/api/v1/status').set(own)).body).toMatchObject({
    detail: expect.stringContaining('this login reads too much'),
  })
  // A session can be ended whatever it has read.
  expect((await request(app).post('/api/v1/logout').set(own).send({})).status).toBe(204)
})
