import { describe, expect, test } from '@jest/globals'
import { countCoreWaits } from '../support/core-waits.ts'
import { createRig, people } from '../support/control-desk.ts'
import { idOf, LOCK_ALL, type Person } from '../support/control-signing.ts'

const { desk, lead, chief } = people

describe('a lock', () => {
  test('is enforced before anything else is done, in the turn in which it is accepted', async () => {
    const rig = await createRig()
    await (
      await rig.accept(desk, LOCK_ALL)
    ).proof
    expect(rig.log).toEqual(['enforce 1', 'journal lock', 'prove 3', 'trail order lock accepted', 'trail proof'])
  })

  test('is answered with its id, epoch, the routes it covers, and durable', async () => {
    const rig = await createRig()
    const jws = rig.sign(desk, { ...LOCK_ALL, scope: { tags: ['pii'] } })
    const answer = await rig.desk.submit(jws, 'api')
    expect(answer).toMatchObject({
      outcome: 'accepted',
      id: idOf(jws),
      epoch: 1,
      covers: ['record.read', 'record.write'],
      durable: true,
    })
    expect(rig.dataPlane.table?.locks).toMatchObject([{ id: idOf(jws), mode: 'deny', by: 'night-desk' }])
    expect(rig.trail.records[0]).toMatchObject({
      kind: 'order',
      order: 'lock',
      outcome: 'accepted',
      by: 'night-desk',
      channel: 'api',
      reason: 'leak suspected',
      incident: 'INC-7',
      jws,
    })
  })

  test('stands after a restart, with its epoch', async () => {
    const rig = await createRig()
    await rig.lockAll()
    await rig.accept(desk, { ...LOCK_ALL, scope: { tags: ['pii'] } })
    const later = await rig.restart()
    expect(later.desk.ledger).toEqual(rig.desk.ledger)
    expect(later.dataPlane.table).toEqual(rig.dataPlane.table)
  })

  test('is accepted from one responder and from a commander, and adds to those before', async () => {
    const rig = await createRig()
    await rig.accept(desk, LOCK_ALL)
    await rig.accept(lead, LOCK_ALL)
    expect(rig.desk.ledger.held.size).toBe(2)
  })

  test('that ends a session covers the routes that ask for one', async () => {
    const rig = await createRig()
    const answer = await rig.accept(desk, {
      kind: 'revoke',
      before: '2026-01-02T03:04:05Z',
      reason: 'stolen',
      incident: 'INC-7',
    })
    expect(answer).toMatchObject({ epoch: 1, covers: ['record.read', 'record.write'], durable: true })
    expect(rig.dataPlane.table?.revocations).toHaveLength(1)
    await expect(answer.proof).resolves.toMatchObject({ proven: ['worker-1', 'worker-2'], missing: [] })
  })
})

describe('a lock with a disk that hangs', () => {
  test('holds, and is answered in about 250 ms with durable false', async () => {
    const rig = await createRig({ limitMs: 250 })
    rig.journal.mode = 'hang'
    const waits = countCoreWaits()
    const startedMs = performance.now()
    const answer = await rig.accept(desk, LOCK_ALL)
    const elapsedMs = performance.now() - startedMs
    expect(answer.durable).toBe(false)
    expect(elapsedMs).toBeGreaterThan(200)
    expect(elapsedMs - waits()).toBeLessThan(500)
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
    expect(rig.desk.problems).toEqual([
      'changes that hold but are not durable yet: 1; see to the disk of the store directory',
    ])
    expect(rig.logger.lines.join()).toMatch(/error A LOCK IS IN FORCE BUT NOT DURABLE YET/)
  })

  test('is durable once the disk recovers, without being asked again', async () => {
    const rig = await createRig()
    rig.journal.mode = 'hang'
    await rig.lockAll()
    rig.journal.resume()
    await rig.accept(desk, { ...LOCK_ALL, scope: { tags: ['pii'] } })
    expect(rig.desk.problems).toEqual([])
    expect((await rig.restart()).desk.ledger.held.size).toBe(2)
  })
})

