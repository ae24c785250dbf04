// Five real gateways of two workers each and a real Redis, under load: whatever happens to Redis, to a clock or to a gateway, nothing that
// a freeze covers reaches the upstream after that gateway's own epoch, and the certificate says what is true of each.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createProofReader } from '../../src/audit/worker-proof.ts'
import type { WorkerStatement } from '../../src/core/worker-statement.ts'
import { startCutProxy, type CutProxy } from '../support/cut-proxy.ts'
import { startFleetLoad, type FleetLoad } from '../support/fleet-load.ts'
import { describeWithRedis, fleetStoreOf, isReady, statusBy } from '../support/fleet-processes.ts'
import { freePort } from '../support/free-port.ts'
import {
  DEFAULT_ROUTES,
  eventually,
  LOCK_ALL,
  makePerson,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const withRedis = describeWithRedis('a fleet of five was')

const FLEET = 'cowin-five'
const LEASE_MS = 1000
const HOUR_MS = 3_600_000
const people = [
  makePerson('night-desk', 'responder'),
  makePerson('day-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
] as const
const [desk, day, lead, chief] = people
const read = createProofReader()

/** A download that never ends where the query asks for one. */
function answerAs(socket: net.Socket, head: string): void {
  socket.write(
    head.includes('?endless')
      ? 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n'
      : 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"from":"real"}',
  )
}

interface Missing {
  readonly name: string
  readonly address?: string
  readonly lastSeen?: string
  readonly fenced?: { readonly since?: string; readonly by?: string }
}
interface Accepted {
  readonly id: string
  readonly epoch: number
  readonly proof: {
    readonly missing: readonly string[]
    readonly proven: readonly string[]
    readonly missingGateways: readonly Missing[]
    readonly residual: { readonly cut: number }
  }
}
interface Certificate {
  readonly fleet: {
    readonly orders: readonly string[]
    readonly proven: readonly string[]
    readonly missing: readonly Missing[]
    readonly proofs: readonly string[]
  }
}
interface Status {
  readonly frozen: boolean
  readonly epoch: number
  readonly locks: readonly { readonly id: string }[]
  readonly pendingReleases: readonly { readonly id: string }[]
  readonly fleet: { readonly gateways: readonly { readonly name: string }[] }
}

withRedis('five gateways of two workers each, and a Redis', () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-five-'))
  const storeOf = fleetStoreOf(home, FLEET)
  const stepFile = path.join(home, 'clock-step')
  let redis: RedisServer
  let link: CutProxy
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let gateways: readonly GatewayProcess[] = []
  let names: readonly string[] = []
  let load: FleetLoad | undefined

  const prepare = async (index: number): Promise<GatewayProcess> => {
    // The last two reach Redis by a link that can be cut, and nobody reaches them past it.
    const isFar = index >= 3
    const more = isFar ? `, advertise: "http://127.0.0.1:${await freePort()}"` : ''
    return prepareGateway({
      ...{ upstreamPort: upstream.port, routes: DEFAULT_ROUTES, workers: 2, people },
      store: storeOf({ url: `redis://127.0.0.1:${isFar ? link.port : redis.port}`, lease: `${LEASE_MS}ms`, more }),
      ...(index === 1
        ? {
            nodeFlags: ['--import', path.resolve(import.meta.dirname, '../support/clock-step.mjs')],
            env: { CLOCK_STEP_FILE: stepFile },
          }
        : {}),
    })
  }
  const at = (index: number): GatewayProcess => {
    const found = gateways[index]
    if (found === undefined) throw new Error(`there is no gateway ${index}`)
    return found
  }
  const nameOf = (index: number): string => names[index] ?? ''
  const sign = (words: Record<string, unknown>, who: (typeof people)[number] = desk): string =>
    signOrder(who, words, { aud: FLEET })
  const statusOf = statusBy<Status>
  const certificateOf = async (gateway: GatewayProcess, epoch: number): Promise<Certificate> =>
    (await (await gateway.api(`/api/v1/certificates/${epoch}`)).json()) as Certificate
  const each = async (holds: (gateway: GatewayProcess) => Promise<boolean>, withinMs = 20_000): Promise<boolean> =>
    (await Promise.all(gateways.map((gateway) => eventually(() => holds(gateway).catch(() => false), withinMs)))).every(
      Boolean,
    )
  const ready = isReady
  const freeze = async (index: number, wait: string, who: (typeof people)[number] = desk): Promise<Accepted> =>
    (await (await at(index).order(sign(LOCK_ALL, who), `?wait=${wait}`)).json()) as Accepted
  const isServing = async (gateway: GatewayProcess): Promise<boolean> =>
    (await gateway.get('/api/v2/facilities')).status === 200
  const thaw = async (...locks: readonly string[]): Promise<void> => {
    const proposed = await at(0).order(sign({ kind: 'release', locks, reason: 'over' }, lead))
    const { id } = (await proposed.json()) as { id: string }
    // Who has proposed it is no second person, at whichever gateway.
    for (const gateway of [at(0), at(1)])
      expect((await gateway.order(sign({ kind: 'approve', release: id }, lead))).status).not.toBe(201)
    expect((await statusOf(at(0))).locks.map((lock) => lock.id)).toEqual(expect.arrayContaining([...locks]))
    expect((await at(0).order(sign({ kind: 'approve', release: id }, chief))).status).toBe(201)
    expect(await each(isServing)).toBe(true)
  }
  /** What was asked of each gateway after its workers had signed, or after it had fenced itself, and was answered by the upstream all the same. */
  const judge = (certificate: Certificate, accepted: Accepted): void => {
    expect(certificate.fleet.orders).toContain(accepted.id)
    const statements = certificate.fleet.proofs.map((text) => read(text)?.statement)
    for (const [index, name] of names.entries()) {
      const own = statements.filter((statement): statement is WorkerStatement => statement?.gateway === name)
      const gone = certificate.fleet.missing.find((one) => one.name === name)
      expect([name, certificate.fleet.proven.includes(name)]).toEqual([name, gone === undefined])
      const since = gone?.fenced?.since ?? gone?.fenced?.by
      const epochMs =
        gone === undefined
          ? Math.max(
              ...own.map(
                ({ at: shownAt, clock }) =>
                  shownAt + (Math.abs(clock?.store?.offsetMs ?? 0) > 60_000 ? (clock?.store?.offsetMs ?? 0) : 0),
              ),
            )
          : Date.parse(since ?? '')
      if (gone === undefined) expect(new Set(own.map(({ worker }) => worker))).toEqual(new Set(['w1', 'w2']))
      if (Number.isNaN(epochMs)) continue
      expect([name, load?.passedAfter(index, epochMs)]).toEqual([name, []])
    }
  }

  beforeAll(async () => {
    writeFileSync(stepFile, '0')
    ;[redis, upstream] = [await startRedis(), await startRawUpstream(answerAs)]
    link = await startCutProxy({ port: redis.port })
    gateways = await Promise.all([0, 1, 2, 3, 4].map(prepare))
    await Promise.all(gateways.map((gateway) => gateway.start('/healthz')))
    names = await Promise.all(gateways.map(async (gateway) => (await statusOf(gateway)).fleet.gateways[0]?.name ?? ''))
    expect((await at(0).order(sign({ kind: 'genesis', reason: 'a new fleet' }, lead))).status).toBe(201)
    expect(await each(ready)).toBe(true)
    load = startFleetLoad(
      gateways.map(({ url }) => url),
      () => upstream.received(),
    )
  })

  afterAll(async () => {
    await load?.stop()
    await Promise.all(gateways.map((gateway) => gateway.cleanUp()))
    await link.stop()
    await upstream.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  test('two responders freeze at once, at two gateways under load: all ten workers prove both, and neither release undoes the other', async () => {
    const [one, two] = await Promise.all([freeze(0, '10s'), freeze(3, '10s', day)])
    for (const accepted of [one, two]) {
      expect([accepted.proof.missing, accepted.proof.proven.length]).toEqual([[], 10])
      judge(await certificateOf(at(2), accepted.epoch), accepted)
    }
    const { id } = (await (
      await at(0).order(sign({ kind: 'release', locks: [one.id], reason: 'over' }, lead))
    ).json()) as { id: string }
    const isHeard = async (): Promise<boolean> =>
      (await statusOf(at(4))).pendingReleases.some((pending) => pending.id === id)
    expect(await eventually(isHeard)).toBe(true)
    expect((await at(4).order(sign({ kind: 'approve', release: id }, chief))).status).toBe(201)
    expect(await each(async (gateway) => !(await statusOf(gateway)).locks.some((lock) => lock.id === one.id))).toBe(
      true,
    )
    expect(await each(async (gateway) => (await statusOf(gateway)).frozen)).toBe(true)
    expect(await isServing(at(1))).toBe(false)
    await thaw(two.id)
  })

  test('a download that is open at each gateway is cut with the freeze, before its worker has proven it', async () => {
    const cutAt = await Promise.all(
      gateways.map(async ({ port }) => {
        const socket = net.connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.write('GET /api/v2/facilities?endless HTTP/1.1\r\nHost: x\r\n\r\n')
        await once(socket, 'data')
        return { at: new Promise<number>((resolve) => socket.once('close', () => resolve(Date.now()))), socket }
      }),
    )
    const accepted = await freeze(0, '10s')
    expect(accepted.proof.missing).toEqual([])
    const answeredMs = Date.now()
    const late = setTimeout(() => {
      for (const { socket } of cutAt) socket.destroy()
    }, 5000)
    for (const { at: closed } of cutAt) expect((await closed) - answeredMs).toBeLessThan(2000)
    clearTimeout(late)

    expect(accepted.proof.residual.cut).toBeGreaterThanOrEqual(5)
    await thaw(accepted.id)
  })

  test('Redis paused: who is reached by control address proves nothing it cannot show, the rest is fenced; and all of it is true', async () => {
    redis.pause()
    const accepted = await freeze(0, '100ms')
    expect(await each(async (gateway) => !(await isServing(gateway)))).toBe(true)
    const isHeld = async (gateway: GatewayProcess): Promise<boolean> =>
      (await statusOf(gateway)).locks.some(({ id }) => id === accepted.id)
    // Past Redis, which still hangs.
    for (const gateway of [at(1), at(2)]) expect(await eventually(() => isHeld(gateway), 10_000)).toBe(true)
    redis.resume()
    expect(await each(async (gateway) => (await statusOf(gateway)).locks.some(({ id }) => id === accepted.id))).toBe(
      true,
    )
    expect(
      await eventually(async () => (await certificateOf(at(1), accepted.epoch)).fleet.missing.length === 0, 15_000),
    ).toBe(true)
    judge(await certificateOf(at(1), accepted.epoch), accepted)
    await thaw(accepted.id)
  })

  test('Redis killed and restarted empty, then put back to an older dump: the freeze stays, at every gateway and in Redis', async () => {
    const old = await redis.dump()
    const countOf = async (): Promise<number> => Number(await redis.command('HLEN', `portcullis:{${FLEET}}:table`))
    const before = await countOf()
    await redis.kill()
    const accepted = await freeze(1, '100ms')
    await redis.restartEmpty()
    // All that was ever accepted, though nobody has asked for it.
    expect(await eventually(async () => (await countOf().catch(() => 0)) > before, 15_000)).toBe(true)
    const isHeld = async (gateway: GatewayProcess): Promise<boolean> =>
      (await statusOf(gateway)).locks.some(({ id }) => id === accepted.id)
    expect(await each(isHeld)).toBe(true)
    await redis.restore(old)
    expect(await each(ready)).toBe(true)
    expect(await each(isHeld)).toBe(true)
    expect(
      await eventually(
        async () =>
          ((await redis.command('HKEYS', `portcullis:{${FLEET}}:table`)) as string[]).some((id) =>
            id.startsWith(accepted.id),
          ),
        10_000,
      ),
    ).toBe(true)
    judge(await certificateOf(at(1), accepted.epoch), accepted)
    await thaw(accepted.id)
  })

  test('two of five cut off: they are named, with when they fenced themselves, and have let nothing through since', async () => {
    link.cut()
    const accepted = await freeze(0, '3s')
    expect([...accepted.proof.missing].sort()).toEqual([nameOf(3), nameOf(4)].sort())
    for (const gone of accepted.proof.missingGateways)
      expect(gone).toMatchObject({
        lastSeen: expect.any(String),
        address: expect.any(String),
        fenced: { since: expect.any(String) },
      })
    judge(await certificateOf(at(2), accepted.epoch), accepted)
    link.restore()
    expect(await each(async (gateway) => (await statusOf(gateway)).locks.some(({ id }) => id === accepted.id))).toBe(
      true,
    )
    expect(
      await eventually(async () => (await certificateOf(at(2), accepted.epoch)).fleet.missing.length === 0, 15_000),
    ).toBe(true)
    judge(await certificateOf(at(2), accepted.epoch), accepted)
    await thaw(accepted.id)
  })

  test('one killed in the middle is named, and knows the freeze before it serves again; one that is slow is named too, until it shows it', async () => {
    const slow = at(4).child()
    const dies = at(2).stop('SIGKILL')
    slow.kill('SIGSTOP')
    const accepted = await freeze(0, '2s')
    await dies
    expect([...accepted.proof.missing].sort()).toEqual([nameOf(2), nameOf(4)].sort())
    judge(await certificateOf(at(0), accepted.epoch), accepted)
    slow.kill('SIGCONT')
    await at(2).start('/healthz')
    expect(await each(ready)).toBe(true)
    expect(await each(async (gateway) => !(await isServing(gateway)))).toBe(true)
    expect(
      await eventually(async () => (await certificateOf(at(1), accepted.epoch)).fleet.missing.length === 0, 15_000),
    ).toBe(true)
    judge(await certificateOf(at(1), accepted.epoch), accepted)
    await thaw(accepted.id)
  })

  test('a clock stepped by an hour: the gateway fences itself for a moment, and proves the freeze with how far its clock is off', async () => {
    writeFileSync(stepFile, String(HOUR_MS))
    // By its own clock orders of everybody else are an hour old: it says so, and takes them from its peers.
    const refused = await eventually(async () => (await at(1).order(sign({ kind: 'drill' }))).status === 400, 5000)
    expect(refused).toBe(true)
    // It fenced itself; once it is ready again it has measured, by the store's time, how far its clock is off.
    expect(await eventually(() => ready(at(1)), 10_000)).toBe(true)
    const accepted = await freeze(0, '10s')
    expect(accepted.proof.missing).toEqual([])
    const certificate = await certificateOf(at(1), accepted.epoch)
    judge(certificate, accepted)
    const own = certificate.fleet.proofs
      .map((text) => read(text)?.statement)
      .filter((statement) => statement?.gateway === nameOf(1))
    expect(own.map((statement) => Math.round((statement?.clock?.store?.offsetMs ?? 0) / HOUR_MS))).toEqual([-1, -1])
    writeFileSync(stepFile, '0')
    expect(await each(ready)).toBe(true)
    await thaw(accepted.id)
  })
})
