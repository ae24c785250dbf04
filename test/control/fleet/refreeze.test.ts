// What a gateway ends by itself holds at all of them; what only one host's recovery allows never leaves that host.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { canonicalJson } from '../../../src/core/canonical-json.ts'
import { tableLines } from '../../../src/core/table-lines.ts'
import type { LedgerEntry, RecoveryEntry } from '../../../src/core/ledger-entry.ts'
import { people } from '../../support/control-desk.ts'
import { createPerson, publicPart } from '../../support/control-signing.ts'
import { createFleet, FLEET, makeSigner, settle, type Fleet, type Member } from '../../support/fleet-rig.ts'

const THAW = {
  stages: [
    { for: '10m', readOnly: true },
    { for: '10m', all: true },
  ],
  owner: 'lead',
  deadline: '1h',
  refreezeOn: [{ metric: 'error-share', above: 0.1 }],
}

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
})

async function thawing(): Promise<{ readonly lock: string; readonly release: string }> {
  const lock = await a.lock()
  await fleet.rounds(2)
  const proposed = await a.order(people.lead, { kind: 'release', locks: [lock], reason: 'over', thaw: THAW })
  if (proposed.outcome !== 'pending') throw new Error(JSON.stringify(proposed))
  await fleet.rounds(2)
  const approved = await b.order(people.chief, { kind: 'approve', release: proposed.id })
  if (approved.outcome !== 'accepted') throw new Error(JSON.stringify(approved))
  await fleet.rounds(3)
  return { lock, release: proposed.id }
}

const refrozenAt = (member: Member, lock: string): number | undefined =>
  member.desk.ledger.held.get(lock)?.lock.thaw?.refrozen?.at
const lines = (member: Member): string => tableLines(member.desk.ledger).join('\n')

describe('a thaw plan that one gateway has ended', () => {
  test('has ended at all of them, with one table; also at one that was away, and at one that is new', async () => {
    const { lock, release } = await thawing()
    c.link.store = undefined
    c.link.peers = false
    await a.desk.refreeze(release, 'error-share 0.2 is above 0.1')
    await fleet.rounds(3, [a, b])
    expect([a, b].map((member) => refrozenAt(member, lock))).toEqual(Array(2).fill(refrozenAt(a, lock)))
    expect(refrozenAt(a, lock)).toBeDefined()
    expect(refrozenAt(c, lock)).toBeUndefined()
    // Whoever is back names nothing that is not here, and trusts itself only once it has the end too.
    c.link.store = fleet.memory.open(c.name)
    c.link.peers = true
    const fresh = await fleet.add()
    await fleet.rounds(4)
    for (const member of [b, c, fresh])
      expect([lines(member), refrozenAt(member, lock)]).toEqual([lines(a), refrozenAt(a, lock)])
    const again = await b.restart()
    expect([lines(again), refrozenAt(again, lock)]).toEqual([lines(b), refrozenAt(b, lock)])
    expect(c.desk.ledger.epoch).toBeGreaterThanOrEqual(a.desk.ledger.epoch)
  })

  test('is kept from nobody unnoticed: who lacks it has no lease', async () => {
    const { release } = await thawing()
    const real = c.link.store
    if (real === undefined) throw new Error()
    // A store that leaves it out, whichever way it is asked; and no peer reaches the gateway.
    c.link.peers = false
    c.link.store = {
      ...real,
      exchange: async (asked) => {
        const answer = await real.exchange(asked)
        return { ...answer, entries: answer.entries.filter(({ id }) => !id.startsWith('refreeze-')) }
      },
    }
    await a.desk.refreeze(release, 'errors')
    await fleet.rounds(3)
    expect(c.parts.link.lacking).toHaveLength(1)
    expect(c.parts.link.leaseRemainingMs).toBe(0)
    expect(b.parts.link.leaseRemainingMs).toBeGreaterThan(0)
  })

  test('is ended by a gateway of the fleet alone, in its own name', async () => {
    const { lock, release } = await thawing()
    const digits = (member: { readonly name: string }): string => member.name.slice(-12)
    const stranger = createFleetSeal({
      fleet: FLEET,
      secrets: () => ['no secret of this fleet, but as long'],
      signer: makeSigner(),
    })
    const words = (gateway: string, run: string, kind = 'l'): string =>
      canonicalJson({ release, gateway, writer: `${run}-0123456789abcdef${kind}`, seq: 1, epoch: 99, at: 1, why: 'x' })
    const forged = [
      stranger.seal('refreeze', words(stranger.gateway, stranger.gateway.slice(-12))),
      b.seal.seal('refreeze', words(a.name, digits(a))),
      b.seal.seal('refreeze', words(b.name, digits(a))),
      b.seal.seal('refreeze', words(b.name, digits(b), 'r')),
      b.seal.seal('heartbeat', words(b.name, digits(b))),
      b.seal.seal('receipt', words(b.name, digits(b))),
      '',
      'x',
      'a.b.c.d',
    ]
    const epoch = c.desk.ledger.epoch
    await c.parts.take(
      forged.map((refreeze) => JSON.stringify({ v: 1, refreeze })),
      'peer',
    )
    await settle()
    expect([refrozenAt(c, lock), c.desk.ledger.epoch]).toEqual([undefined, epoch])
    await c.parts.take([JSON.stringify({ v: 1, refreeze: b.seal.seal('refreeze', words(b.name, digits(b))) })], 'peer')
    await settle()
    expect(refrozenAt(c, lock)).toBe(1)
    // One that counts too far ahead is followed by nobody.
    const far = canonicalJson({
      release,
      gateway: b.name,
      writer: `${digits(b)}-0123456789abcdefl`,
      seq: 2,
      epoch: 2 ** 30,
      at: 1,
      why: 'x',
    })
    await c.parts.take([JSON.stringify({ v: 1, refreeze: b.seal.seal('refreeze', far) })], 'peer')
    expect(c.desk.ledger.epoch).toBeLessThan(1000)
  })
})

