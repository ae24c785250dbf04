// What every fleet store promises, asked of each: in memory, in a file, one Redis, Redis over TLS with a user of few rights, a primary named
// by a Sentinel, and a cluster.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openFileFleetStore } from '../../src/adapters/file/fleet-store.ts'
import { createMemoryFleet } from '../../src/adapters/memory/fleet-store.ts'
import { createRandomness } from '../../src/adapters/node/randomness.ts'
import { BODY_BYTES_MAX, ENTRIES_MAX } from '../../src/core/fleet-limits.ts'
import type { Exchange, FleetEntry, FleetStore } from '../../src/ports/fleet-store.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { createListener, entriesOf, entry, openStore } from '../support/fleet-stores.ts'
import { startRedisCluster, startSentinelSet } from '../support/redis-fleets.ts'
import { missingRedis, startRedis } from '../support/redis-server.ts'

interface Rig {
  /** The store of a fleet as one of its gateways sees it. */
  open(fleet: string, gateway: string): FleetStore
  stop(): Promise<void>
}

async function startMemory(): Promise<Rig> {
  const fleets = new Map<string, ReturnType<typeof createMemoryFleet>>()
  return {
    open(fleet, gateway) {
      const shared = fleets.get(fleet) ?? createMemoryFleet(`generation-of-${fleet}`)
      fleets.set(fleet, shared)
      return shared.open(gateway)
    },
    stop: async () => undefined,
  }
}

/** Each store opens the file anew, as processes of their own do. */
async function startFile(): Promise<Rig> {
  const directory = mkdtempSync(path.join(tmpdir(), 'portcullis-fleet-'))
  const parts = { clock: createFakeClock(), randomness: createRandomness() }
  return {
    open: (fleet, gateway) =>
      openFileFleetStore({ file: path.join(directory, encodeURIComponent(fleet)), gateway, ...parts }),
    stop: async () => {
      rmSync(directory, { recursive: true })
    },
  }
}

async function startOne(): Promise<Rig> {
  const redis = await startRedis()
  return { open: (fleet, gateway) => openStore({ url: redis.url, fleet, gateway }), stop: () => redis.stop() }
}

/** The rights that docs/redis.md gives, for a fleet of any name. */
function documentedRights(...more: readonly string[]): readonly string[] {
  const line =
    /^ACL SETUSER gateway on >secret (.*)$/m.exec(
      readFileSync(path.resolve(import.meta.dirname, '../../docs/redis.md'), 'utf8'),
    )?.[1] ?? ''
  return [...line.replaceAll('{cowin-prod}:', '{').split(' '), ...more]
}

async function startSecured(): Promise<Rig> {
  const redis = await startRedis({ tls: true })
  await redis.command('ACL', 'SETUSER', 'gateway', 'on', '>a/pass:word', ...documentedRights('+select'))
  await redis.command('ACL', 'SETUSER', 'default', 'off')
  const url = redis.url.replace('rediss://', 'rediss://gateway:a%2Fpass%3Aword@')
  return {
    open: (fleet, gateway) => openStore({ url: `${url}/2`, tls: { ca: redis.ca ?? '' }, fleet, gateway }),
    stop: () => redis.stop(),
  }
}

async function startSentinel(): Promise<Rig> {
  const set = await startSentinelSet()
  const url = `redis-sentinel://127.0.0.1:${set.port}/${set.name}`
  return { open: (fleet, gateway) => openStore({ url, fleet, gateway }), stop: () => set.stop() }
}

async function startCluster(): Promise<Rig> {
  const cluster = await startRedisCluster()
  const rights = documentedRights('+cluster|slots', '+cluster|info')
  await Promise.all(cluster.nodes.map((node) => node.command('ACL', 'SETUSER', 'gateway', 'on', '>secret', ...rights)))
  const url = `redis-cluster://gateway:secret@${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  return { open: (fleet, gateway) => openStore({ url, fleet, gateway }), stop: () => cluster.stop() }
}

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: ${missing}, so only the stores in memory and in a file are tried`)

const KINDS = [
  ['memory', startMemory],
  ['a file', startFile],
  ...(missing === undefined
    ? ([
        ['Redis', startOne],
        ['Redis with TLS and a user of few rights', startSecured],
        ['the primary that a Sentinel names', startSentinel],
        ['a Redis cluster', startCluster],
      ] as const)
    : []),
] as const

