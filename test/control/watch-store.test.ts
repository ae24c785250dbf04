import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStoreWatch } from '../../src/control/watch-store.ts'
import { makeFifo } from '../support/control-fifo.ts'
import { createRig, people, type RigOptions } from '../support/control-desk.ts'
import { LOCK_ALL } from '../support/control-signing.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'store-'))
  mkdirSync(join(dir, 'orders'))
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

async function createWatching(options?: RigOptions) {
  const rig = await createRig(options)
  const watch = createStoreWatch({ dir, desk: rig.desk, logger: rig.logger })
  const look = async (times = 1) => {
    for (let count = 0; count < times; count++) await watch.look()
  }
  return { rig, look }
}

const put = (name: string, text: string) => {
  writeFileSync(join(dir, 'orders', name), text)
}
const orders = () => readdirSync(join(dir, 'orders')).sort()

describe('FREEZE', () => {
  const makes: readonly [string, (path: string) => void][] = [
    ['an empty file', (path) => writeFileSync(path, '')],
    ['a file with words', (path) => writeFileSync(path, 'leak!')],
    ['a folder', (path) => mkdirSync(path)],
    ['a link to nowhere', (path) => symlinkSync('nowhere', path)],
    ['a pipe', (path) => makeFifo(path)],
  ]
  test.each(makes)('%s freezes at the next look', async (_, make) => {
    const { rig, look } = await createWatching()
    await look()
    expect(rig.dataPlane.table?.locks).toEqual([])
    make(join(dir, 'FREEZE'))
    await look(3)
    expect(rig.dataPlane.table?.locks).toMatchObject([{ source: 'freeze', scope: { all: true }, mode: 'deny' }])
  })

  test('deleted releases nothing, also after a restart, and says so', async () => {
    const { rig, look } = await createWatching()
    writeFileSync(join(dir, 'FREEZE'), '')
    await look()
    rmSync(join(dir, 'FREEZE'))
    await look(3)
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
    expect(rig.logger.lines.filter((line) => line.includes('its lock stays until two people release it'))).toHaveLength(
      1,
    )
    expect((await rig.restart()).dataPlane.table?.locks).toHaveLength(1)
  })

  test('is seen at the start, before the workers have a table', async () => {
    writeFileSync(join(dir, 'FREEZE'), '')
    const { rig, look } = await createWatching({ isStarted: false })
    await look()
    await rig.desk.start()
    expect(rig.dataPlane.tables.map(({ locks }) => locks.length)).toEqual([1])
  })

  test('by another spelling is another name', async () => {
    const { rig, look } = await createWatching()
    writeFileSync(join(dir, 'freeze'), '')
    writeFileSync(join(dir, 'FREEZE.txt'), '')
    await look(2)
    expect(rig.dataPlane.table?.locks).toEqual([])
  })
})

describe('a signed order put into the folder', () => {
  test('is accepted, and renamed', async () => {
    const { rig, look } = await createWatching()
    put('freeze.jws', `${rig.sign(people.desk, LOCK_ALL)}\n`)
    await look(2)
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
    expect(orders()).toEqual(['freeze.jws.accepted'])
    expect(rig.trail.records[0]).toMatchObject({ order: 'lock', channel: 'file', by: 'night-desk' })
    await look(2)
    expect(rig.desk.ledger.epoch).toBe(1)
  })

  test('that does not hold is refused, renamed, and logged without its words', async () => {
    const { rig, look } = await createWatching()
    const heard: unknown[] = []
    rig.logger.warn = (_, fields) => void heard.push(fields)
    put('bad.jws', 'garbage')
    put('unknown.jws', rig.sign(people.desk, { ...LOCK_ALL, scope: { routes: ['9876543210'] } }))
    await look(2)
    expect(orders()).toEqual(['bad.jws.refused', 'unknown.jws.refused'])
    expect(rig.desk.ledger.epoch).toBe(0)
    expect(JSON.stringify(heard)).toMatch(/there is no/)
    expect(JSON.stringify(heard)).not.toMatch(/9876543210/)
  })

  test('that is still being copied is waited for', async () => {
    const { rig, look } = await createWatching()
    const jws = rig.sign(people.desk, LOCK_ALL)
    for (const length of [10, 100, 200]) {
      put('slow.jws', jws.slice(0, length))
      await look()
    }
    put('slow.jws', jws)
    await look(2)
    expect(orders()).toEqual(['slow.jws.accepted'])
    expect(rig.trail.records.filter((record) => record.kind === 'order')).toMatchObject([{ outcome: 'accepted' }])
  })

  test('that came before is silently accepted', async () => {
    const { rig, look } = await createWatching()
    const jws = rig.sign(people.desk, LOCK_ALL)
    await rig.desk.submit(jws, 'api')
    put('again.jws', jws)
    await look(2)
    expect(orders()).toEqual(['again.jws.accepted'])
    expect(rig.trail.records.filter((record) => record.kind === 'order')).toHaveLength(1)
  })

  test('that opens is left in place while it cannot be kept, and then taken', async () => {
    const { rig, look } = await createWatching()
    const lock = await rig.lockAll()
    rig.journal.mode = 'fail'
    put('release.jws', rig.sign(people.lead, { kind: 'release', locks: [lock], reason: 'fixed' }))
    await look(3)
    expect(orders()).toEqual(['release.jws'])
    rig.journal.mode = 'ok'
    await look()
    expect(orders()).toEqual(['release.jws.accepted'])
    expect(rig.desk.pendingReleases(rig.clock.now())).toHaveLength(1)
  })

  test('is not read through a link of either kind, nor from a folder, a pipe or a large file', async () => {
    const { rig, look } = await createWatching()
    const jws = rig.sign(people.desk, LOCK_ALL)
    writeFileSync(join(dir, 'elsewhere'), jws)
    symlinkSync(join(dir, 'elsewhere'), join(dir, 'orders/soft.jws'))
    linkSync(join(dir, 'elsewhere'), join(dir, 'orders/hard.jws'))
    mkdirSync(join(dir, 'orders/folder.jws'))
    makeFifo(join(dir, 'orders/pipe.jws'))
    put('large.jws', jws.padEnd(65_537))
    await look(3)
    expect(orders()).toEqual(['folder', 'hard', 'large', 'pipe', 'soft'].map((name) => `${name}.jws.refused`))
    expect(rig.desk.ledger.epoch).toBe(0)
  })

  test('by another ending is left alone', async () => {
    const { rig, look } = await createWatching()
    put('order.jws.tmp', rig.sign(people.desk, LOCK_ALL))
    await look(3)
    expect(orders()).toEqual(['order.jws.tmp'])
  })

  test('whose name is taken by a folder is taken once, not at every look', async () => {
    const { rig, look } = await createWatching()
    put('a.jws', 'garbage')
    mkdirSync(join(dir, 'orders/a.jws.refused/inside'), { recursive: true })
    await look(5)
    expect(rig.trail.records).toHaveLength(1)
    expect(orders()).toContain('a.jws')
  })
})

test('the folder is made where it is missing', async () => {
  rmSync(join(dir, 'orders'), { recursive: true })
  const { look } = await createWatching()
  await look()
  expect(existsSync(join(dir, 'orders'))).toBe(true)
})