test('the table that gateways compare names exemptions, thaws and whom orders have enrolled and retired', async () => {
  const { lock, release } = await thawing()
  const table = (): string => a.parts.table()
  const seen = new Set([table()])
  await a.desk.refreeze(release, 'errors')
  seen.add(table())
  const propose = async (words: Record<string, unknown>): Promise<void> => {
    const proposed = await a.order(people.lead, words)
    if (proposed.outcome !== 'pending') throw new Error(JSON.stringify(proposed))
    await a.order(people.chief, { kind: 'approve', release: proposed.id })
    seen.add(table())
  }
  const extra = createPerson('extra', 'responder')
  await propose({ kind: 'exempt', locks: [lock], scope: { routes: ['facilities'] }, ttl: '10m', reason: 'probe' })
  await propose({ kind: 'enrol', name: extra.name, role: extra.role, key: publicPart(extra).key, reason: 'new' })
  await propose({ kind: 'retire', name: extra.name, reason: 'left' })
  expect(seen.size).toBe(5)
  const kinds = lines(a)
    .split('\n')
    .map((line) => line[0])
  expect([...new Set(kinds)].sort()).toEqual(['d', 'e', 'f', 'h', 'q', 'w', 'x'])
})

describe('a recovery', () => {
  const extra = createPerson('found-again', 'responder')
  const recovery = (member: Member): RecoveryEntry => ({
    ...{
      type: 'recovery',
      id: 'recovery-1',
      gateway: member.name,
      responder: publicPart(extra),
      reason: 'lost',
      at: fleet.clock.now(),
    },
    signature: 'x',
  })

  test('never travels, and neither does what its responder orders: nobody else could take it, and all would wait for it', async () => {
    const recovered = await b.restart()
    const entries: readonly LedgerEntry[] = [...b.journal.kept, recovery(b)]
    const again = await fleet.add({
      entries,
      signer: b.signer,
      knowledge: recovered.disk.knowledge,
      isRecovered: () => true,
    })
    fleet.members.splice(fleet.members.indexOf(b), 1)
    await fleet.rounds(4)
    const result = await again.order(extra, { kind: 'lock', scope: { all: true }, reason: 'leak', incident: 'INC-9' })
    expect(result.outcome).toBe('accepted')
    await fleet.rounds(6)
    expect([again.held.length, a.held.length, c.held.length]).toEqual([1, 0, 0])
    expect(again.journal.kept.some((entry) => entry.type === 'order' && entry.receipt === undefined)).toBe(true)
    for (const member of [a, c]) {
      expect(member.parts.link.lacking).toEqual([])
      expect(member.parts.link.leaseRemainingMs).toBeGreaterThan(0)
      expect(member.desk.responders.some(({ key }) => key === publicPart(extra).key)).toBe(false)
    }
  })
})
