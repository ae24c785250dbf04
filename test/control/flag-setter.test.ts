import { describe, expect, test } from '@jest/globals'
import type { Lock } from '../../src/core/lock.ts'
import { configLocks, fileLocks, type LocksFile } from '../../src/core/lock-flags.ts'
import { createRig, type Rig } from '../support/control-desk.ts'
import { createRoute } from '../support/control-ports.ts'

const word = { reason: 'drill', incident: 'INC-8' }
const DENY = { ...word, routes: { 'record.read': 'deny', facilities: 'deny' } } as const
const set = (rig: Rig, file: LocksFile) =>
  rig.desk.setFlags('file', fileLocks(rig.desk.ledger.flags.file, file, rig.clock.now()))
const ids = (locks: readonly Lock[] | undefined) => locks?.map(({ id }) => id)

test('flags that are added hold at once: enforced, then written', async () => {
  const rig = await createRig()
  expect(await set(rig, DENY)).toBe(true)
  expect(rig.log.slice(0, 2)).toEqual(['enforce 1', 'journal flags'])
  expect(rig.log).toContain('trail order flags accepted')
  expect(ids(rig.dataPlane.table?.locks)).toEqual(['file.route.record.read', 'file.route.facilities'])
  expect(rig.trail.records[0]).toMatchObject({ order: 'flags', channel: 'file', reason: 'drill', incident: 'INC-8' })
})

test('flags that are gone open after that is recorded and durable', async () => {
  const rig = await createRig()
  await set(rig, DENY)
  await new Promise((resolve) => setImmediate(resolve))
  rig.log.length = 0
  expect(await set(rig, { ...word, routes: { facilities: 'deny' } })).toBe(true)
  expect(rig.log).toEqual(['trail order flags accepted', 'journal flags', 'enforce 2', 'trail order flags released'])
  expect(ids(rig.dataPlane.table?.locks)).toEqual(['file.route.facilities'])
})

test('a set that is as it was makes no new epoch and no entry', async () => {
  const rig = await createRig()
  await set(rig, DENY)
  const before = rig.desk.ledger
  expect(await set(rig, DENY)).toBe(true)
  expect(rig.desk.ledger).toBe(before)
  expect(rig.journal.kept).toHaveLength(1)
})

test('a first file that locks nothing is remembered as read, also after a restart', async () => {
  const rig = await createRig()
  expect(await set(rig, { freeze: false })).toBe(true)
  expect((await rig.restart()).desk.ledger.fileKnown).toBe(true)
})

test('flags stand after a restart, and an unchanged file makes no new epoch then', async () => {
  const rig = await createRig()
  await set(rig, DENY)
  const later = await rig.restart()
  expect(await set(later, DENY)).toBe(true)
  expect(later.desk.ledger.epoch).toBe(1)
  expect(later.journal.kept).toHaveLength(1)
})

test('a flag that changes its mode is held under both until the new one is durable', async () => {
  const rig = await createRig()
  await set(rig, DENY)
  await set(rig, { ...DENY, routes: { ...DENY.routes, facilities: 'read-only' } })
  expect(rig.dataPlane.tables.at(-2)?.locks.map(({ mode }) => mode)).toEqual(['deny', 'deny', 'read-only'])
  expect(rig.dataPlane.table?.locks.map(({ mode }) => mode)).toEqual(['deny', 'read-only'])
})

describe('flags that cannot be made durable', () => {
  test('do not open, and open at a later try', async () => {
    const rig = await createRig()
    await set(rig, DENY)
    rig.journal.mode = 'hang'
    expect(await set(rig, { ...word, routes: {} })).toBe(false)
    expect(rig.dataPlane.table?.locks).toHaveLength(2)
    rig.journal.resume()
    expect((await rig.restart()).dataPlane.table?.locks).toHaveLength(2)
    expect(await set(rig, { ...word, routes: {} })).toBe(true)
    expect(rig.dataPlane.table?.locks).toEqual([])
  })

  test('lock all the same', async () => {
    const rig = await createRig()
    rig.journal.mode = 'hang'
    await set(rig, DENY)
    expect(rig.dataPlane.table?.locks).toHaveLength(2)
  })
})

describe('a set that comes while another waits to open', () => {
  const createWaiting = async () => {
    const rig = await createRig({ limitMs: 5000 })
    await set(rig, DENY)
    rig.journal.mode = 'hang'
    const opening = set(rig, { ...word, routes: {} })
    while (rig.log.filter((call) => call === 'journal flags').length < 2)
      await new Promise((resolve) => setImmediate(resolve))
    return { rig, opening }
  }

  test('wins: what it locks is not opened by the older one, now or after a restart', async () => {
    const { rig, opening } = await createWaiting()
    const newer = set(rig, { ...DENY, freeze: true })
    expect(rig.dataPlane.table?.locks).toHaveLength(3)
    rig.journal.resume()
    expect(await opening).toBe(false)
    expect(await newer).toBe(true)
    expect(rig.dataPlane.table?.locks).toHaveLength(3)
    expect((await rig.restart()).dataPlane.table?.locks).toHaveLength(3)
  })

  test('wins also where it is what stood before', async () => {
    const { rig, opening } = await createWaiting()
    expect(await set(rig, DENY)).toBe(true)
    rig.journal.resume()
    expect(await opening).toBe(false)
    expect(rig.dataPlane.table?.locks).toHaveLength(2)
    await new Promise((resolve) => setImmediate(resolve))
    expect((await rig.restart()).dataPlane.table?.locks).toHaveLength(2)
  })
})

test("the config's own flags come and go in the same way, and leave those of the file alone", async () => {
  const rig = await createRig()
  await set(rig, DENY)
  const routes = [createRoute('record.read', { lock: 'deny' })]
  expect(await rig.desk.setFlags('config', configLocks([], routes, rig.clock.now()))).toBe(true)
  expect(ids(rig.dataPlane.table?.locks)).toContain('config.record.read')
  expect(await rig.desk.setFlags('config', [])).toBe(true)
  expect(ids(rig.dataPlane.table?.locks)).toEqual(['file.route.record.read', 'file.route.facilities'])
})
