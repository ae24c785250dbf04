// Over the desk: drills, withdrawals, sealed orders and thaw plans, with their records, events and proofs.
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import type { DeskChange } from '../../src/control/ledger-keeper.ts'
import { createThawWatch } from '../../src/control/thaw-watch.ts'
import { createStoreWatch } from '../../src/control/watch-store.ts'
import type { TrafficTotals } from '../../src/core/thaw-traffic.ts'
import { createRig, people, ROUTES, type Rig } from '../support/control-desk.ts'
import { START } from '../support/control-ports.ts'
import { AUTHORIZED, createServerRig } from '../support/control-server.ts'
import { idOf, LOCK_ALL, signOrder } from '../support/control-signing.ts'

const SECONDS = START / 1000

/** What the desk said, by event. */
function listen(rig: Rig): DeskChange[] {
  const heard: DeskChange[] = []
  rig.desk.onChange((change) => heard.push(change))
  return heard
}

describe('a drill', () => {
  test('goes the way of a lock: workers, canaries of its own, journal and trail; nothing is locked', async () => {
    const { rig, app } = await createServerRig()
    const heard = listen(rig)
    const drill = await rig.accept(people.desk, { kind: 'drill' })
    expect(drill).toMatchObject({ epoch: 1, durable: true, covers: ROUTES.map(({ id }) => id) })
    expect(await drill.proof).toMatchObject({ proven: ['worker-1', 'worker-2'], missing: [] })
    expect(rig.log).toEqual(['enforce 1', 'journal drill', 'prove 3', 'trail order drill accepted', 'trail proof'])
    expect(rig.dataPlane.drills).toEqual([drill.id])
    expect(rig.dataPlane.table).toMatchObject({ locks: [], drill: { id: drill.id } })
    expect(heard.map(({ event }) => event)).toEqual(['lock', 'proof'])
    const status = async () =>
      (await request(app).get('/api/v1/status').set(AUTHORIZED)).body as Record<string, unknown>
    rig.clock.advance(90_000)
    expect(await status()).toMatchObject({
      frozen: false,
      locks: [],
      drill: { id: drill.id, by: 'night-desk', ageSeconds: 90, proof: { missing: [] } },
    })
    rig.dataPlane.silent.add('worker-2')
    const second = await rig.accept(people.lead, { kind: 'drill', reason: 'again' })
    expect((await second.proof).missing).toEqual(['worker-2'])
    expect(await status()).toMatchObject({ drill: { id: second.id, proof: { missing: ['worker-2'] } } })
  })

  test('is remembered after a restart, its proof is not', async () => {
    const rig = await createRig()
    const { id, proof } = await rig.accept(people.desk, { kind: 'drill' })
    await proof
    expect(rig.desk.drillProof).toMatchObject({ id })
    const again = await rig.restart()
    expect([again.desk.ledger.drill?.id, again.desk.drillProof]).toEqual([id, undefined])
  })
})

describe('a withdrawal', () => {
  test('is told in the event, in the log and in the trail, and opens at once', async () => {
    const rig = await createRig()
    const heard = listen(rig)
    const lock = await rig.lockAll()
    rig.clock.advance(30_000)
    const back = await rig.accept(people.desk, { kind: 'release', locks: [lock], reason: 'wrong key', withdraw: true })
    expect(back).toMatchObject({ epoch: 2, covers: ROUTES.map(({ id }) => id) })
    expect(rig.dataPlane.table?.locks).toEqual([])
    expect(heard).toContainEqual({ event: 'release', id: back.id, epoch: 2, locks: [lock], withdrawnBy: 'night-desk' })
    expect(rig.logger.lines).toContain('warn A LOCK WAS WITHDRAWN by the one who had ordered it, alone')
    expect(rig.trail.records).toContainEqual(
      expect.objectContaining({ order: 'release', outcome: 'released', by: 'night-desk', withdrawn: true }),
    )
  })

  test('after a minute, of another or of a FREEZE it is refused, and everything stays locked', async () => {
    const rig = await createRig()
    const lock = await rig.lockAll()
    const withdraw = (locks: readonly string[]) => ({ kind: 'release', locks, reason: 'x', withdraw: true })
    expect(await rig.order(people.lead, withdraw([lock]))).toMatchObject({ refused: 'role' })
    await rig.desk.freezeByFile()
    const freeze = [...rig.desk.ledger.held.keys()].find((id) => id.startsWith('freeze-')) ?? ''
    expect(await rig.order(people.desk, withdraw([freeze]))).toMatchObject({ refused: 'role' })
    rig.clock.advance(60_001)
    expect(await rig.order(people.desk, withdraw([lock]))).toMatchObject({ refused: 'conflict' })
    expect(rig.desk.ledger.held.size).toBe(2)
  })

  test('waits for the disk like every release: what cannot be kept does not open', async () => {
    const rig = await createRig()
    const lock = await rig.lockAll()
    rig.journal.mode = 'fail'
    const answer = await rig.order(people.desk, { kind: 'release', locks: [lock], reason: 'x', withdraw: true })
    expect(answer.outcome).toBe('unavailable')
    expect(rig.desk.ledger.held.has(lock)).toBe(true)
  })
})

