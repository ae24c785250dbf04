// What the fleet store in a file does beyond the contract: other processes, an older copy, foreign content, old proofs.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openFileFleetStore } from '../../../src/adapters/file/fleet-store.ts'
import { createRandomness } from '../../../src/adapters/node/randomness.ts'
import { PROOF_TTL_MS } from '../../../src/core/fleet-limits.ts'
import type { FleetStore } from '../../../src/ports/fleet-store.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createListener, entriesOf, entry } from '../../support/fleet-stores.ts'
import { NODE_FLAGS } from '../../support/gateway-process.ts'

let directory: string
let clock: ReturnType<typeof createFakeClock>
const stores: FleetStore[] = []
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'portcullis-fleet-'))
  clock = createFakeClock()
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()))
  rmSync(directory, { recursive: true })
})

function open(gateway: string, file = path.join(directory, 'fleet')): FleetStore {
  const store = openFileFleetStore({ file, gateway, clock, randomness: createRandomness() })
  stores.push(store)
  return store
}

function ask(store: FleetStore, cursor: string): ReturnType<FleetStore['exchange']> {
  return store.exchange({ gateway: 'one', heartbeat: 'beat', cursor, wanted: ['two'] })
}

test('processes that append at once lose none and repeat none, and each is heard by another', async () => {
  const store = open('one')
  const listener = createListener()
  store.listen(listener)
  await listener.heard('connected')
  const child = path.join(import.meta.dirname, 'fleet-store-child.ts')
  const run = (name: string): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [...NODE_FLAGS, child, path.join(directory, 'fleet'), name])
  const printed = await Promise.all(['two', 'three'].map(run))
  expect(printed.reduce((sum, { stdout }) => sum + Number(stdout), 0)).toBe(150)
  expect(await entriesOf(store)).toHaveLength(150)
  for (let heard = 0; heard < 150; heard++) await listener.heard('entry')
  expect(new Set(listener.events).size).toBe(151)
})

test('an older copy of the file: the cursor is lost, also once others have written past it', async () => {
  const file = path.join(directory, 'fleet')
  const first = open('one')
  await first.append([entry(1)])
  await first.close()
  copyFileSync(file, `${file}.old`)
  const second = open('one')
  await second.append([entry(2)])
  const { cursor } = await second.snapshot()
  expect((await ask(second, cursor)).isCursorLost).toBe(false)
  await second.close()
  copyFileSync(`${file}.old`, file)
  const third = open('one')
  expect((await ask(third, cursor)).isCursorLost).toBe(true)
  await third.append([entry(3)])
  expect((await ask(third, cursor)).isCursorLost).toBe(true)
})

test('what somebody else wrote into the file is left out where it has another shape', async () => {
  const store = open('one')
  await store.append([entry(1)])
  const database = new DatabaseSync(path.join(directory, 'fleet'))
  const long = 'x'.repeat(200_000)
  for (const [id, body] of [
    ['long', long],
    ['a b', 'body'],
    ['foreign', 'é'],
    ['empty', ''],
  ]) {
    database.prepare('INSERT INTO entries (id, body) VALUES (?, ?)').run(id ?? '', body ?? '')
    database.prepare('INSERT OR REPLACE INTO beats VALUES (?, ?)').run('two', body ?? '')
    database.prepare('INSERT OR REPLACE INTO roster VALUES (?, ?)').run(id ?? '', body ?? '')
  }
  database.close()
  const { cursor } = await ask(store, '0 ')
  expect((await ask(store, '0 ')).entries).toEqual([entry(1)])
  expect((await ask(store, cursor)).heartbeats).toEqual(new Map([['one', 'beat']]))
  expect(await entriesOf(store)).toEqual([entry(1)])
  expect((await store.roster()).size).toBe(0)
})

test('keeps a proof for as long as the contract says', async () => {
  const store = open('one')
  await store.putProof({ order: 'old', gateway: 'one', body: 'shown' }, [])
  clock.advance(PROOF_TTL_MS)
  await store.putProof({ order: 'new', gateway: 'one', body: 'shown' }, [])
  expect((await store.proofs('old')).size).toBe(1)
  clock.advance(1)
  await store.putProof({ order: 'new', gateway: 'two', body: 'shown' }, [])
  expect((await store.proofs('old')).size).toBe(0)
  expect((await store.proofs('new')).size).toBe(2)
})

test('another process that holds the file: the call fails in one line, and a later one does not', async () => {
  const store = open('one')
  const other = new DatabaseSync(path.join(directory, 'fleet'))
  other.exec('BEGIN IMMEDIATE')
  await expect(store.append([entry(1)])).rejects.toThrow(/^the fleet store's file: .*locked$/)
  other.exec('COMMIT')
  other.close()
  expect(await store.append([entry(1)])).toBe(1)
})

test('a file that is no database is refused', () => {
  const file = path.join(directory, 'other')
  writeFileSync(file, 'something else, and long enough to be read as a header of a database')
  expect(() => open('one', file)).toThrow('not a database')
})
