// People are counted over a fleet of real gateways and a real Redis: who spreads over them is refused where one gateway would refuse,
// and without Redis each keeps to its share.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, fleetStoreOf } from '../support/fleet-processes.ts'
import {
  eventually,
  makePerson,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const withRedis = describeWithRedis('counts over a fleet were')

const FLEET = 'people-e2e'
const BUDGET = 12
const ROUTES = `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, session: { level: required }, subjects: [param.id], throttle: { subjects: ${String(BUDGET)}/h }, stale: serve, audit: best-effort }
  - { id: facilities, path: /facilities, methods: [GET], upstream: registry, session: none, stale: serve, audit: best-effort }
`
const people = [makePerson('lead', 'commander'), makePerson('chief', 'commander')] as const

withRedis('three gateways', () => {
  let redis: RedisServer
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let gateways: GatewayProcess[] = []
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-people-'))
  let asked = 0

  /** Somebody new each time, and nobody near. */
  const read = async (gateway: GatewayProcess, sub: string, id = `x${String(500 * asked++)}`): Promise<number> =>
    (await gateway.get(`/records/${id}`, gateway.issuer.token({ sub }))).status
  const everywhere = async (holds: (gateway: GatewayProcess) => Promise<boolean> | boolean): Promise<boolean> => {
    const found = await Promise.all(gateways.map((each) => eventually(async () => holds(each), 20_000)))
    return found.every(Boolean)
  }

  beforeAll(async () => {
    ;[redis, upstream] = [await startRedis(), await startRawUpstream()]
    const store = fleetStoreOf(home, FLEET)({ url: redis.url, lease: '1s' })
    const prepare = (): Promise<GatewayProcess> =>
      prepareGateway({
        ...{ upstreamPort: upstream.port, routes: ROUTES, people, store },
        pseudonymKeyFile: path.join(home, 'pseudonym.key'),
      })
    const [first] = (gateways = [await prepare()])
    await first?.start('/healthz')
    const genesis = { kind: 'genesis', reason: 'a fleet for a test' }
    if (first === undefined) throw new Error()
    expect((await first.order(signOrder(people[0], genesis, { aud: FLEET }))).status).toBe(201)
    gateways.push(await prepare(), await prepare())
    await Promise.all(gateways.slice(1).map((each) => each.start('/healthz')))
    expect(await everywhere(async (each) => (await each.get('/facilities')).status === 200)).toBe(true)
    // Each knows the two others, and has read what they have counted so far.
    const isWhole = async (each: GatewayProcess): Promise<boolean> => {
      const { fleet } = (await (await each.api('/api/v1/status')).json()) as { fleet: { total: number } }
      return fleet.total === 3
    }
    expect(await everywhere(isWhole)).toBe(true)
  })

  afterAll(async () => {
    await Promise.all(gateways.map((each) => each.cleanUp()))
    await upstream.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  test('who reads at each in turn is refused at about the same number of people as at one', async () => {
    const statuses: number[] = []
    for (let turn = 0; turn < 3 * BUDGET && statuses.slice(-3).join() !== '429,429,429'; turn++) {
      const [gateway] = gateways.slice(turn % 3)
      if (gateway !== undefined) statuses.push(await read(gateway, 'scraper'))
      await delay(300)
    }
    expect(statuses.slice(-3)).toEqual([429, 429, 429])
    const leaked = statuses.filter((status) => status === 200).length
    expect(leaked).toBeGreaterThanOrEqual(BUDGET)
    expect(leaked).toBeLessThan(2 * BUDGET)
    // Whom it has read at one, it may read at any.
    expect(await everywhere(async (each) => (await read(each, 'scraper', 'x0')) === 200)).toBe(true)
  })

  test('a gateway that starts knows what the others have counted before it', async () => {
    const [first, , last] = gateways
    await last?.stop()
    await last?.start('/healthz')
    const serves = async (): Promise<boolean> => (await last?.get('/facilities'))?.status === 200
    expect(await eventually(serves, 20_000)).toBe(true)
    const isRefused = async (): Promise<boolean> => last !== undefined && (await read(last, 'scraper')) === 429
    expect(await eventually(isRefused, 20_000)).toBe(true)
    expect(first && (await read(first, 'somebody else'))).toBe(200)
  })

  test('without Redis each lets no more pass than its share of the budget', async () => {
    const said = (each: GatewayProcess, words: string): number => each.log().split(words).length - 1
    /** Whether each of them says it once more than it has until now. */
    const sayAnew = (words: string): (() => Promise<boolean>) => {
      const before = new Map(gateways.map((each) => [each, said(each, words)]))
      return () => everywhere((each) => said(each, words) > (before.get(each) ?? 0))
    }
    const isAlone = sayAnew('counted by each gateway for itself')
    const isTogether = sayAnew('counted over the whole fleet')
    await redis.kill()
    expect(await isAlone()).toBe(true)
    const shares: number[] = []
    for (const each of gateways) {
      let passed = 0
      for (let turn = 0; turn < BUDGET; turn++) if ((await read(each, 'another')) === 200) passed += 1
      shares.push(passed)
    }
    expect(shares).toEqual([BUDGET / 3, BUDGET / 3, BUDGET / 3])

    await redis.start()
    expect(await isTogether()).toBe(true)
    const whole = gateways[0]
    const passed: number[] = []
    for (let turn = 0; turn < BUDGET; turn++) if (whole !== undefined) passed.push(await read(whole, 'a third'))
    expect(passed.filter((status) => status === 200)).toHaveLength(BUDGET)
  })
})
