// Promise 2 of a fleet: who has shown its refusal is named, and who has not, with what is known of it.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { followProofs } from '../../../src/control/fleet/rounds.ts'
import {
  countGateways,
  fleetCertificate,
  gatewayViews,
  missingGatewayOf,
  proofWithin,
} from '../../../src/control/fleet/views.ts'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { createFleet, FLEET, LEASE_MS, makeSigner, settle, type Fleet, type Member } from '../../support/fleet-rig.ts'

let fleet: Fleet
let a: Member
let b: Member
let c: Member

beforeEach(async () => {
  fleet = await createFleet(3)
  await fleet.found()
  const [one, two, three] = fleet.members
  if (one === undefined || two === undefined || three === undefined) throw new Error()
  ;[a, b, c] = [one, two, three]
  for (const { parts } of fleet.members) {
    followProofs(parts)
    // As the app does: the store tells whom a proof is for.
    parts.deps.store.listen({
      onEntry: () => undefined,
      onProof: (proof) => {
        parts.proofs.hear(proof)
      },
      onRoster: () => undefined,
      onConnected: () => undefined,
      onLost: () => undefined,
    })
  }
})

describe('a freeze', () => {
  test('is proven by every worker of all, and the answer waits no longer than for the last', async () => {
    const id = await a.lock()
    const waiting = proofWithin(a.parts, id, 60_000)
    await fleet.rounds(2)
    const proof = await waiting
    expect([proof.gateways, proof.missing, proof.proven.length]).toEqual([{ proven: 3, total: 3 }, [], 6])
    expect(proof.elapsedMs).toBeLessThanOrEqual(LEASE_MS / 2)
  })

  test('names a gateway whose worker has not shown it', async () => {
    c.dataPlane.silent.add('worker-2')
    const id = await a.lock()
    await fleet.rounds(2)
    const proof = await proofWithin(a.parts, id, 1)
    expect([proof.missing, proof.gateways]).toEqual([[c.name], { proven: 2, total: 3 }])
  })

  test('names a gateway that is away, since when it was not heard, and when it has fenced itself', async () => {
    const seenAt = fleet.clock.now()
    c.link.store = undefined
    c.link.peers = false
    const id = await a.lock()
    await fleet.rounds(12, [a, b])
    const proof = await proofWithin(a.parts, id, 1)
    expect(proof.missing).toEqual([c.name])
    const [gone] = proof.missingGateways
    expect(gone).toMatchObject({ name: c.name, state: 'missing', address: `http://${c.name.slice(-12)}` })
    const since = gone?.fenced !== undefined && 'since' in gone.fenced ? Date.parse(gone.fenced.since) : 0
    // Never before it is true: its own lease, of which this test knows the end, has ended by then.
    expect(c.parts.link.leaseRemainingMs).toBe(0)
    expect(since).toBeGreaterThanOrEqual(c.lease.ends?.wallMs ?? 0)
    expect(since).toBeLessThanOrEqual(seenAt + LEASE_MS)
    expect(countGateways(a.parts)).toMatchObject({ live: 2, missing: 1, proven: 2 })
  })

  test('says by when a gateway will have fenced itself that has only just gone silent', async () => {
    c.link.store = undefined
    c.link.peers = false
    const id = await a.lock()
    await fleet.rounds(4, [a, b])
    const [gone] = (await proofWithin(a.parts, id, 1)).missingGateways
    const by = gone?.fenced !== undefined && 'by' in gone.fenced ? Date.parse(gone.fenced.by) : 0
    expect(by).toBeGreaterThan(fleet.clock.now())
    expect(by).toBeGreaterThanOrEqual(c.lease.ends?.wallMs ?? Infinity)
  })

  test('claims nothing of others where this gateway itself reaches no store', async () => {
    a.link.store = undefined
    const id = await a.lock()
    await fleet.rounds(12, [b, c])
    expect(missingGatewayOf(a.parts, b.name)).not.toHaveProperty('fenced')
    expect((await proofWithin(a.parts, id, 1)).missingGateways.some(({ fenced }) => fenced !== undefined)).toBe(false)
    // They have it by their control addresses, and serve on.
    expect(b.held).toEqual([id])
    expect(b.parts.link.leaseRemainingMs).toBeGreaterThan(0)
  })

  test('has one certificate at every gateway', async () => {
    const id = await a.lock()
    await fleet.rounds(3)
    const epoch = a.desk.ledger.accepted.get(id) ?? -1
    for (const { parts } of fleet.members) {
      const certificate = await fleetCertificate(parts, epoch)
      expect(certificate).toMatchObject({ orders: [id], missing: [] })
      expect([certificate?.proven.length, certificate?.proofs.length]).toEqual([3, 6])
    }
    expect(await fleetCertificate(a.parts, 99_999)).toBeUndefined()
  })
})

describe('a proof', () => {
  test('of a stranger, of another order, or in the name of another gateway is none', async () => {
    c.link.store = undefined
    c.link.peers = false
    const id = await a.lock()
    await fleet.rounds(2, [a, b])
    const stranger = createFleetSeal({
      fleet: FLEET,
      secrets: ['no secret of this fleet, but long enough'],
      signer: makeSigner(),
    })
    const words = (gateway: string, order: string): string =>
      JSON.stringify({
        ...{ gateway, worker: 'w1', workers: ['w1'], order, epoch: 9, table: 't', at: 1, proof: 'table', canaries: [] },
      })
    const bodies = [
      stranger.seal('proof', words(stranger.gateway, id)),
      stranger.seal('proof', words(c.name, id)),
      b.seal.seal('proof', words(c.name, id)),
      c.seal.seal('proof', words(c.name, 'another order')),
      c.seal.seal('heartbeat', words(c.name, id)),
    ]
    for (const body of bodies) {
      a.parts.proofs.hear({ order: id, gateway: c.name, body: JSON.stringify([body]) })
      a.parts.proofs.hear({ order: id, gateway: stranger.gateway, body: JSON.stringify([body]) })
    }
    for (const body of ['', '{}', '[1]', '[]']) a.parts.proofs.hear({ order: id, gateway: c.name, body })
    expect((await proofWithin(a.parts, id, 1)).missing).toEqual([c.name])
    a.parts.proofs.hear({ order: id, gateway: c.name, body: JSON.stringify([c.seal.seal('proof', words(c.name, id))]) })
    expect((await proofWithin(a.parts, id, 1)).missing).toEqual([])
  })

  test('in which a canary was let through is none', async () => {
    c.link.store = undefined
    c.link.peers = false
    const id = await a.lock()
    const shown = (refused: boolean): string =>
      JSON.stringify([
        c.seal.seal(
          'proof',
          JSON.stringify({
            ...{
              gateway: c.name,
              worker: 'w1',
              workers: ['w1'],
              order: id,
              epoch: 9,
              table: 't',
              at: 1,
              proof: 'canary',
            },
            canaries: [{ route: 'r', status: 200, refused }],
          }),
        ),
      ])
    await settle()
    a.parts.proofs.hear({ order: id, gateway: c.name, body: shown(false) })
    expect((await proofWithin(a.parts, id, 1)).missing).toContain(c.name)
  })
})

test('status shows every member with its state, table and address', async () => {
  await fleet.rounds(2)
  const views = gatewayViews(a.parts)
  expect(views.map(({ name, state, proven }) => [name, state, proven]).toSorted()).toEqual(
    [a, b, c].map(({ name }) => [name, 'live', true]).toSorted(),
  )
  expect(new Set(views.map(({ table }) => table)).size).toBe(1)
})