describe('a lock with a disk that fails', () => {
  test('holds, is answered with durable false, and is tried until it is kept', async () => {
    const rig = await createRig()
    rig.journal.mode = 'fail'
    const answer = await rig.accept(desk, LOCK_ALL)
    expect(answer.durable).toBe(false)
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
    const kept = new Promise<void>((resolve) => {
      rig.logger.warn = () => {
        resolve()
      }
    })
    rig.journal.mode = 'ok'
    await kept
    expect((await rig.restart()).desk.ledger.held.has(answer.id)).toBe(true)
  })

  test('keeps the order in which locks came', async () => {
    const rig = await createRig()
    rig.journal.mode = 'fail'
    const first = await rig.accept(desk, LOCK_ALL)
    const second = await rig.accept(lead, LOCK_ALL)
    rig.journal.mode = 'ok'
    const third = await rig.accept(desk, { ...LOCK_ALL, scope: { tags: ['pii'] } })
    expect(rig.journal.kept.map((entry) => (entry.type === 'order' ? entry.id : ''))).toEqual([
      first.id,
      second.id,
      third.id,
    ])
  })
})

describe('a lock goes ahead', () => {
  test('where the trail takes no record, and says so', async () => {
    const rig = await createRig()
    rig.trail.mode = 'full'
    expect(await rig.accept(desk, LOCK_ALL)).toMatchObject({ durable: true })
    expect(rig.logger.lines.join()).toMatch(/error AN ORDER IS NOT IN THE TRAIL/)
  })

  test('where the trail hangs', async () => {
    const rig = await createRig()
    rig.trail.mode = 'hang'
    expect(await rig.accept(desk, LOCK_ALL)).toMatchObject({ durable: true })
  })

  test('where no worker answers: who has not proven it is named', async () => {
    const rig = await createRig()
    rig.dataPlane.silent.add('worker-2')
    const answer = await rig.accept(desk, LOCK_ALL)
    expect(await answer.proof).toMatchObject({ proven: ['worker-1'], missing: ['worker-2'] })
  })

  test('where the workers cannot be spoken to: it is kept for those that come', async () => {
    const rig = await createRig()
    rig.dataPlane.isBroken = true
    expect(await rig.accept(desk, LOCK_ALL)).toMatchObject({ durable: true })
    expect((await rig.restart()).dataPlane.table?.locks).toHaveLength(1)
  })
})

describe('a second delivery', () => {
  test('is a conflict that tells the first id and epoch, and changes nothing', async () => {
    const rig = await createRig()
    const jws = rig.sign(desk, LOCK_ALL)
    await rig.desk.submit(jws, 'api')
    await rig.accept(lead, LOCK_ALL)
    const before = rig.desk.ledger
    expect(await rig.desk.submit(jws, 'api')).toMatchObject({
      outcome: 'refused',
      refused: 'conflict',
      first: { id: idOf(jws), epoch: 1 },
    })
    expect(rig.desk.ledger).toBe(before)
  })

  test('is one also where both come at once', async () => {
    const rig = await createRig()
    const jws = rig.sign(desk, LOCK_ALL)
    const outcomes = (await Promise.all([rig.desk.submit(jws, 'api'), rig.desk.submit(jws, 'api')])).map(
      ({ outcome }) => outcome,
    )
    expect(outcomes).toEqual(['accepted', 'refused'])
    expect(rig.desk.ledger.held.size).toBe(1)
  })

  test('is one also after a restart', async () => {
    const rig = await createRig()
    const jws = rig.sign(desk, LOCK_ALL)
    await rig.desk.submit(jws, 'api')
    expect(await (await rig.restart()).desk.submit(jws, 'api')).toMatchObject({
      refused: 'conflict',
      first: { epoch: 1 },
    })
  })

  test('by file is silent: it leaves no record', async () => {
    const rig = await createRig()
    const jws = rig.sign(desk, LOCK_ALL)
    const first = await rig.desk.submit(jws, 'api')
    await ('proof' in first ? first.proof : undefined)
    const before = rig.trail.records.length
    expect(await rig.desk.submit(jws, 'file')).toMatchObject({ refused: 'conflict' })
    expect(rig.trail.records).toHaveLength(before)
  })
})

