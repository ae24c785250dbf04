// A gateway that is cut off from Redis and from its peers: it fences itself, both halves lock, and what they meet with is both locks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startCutProxy, type CutProxy } from '../support/cut-proxy.ts'
import { describeWithRedis, fleetStoreOf, isReady, servedBy, statusBy } from '../support/fleet-processes.ts'
import { freePort } from '../support/free-port.ts'
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

const withRedis = describeWithRedis('a fleet in two halves was')

const FLEET = 'cowin-halves'
const LEASE_MS = 1000
const people = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
]
const [desk, lead] = people

interface Status {
  readonly epoch: number
  readonly locks: readonly { readonly id: string }[]
  readonly fleet: { readonly gateways: readonly { readonly name: string; readonly state: string }[] }
}
interface Accepted {
  readonly id: string
  readonly proof: {
    readonly proven: readonly string[]
    readonly missing: readonly string[]
    readonly missingGateways: readonly { readonly name: string; readonly fenced?: { since?: string; by?: string } }[]
  }
}

withRedis('two gateways and a member without a data plane', () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-halves-'))
  const storeOf = fleetStoreOf(home, FLEET)
  let redis: RedisServer
  let link: CutProxy
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let here: GatewayProcess
  let desks: GatewayProcess
  let cutOff: GatewayProcess

  const prepare = async (port: number, more: string, isControlOnly = false): Promise<GatewayProcess> =>
    prepareGateway({
      upstreamPort: upstream.port,
      routes: DEFAULT_ROUTES,
      people,
      isControlOnly,
      store: storeOf({ url: `redis://127.0.0.1:${port}`, lease: `${LEASE_MS}ms`, more }),
    })
  const sign = (order: Record<string, unknown>, who = desk): string => {
    if (who === undefined) throw new Error('nobody')
    return signOrder(who, order, { aud: FLEET })
  }
  const served = servedBy
  const statusOf = statusBy<Status>
  const ready = isReady
  const freeze = async (gateway: GatewayProcess, wait: string): Promise<Accepted> =>
    (await (await gateway.order(sign(LOCK_ALL), `?wait=${wait}`)).json()) as Accepted

  beforeAll(async () => {
    ;[redis, upstream] = [await startRedis(), await startRawUpstream()]
    link = await startCutProxy({ port: redis.port })
    here = await prepare(redis.port, '')
    desks = await prepare(redis.port, '', true)
    // Nobody answers where it says that it can be reached: its peers have no way past Redis either.
    cutOff = await prepare(link.port, `, advertise: "http://127.0.0.1:${await freePort()}"`)
    await Promise.all([here, desks, cutOff].map((gateway) => gateway.start('/healthz')))
  })

  afterAll(async () => {
    await Promise.all([here, desks, cutOff].map((gateway) => gateway.cleanUp()))
    await link.stop()
    await upstream.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  test('the member without a data plane takes the genesis, and everybody is ready', async () => {
    expect((await desks.order(sign({ kind: 'genesis', reason: 'a new fleet' }, lead))).status).toBe(201)
    for (const gateway of [here, desks, cutOff]) expect(await eventually(() => ready(gateway), 15_000)).toBe(true)
  })

  test('cut off, a gateway lets nothing through once its lease is over; both halves lock; then both locks hold everywhere', async () => {
    const [name] = (await statusOf(cutOff)).fleet.gateways.map((gateway) => gateway.name)
    link.cut()
    // Both sides press at once, and neither can know of the other.
    const [one, two] = await Promise.all([freeze(here, '3s'), freeze(cutOff, '100ms')])
    expect(one.proof.missing).toEqual([name])
    expect(one.proof.missingGateways).toMatchObject([{ name, fenced: { since: expect.any(String) } }])
    expect(two.proof.missing).toHaveLength(2)
    // The one that is cut off claims nothing of the others.
    expect(two.proof.missingGateways.filter(({ fenced }) => fenced !== undefined)).toEqual([])
    const before = upstream.received().length
    expect([await served(here), await served(cutOff)]).toEqual([503, 503])
    expect(upstream.received().length).toBe(before)
    const epochs = await Promise.all([here, cutOff].map(async (gateway) => (await statusOf(gateway)).epoch))
    link.restore()
    for (const gateway of [here, desks, cutOff]) {
      const both = async (): Promise<boolean> => {
        const ids = (await statusOf(gateway)).locks.map(({ id }) => id)
        return ids.includes(one.id) && ids.includes(two.id)
      }
      expect(await eventually(both, 15_000)).toBe(true)
      expect(await eventually(() => ready(gateway), 15_000)).toBe(true)
      expect((await statusOf(gateway)).epoch).toBeGreaterThanOrEqual(Math.max(...epochs))
    }
    expect([await served(here), await served(cutOff)]).toEqual([503, 503])
  })

  test('the command line freezes with the name of the fleet, and waits for the proof of all', async () => {
    const keyFile = path.join(home, 'night-desk.key')
    writeFileSync(keyFile, desk?.privateKey.export({ type: 'pkcs8', format: 'pem' }) ?? '', { mode: 0o600 })
    const { code, stdout, stderr } = await runCommand([
      ...['freeze', '--reason', 'a drill of the whole', '--wait', '--key', keyFile],
      ...['--control', `http://127.0.0.1:${desks.controlPort}`],
    ])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/3 of 3 proven in \d+ ms/)
  })

  test('a second order that only repeats the first is told what the first was answered with', async () => {
    const jws = sign(LOCK_ALL)
    const first = (await (await here.order(jws)).json()) as { id: string; epoch: number }
    expect(await eventually(async () => (await statusOf(cutOff)).locks.some(({ id }) => id === first.id), 10_000)).toBe(
      true,
    )
    const again = await cutOff.order(jws)
    expect([again.status, await again.json()]).toEqual([
      409,
      expect.objectContaining({ id: first.id, epoch: first.epoch }),
    ])
  })
})
