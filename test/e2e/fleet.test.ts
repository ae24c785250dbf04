// A fleet of real processes and a real Redis: a freeze is proven by all, bounded when Redis dies, and kept when it comes back empty.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, fleetStoreOf, isReady, servedBy, statusBy } from '../support/fleet-processes.ts'
import {
  DEFAULT_ROUTES,
  eventually,
  LOCK_ALL,
  makePerson,
  prepareGateway,
  runCommand,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const withRedis = describeWithRedis('the fleet was')

const FLEET = 'cowin-e2e'
const people = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
] as const
const [desk, lead, chief] = people
const LEASE_MS = 1000

interface Proof {
  readonly proven: readonly string[]
  readonly missing: readonly string[]
  readonly elapsedMs: number
  readonly gateways: { readonly proven: number; readonly total: number }
  readonly missingGateways: readonly {
    readonly name: string
    readonly state: string
    readonly address?: string
    readonly lastSeen?: string
    readonly fenced?: { readonly since?: string; readonly by?: string }
  }[]
}
interface Accepted {
  readonly id: string
  readonly epoch: number
  readonly proof: Proof
}
interface Status {
  readonly epoch: number
  readonly frozen: boolean
  readonly locks: readonly { readonly id: string }[]
  readonly problems: readonly string[]
  readonly fleet: {
    readonly name: string
    readonly proven: number
    readonly total: number
    readonly gateways: readonly { readonly name: string; readonly state: string; readonly epoch: number }[]
  }
}

