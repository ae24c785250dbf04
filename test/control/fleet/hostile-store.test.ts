// A Redis in the hands of somebody else: it forges, repeats, reorders, cuts and rolls back whatever it likes, and opens nothing.
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { canonicalJson } from '../../../src/core/canonical-json.ts'
import type { EnvelopeType } from '../../../src/ports/fleet-seal.ts'
import type { Exchange, FleetEntry, FleetStore } from '../../../src/ports/fleet-store.ts'
import { people } from '../../support/control-desk.ts'
import { createPerson, idOf, publicPart } from '../../support/control-signing.ts'
import {
  createFleet,
  FLEET,
  makeSigner,
  newMemory,
  SECRET,
  settle,
  signFor,
  type Fleet,
  type Member,
} from '../../support/fleet-rig.ts'

let fleet: Fleet
let peer: Member
let victim: Member
let lock: string

beforeEach(async () => {
  fleet = await createFleet(2)
  await fleet.found()
  const [first, second] = fleet.members
  if (first === undefined || second === undefined) throw new Error()
  ;[peer, victim] = [first, second]
  lock = await peer.lock()
  await fleet.rounds(3)
  expect(victim.held).toEqual([lock])
  for (const member of fleet.members) member.link.peers = false
})

const remaining = (): number => victim.parts.link.leaseRemainingMs

/** What the victim sees from now on. */
function lie(change: (answer: Exchange) => Exchange, more: Partial<FleetStore> = {}): void {
  const real = victim.link.store
  if (real === undefined) throw new Error()
  victim.link.store = { ...real, ...more, exchange: async (request) => change(await real.exchange(request)) }
}

function serve(bodies: readonly string[]): void {
  const entries: readonly FleetEntry[] = bodies.map((body, index) => ({ id: `x${index}/y/1`, body }))
  lie((answer) => ({ ...answer, entries }))
}

interface Signing {
  readonly secret?: string
  readonly fleet?: string
}

/** A gateway that nobody knows, or one that has stolen the secret. */
function stranger({ secret = 'another secret of the same length!', fleet: name = FLEET }: Signing = {}) {
  const seal = createFleetSeal({ fleet: name, secrets: () => [secret], signer: makeSigner() })
  return {
    seal,
    envelope: (type: EnvelopeType, payload: object) =>
      seal.seal(type, canonicalJson({ gateway: seal.gateway, ...payload })),
    entry(jws: string, kind: 'l' | 'r', more: object = {}): string {
      const guard = { approvals: 0, responders: Object.values(people).map(publicPart) }
      const receipt = {
        order: idOf(jws),
        gateway: seal.gateway,
        writer: `${seal.gateway.slice(-12)}-0123456789abcdef${kind}`,
        seq: 1,
        epoch: 1,
        at: fleet.clock.now(),
        guard,
        ...more,
      }
      return JSON.stringify({ v: 1, order: jws, receipt: seal.seal('receipt', canonicalJson(receipt)) })
    },
  }
}

const sign = (who: (typeof people)['lead'], order: unknown, more: object = {}): string =>
  signFor(who, order, fleet.clock.now(), more)

const release = (): unknown => ({ kind: 'release', locks: [lock], reason: 'over' })

async function stillLocked(): Promise<void> {
  await settle()
  expect(victim.held).toContain(lock)
  expect(victim.desk.ledger.released.size).toBe(0)
}

