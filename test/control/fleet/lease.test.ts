// Promise 3 of a fleet: a view is trusted only while peers answer it, and an order that somebody has ends that at once.
import { describe, expect, test } from '@jest/globals'
import { people } from '../../support/control-desk.ts'
import { createFleet, LEASE_MS, newMemory, settle, type Fleet, type Member } from '../../support/fleet-rig.ts'

const remaining = ({ parts }: Member): number => parts.link.leaseRemainingMs

async function founded(size: number): Promise<Fleet & { readonly all: readonly Member[] }> {
  const fleet = await createFleet(size)
  await fleet.found()
  return Object.assign(fleet, { all: [...fleet.members] })
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error(`there is no ${index}`)
  return found
}

describe('founding', () => {
  test('nobody has a lease before a commander has founded the fleet; then everybody has', async () => {
    const fleet = await createFleet(3)
    await fleet.rounds(6)
    expect(fleet.members.map(remaining)).toEqual([0, 0, 0])
    await fleet.found()
    expect(fleet.members.every((member) => remaining(member) > 0)).toBe(true)
    expect(fleet.members.every(({ parts }) => parts.book.founded)).toBe(true)
  })

  test('one gateway alone is renewed by the echo of its own nonce, once it is founded', async () => {
    const fleet = await createFleet(1)
    await fleet.rounds(4)
    expect(fleet.members.map(remaining)).toEqual([0])
    await fleet.found()
    expect(fleet.members.every((member) => remaining(member) > 0)).toBe(true)
  })

  test('no responder founds a fleet', async () => {
    const fleet = await createFleet(1)
    const result = await at(fleet.members, 0).order(people.desk, { kind: 'genesis', reason: 'me' })
    expect(result).toMatchObject({ outcome: 'refused', refused: 'role' })
    await fleet.rounds(4)
    expect(fleet.members.map(remaining)).toEqual([0])
  })

  test('a new gateway beside an emptied store has neither genesis nor head, and stays in posture', async () => {
    const fleet = await founded(2)
    for (const member of fleet.all) member.link.store = undefined
    fleet.memory = newMemory()
    const fresh = await fleet.add()
    await fleet.rounds(10, [fresh])
    expect(remaining(fresh)).toBe(0)
    expect(fresh.parts.book.founded).toBe(false)
  })

  test('a genesis that is served again, without a live peer, founds nobody', async () => {
    const fleet = await founded(2)
    const body = at(fleet.all, 0).parts.deps.shelf.all.map((entry) => entry)
    fleet.memory = newMemory()
    const fresh = await fleet.add()
    await fresh.link.store?.append(body)
    await fleet.rounds(10, [fresh])
    expect(fresh.desk.ledger.genesis.size).toBe(1)
    expect([remaining(fresh), fresh.parts.book.founded]).toEqual([0, false])
  })

  test('two new gateways do not found each other on a genesis of old', async () => {
    const fleet = await founded(2)
    const entries = at(fleet.all, 0).parts.deps.shelf.all
    fleet.memory = newMemory()
    const fresh = [await fleet.add(), await fleet.add()]
    await at(fresh, 0).link.store?.append(entries)
    await fleet.rounds(10, fresh)
    expect(fresh.map(({ desk, parts }) => [desk.ledger.genesis.size, parts.book.founded])).toEqual([
      [1, false],
      [1, false],
    ])
    expect(fresh.map(remaining)).toEqual([0, 0])
  })

  test('a live peer alone founds nobody from whom the genesis is kept', async () => {
    const fleet = await founded(2)
    const fresh = await fleet.add()
    const real = fresh.link.store
    if (real === undefined) throw new Error()
    fresh.link.peers = false
    const cursor = (await real.snapshot()).cursor
    fresh.link.store = {
      ...real,
      exchange: async (request) => ({ ...(await real.exchange(request)), entries: [], isCursorLost: false }),
      snapshot: () => Promise.resolve({ cursor, pages: nothing() }),
    }
    await fleet.rounds(8)
    expect([fresh.desk.ledger.genesis.size, fresh.parts.book.founded, remaining(fresh)]).toEqual([0, false, 0])
  })

  test('a new gateway beside founded peers gets all orders before it serves', async () => {
    const fleet = await founded(2)
    const id = await at(fleet.all, 0).lock()
    const fresh = await fleet.add()
    await fleet.rounds(6)
    expect(fresh.held).toEqual([id])
    expect(remaining(fresh)).toBeGreaterThan(0)
  })
})