describe('a sealed order', () => {
  const envelope = (): string =>
    signOrder(people.desk, LOCK_ALL, START - 1e10, {
      ...({ sealed: true, nbf: SECONDS - 86_400 } as object),
      exp: SECONDS + 86_400,
    })

  test('freezes by API, once; the second delivery is told what the first one did', async () => {
    const { rig, app } = await createServerRig()
    const order = envelope()
    const post = () => request(app).post('/api/v1/orders').send({ order })
    expect((await post()).body).toMatchObject({ id: idOf(order), epoch: 1 })
    expect((await post()).status).toBe(409)
    expect((await post()).body).toMatchObject({ id: idOf(order), epoch: 1 })
    expect(rig.desk.ledger.held.size).toBe(1)
  })

  test('freezes by a file, and is silent the second time', async () => {
    const rig = await createRig()
    const dir = mkdtempSync(join(tmpdir(), 'portcullis-sealed-'))
    const watch = createStoreWatch({ dir, desk: rig.desk, logger: rig.logger })
    await watch.look()
    const order = envelope()
    for (const name of ['one.jws', 'two.jws']) {
      writeFileSync(join(dir, 'orders', name), `${order}\n`)
      await watch.look()
      await watch.look()
    }
    expect(readdirSync(join(dir, 'orders')).sort()).toEqual(['one.jws.accepted', 'two.jws.accepted'])
    expect([...rig.desk.ledger.held.keys()]).toEqual([idOf(order)])
    expect(rig.trail.records.filter(({ kind }) => kind === 'order')).toHaveLength(1)
  })

  test('stays good over a restart, and its lock is released by two people', async () => {
    const rig = await createRig()
    const order = envelope()
    await rig.desk.submit(order, 'file')
    const again = await rig.restart()
    expect(again.desk.ledger.held.has(idOf(order))).toBe(true)
    const alone = await again.order(people.desk, { kind: 'release', locks: [idOf(order)], reason: 'x' })
    expect(alone.outcome).toBe('pending')
  })
})

const PLAN = {
  stages: [
    { readOnly: true, for: '10m' },
    { percent: 50, for: '10m' },
    { all: true, for: '10m' },
  ],
  owner: 'lead',
  deadline: '1h',
  refreezeOn: [
    { metric: 'error-share', above: 0.1 },
    { metric: 'anomalies', above: 3 },
  ],
}

async function aThawingRig(plan: object = PLAN) {
  const server = await createServerRig()
  const { rig } = server
  const lock = await rig.lockAll()
  rig.clock.advance(60_000)
  const release = await rig.order(people.desk, { kind: 'release', locks: [lock], reason: 'mended', thaw: plan })
  if (release.outcome !== 'pending') throw new Error(JSON.stringify(release))
  await rig.accept(people.lead, { kind: 'approve', release: release.id })
  const totals = { requests: 0, errors: 0, refusals: 0, anomalies: 0 }
  const asked: string[][] = []
  const watch = createThawWatch({
    desk: rig.desk,
    clock: rig.clock,
    routes: () => ROUTES,
    traffic: (routes): TrafficTotals => {
      asked.push([...routes])
      return { ...totals }
    },
  })
  const lockNow = () => rig.desk.ledger.held.get(lock)?.lock
  return { ...server, lock, release: release.id, totals, watch, asked, lockNow }
}