describe('forged', () => {
  test('texts that are nothing', async () => {
    serve([
      '',
      '{',
      '[]',
      'null',
      '{"v":1}',
      '{"v":2,"order":"a"}',
      '{"v":1,"order":7}',
      '{"v":1,"order":"a.b.c","receipt":"a.b.c.d"}',
    ])
    await fleet.rounds(3)
    await stillLocked()
    expect(remaining()).toBeGreaterThan(0)
  })

  test('orders of people whom nobody enrolled, with the receipt of a gateway that has stolen the secret', async () => {
    const thief = stranger({ secret: SECRET })
    const [one, two] = [createPerson('lead', 'commander'), createPerson('chief', 'commander')]
    const proposed = sign(one, release())
    serve([
      thief.entry(proposed, 'r'),
      thief.entry(sign(two, { kind: 'approve', release: idOf(proposed) }), 'r', { seq: 2 }),
    ])
    await fleet.rounds(3)
    await stillLocked()
    expect(victim.desk.ledger.proposals.size).toBe(0)
  })

  test('a stolen secret and one stolen key do not make two people', async () => {
    const thief = stranger({ secret: SECRET })
    const proposed = sign(people.lead, release())
    serve([
      thief.entry(proposed, 'r'),
      thief.entry(sign(people.lead, { kind: 'approve', release: idOf(proposed) }), 'r', { seq: 2 }),
      thief.entry(sign(people.desk, { kind: 'approve', release: idOf(proposed) }), 'r', { seq: 3 }),
    ])
    await fleet.rounds(3)
    await stillLocked()
    expect(victim.desk.ledger.proposals.get(idOf(proposed))).toMatchObject({ done: false, required: 2 })
  })

  test('a guard that names a stranger lets no stranger sign', async () => {
    const thief = stranger({ secret: SECRET })
    const mallory = createPerson('mallory', 'commander')
    const guard = { approvals: 0, responders: [publicPart(mallory)] }
    const proposed = sign(mallory, release())
    serve([thief.entry(proposed, 'r', { guard })])
    await fleet.rounds(3)
    await stillLocked()
  })

  test('receipts of a gateway without the secret, of another fleet, of another type', async () => {
    const proposed = sign(people.lead, release())
    const approved = sign(people.chief, { kind: 'approve', release: idOf(proposed) })
    const others = [stranger(), stranger({ secret: SECRET, fleet: 'another' })]
    serve(others.flatMap((each) => [each.entry(proposed, 'r'), each.entry(approved, 'r', { seq: 2 })]))
    await fleet.rounds(3)
    await stillLocked()
    expect(victim.desk.ledger.proposals.size).toBe(0)
  })

  test('a receipt that was given to another order', async () => {
    const thief = stranger({ secret: SECRET })
    const proposed = sign(people.lead, release())
    serve([thief.entry(proposed, 'r', { order: lock }), thief.entry(proposed, 'r', { gateway: peer.name, seq: 2 })])
    await fleet.rounds(3)
    await stillLocked()
    expect(victim.desk.ledger.proposals.size).toBe(0)
  })

  test('a number that another gateway gave in the name of the peer: the peer could be robbed of its next', async () => {
    const thief = stranger({ secret: SECRET })
    const writer = `${peer.name.slice(-12)}-0123456789abcdefl`
    const other = sign(people.desk, { kind: 'lock', scope: { all: true }, reason: 'r', incident: 'I' })
    serve([thief.entry(other, 'l', { gateway: peer.name, writer })])
    await fleet.rounds(3)
    expect([victim.held, victim.parts.deps.shelf.numbers.has({ writer, seq: 1 })]).toEqual([[lock], false])
  })

  test('an order of another fleet, though its signers are ours', async () => {
    const thief = stranger({ secret: SECRET })
    serve([thief.entry(sign(people.lead, release(), { aud: 'another' }), 'r')])
    await fleet.rounds(3)
    await stillLocked()
    expect(victim.desk.ledger.proposals.size).toBe(0)
  })

  test('a lock under the number of something that opens: who lacks it would keep its lease', async () => {
    const thief = stranger({ secret: SECRET })
    const other = sign(people.desk, { kind: 'lock', scope: { all: true }, reason: 'r', incident: 'I' })
    serve([thief.entry(other, 'r')])
    await fleet.rounds(3)
    expect(victim.held).toEqual([lock])
  })

  test('heartbeats and members of strangers: they end nothing, renew nothing, and take nobody out', async () => {
    const who = stranger()
    const heartbeat = who.envelope('heartbeat', {
      ...{ run: 9, beat: 9, at: fleet.clock.now(), nonce: 'n', epoch: 99, table: 't', founded: true, isPartial: false },
      ...{ have: { [`${'0'.repeat(12)}-0123456789abcdefl`]: 9 }, seen: {}, lease: 9, workers: [] },
    })
    const left = who.envelope('member', { gateway: peer.name, seq: 99, at: 1, state: 'left', version: '1' })
    lie((answer) => ({ ...answer, heartbeats: new Map([...answer.heartbeats, [who.seal.gateway, heartbeat]]) }), {
      roster: () =>
        Promise.resolve(
          new Map([
            [peer.name, left],
            [who.seal.gateway, left],
          ]),
        ),
    })
    await fleet.rounds(3)
    expect(remaining()).toBeGreaterThan(0)
    expect(victim.parts.roster.counts(peer.name)).toBe(true)
    expect(victim.desk.ledger.epoch).toBeLessThan(99)
  })

  test('a heartbeat of the peer under its own name, changed by a letter', async () => {
    lie((answer) => {
      const real = answer.heartbeats.get(peer.name) ?? ''
      const changed = `${real.slice(0, -8)}${real.at(-8) === 'A' ? 'B' : 'A'}${real.slice(-7)}`
      return { ...answer, heartbeats: new Map(answer.heartbeats).set(peer.name, changed) }
    })
    await fleet.rounds(10)
    expect(remaining()).toBe(0)
  })

  test('an epoch that runs away is not followed', async () => {
    const thief = stranger({ secret: SECRET })
    const order = sign(people.desk, { kind: 'lock', scope: { all: true }, reason: 'r', incident: 'I' })
    serve([thief.entry(order, 'l', { epoch: 2 ** 31 - 3 })])
    await fleet.rounds(3)
    expect(victim.desk.ledger.epoch).toBeLessThan(100)
  })
})

