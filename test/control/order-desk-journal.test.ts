import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openOrderJournal } from '../../src/adapters/file/order-journal.ts'
import { fileLocks } from '../../src/core/lock-flags.ts'
import { createRig, people } from '../support/control-desk.ts'
import { silentLogger } from '../support/control-ports.ts'
import { LOCK_ALL } from '../support/control-signing.ts'

const { desk, lead, chief } = people
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'desk-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

test('over the real journal a restart finds the ledger as it was: locks, revocations, flags, releases, the epoch', async () => {
  const journal = await openOrderJournal({ dir, logger: silentLogger })
  const rig = await createRig({ journal, limitMs: 10_000 })
  const first = await rig.accept(desk, {
    ...LOCK_ALL,
    scope: { tags: ['pii'] },
    mode: 'throttle',
    ttl: '1h',
    onExpiry: 'open',
    message: { hi: 'रुका' },
  })
  await rig.accept(desk, { kind: 'revoke', session: 'k1.AAAAAAAAAAAAAAAAAAAAAA', reason: 'stolen', incident: 'INC-7' })
  await rig.desk.freezeByFile()
  const flags = (file: Parameters<typeof fileLocks>[1]) =>
    rig.desk.setFlags('file', fileLocks(rig.desk.ledger.flags.file, file, rig.clock.now()))
  await flags({ freeze: true, reason: 'drill', incident: 'INC-8', routes: { facilities: 'deny' } })
  await flags({ freeze: false, reason: 'drill', incident: 'INC-8' })
  const proposed = await rig.order(lead, {
    kind: 'release',
    locks: [first.id],
    reason: 'fixed',
    epoch: rig.desk.ledger.epoch,
  })
  await rig.accept(chief, { kind: 'approve', release: 'id' in proposed ? proposed.id : '' })
  await rig.order(lead, { kind: 'release', locks: [...rig.desk.ledger.held.keys()], reason: 'over' })
  await journal.close()

  const again = await openOrderJournal({ dir, logger: silentLogger })
  const later = await createRig({ journal: again })
  await again.close()
  expect(later.desk.ledger).toEqual(rig.desk.ledger)
  expect(later.dataPlane.table).toEqual(rig.dataPlane.table)
  expect(later.desk.ledger.epoch).toBe(6)
})
