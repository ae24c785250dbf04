// The trail as the app opens it: its tiles go through the thread that is there for them, which ends with the trail.
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from '@jest/globals'
import { createCleanUp } from '../../src/app/clean-up.ts'
import { openTrail } from '../../src/app/trail.ts'
import type { TileReply } from '../../src/audit/tile-writer-thread.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { parseConfig } from '../../src/config/parse-config.ts'
import { createPlace, listFiles, removePlaces } from '../audit/trail.ts'
import { NOW, SAMPLE } from '../config/sample.ts'
import { createFakeClock, silentLogger } from '../support/control-ports.ts'

afterAll(removePlaces)

const nothing = (): undefined => undefined

/** What threads that are started from now on hand back, and how many of them have ended. */
function watchThreads() {
  const seen = { sums: [] as string[], started: 0, ended: 0, stop: () => unsubscribe('worker_threads', see) }
  const see = (message: unknown): void => {
    const { worker } = message as { readonly worker: Worker }
    seen.started += 1
    worker.on('exit', () => (seen.ended += 1))
    worker.on('message', (reply: TileReply) => {
      // At once: who has asked for it gives the memory back.
      if ('bytes' in reply) seen.sums.push(hash('sha256', new Uint8Array(reply.bytes)))
    })
  }
  subscribe('worker_threads', see)
  return seen
}

/** The trail of the sample config, in a directory of its own. */
async function open() {
  const { root } = createPlace()
  const parsed = parseConfig(SAMPLE, { file: join(root, 'portcullis.yaml'), env: {}, now: NOW })
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  const { config } = parsed
  mkdirSync(config.store.dir)
  const [clock, cleanUp] = [createFakeClock(), createCleanUp()]
  const telemetry = { recorded: nothing, lost: nothing, durable: nothing }
  const trail = await openTrail({ config, clock, logger: silentLogger, cleanUp, telemetry })
  const record = async (count: number): Promise<void> => {
    const tickets = Array.from({ length: count }, () =>
      trail.main.append({ kind: 'gap', time: NOW, lost: 1, reason: 'x' }),
    )
    await trail.main.durable(tickets.at(-1) ?? 0)
  }
  return { trail, clock, cleanUp, record, dir: config.audit.dir }
}

test('each tile that is sealed was written and read back by a thread, which ends with the trail', async () => {
  const threads = watchThreads()
  const { trail, cleanUp, record, dir } = await open()
  await record(300)
  expect(await trail.sealer.seal()).toEqual({ size: 300, added: 300 })
  threads.stop()
  const sums = listFiles(join(dir, 'tile')).map((tile) => hash('sha256', readFileSync(join(dir, 'tile', tile))))
  expect(sums).toHaveLength(5)
  expect(threads.sums.toSorted()).toEqual(sums.toSorted())
  expect([threads.started, threads.ended]).toEqual([1, 0])
  expect(await cleanUp.run()).toEqual([])
  expect(threads.ended).toBe(1)
  expect(await verifyTrail(dir)).toMatchObject({ ok: true, size: 300 })
})

test('a disk that hangs while it is given a tile is told, and so is its return', async () => {
  const { trail, clock, cleanUp, record, dir } = await open()
  await record(1)
  await trail.sealer.seal()
  // Whoever opens a pipe to write waits for a reader.
  const pipe = join(dir, 'tile/entries/000.p/2')
  execFileSync('mkfifo', [pipe])
  await record(1)
  const ticking = trail.tick()
  clock.advance(30_000)
  expect(trail.problems()).toEqual([])
  clock.advance(1)
  expect(trail.problems()).toEqual(['audit trail: the disk has not answered for half a minute: nothing is sealed'])
  await readFile(pipe)
  await ticking
  expect(trail.problems()).toEqual([expect.stringContaining('ESPIPE')])
  rmSync(pipe)
  await trail.tick()
  expect([trail.problems(), trail.sealer.size]).toEqual([[], 2])
  expect(await cleanUp.run()).toEqual([])
  expect(await verifyTrail(dir)).toMatchObject({ ok: true, size: 2 })
}, 60_000)