describe('the lease', () => {
  test('ends a lease after the last answered request was sent, by the monotonic clock', async () => {
    const fleet = await founded(2)
    const [a] = fleet.all
    if (a === undefined) throw new Error()
    a.link.store = undefined
    const left = remaining(a)
    expect(left).toBeGreaterThan(LEASE_MS / 4)
    fleet.clock.advance(left - 1)
    expect(remaining(a)).toBe(1)
    fleet.clock.advance(1)
    expect(remaining(a)).toBe(0)
  })

  test('is not renewed by the store alone where there are peers', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    b.link.store = undefined
    await fleet.rounds(12)
    expect(remaining(a)).toBe(0)
  })

  test('comes back when the peer does', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    const store = b.link.store
    b.link.store = undefined
    await fleet.rounds(12)
    b.link.store = store
    await fleet.rounds(4)
    expect(remaining(a)).toBeGreaterThan(0)
    expect(remaining(b)).toBeGreaterThan(0)
  })

  test('old heartbeats that are served again renew nothing', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    const old = (await b.link.store?.heartbeats())?.get(b.name) ?? ''
    b.link.store = undefined
    for (let round = 0; round < 12; round += 1) {
      // Somebody who has the store writes b's last word again and again.
      await a.link.store?.exchange({ gateway: b.name, heartbeat: old, cursor: '', wanted: [] })
      await fleet.rounds(1, [a])
    }
    expect(remaining(a)).toBe(0)
  })

  test('a heartbeat that names an order that is not here ends it at once, until the order is here', async () => {
    const fleet = await founded(3)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    const real = a.link.store
    if (real === undefined) throw new Error()
    // The store keeps every entry from a, and shows it everything else.
    a.link.store = { ...real, exchange: async (request) => ({ ...(await real.exchange(request)), entries: [] }) }
    a.link.peers = false
    const id = await b.lock()
    await b.beat()
    expect(remaining(a)).toBeGreaterThan(0)
    await a.beat()
    expect(remaining(a)).toBe(0)
    expect(a.lease.ends).toBeUndefined()
    expect(a.parts.link.lacking).toHaveLength(1)
    await fleet.rounds(8)
    expect(remaining(a)).toBe(0)
    a.link.peers = true
    await fleet.rounds(8)
    expect(a.held).toEqual([id])
    expect(remaining(a)).toBeGreaterThan(0)
  })

  test('an order that came with the same answer is not missed: the lease runs through a freeze', async () => {
    const fleet = await founded(3)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    a.link.peers = false
    const id = await b.lock()
    await b.beat()
    await a.beat()
    expect(a.held).toEqual([id])
    expect(remaining(a)).toBeGreaterThan(0)
  })

  test('a gap in the numbers of one writer ends it: an order was kept back', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    const real = a.link.store
    if (real === undefined) throw new Error()
    a.link.peers = false
    const kept = await b.lock('the one that is kept back')
    const shown = await b.lock('the one that is shown')
    await settle()
    a.link.store = {
      ...real,
      exchange: async (request) => {
        const answer = await real.exchange(request)
        return {
          ...answer,
          heartbeats: new Map(),
          entries: answer.entries.filter(({ id }) => !id.startsWith(kept)),
        }
      },
    }
    await a.beat()
    expect(a.held).toEqual([shown])
    expect(a.parts.link.lacking).toHaveLength(1)
    expect(remaining(a)).toBe(0)
  })
})

describe('members', () => {
  test('a signed leave: the one that stays is alone, and serves', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    await b.parts.leave()
    b.link.store = undefined
    await fleet.rounds(12)
    expect(
      a.parts.roster.stateOf(b.name, { monotonicMs: fleet.clock.monotonicMs(), wallMs: fleet.clock.now() }, LEASE_MS),
    ).toBe('left')
    expect(remaining(a)).toBeGreaterThan(0)
  })

  test('a dead member is missing until a commander forgets it', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    const state = (): string =>
      a.parts.roster.stateOf(b.name, { monotonicMs: fleet.clock.monotonicMs(), wallMs: fleet.clock.now() }, LEASE_MS)
    expect(state()).toBe('live')
    b.link.store = undefined
    await fleet.rounds(100, [a])
    expect([state(), remaining(a)]).toEqual(['missing', 0])
    const refused = await a.order(people.desk, { kind: 'forget', gateway: b.name, reason: 'burnt' })
    expect(refused).toMatchObject({ outcome: 'refused', refused: 'role' })
    const done = await a.order(people.lead, { kind: 'forget', gateway: b.name, reason: 'burnt' })
    expect(done).toMatchObject({ outcome: 'accepted' })
    await fleet.rounds(2, [a])
    expect(state()).toBe('forgotten')
    expect(remaining(a)).toBeGreaterThan(0)
  })

  test('an emptied store makes nobody forget a member', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    b.link.store = undefined
    fleet.memory = newMemory()
    a.link.store = fleet.memory.open(a.name)
    await fleet.rounds(12, [a])
    expect(a.parts.roster.isAlone).toBe(false)
    expect(remaining(a)).toBe(0)
    // What a knows of b is in the store again, for whoever comes next.
    expect([...((await a.link.store?.roster()) ?? new Map<string, string>()).keys()]).toContain(b.name)
  })

  test('a restart knows its fleet and its table from its own disk, and serves once a peer has answered', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    const id = await a.lock()
    await fleet.rounds(2)
    a.link.store = undefined
    const again = await a.restart()
    again.link.store = undefined
    expect(again.held).toEqual([id])
    expect([again.parts.book.founded, again.parts.roster.isAlone, remaining(again)]).toEqual([true, false, 0])
    again.link.store = fleet.memory.open(again.name)
    await fleet.rounds(5, [again, b])
    expect(remaining(again)).toBeGreaterThan(0)
  })

  test('an old leave that is served again takes nobody out', async () => {
    const fleet = await founded(2)
    const [a, b] = fleet.all
    if (a === undefined || b === undefined) throw new Error()
    await b.parts.leave()
    const left = (await a.link.store?.roster())?.get(b.name) ?? ''
    b.parts.join()
    await b.parts.compareRoster()
    await fleet.rounds(4)
    expect(a.parts.roster.counts(b.name)).toBe(true)
    await a.link.store?.enrol(b.name, left, true)
    await fleet.rounds(4)
    expect(a.parts.roster.counts(b.name)).toBe(true)
  })
})

async function* nothing(): AsyncGenerator<readonly never[]> {
  await Promise.resolve()
  yield []
}