describe('repeated, reordered, cut, rolled back', () => {
  /** Everything that was ever said: two locks, of which one was released by two people. */
  async function history(): Promise<readonly FleetEntry[]> {
    const other = await peer.lock('another')
    const proposed = await peer.order(people.lead, { kind: 'release', locks: [other], reason: 'over' })
    if (proposed.outcome !== 'pending') throw new Error(JSON.stringify(proposed))
    await peer.order(people.chief, { kind: 'approve', release: proposed.id })
    await fleet.rounds(4)
    expect([victim.held, peer.held]).toEqual([[lock], [lock]])
    return peer.parts.deps.shelf.all
  }

  test('the whole history again and again: the released lock does not come back, the other does not go', async () => {
    const all = await history()
    const epoch = victim.desk.ledger.epoch
    serve(all.map(({ body }) => body))
    await fleet.rounds(4)
    expect([victim.held, victim.desk.ledger.epoch]).toEqual([[lock], epoch])
  })

  test('a new gateway that gets it backwards ends with the same table', async () => {
    const all = await history()
    const fresh = await fleet.add()
    const real = fresh.link.store
    if (real === undefined) throw new Error()
    fresh.link.store = {
      ...real,
      snapshot: async () => ({
        cursor: (await real.snapshot()).cursor,
        pages: (async function* () {
          await Promise.resolve()
          yield all.toReversed()
        })(),
      }),
    }
    await fleet.rounds(6)
    expect(fresh.held).toEqual([lock])
    expect(fresh.parts.table()).toBe(peer.parts.table())
  })

  test('a new gateway from which one entry is kept back never serves', async () => {
    const all = await history()
    for (const hidden of all.filter(({ id }) => /l\/\d+$/.test(id))) {
      const fresh = await fleet.add()
      const real = fresh.link.store
      if (real === undefined) throw new Error()
      const hide = (entries: readonly FleetEntry[]): readonly FleetEntry[] =>
        entries.filter(({ id }) => id !== hidden.id)
      fresh.link.peers = false
      fresh.link.store = {
        ...real,
        exchange: async (request) => {
          const answer = await real.exchange(request)
          return { ...answer, entries: hide(answer.entries) }
        },
        snapshot: async () => ({
          cursor: (await real.snapshot()).cursor,
          pages: (async function* () {
            await Promise.resolve()
            yield hide(all)
          })(),
        }),
      }
      await fleet.rounds(6)
      expect([hidden.id.slice(-8), fresh.parts.link.leaseRemainingMs]).toEqual([hidden.id.slice(-8), 0])
    }
  })

  test('an old dump: what it has forgotten is brought back, and nothing opens', async () => {
    const all = await history()
    const old = newMemory()
    await old.open('dump').append(all.slice(0, 1))
    for (const member of fleet.members) member.link.store = old.open(member.name)
    await fleet.rounds(8)
    expect([victim.held, peer.held]).toEqual([[lock], [lock]])
    const fresh = await fleet.add()
    await fleet.rounds(8)
    expect(fresh.held).toEqual([lock])
    expect(fresh.parts.table()).toBe(peer.parts.table())
  })

  test('emptied, with one gateway alone: it gives back what it has', async () => {
    const alone = await createFleet(1)
    await alone.found()
    const [only] = alone.members
    const id = await only?.lock()
    const empty = newMemory()
    if (only !== undefined) only.link.store = empty.open(only.name)
    await alone.rounds(2)
    let ids: readonly string[] = []
    const { pages } = await empty.open('x').snapshot()
    for await (const page of pages) ids = [...ids, ...page.map((entry) => entry.id.split('/')[0] ?? '')]
    expect(ids).toContain(id)
  })

  test('a release that is kept back until after its exp opens nothing where it comes late', async () => {
    const soon = Math.floor(fleet.clock.now() / 1000) + 30
    victim.link.store = undefined
    const proposed = await peer.order(people.lead, release(), { exp: soon })
    if (proposed.outcome !== 'pending') throw new Error(JSON.stringify(proposed))
    const done = await peer.order(people.chief, { kind: 'approve', release: proposed.id })
    expect([done.outcome, peer.held]).toEqual(['accepted', []])
    fleet.clock.advance(31_000)
    victim.link.store = fleet.memory.open(victim.name)
    await fleet.rounds(8)
    await stillLocked()
    expect([...victim.desk.ledger.late]).toEqual([proposed.id])
  })

  test('any entry with any one letter changed is no entry, or the same one', async () => {
    const all = await history()
    const bodies = all.map(({ body }) => body)
    const before = [victim.held, victim.desk.ledger.epoch]
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bodies.length - 1),
        fc.nat(),
        fc.constantFrom(...'Aaz09_-.{}":'),
        async (which, at, letter) => {
          const body = bodies[which] ?? ''
          const index = at % body.length
          await victim.parts.take([body.slice(0, index) + letter + body.slice(index + 1)], 'peer')
          expect([victim.held, victim.desk.ledger.epoch]).toEqual(before)
        },
      ),
      { numRuns: 300 },
    )
  })
})
