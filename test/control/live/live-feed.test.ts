import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { openWriteAheadLog } from '../../../src/audit/write-ahead.ts'
import { createLiveFeed } from '../../../src/control/live/live-feed.ts'
import type { DecisionsEvent } from '../../../src/ports/live-views.ts'

/** Blocks as a real write-ahead log hands them over. */
async function blocksOf(records: readonly object[]): Promise<readonly Uint8Array[]> {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-live-'))
  const blocks: Uint8Array[] = []
  let now = 0
  const log = await openWriteAheadLog({
    dir,
    writer: 'w1',
    now: () => now++,
    onDurable: ({ block }) => blocks.push(block),
  })
  const tickets = records.map((record) => log.append(JSON.stringify(record)))
  await log.durable(tickets.at(-1) ?? 0)
  await log.close()
  rmSync(dir, { recursive: true })
  return blocks
}

const aRecord = (id: string, over: object = {}) => ({
  ...{
    kind: 'request',
    phase: 'outcome',
    time: 5,
    id,
    client: '192.0.2.1',
    method: 'GET',
    route: 'r',
    path: '/r/p1.x',
  },
  ...{ decision: 'allow', epoch: 3, status: 200, bytes: 9, durationMs: 1.5, seq: 1, gateway: 'g', worker: 'w1' },
  ...over,
})

test('tells each exchange once, as its outcome has it, and nothing that is no exchange', async () => {
  const feed = createLiveFeed()
  const heard: DecisionsEvent[] = []
  feed.listen((event) => heard.push(event))
  for (const block of await blocksOf([
    aRecord('a', { phase: 'decision' }),
    aRecord('a'),
    { kind: 'start', time: 1, version: '1', epoch: 0 },
    aRecord('b', { decision: 'locked', status: 503, lock: 'L', reason: 'locked', subjects: ['k1.s'] }),
  ]))
    feed.add(block)
  feed.tick()
  feed.tick()
  expect(heard).toHaveLength(1)
  expect(heard[0]?.decisions.map(({ id, decision }) => [id, decision])).toEqual([
    ['a', 'allow'],
    ['b', 'locked'],
  ])
  expect(heard[0]?.decisions[1]).toMatchObject({ lock: 'L', status: 503, subjects: ['k1.s'], client: '192.0.2.1' })
  expect(heard[0]?.decisions[0]).not.toHaveProperty('gateway')
})

test('tells so many in full and counts the others; nothing waits for one who left', async () => {
  const feed = createLiveFeed()
  const heard: DecisionsEvent[] = []
  const blocks = await blocksOf(Array.from({ length: 620 }, (_, index) => aRecord(String(index))))
  for (const block of blocks) feed.add(block)
  const stop = feed.listen((event) => heard.push(event))
  feed.tick()
  expect(heard).toEqual([])
  for (const block of blocks) feed.add(block)
  feed.tick()
  expect(heard.map(({ decisions, untold }) => [decisions.length, untold])).toEqual([[500, 120]])
  for (const block of blocks) feed.add(block)
  stop()
  feed.listen((event) => heard.push(event))
  feed.tick()
  expect(heard).toHaveLength(1)
})

test('the workers see in shared memory whether anybody listens', () => {
  const feed = createLiveFeed()
  const listening = new Int32Array(feed.listening)
  const stops = [feed.listen(() => undefined), feed.listen(() => undefined)]
  expect(listening[0]).toBe(2)
  for (const stop of stops) stop()
  expect(listening[0]).toBe(0)
})
