// Over the desk, with real signatures: who is enrolled may sign, who is retired may not, and a restart remembers.
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { isSignedRecovery, recoveryBytes } from '../../src/control/recovery.ts'
import type { RecoveryEntry } from '../../src/core/ledger-entry.ts'
import type { Responder } from '../../src/core/responder.ts'
import { createRig, people, type Rig } from '../support/control-desk.ts'
import { START } from '../support/control-ports.ts'
import { AUTHORIZED, createServerRig } from '../support/control-server.ts'
import { createPerson, LOCK_ALL, publicPart, type Person } from '../support/control-signing.ts'

/** Signs with the key's own name in the `kid`, as somebody with a second key does. */
const asKid = (who: Person, keyId: string): Person => ({ ...who, name: `${who.name}#${keyId}` })

async function carryOut(rig: Rig, order: object): Promise<string> {
  const proposed = await rig.order(people.lead, order)
  if (proposed.outcome !== 'pending') throw new Error(JSON.stringify(proposed))
  const approved = await rig.order(people.chief, { kind: 'approve', release: proposed.id })
  expect(approved.outcome).toBe('accepted')
  return proposed.id
}

const enrolment = ({ name, role, key }: Responder, keyId?: string) => ({
  kind: 'enrol',
  name,
  role,
  key,
  reason: 'joins',
  ...(keyId === undefined ? {} : { keyId }),
})

describe('who is enrolled by order', () => {
  test('is unknown before, locks after, and is still there after a restart', async () => {
    const rig = await createRig()
    const fresh = createPerson('fresh', 'responder')
    expect(await rig.order(fresh, LOCK_ALL)).toMatchObject({ refused: 'unknown-signer' })
    await carryOut(rig, enrolment(fresh))
    expect(await rig.order(fresh, LOCK_ALL)).toMatchObject({ outcome: 'accepted' })
    const again = await rig.restart()
    expect(again.desk.responders.map(({ name }) => name)).toContain('fresh')
    expect(await again.order(fresh, LOCK_ALL)).toMatchObject({ outcome: 'accepted' })
  })

  test('leaves records that name the responder, the proposal as pending and the approval as accepted', async () => {
    const rig = await createRig()
    await carryOut(rig, enrolment(createPerson('fresh', 'responder')))
    expect(rig.trail.records).toMatchObject([
      { order: 'enrol', outcome: 'pending', by: 'lead', responder: 'fresh', reason: 'joins' },
      { order: 'approve', outcome: 'accepted', by: 'chief', responder: 'fresh' },
    ])
    expect(rig.dataPlane.tables.map(({ epoch }) => epoch)).toEqual([0])
  })

  test('a second key of one name signs under its own kid, and a lock that lands is released by it too', async () => {
    const rig = await createRig()
    const second = createPerson('lead', 'commander')
    await carryOut(rig, enrolment(second, '2027'))
    const lead = asKid(second, '2027')
    const lock = await rig.order(people.desk, LOCK_ALL)
    if (lock.outcome !== 'accepted') throw new Error('it locks')
    const release = await rig.order(lead, { kind: 'release', locks: [lock.id], reason: 'mended' }, { iss: 'lead' })
    expect(release).toMatchObject({ outcome: 'pending', approvals: 1 })
    const own = { kind: 'approve', release: release.outcome === 'pending' ? release.id : '' }
    expect(await rig.order(people.lead, own)).toMatchObject({ refused: 'conflict' })
    expect(await rig.order(people.chief, own)).toMatchObject({ outcome: 'accepted' })
    // The key is not taken under the bare name, nor another one under this kid.
    expect(await rig.order(second, LOCK_ALL)).toMatchObject({ refused: 'unknown-signer' })
    expect(await rig.order(asKid(people.lead, '2027'), LOCK_ALL, { iss: 'lead' })).toMatchObject({
      refused: 'unknown-signer',
    })
  })
})

test('who is retired by order orders nothing more, whatever the config says and after a restart', async () => {
  const rig = await createRig()
  await carryOut(rig, enrolment(createPerson('third', 'commander')))
  await carryOut(rig, { kind: 'retire', name: 'night-desk', reason: 'left' })
  for (const each of [rig, await rig.restart()]) {
    expect(await each.order(people.desk, LOCK_ALL)).toMatchObject({
      refused: 'role',
      problems: ['night-desk has been retired'],
    })
  }
})

describe('a recovery', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
  const recovered = (who: Person, gateway = 'gw-1'): RecoveryEntry => {
    const words = { id: `recovery-${who.name}`, gateway, responder: publicPart(who), reason: 'keys lost', at: START }
    return { type: 'recovery', ...words, signature: sign(null, recoveryBytes(words), privateKey).toString('base64url') }
  }
  const isRecovered = (entry: RecoveryEntry) => isSignedRecovery(entry, 'gw-1', raw)

  test('enrols at this gateway, also for the locks that were there: two of them release', async () => {
    const first = await createRig()
    const lock = await first.lockAll()
    const [one, two] = [createPerson('one', 'commander'), createPerson('two', 'commander')]
    const rig = await createRig({ entries: [...first.journal.kept, recovered(one), recovered(two)], isRecovered })
    const release = await rig.order(one, { kind: 'release', locks: [lock], reason: 'mended' })
    if (release.outcome !== 'pending') throw new Error(JSON.stringify(release))
    expect(await rig.order(one, { kind: 'approve', release: release.id })).toMatchObject({ refused: 'conflict' })
    expect(await rig.order(two, { kind: 'approve', release: release.id })).toMatchObject({ outcome: 'accepted' })
    expect(rig.desk.ledger.held.size).toBe(0)
  })

  test.each([
    ['signed by nobody', (entry: RecoveryEntry) => ({ ...entry, signature: 'AA' })],
    ['with another key in it', (entry: RecoveryEntry) => ({ ...entry, responder: publicPart(people.viewer) })],
    ['of another gateway', () => recovered(createPerson('one', 'commander'), 'gw-2')],
    ['at another time', (entry: RecoveryEntry) => ({ ...entry, at: entry.at + 1 })],
  ])('%s stops the start', async (_name, change) => {
    const entry = change(recovered(createPerson('one', 'commander')))
    await expect(createRig({ entries: [entry], isRecovered })).rejects.toThrow('has not signed')
  })

  test('is told by status until the key is retired', async () => {
    const one = createPerson('one', 'commander')
    const { app, rig } = await createServerRig({ entries: [recovered(one)], isRecovered })
    const status = () => request(app).get('/api/v1/status').set(AUTHORIZED)
    expect((await status()).body).toMatchObject({
      problems: [expect.stringContaining('one was enrolled on this host')],
    })
    await carryOut(rig, { kind: 'retire', name: 'one', reason: 'others are enrolled' })
    expect((await status()).body).toMatchObject({ problems: [] })
  })
})

test('who responds can be read, keys and all', async () => {
  const { app, rig } = await createServerRig()
  const fresh = createPerson('fresh', 'auditor')
  await carryOut(rig, enrolment(fresh))
  const { body } = await request(app).get('/api/v1/responders').set(AUTHORIZED)
  expect(body).toMatchObject({
    responders: expect.arrayContaining([
      { name: 'lead', role: 'commander', key: people.lead.key, source: 'config' },
      { name: 'fresh', role: 'auditor', key: fresh.key, source: 'order' },
    ]),
  })
  expect((await request(app).get('/api/v1/responders')).status).toBe(401)
})