describe('a thaw plan', () => {
  test('is in the table that the workers get, and status tells the stage', async () => {
    const { rig, app, release, lockNow } = await aThawingRig()
    expect(rig.dataPlane.table?.locks).toEqual([lockNow()])
    expect(lockNow()?.thaw).toMatchObject({ release, startedAt: START + 60_000 })
    const lock = async () => {
      const { body } = await request(app).get('/api/v1/status').set(AUTHORIZED)
      return (body as { locks: Record<string, unknown>[] }).locks[0]
    }
    rig.clock.advance(12 * 60_000)
    expect(await lock()).toMatchObject({
      thaw: {
        state: 'stage',
        stage: 2,
        next: new Date(START + 21 * 60_000).toISOString(),
        deadline: new Date(START + 61 * 60_000).toISOString(),
        owner: 'lead',
        stages: [{ passes: 'read-only' }, { passes: 'percent', percent: 50 }, { passes: 'all' }],
      },
    })
    rig.clock.advance(18 * 60_000)
    expect(await lock()).toBeUndefined()
  })

  test.each([
    ['while it runs', 1000],
    ['once all is open', 86_400_000],
  ])('of a FREEZE keeps no other FREEZE away %s', async (_when, afterMs) => {
    const rig = await createRig()
    await rig.desk.freezeByFile()
    const [lock = ''] = rig.desk.ledger.held.keys()
    const release = await rig.order(people.desk, { kind: 'release', locks: [lock], reason: 'mended', thaw: PLAN })
    await rig.accept(people.lead, { kind: 'approve', release: 'id' in release ? release.id : '' })
    rig.clock.advance(afterMs)
    await rig.desk.freezeByFile()
    await rig.desk.freezeByFile()
    expect(rig.dataPlane.table?.locks).toMatchObject([{ id: lock }, { source: 'freeze', scope: { all: true } }])
    expect(rig.dataPlane.table?.locks[1]).not.toHaveProperty('thaw')
  })

  test('is ended by a metric above its number: the locks hold again, durably, and everybody is told', async () => {
    const { rig, app, watch, totals, asked, lock, lockNow } = await aThawingRig()
    const heard = listen(rig)
    await watch.look()
    Object.assign(totals, { requests: 100, errors: 10 })
    rig.clock.advance(1000)
    await watch.look()
    expect(lockNow()?.thaw?.refrozen).toBeUndefined()
    Object.assign(totals, { requests: 110, errors: 12 })
    rig.clock.advance(1000)
    await watch.look()
    expect(asked[0]).toEqual(ROUTES.map(({ id }) => id))
    expect(lockNow()?.thaw?.refrozen).toEqual({ at: rig.clock.now(), why: 'error-share 0.109 is above 0.1' })
    expect(heard).toContainEqual(expect.objectContaining({ event: 'lock', locks: [lockNow()] }))
    expect(heard.map(({ event }) => event)).toContain('proof')
    expect(rig.logger.lines).toContain('error REFROZEN: the thaw plan of a release has been ended')
    expect(rig.trail.records).toContainEqual(
      expect.objectContaining({
        order: 'refreeze',
        channel: 'gateway',
        locks: [lock],
        reason: 'error-share 0.109 is above 0.1',
      }),
    )
    const again = await rig.restart()
    expect(again.desk.ledger.held.get(lock)?.lock).toEqual(lockNow())
    const { body } = await request(app).get('/api/v1/status').set(AUTHORIZED)
    expect(body).toMatchObject({
      frozen: true,
      problems: [
        expect.stringContaining('was ended: error-share 0.109 is above 0.1; it holds again, and lead sees to it'),
      ],
    })
    // Once is enough.
    const { epoch } = rig.desk.ledger
    await watch.look()
    expect(rig.desk.ledger.epoch).toBe(epoch)
  })

  test('looks at one minute: what was before it, or before the plan, does not count', async () => {
    const { rig, watch, totals, lockNow } = await aThawingRig()
    Object.assign(totals, { requests: 1000, errors: 900, anomalies: 50 })
    await watch.look()
    Object.assign(totals, { anomalies: 53 })
    rig.clock.advance(30_000)
    await watch.look()
    rig.clock.advance(30_000)
    await watch.look()
    Object.assign(totals, { anomalies: 56 })
    rig.clock.advance(30_000)
    await watch.look()
    expect(lockNow()?.thaw?.refrozen).toBeUndefined()
    Object.assign(totals, { anomalies: 57 })
    await watch.look()
    expect(lockNow()?.thaw?.refrozen?.why).toBe('anomalies 4 is above 3')
  })

  test('that has come to its end, or was ended, is watched no more', async () => {
    const { rig, watch, totals, lockNow, asked } = await aThawingRig()
    await watch.look()
    rig.clock.advance(30 * 60_000)
    Object.assign(totals, { requests: 100, errors: 100 })
    await watch.look()
    expect([lockNow()?.thaw?.refrozen, asked.length]).toEqual([undefined, 1])
    expect(rig.journal.kept.map(({ type }) => type)).not.toContain('refreeze')
  })

  test('a share of a few requests says nothing', async () => {
    const { rig, watch, totals, lockNow } = await aThawingRig()
    await watch.look()
    Object.assign(totals, { requests: 19, errors: 19 })
    rig.clock.advance(1000)
    await watch.look()
    expect(lockNow()?.thaw?.refrozen).toBeUndefined()
    Object.assign(totals, { requests: 20 })
    await watch.look()
    expect(lockNow()?.thaw?.refrozen).toBeDefined()
  })

  test('that misses its deadline nags, and does not open', async () => {
    const { rig, app } = await aThawingRig({ ...PLAN, stages: PLAN.stages.slice(0, 1), refreezeOn: [] })
    rig.clock.advance(3_600_000)
    const { body } = await request(app).get('/api/v1/status').set(AUTHORIZED)
    expect(body).toMatchObject({ frozen: true, problems: [expect.stringContaining('has missed its deadline')] })
  })

  test('that a lock past its time nags too, and does not open', async () => {
    const { rig, app } = await createServerRig()
    await rig.accept(people.desk, { ...LOCK_ALL, ttl: '1h' })
    rig.clock.advance(3_600_000)
    const { body } = await request(app).get('/api/v1/status').set(AUTHORIZED)
    expect(body).toMatchObject({
      frozen: true,
      problems: [expect.stringContaining('is past its time and stays locked')],
    })
  })
})