withRedis('three gateways of two workers each, and a Redis', () => {
  let redis: RedisServer
  let gateways: GatewayProcess[] = []
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-fleet-'))
  const storeOf = fleetStoreOf(home, FLEET)

  const order = (words: Record<string, unknown>, who: (typeof people)[number] = desk): string =>
    signOrder(who, words, { aud: FLEET })
  const prepare = (): Promise<GatewayProcess> =>
    prepareGateway({
      upstreamPort: upstream.port,
      routes: DEFAULT_ROUTES,
      workers: 2,
      people,
      store: storeOf({ url: redis.url, lease: `${LEASE_MS}ms` }),
    })
  const ready = isReady
  const served = servedBy
  const statusOf = statusBy<Status>
  const metric = async (gateway: GatewayProcess, name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
    return Number(new RegExp(`^portcullis_${name.replace(/[{}]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1])
  }
  const all = async (holds: (gateway: GatewayProcess) => Promise<boolean>, withinMs = 15_000): Promise<boolean> => {
    const found = await Promise.all(gateways.map((gateway) => eventually(() => holds(gateway), withinMs)))
    return found.every(Boolean)
  }
  const freeze = async (gateway: GatewayProcess, wait = '5s'): Promise<Accepted> => {
    const answer = await gateway.order(order(LOCK_ALL), `?wait=${wait}`)
    expect(answer.status).toBe(201)
    return (await answer.json()) as Accepted
  }
  const thaw = async (gateway: GatewayProcess, lock: string): Promise<void> => {
    const proposed = await gateway.order(order({ kind: 'release', locks: [lock], reason: 'over' }, lead))
    expect(proposed.status).toBe(202)
    const { id } = (await proposed.json()) as { id: string }
    expect((await gateway.order(order({ kind: 'approve', release: id }, chief))).status).toBe(201)
    expect(await all(async (each) => (await served(each)) === 200)).toBe(true)
  }
  const isInRedis = async (id: string): Promise<boolean> =>
    ((await redis.command('HKEYS', `portcullis:{${FLEET}}:table`)) as string[]).some((each) => each.startsWith(id))
  const at = (index: number): GatewayProcess => {
    const found = gateways[index]
    if (found === undefined) throw new Error(`there is no gateway ${index}`)
    return found
  }

  beforeAll(async () => {
    ;[redis, upstream] = [await startRedis(), await startRawUpstream()]
    gateways = await Promise.all([prepare(), prepare(), prepare()])
    await Promise.all(gateways.map((gateway) => gateway.start('/healthz')))
  })

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.cleanUp()))
    await upstream.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  test('before a commander has founded the fleet nobody serves, and says why', async () => {
    expect(await served(at(0))).toBe(503)
    expect(await ready(at(0))).toBe(false)
    const { problems } = await statusOf(at(0))
    expect(problems.join()).toMatch(/not founded/)
  })

  test('an order without the name of the fleet is refused', async () => {
    const answer = await at(0).order(signOrder(desk, LOCK_ALL))
    expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
      400,
      `aud must be the name of the fleet, "${FLEET}"`,
    ])
  })

  test('one genesis, and all of them serve', async () => {
    expect((await at(0).order(order({ kind: 'genesis', reason: 'a new fleet' }, lead))).status).toBe(201)
    expect(await all(ready)).toBe(true)
    expect(await all(async (gateway) => (await served(gateway)) === 200)).toBe(true)
    const { fleet } = await statusOf(at(1))
    expect([fleet.name, fleet.total, fleet.gateways.map(({ state }) => state)]).toEqual([
      FLEET,
      3,
      ['live', 'live', 'live'],
    ])
  })

  test('a freeze at one is proven by every worker of all three, and its certificate says so anywhere', async () => {
    const { id, epoch, proof } = await freeze(at(0))
    expect([proof.gateways, proof.missing, proof.proven.length]).toEqual([{ proven: 3, total: 3 }, [], 6])
    for (const gateway of gateways) expect(await served(gateway)).toBe(503)
    const before = upstream.received().length
    await Promise.all(gateways.map(served))
    expect(upstream.received().length).toBe(before)
    const certificate = (await (await at(2).api(`/api/v1/certificates/${epoch}`)).json()) as {
      fleet: { orders: string[]; proven: string[]; missing: unknown[]; proofs: string[] }
    }
    expect(certificate.fleet).toMatchObject({ orders: [id], missing: [] })
    expect([certificate.fleet.proven.length, certificate.fleet.proofs.length]).toEqual([3, 6])
    await thaw(at(1), id)
  })

  test('Redis paused: each gateway falls to its posture within the lease, and leaves it when Redis goes on', async () => {
    const events = await at(0).api('/api/v1/events')
    let heard = ''
    const told = (async () => {
      for await (const chunk of events.body ?? []) {
        heard += Buffer.from(chunk as Uint8Array).toString()
        if (/event: lease\ndata: [^\n]*"fresh"/.test(heard)) return
      }
    })()
    redis.pause()
    const pausedAt = Date.now()
    expect(await all(async (gateway) => (await served(gateway)) === 503)).toBe(true)
    // The lease, and what the last request before the pause had still to come.
    expect(Date.now() - pausedAt).toBeLessThan(LEASE_MS + 1000)
    expect(await ready(at(0))).toBe(false)
    expect(await metric(at(0), 'lease_remaining_seconds')).toBe(0)
    // Whoever listens is told when the posture was taken, and when it was left.
    expect(await eventually(() => Promise.resolve(heard.includes('"stale"')), 5_000)).toBe(true)
    redis.resume()
    expect(await all(async (gateway) => (await served(gateway)) === 200)).toBe(true)
    expect(await all(ready)).toBe(true)
    await told
    expect([...heard.matchAll(/event: lease\ndata: {"state":"(\w+)"/g)].map(([, state]) => state)).toEqual([
      'stale',
      'fresh',
    ])
  })

  test('Redis killed: a freeze still reaches all, by their control addresses; an empty Redis gets it back, and nothing opens', async () => {
    await redis.kill()
    const { id } = await freeze(at(1), '100ms')
    expect(await all(async (gateway) => (await statusOf(gateway)).locks.some((lock) => lock.id === id))).toBe(true)
    await redis.restartEmpty()
    expect(await all(ready)).toBe(true)
    for (const gateway of gateways)
      expect([await served(gateway), (await statusOf(gateway)).frozen]).toEqual([503, true])
    expect(await eventually(() => isInRedis(id))).toBe(true)
    await thaw(at(0), id)
  })

  test('a gateway killed: it is named as missing, with its address and by when it has fenced itself; the others are proven', async () => {
    const { name } = (await statusOf(at(2))).fleet.gateways[0] ?? { name: '' }
    await at(2).stop('SIGKILL')
    const { id, proof } = await freeze(at(0), '1s')
    expect([proof.gateways, proof.missing]).toEqual([{ proven: 2, total: 3 }, [name]])
    expect(proof.missingGateways).toMatchObject([
      {
        name,
        address: `http://127.0.0.1:${at(2).controlPort}`,
        lastSeen: expect.any(String),
        fenced: expect.any(Object),
      },
    ])
    expect(await eventually(async () => (await metric(at(0), 'fleet_gateways{state="missing"}')) === 1)).toBe(true)
    // Restarted in the middle, it knows the freeze before it serves anything.
    await at(2).start('/healthz')
    expect(await all(async (gateway) => (await statusOf(gateway)).frozen)).toBe(true)
    expect(await served(at(2))).toBe(503)
    expect(await all(ready)).toBe(true)
    expect(await served(at(2))).toBe(503)
    await thaw(at(2), id)
  })

  test('an old dump put back: the freeze that it does not know stays, and is in it again', async () => {
    const old = await redis.dump()
    const { id, epoch } = await freeze(at(0))
    await redis.restore(old)
    expect(await all(ready)).toBe(true)
    for (const gateway of gateways) {
      const status = await statusOf(gateway)
      expect([await served(gateway), status.frozen, status.epoch >= epoch]).toEqual([503, true, true])
    }
    expect(await eventually(() => isInRedis(id))).toBe(true)
    await thaw(at(1), id)
  })

  test('a gateway that stops leaves by its own signature: the others serve on, and nobody waits for it', async () => {
    expect(await at(2).stop()).toBe(0)
    expect(await eventually(async () => (await statusOf(at(0))).fleet.total === 2)).toBe(true)
    const { proof, id } = await freeze(at(0))
    expect([proof.gateways, proof.missing]).toEqual([{ proven: 2, total: 2 }, []])
    gateways = gateways.slice(0, 2)
    await thaw(at(0), id)
  })

  test('log and trail tell when the lease ended and came back', async () => {
    // Every gateway has been through a pause of Redis.
    expect(at(0).log()).toMatch(/THE LEASE HAS RUN OUT/)
    expect(at(0).log()).toMatch(/the lease runs/)
    expect(await at(1).stop()).toBe(0)
    const trail = path.join(at(1).home, 'data/audit')
    const texts = readdirSync(trail, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => readFileSync(path.join(each.parentPath, each.name), 'latin1'))
      .join('')
    for (const state of ['stale', 'fresh']) expect(texts).toMatch(new RegExp(`"kind":"lease"[^}]*"state":"${state}"`))
    const { code } = await runCommand(['audit', 'verify', trail])
    expect(code).toBe(0)
  })
})