describe('FREEZE', () => {
  test('locks everything without a signature, once for as long as its lock is in force', async () => {
    const rig = await createRig()
    const proven = new Promise<void>((resolve) =>
      rig.desk.onChange(({ event }) => (event === 'proof' ? resolve() : undefined)),
    )
    await rig.desk.freezeByFile()
    await rig.desk.freezeByFile()
    await proven
    expect(rig.dataPlane.table?.locks).toMatchObject([{ source: 'freeze', scope: { all: true }, mode: 'deny' }])
    expect(rig.trail.records[0]).toMatchObject({ order: 'freeze', outcome: 'accepted', channel: 'file' })
    expect(rig.log).toEqual(['enforce 1', 'journal freeze', 'prove 3', 'trail order freeze accepted', 'trail proof'])
  })

  test('leaves by a two-person release, and can come again', async () => {
    const rig = await createRig()
    await rig.desk.freezeByFile()
    const [id = ''] = rig.desk.ledger.held.keys()
    const proposed = await rig.order(lead, { kind: 'release', locks: [id], reason: 'over' })
    expect(proposed).toMatchObject({ outcome: 'pending', approvals: 1, required: 2 })
    await rig.accept(chief, { kind: 'approve', release: 'id' in proposed ? proposed.id : '' })
    expect(rig.dataPlane.table?.locks).toEqual([])
    await rig.desk.freezeByFile()
    expect(rig.dataPlane.table?.locks).toHaveLength(1)
  })
})

test('before the start changes are kept, and nothing is sent to the workers', async () => {
  const rig = await createRig({ isStarted: false })
  await rig.desk.freezeByFile()
  expect(rig.log).toEqual(['journal freeze', 'trail order freeze accepted'])
  await rig.desk.start()
  expect(rig.dataPlane.tables).toHaveLength(1)
  expect(rig.dataPlane.table?.locks).toHaveLength(1)
})

describe('the journal at the start', () => {
  const tampered = async (
    change: (
      entry: Extract<Awaited<ReturnType<typeof createRig>>['journal']['kept'][number], { type: 'order' }>,
    ) => object,
  ) => {
    const rig = await createRig()
    await rig.lockAll()
    const [entry] = rig.journal.kept
    if (entry?.type !== 'order') throw new Error('no order')
    return createRig({ entries: [{ ...entry, ...change(entry) } as typeof entry] })
  }

  test('is refused where a signature does not hold', async () => {
    const other = await createRig()
    await expect(
      tampered(() => ({ by: { ...other.settings.responders[0], key: other.settings.responders[1]?.key } })),
    ).rejects.toThrow(/^the order journal does not hold at entry 1: order \S+: no enrolled responder has signed this$/)
  })

  test('is refused where an entry bears the id of another order', async () => {
    await expect(tampered(() => ({ id: 'A'.repeat(43) }))).rejects.toThrow(/has the words of another/)
  })

  test('is refused where an entry is of a type that this version does not know', async () => {
    await expect(tampered(() => ({ type: 'thaw' }))).rejects.toThrow('its type is not known to this version')
  })

  test('counts by the signed words, not by the copy beside them', async () => {
    const rig = await tampered((entry) => ({
      statement: { ...entry.statement, order: { ...entry.statement.order, scope: { routes: ['facilities'] } } },
    }))
    expect(rig.dataPlane.table?.locks[0]?.scope).toEqual({ all: true })
  })

  test('keeps the orders of those who are enrolled no more', async () => {
    const rig = await createRig()
    await rig.lockAll()
    const later = await rig.restart()
    later.settings.responders = []
    expect(later.desk.ledger.held.size).toBe(1)
  })
})

test('a listener hears of locks and proofs, until it stops listening, and its own failure stops nothing', async () => {
  const rig = await createRig()
  const heard: string[] = []
  rig.desk.onChange(() => {
    throw new Error('a broken listener')
  })
  const stop = rig.desk.onChange(({ event, epoch }) => heard.push(`${event} ${epoch}`))
  await (
    await rig.accept(desk, LOCK_ALL)
  ).proof
  stop()
  await (
    await rig.accept(desk, LOCK_ALL)
  ).proof
  expect(heard).toEqual(['lock 1', 'proof 1'])
})

const roles: readonly [string, Person, string][] = [
  ['a viewer', people.viewer, 'refused'],
  ['an auditor', people.auditor, 'refused'],
  ['a responder', desk, 'accepted'],
  ['a commander', lead, 'accepted'],
]
test.each(roles)('%s who locks is %3$s', async (_, who, outcome) => {
  expect(await (await createRig()).order(who, LOCK_ALL)).toMatchObject(
    outcome === 'refused' ? { outcome, refused: 'role' } : { outcome },
  )
})