describe('proposals that wait', () => {
  test('are told with what they would do', async () => {
    const { rig, app } = await createServerRig()
    const lock = await rig.lockAll()
    const orders = [
      { kind: 'release', locks: [lock], reason: 'r', thaw: PLAN },
      { kind: 'exempt', locks: [lock], scope: { routes: ['facilities'] }, ttl: '1h', reason: 'probes' },
      { kind: 'retire', name: 'wall', reason: 'left' },
    ]
    for (const order of orders) expect((await rig.order(people.lead, order)).outcome).toBe('pending')
    const { body } = await request(app).get('/api/v1/status').set(AUTHORIZED)
    expect(body).toMatchObject({
      pendingReleases: [
        {
          kind: 'release',
          locks: [lock],
          approvals: ['lead'],
          stages: [{ passes: 'read-only', forMs: 600_000 }, {}, {}],
          owner: 'lead',
          deadlineMs: 3_600_000,
          refreezeOn: [{ metric: 'error-share', above: 0.1 }, { metric: 'anomalies' }],
        },
        { kind: 'exempt', locks: [lock], scope: { routes: ['facilities'] }, ttlMs: 3_600_000 },
        { kind: 'retire', locks: [], responder: { name: 'wall' } },
      ],
    })
  })

  test('an exemption that is in force is told with its lock, until it ends', async () => {
    const { rig, app } = await createServerRig()
    const lock = await rig.lockAll()
    const scope = { routes: ['facilities'] }
    const exempt = await rig.order(people.lead, { kind: 'exempt', locks: [lock], scope, ttl: '1h', reason: 'probes' })
    await rig.accept(people.chief, { kind: 'approve', release: exempt.outcome === 'pending' ? exempt.id : '' })
    const read = async () => (await request(app).get(`/api/v1/locks/${lock}`).set(AUTHORIZED)).body as unknown
    expect(await read()).toMatchObject({ exemptions: [{ scope, until: new Date(START + 3_600_000).toISOString() }] })
    rig.clock.advance(3_600_000)
    expect(await read()).not.toHaveProperty('exemptions')
  })
})
