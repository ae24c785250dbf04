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
import { createProofReader, createWorkerKey, gatewayNameOf, vouch } from '../../../src/audit/worker-proof.ts'
import { canonicalJson } from '../../../src/core/canonical-json.ts'
import type { WorkerStatement } from '../../../src/core/worker-statement.ts'
import type { Signer } from '../../../src/ports/signer.ts'
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
      onTold: () => undefined,
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
  const shown = (by: Signer, over: Partial<WorkerStatement> = {}, voucherOf: Signer = by): string => {
    const key = createWorkerKey()
    const statement: WorkerStatement = {
      ...{ gateway: gatewayNameOf(by.publicKeyRaw), worker: 'w1', workers: ['w1'], orders: ['o'], epoch: 9 },
      ...{ table: 't', at: 1, proof: 'table', canaries: [], ...over },
    }
    return `${vouch(voucherOf, statement.worker, key.key)}.${key.sign(canonicalJson(statement))}`
  }
  const words = (gateway: string, order: string, ...texts: readonly string[]): string =>
    JSON.stringify({ gateway, order, shown: texts })

  test('of a stranger, of another order, or in the name of another gateway is none', async () => {
    c.link.store = undefined
    c.link.peers = false
    const id = await a.lock()
    await fleet.rounds(2, [a, b])
    const thief = makeSigner()
    const stranger = createFleetSeal({
      fleet: FLEET,
      secrets: () => ['no secret of this fleet, but long enough'],
      signer: thief,
    })
    const good = shown(c.signer, { orders: [id] })
    const [gatewayKey, key, voucher, payload, signature] = good.split('.')
    const [, otherKey, otherVoucher] = shown(c.signer).split('.')
    const bodies = [
      stranger.seal('proof', words(stranger.gateway, id, shown(thief, { orders: [id] }))),
      stranger.seal('proof', words(c.name, id, good)),
      b.seal.seal('proof', words(c.name, id, good)),
      c.seal.seal('heartbeat', words(c.name, id, good)),
      c.seal.seal('proof', words(c.name, 'another order', good)),
      // Whoever has the fleet secret, and not the key of that gateway, cannot prove in its name.
      c.seal.seal('proof', words(c.name, id, shown(c.signer, { orders: ['another order'] }))),
      c.seal.seal('proof', words(c.name, id, shown(b.signer, { orders: [id] }))),
      c.seal.seal('proof', words(c.name, id, shown(c.signer, { orders: [id] }, b.signer))),
      c.seal.seal('proof', words(c.name, id, shown(b.signer, { orders: [id], gateway: c.name }))),
      c.seal.seal('proof', words(c.name, id, good, 'x')),
      c.seal.seal('proof', words(c.name, id, `${good}.`)),
      c.seal.seal('proof', words(c.name, id, [gatewayKey, otherKey, otherVoucher, payload, signature].join('.'))),
      c.seal.seal('proof', words(c.name, id, [gatewayKey, otherKey, voucher, payload, signature].join('.'))),
      c.seal.seal(
        'proof',
        words(c.name, id, [gatewayKey, key, voucher, payload, shown(c.signer).split('.')[4]].join('.')),
      ),
      c.seal.seal('proof', words(c.name, id)),
    ]
    for (const body of bodies) {
      a.parts.proofs.hear({ order: id, gateway: c.name, body })
      a.parts.proofs.hear({ order: id, gateway: stranger.gateway, body })
    }
    for (const body of ['', '{}', '[1]', '[]']) a.parts.proofs.hear({ order: id, gateway: c.name, body })
    expect((await proofWithin(a.parts, id, 1)).missing).toEqual([c.name])
    a.parts.proofs.hear({ order: id, gateway: c.name, body: c.seal.seal('proof', words(c.name, id, good)) })
    expect((await proofWithin(a.parts, id, 1)).missing).toEqual([])
  })

  test.each([
    [
      'in which a canary was let through',
      { proof: 'canary', canaries: [{ route: 'r', status: 200, refused: false, stands: 1 }] },
    ],
    ['in which no canary was sent that could have been', { proof: 'canary', canaries: [] }],
    ['of one worker of two', { workers: ['w1', 'w2'] }],
  ] as const)('%s is none', async (_, over) => {
    c.link.store = undefined
    c.link.peers = false
    const id = await a.lock()
    await settle()
    const hear = (more: Partial<WorkerStatement>): void => {
      const text = shown(c.signer, { orders: [id], ...more })
      a.parts.proofs.hear({ order: id, gateway: c.name, body: c.seal.seal('proof', words(c.name, id, text)) })
    }
    hear(over)
    expect((await proofWithin(a.parts, id, 1)).missing).toContain(c.name)
  })

  test('names the table that stands at every gateway, and the clock beside those of its peers', async () => {
    const id = await a.lock()
    await fleet.rounds(3)
    const texts = (await fleetCertificate(a.parts, a.desk.ledger.accepted.get(id) ?? -1))?.proofs ?? []
    const statements = texts.map((text) => createProofReader()(text)?.statement)
    expect(statements.map((each) => each?.table)).toEqual(Array(6).fill(a.parts.table()))
    expect(statements.map((each) => each?.gateway).toSorted()).toEqual(
      [a, a, b, b, c, c].map(({ name }) => name).toSorted(),
    )
    // One clock for all in this rig: it was measured, and is right within what it says.
    for (const each of statements) {
      const { offsetMs = NaN, withinMs = 0, count } = each?.clock?.peers ?? {}
      expect([Math.abs(offsetMs) <= withinMs, count]).toEqual([true, 2])
    }
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
