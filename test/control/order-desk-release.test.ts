import { describe, expect, test } from '@jest/globals'
import { countCoreWaits } from '../support/core-waits.ts'
import { createRig, people, type Rig } from '../support/control-desk.ts'
import { LOCK_ALL } from '../support/control-signing.ts'

const { desk, lead, chief } = people

async function propose(rig: Rig, locks: readonly string[], who = lead): Promise<string> {
  const answer = await rig.order(who, { kind: 'release', locks, reason: 'fixed' })
  if (answer.outcome !== 'pending') throw new Error(JSON.stringify(answer))
  return answer.id
}

/** A rig with one lock and a release of it that waits for one more signature. */
async function createPending(options?: Parameters<typeof createRig>[0]) {
  const rig = await createRig(options)
  const lock = await rig.lockAll()
  const release = await propose(rig, [lock])
  rig.log.length = 0
  return { rig, lock, release, approve: () => rig.order(chief, { kind: 'approve', release }) }
}

describe('a release', () => {
  test('waits for a second person: 202 with who is missing', async () => {
    const { rig, release } = await createPending()
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
    expect(rig.desk.pendingReleases(rig.clock.now())).toMatchObject([{ id: release, required: 2 }])
    expect(rig.trail.records.at(-1)).toMatchObject({ order: 'release', outcome: 'pending', by: 'lead' })
  })

  test('is recorded and durable before any worker opens', async () => {
    const { rig, approve } = await createPending()
    expect(await approve()).toMatchObject({
      outcome: 'accepted',
      epoch: 2,
      covers: ['record.read', 'record.write', 'facilities'],
      durable: true,
    })
    expect(rig.log).toEqual([
      'trail order approve accepted',
      'journal approve',
      'enforce 2',
      'trail order approve released',
    ])
    expect(rig.desk.pendingReleases(rig.clock.now())).toEqual([])
  })

  test('survives a restart, pending and done', async () => {
    const { rig, approve } = await createPending()
    expect((await rig.restart()).desk.ledger).toEqual(rig.desk.ledger)
    await approve()
    const later = await rig.restart()
    expect(later.desk.ledger).toEqual(rig.desk.ledger)
    expect(later.dataPlane.table?.locks).toEqual([])
  })

  test('is not approved by the one who proposed it', async () => {
    const { rig, release } = await createPending()
    expect(await rig.order(lead, { kind: 'approve', release })).toMatchObject({
      outcome: 'refused',
      refused: 'conflict',
    })
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })

  test('is not approved by a responder, who may only propose', async () => {
    const { rig, release } = await createPending()
    expect(await rig.order(desk, { kind: 'approve', release })).toMatchObject({ outcome: 'refused', refused: 'role' })
  })

  test('takes as many people as when the lock landed, whatever the settings say now', async () => {
    const rig = await createRig()
    const lock = await rig.lockAll()
    rig.settings.approvals = 1
    await propose(rig, [lock])
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })

  test('is not signed by a key that came after the lock', async () => {
    const rig = await createRig()
    const all = rig.settings.responders
    rig.settings.responders = all.filter(({ name }) => name !== 'chief')
    const lock = await rig.lockAll()
    rig.settings.responders = all
    const release = await propose(rig, [lock])
    expect(await rig.order(chief, { kind: 'approve', release })).toMatchObject({ outcome: 'refused', refused: 'role' })
  })

  test('takes two people also where the settings ask for one', async () => {
    const rig = await createRig()
    rig.settings.approvals = 1
    const lock = await rig.lockAll()
    expect(await rig.order(lead, { kind: 'release', locks: [lock], reason: 'fixed' })).toMatchObject({
      outcome: 'pending',
      required: 2,
    })
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })
})