/** A snapshot comes in any order. */
function sorted(entries: readonly FleetEntry[]): readonly FleetEntry[] {
  return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

describe.each(KINDS)('the fleet store: %s', (_name, start) => {
  let rig: Rig
  const stores: FleetStore[] = []
  let fleets = 0
  beforeAll(async () => {
    rig = await start()
  })
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await rig.stop()
  })
  const newFleet = (): ((gateway: string) => FleetStore) => {
    // A hash tag that begins with its end would be none, and a cluster would scatter the keys.
    const fleet = `} fleet {${++fleets}}`
    return (gateway) => {
      const store = rig.open(fleet, gateway)
      stores.push(store)
      return store
    }
  }
  const ask = (store: FleetStore, cursor: string, wanted: readonly string[] = []): Promise<Exchange> =>
    store.exchange({ gateway: 'one', heartbeat: 'beat', cursor, wanted })

  test('appends an entry once, whoever brings it again and with whatever body', async () => {
    const open = newFleet()
    const [one, two] = [open('one'), open('two')]
    expect(await one.append([entry(1), entry(2)])).toBe(2)
    expect(await two.append([{ id: entry(1).id, body: 'other' }, entry(3), entry(3)])).toBe(1)
    expect(await one.append([])).toBe(0)
    expect(sorted(await entriesOf(two))).toEqual([entry(1), entry(2), entry(3)])
  })

  test('twenty gateways that append the same and their own at once lose none and repeat none', async () => {
    const open = newFleet()
    const writers = Array.from({ length: 20 }, (_, index) => open(`gateway-${index}`))
    const { cursor } = await (writers[0] as FleetStore).snapshot()
    const added = await Promise.all(
      writers.map((store, index) => store.append([entry('shared'), entry(`own-${index}`), entry('shared-too')])),
    )
    expect(added.reduce((sum, each) => sum + each)).toBe(22)
    const { entries } = await ask(writers[1] as FleetStore, cursor)
    expect(new Set(entries.map(({ id }) => id)).size).toBe(22)
    expect(entries).toHaveLength(22)
    expect(sorted(await entriesOf(writers[2] as FleetStore))).toEqual(sorted(entries))
  })

  test('gives what came after any cursor, in the order of appending, page by page', async () => {
    const open = newFleet()
    const store = open('one')
    const { cursor: start } = await store.snapshot()
    const all = Array.from({ length: 2 * ENTRIES_MAX + 3 }, (_, index) => entry(index))
    await store.append(all)
    const cursors = [start]
    const read: FleetEntry[] = []
    for (let isMore = true; isMore;) {
      const page = await ask(store, cursors.at(-1) ?? '')
      expect(page.isCursorLost).toBe(false)
      expect(page.entries.length).toBeLessThanOrEqual(ENTRIES_MAX)
      read.push(...page.entries)
      cursors.push(page.cursor)
      isMore = page.isMore
    }
    expect(read).toEqual(all)
    expect(cursors).toHaveLength(4)
    expect((await ask(store, cursors[2] ?? '')).entries).toEqual(all.slice(2 * ENTRIES_MAX))
    const { entries, cursor, isMore } = await ask(store, cursors[3] ?? '')
    expect([entries, cursor, isMore]).toEqual([[], cursors[3], false])
    expect(sorted(await entriesOf(store))).toEqual(sorted(all))
  })

  test('the snapshot and the cursor that it came with leave nothing out between them', async () => {
    const open = newFleet()
    const store = open('one')
    await store.append([entry(1), entry(2)])
    const { cursor, pages } = await store.snapshot()
    await store.append([entry(3)])
    const seen: FleetEntry[] = []
    for await (const page of pages) seen.push(...page)
    expect(seen).toEqual(expect.arrayContaining([entry(1), entry(2)]))
    expect((await ask(store, cursor)).entries).toEqual([entry(3)])
  })

  test('says that a cursor is lost where it is empty, of another fleet, of the future, or none', async () => {
    const open = newFleet()
    const store = open('one')
    await store.append([entry(1)])
    for (const cursor of ['', '9999999999999-0', '99999999999', 'x', '-1', '0-0)', `${'9'.repeat(20)}-0`]) {
      const { isCursorLost, entries, isMore } = await ask(store, cursor)
      expect([cursor, isCursorLost, entries, isMore]).toEqual([cursor, true, [], false])
    }
  })

  test('carries the heartbeats that were asked for, one’s own always, and counts no one else’s', async () => {
    const open = newFleet()
    const [one, two] = [open('one'), open('two')]
    await two.exchange({ gateway: 'two', heartbeat: 'two-1', cursor: '', wanted: [] })
    await two.exchange({ gateway: 'three', heartbeat: 'three-1', cursor: '', wanted: [] })
    const { heartbeats } = await one.exchange({ gateway: 'one', heartbeat: 'one-1', cursor: '', wanted: ['two', 'no'] })
    expect(Object.fromEntries(heartbeats)).toEqual({ one: 'one-1', two: 'two-1' })
    await one.exchange({ gateway: 'one', heartbeat: 'one-2', cursor: '', wanted: [] })
    expect(Object.fromEntries(await two.heartbeats())).toEqual({ one: 'one-2', two: 'two-1', three: 'three-1' })
  })

  test('keeps the roster, counts its changes, and forgets the heartbeat of who is gone', async () => {
    const open = newFleet()
    const [one, two] = [open('one'), open('two')]
    const before = await ask(one, '')
    await one.enrol('one', 'record-1', false)
    await two.enrol('two', 'record-2', false)
    await two.exchange({ gateway: 'two', heartbeat: 'two-1', cursor: '', wanted: [] })
    await two.enrol('two', 'left', true)
    const after = await ask(one, '', ['two'])
    expect(after.rosterVersion).toBe(before.rosterVersion + 3)
    expect(after.generation).toBe(before.generation)
    expect(Object.fromEntries(await one.roster())).toEqual({ one: 'record-1', two: 'left' })
    const since = async (version: number) => Object.fromEntries((await one.rosterSince(version)) ?? [['unknown', '']])
    expect(await since(before.rosterVersion)).toEqual({ one: 'record-1', two: 'left' })
    expect(await since(before.rosterVersion + 1)).toEqual({ two: 'left' })
    expect(await since(after.rosterVersion)).toEqual({})
    // Of another life of the store.
    expect(await since(after.rosterVersion + 1)).toEqual({ unknown: '' })
    expect([...after.heartbeats.keys()]).toEqual(['one'])
  })

  test('tells listeners of entries and of the roster, and of proofs those that they are for', async () => {
    const open = newFleet()
    const [one, two] = [open('one'), open('two')]
    const [first, second] = [createListener(), createListener()]
    one.listen(first)
    two.listen(second)
    await Promise.all([first.heard('connected'), second.heard('connected')])
    await one.append([entry(1)])
    await one.enrol('one', 'record', false)
    const proof = { order: 'order-1', gateway: 'two', body: 'a body with spaces' }
    await two.putProof({ ...proof, body: 'first' }, [])
    await two.putProof(proof, ['one', 'nobody'])
    await first.heard(`proof ${JSON.stringify(proof)}`)
    expect(first.events).toEqual([
      'connected',
      `entry ${JSON.stringify(entry(1))}`,
      'roster',
      `proof ${JSON.stringify(proof)}`,
    ])
    await second.heard('roster')
    expect(second.events).toEqual(first.events.slice(0, 3))
    expect(Object.fromEntries(await one.proofs('order-1'))).toEqual({ two: proof.body })
    expect(Object.fromEntries(await one.proofs('order-2'))).toEqual({})
  })

  test('tells a text to those that it is for, keeps it nowhere, and refuses what is no body', async () => {
    const open = newFleet()
    const [one, two] = [open('one'), open('two')]
    const [first, second] = [createListener(), createListener()]
    one.listen(first)
    two.listen(second)
    await Promise.all([first.heard('connected'), second.heard('connected')])
    await one.tell('question proof roster entry', ['two', 'nobody'])
    await one.tell('for both', ['one', 'two'])
    await second.heard('told for both')
    await first.heard('told for both')
    expect(second.events).toEqual(['connected', 'told question proof roster entry', 'told for both'])
    expect(first.events).toEqual(['connected', 'told for both'])
    await expect(one.tell('\u00e9', ['two'])).rejects.toThrow('ASCII')
  })

  test('fleets do not see one another', async () => {
    const [open, other] = [newFleet(), newFleet()]
    await open('one').append([entry(1)])
    await open('one').enrol('one', 'record', false)
    const store = other('one')
    expect(await entriesOf(store)).toEqual([])
    expect((await store.roster()).size).toBe(0)
  })

  test('carries a body of the greatest length, many of them in several answers, and refuses a longer or a foreign one', async () => {
    const open = newFleet()
    const store = open('one')
    const { cursor } = await store.snapshot()
    const large = Array.from({ length: 40 }, (_, index) => ({ id: `large/${index}`, body: 'x'.repeat(BODY_BYTES_MAX) }))
    expect(await store.append(large)).toBe(40)
    const read: FleetEntry[] = []
    for (let at = cursor, isMore = true; isMore;) {
      const page = await ask(store, at)
      read.push(...page.entries)
      at = page.cursor
      isMore = page.isMore
    }
    expect(read.map(({ id, body }) => [id, body.length])).toEqual(large.map(({ id }) => [id, BODY_BYTES_MAX]))
    for (const body of ['', 'x'.repeat(BODY_BYTES_MAX + 1), 'é'])
      await expect(store.append([{ id: 'bad', body }])).rejects.toThrow('1 to 131072 ASCII characters')
  })

  test('a closed store refuses, and is told nothing more', async () => {
    const open = newFleet()
    const [one, two] = [open('one'), open('two')]
    const [listener, other] = [createListener(), createListener()]
    one.listen(listener)
    two.listen(other)
    await Promise.all([listener.heard('connected'), other.heard('connected')])
    await one.close()
    await two.append([entry(1)])
    await other.heard(`entry ${JSON.stringify(entry(1))}`)
    expect(listener.events).toEqual(['connected'])
    await expect(one.append([entry(2)])).rejects.toThrow(/closed/)
  })
})
