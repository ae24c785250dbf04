// Retention of a running gateway: the record first, then the files; holds, and a clock that nobody should believe.
import { readdirSync } from 'node:fs'
import { afterAll, expect, test } from '@jest/globals'
import { createTrailKeeper } from '../../src/app/keep-trail.ts'
import { createDetailMemory, DetailSealer } from '../../src/audit/detail/detail-sealer.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import type { AuditRecord } from '../../src/core/audit-record.ts'
import { createPlace, createSigner, records, removePlaces, writeTrail } from '../audit/trail.ts'
import { silentLogger } from '../support/control-ports.ts'

afterAll(removePlaces)

const START = 1_800_000_000_000
const DAY = 86_400_000

async function open({ now = START + 2_000, isTaken = true } = {}) {
  const place = createPlace()
  await writeTrail(place, [records('w1', 0, 2_000)])
  const clock = { wall: now, mono: 0 }
  const appended: AuditRecord[] = []
  const running = {
    config: {
      audit: {
        ...{
          dir: place.dir,
          retentionMs: 180 * DAY,
          reserveBytes: 16 << 20,
          witnesses: [],
          clock: { servers: [], everyMs: 1, alarmMs: 1 },
          pseudonymKeyFile: '',
          details: { dir: `${place.dir}.keys`, keepMs: 90 * DAY },
          index: false,
          exports: {},
        },
        holds: [] as { incident: string; since?: number }[],
      },
    },
  }
  const keeper = createTrailKeeper({
    running,
    trail: {
      signer: createSigner(),
      main: {
        append: (record) => (isTaken ? appended.push(record) : undefined),
        durable: () => Promise.resolve(),
      },
    },
    clock: { now: () => clock.wall, monotonicMs: () => clock.mono },
    logger: silentLogger,
  })
  const pass = (ms: number): void => {
    clock.wall += ms
    clock.mono += ms
  }
  return { place, clock, appended, running, keeper, pass, minimum: async () => (await verifyTrail(place.dir)).minimum }
}

test('what is older than the retention goes, once the trail has said so, and the rest verifies', async () => {
  const { keeper, pass, appended, place } = await open()
  await keeper.look()
  expect([appended, keeper.oldest]).toEqual([[], START])
  pass(180 * DAY - 1_000)
  await keeper.look()
  expect(appended).toMatchObject([{ kind: 'retention', minimum: 768, before: START + 768, holds: [] }])
  expect(keeper.oldest).toBe(START + 768)
  expect(await verifyTrail(place.dir)).toMatchObject({ ok: true, minimum: 768 })
  await keeper.look()
  expect(appended).toHaveLength(1)
})

test('a hold keeps what it names from the next look on', async () => {
  const { keeper, pass, running, minimum } = await open()
  await keeper.look()
  running.config.audit.holds = [
    { incident: 'INC-7', since: START + 300 },
    { incident: 'INC-8', since: START + 900 },
  ]
  pass(181 * DAY)
  await keeper.look()
  expect(await minimum()).toBe(256)
  running.config.audit.holds = [{ incident: 'INC-7' }]
  await keeper.look()
  expect(await minimum()).toBe(256)
  running.config.audit.holds = []
  await keeper.look()
  expect(await minimum()).toBe(1_792)
})

test('a clock that was set forward deletes nothing, neither while it runs nor at a start', async () => {
  const one = await open()
  await one.keeper.look()
  one.clock.wall += 400 * DAY
  await one.keeper.look()
  expect(await one.minimum()).toBe(0)
  const other = await open({ now: START + 400 * DAY })
  await other.keeper.look()
  expect(await other.minimum()).toBe(0)
})

test('where the trail takes no record nothing is deleted', async () => {
  const { keeper, pass, minimum } = await open({ isTaken: false })
  await keeper.look()
  pass(181 * DAY)
  await expect(keeper.look()).rejects.toThrow('retention deletes nothing')
  expect(await minimum()).toBe(0)
})

test('keys of detail go when their days are over, told before and after; what a hold keeps stays', async () => {
  const { keeper, pass, appended, place, running } = await open()
  const dir = `${place.dir}.keys`
  const sealer = new DetailSealer({
    ...{ dir, writer: 'w1', erasures: new Int32Array(createDetailMemory()) },
    onFailure: (problem) => {
      throw new Error(problem)
    },
  })
  for (const day of [0, 1, 60]) sealer.seal(['a', 'b'], START + day * DAY, 'text', 'id')
  await sealer.close()
  await keeper.look()
  pass(89 * DAY)
  await keeper.look()
  expect([appended, readdirSync(dir).length]).toEqual([[], 3])
  running.config.audit.holds = [{ incident: 'INC-7', since: START }]
  pass(30 * DAY)
  await keeper.look()
  expect(readdirSync(dir)).toHaveLength(3)
  running.config.audit.holds = []
  await keeper.look()
  expect(readdirSync(dir)).toHaveLength(1)
  const erasures = appended.filter(({ kind }) => kind === 'erasure')
  expect(erasures).toMatchObject([
    { state: 'begun', by: 'retention' },
    { state: 'ended', keys: 4 },
  ])
})
