// Opaque sessions that an app keeps in its own Redis, through a real gateway: looked up, owned, revoked, and refused while it is away.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  eventually,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { missingRedis, startRedis, type RedisServer } from '../support/redis-server.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: opaque sessions in Redis were not tried, since ${missing}`)
const withRedis = missing === undefined ? describe : describe.skip

const TOKEN = 'opaque-3f1c9b7a5d2e4c6f'
const seconds = (): number => Math.floor(Date.now() / 1000)

withRedis('a gateway and the Redis of an app', () => {
  let redis: RedisServer
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let gateway: GatewayProcess

  const keep = (token: string, session: object): Promise<unknown> =>
    redis.command('SET', `session:${createHash('sha256').update(token).digest('hex')}`, JSON.stringify(session))
  const read = async (id: string, token = TOKEN): Promise<number> => {
    const answer = await gateway.get(`/records/${id}`, token)
    await answer.arrayBuffer()
    return answer.status
  }
  const session = (more: object = {}) => ({
    ...{ sub: 'citizen-1', sid: 's-1', records: ['1'], amr: ['otp'], auth_time: seconds(), iat: seconds() },
    ...more,
  })

  beforeAll(async () => {
    redis = await startRedis()
    upstream = await startRawUpstream()
    gateway = await startGateway({
      upstreamPort: upstream.port,
      routes: `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, session: { level: required, maxAge: 15m, bind: { param.id: claim.records } } }
`,
      sessionExtra: `  opaque: { issuer: "https://app.example.in", redis: { url: "${redis.url}", key: "session:{sha256}", timeout: 500ms, cache: 100ms } }`,
    })
    await keep(TOKEN, session())
    expect(await eventually(async () => (await read('1')) === 200, 20_000)).toBe(true)
  })

  afterAll(async () => {
    await gateway.cleanUp()
    await upstream.close()
    await redis.stop()
  })

  test('what it holds is a session: its own record, no other, fresh enough, by OTP', async () => {
    expect([await read('1'), await read('2'), await read('1', 'opaque-of-nobody-at-all')]).toEqual([200, 403, 401])
    await keep('opaque-old-3f1c9b7a5d2e', session({ sid: 's-2', auth_time: seconds() - 1_000 }))
    await keep('opaque-password-3f1c9b7', session({ sid: 's-3', amr: ['pwd'] }))
    expect([await read('1', 'opaque-old-3f1c9b7a5d2e'), await read('1', 'opaque-password-3f1c9b7')]).toEqual([401, 401])
  })

  test('what the app has deleted is over within the cache', async () => {
    await keep('opaque-short-3f1c9b7a5d', session({ sid: 's-4' }))
    expect(await read('1', 'opaque-short-3f1c9b7a5d')).toBe(200)
    const key = createHash('sha256').update('opaque-short-3f1c9b7a5d').digest('hex')
    await redis.command('DEL', `session:${key}`)
    expect(await eventually(async () => (await read('1', 'opaque-short-3f1c9b7a5d')) === 401)).toBe(true)
  })

  test('a revocation ends it, though it is still in the Redis', async () => {
    await keep('opaque-stolen-3f1c9b7a5', session({ sid: 'stolen' }))
    expect(await read('1', 'opaque-stolen-3f1c9b7a5')).toBe(200)
    const [desk] = gateway.people
    if (desk === undefined) throw new Error('nobody')
    const before = new Date(Date.now() + 30_000).toISOString()
    const order = { kind: 'revoke', session: await pseudonymOf('https://app.example.in#stolen'), before }
    expect((await gateway.order(signOrder(desk, { ...order, reason: 'stolen', incident: 'INC-1' }))).status).toBe(201)
    expect([await read('1', 'opaque-stolen-3f1c9b7a5'), await read('1')]).toEqual([401, 200])
  })

  test('while the Redis is away nobody is let through, and then all is well', async () => {
    await redis.kill()
    expect(await eventually(async () => (await read('1')) === 503)).toBe(true)
    await redis.start()
    await keep(TOKEN, session())
    expect(await eventually(async () => (await read('1')) === 200, 20_000)).toBe(true)
  })

  async function pseudonymOf(value: string): Promise<string> {
    const answer = await gateway.api('/api/v1/pseudonyms', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'session', values: [value] }),
    })
    const { pseudonyms } = (await answer.json()) as { pseudonyms: readonly string[] }
    return pseudonyms[0] ?? ''
  }
})