describe('at once', () => {
  test('two approvals by one person count as one: with three needed it stays locked', async () => {
    const rig = await createRig()
    rig.settings.approvals = 3
    const lock = await rig.lockAll()
    const release = await propose(rig, [lock])
    const answers = await Promise.all([1, 2].map(() => rig.order(chief, { kind: 'approve', release })))
    expect(answers).toMatchObject([
      { outcome: 'pending', approvals: 2 },
      { outcome: 'refused', refused: 'conflict' },
    ])
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })

  test('two proposals and two approvals each take their turn', async () => {
    const rig = await createRig()
    const one = await rig.lockAll()
    const two = await rig.lockAll()
    const releases = await Promise.all([propose(rig, [one]), propose(rig, [two])])
    const answers = await Promise.all(releases.map((release) => rig.order(chief, { kind: 'approve', release })))
    expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted'])
    expect(rig.dataPlane.table?.locks).toEqual([])
  })

  test('a lock that lands while a release waits for the disk holds at once, and outlives the release', async () => {
    const { rig, approve } = await createPending({ limitMs: 5000 })
    rig.journal.mode = 'hang'
    const approval = approve()
    await until(() => rig.log.includes('journal approve'))
    const second = rig.order(desk, { ...LOCK_ALL, scope: { tags: ['pii'] } })
    await until(() => rig.dataPlane.table?.locks.length === 2)
    rig.journal.resume()
    expect(await approval).toMatchObject({ outcome: 'accepted', epoch: 3 })
    const landed = await second
    expect(landed).toMatchObject({ outcome: 'accepted', epoch: 2, durable: true })
    expect(rig.dataPlane.table?.locks.map(({ id }) => id)).toEqual(['id' in landed ? landed.id : ''])
    const later = await rig.restart()
    expect(later.dataPlane.table?.locks).toEqual(rig.dataPlane.table?.locks)
    expect(later.desk.ledger.epoch).toBe(rig.desk.ledger.epoch)
  })

  test('a lock that lands while a release waits for the trail is not waited for either', async () => {
    const { rig, approve } = await createPending({ limitMs: 5000 })
    rig.trail.mode = 'hang'
    const approval = approve()
    await until(() => rig.log.includes('trail order approve accepted'))
    expect(await rig.accept(desk, LOCK_ALL)).toMatchObject({ durable: true })
    rig.trail.resume()
    expect(await approval).toMatchObject({ outcome: 'accepted' })
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })
})

/** Turns of the event loop until it is so; the test's own time limit ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

describe('a release that cannot be made durable changes nothing', () => {
  const unchanged = async (rig: Rig, lock: string) => {
    const locks = [expect.objectContaining({ id: lock })]
    expect(rig.dataPlane.table?.locks).toEqual(locks)
    const later = await rig.restart()
    expect(later.dataPlane.table?.locks).toEqual(locks)
    expect(later.desk.pendingReleases(later.clock.now())).toHaveLength(1)
  }

  test('where the journal hangs: not now, not when the disk recovers, not after a restart', async () => {
    const { rig, lock, approve } = await createPending({ limitMs: 250 })
    rig.journal.mode = 'hang'
    const waits = countCoreWaits()
    const startedMs = performance.now()
    expect(await approve()).toEqual({
      outcome: 'unavailable',
      problems: ['the order journal could not keep it in time'],
    })
    expect(performance.now() - startedMs - waits()).toBeLessThan(500)
    await unchanged(rig, lock)
    rig.journal.resume()
    await unchanged(rig, lock)
    expect(rig.trail.records.at(-1)).toMatchObject({ order: 'approve', outcome: 'refused' })
    expect(await approve()).toMatchObject({ outcome: 'accepted' })
  })

  test('where the journal fails', async () => {
    const { rig, lock, approve } = await createPending()
    rig.journal.mode = 'fail'
    expect(await approve()).toMatchObject({ outcome: 'unavailable' })
    await unchanged(rig, lock)
  })

  test.each([['hang'], ['fail'], ['full']] as const)(
    'where the trail is in the state %s: the journal is not even asked',
    async (mode) => {
      const { rig, lock, approve } = await createPending()
      rig.trail.mode = mode
      expect(await approve()).toMatchObject({ outcome: 'unavailable' })
      expect(rig.log).not.toContain('journal approve')
      await unchanged(rig, lock)
    },
  )

  test('where the lock itself is not durable yet', async () => {
    const rig = await createRig()
    rig.journal.mode = 'fail'
    const lock = await rig.lockAll()
    rig.journal.mode = 'hang'
    expect(await rig.order(lead, { kind: 'release', locks: [lock], reason: 'fixed' })).toEqual({
      outcome: 'unavailable',
      problems: ['locks that were ordered before are not durable yet'],
    })
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })

  test('and a proposal that could not be kept is not pending', async () => {
    const rig = await createRig()
    const lock = await rig.lockAll()
    rig.journal.mode = 'fail'
    expect(await rig.order(lead, { kind: 'release', locks: [lock], reason: 'fixed' })).toMatchObject({
      outcome: 'unavailable',
    })
    expect(rig.desk.pendingReleases(rig.clock.now())).toEqual([])
  })
})
