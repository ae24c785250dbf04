// The trail as the app opens it: its tiles go through the thread that is there for them, which ends with the trail.
import { hash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, readFileSync } from 'node:fs'
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

test('each tile that is sealed was written and read back by a thread, which ends with the trail', async () => {
  const { root } = createPlace()
  const parsed = parseConfig(SAMPLE, { file: join(root, 'portcullis.yaml'), env: {}, now: NOW })
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  const { config } = parsed
  mkdirSync(config.store.dir)
  const threads = watchThreads()
  const cleanUp = createCleanUp()
  const { main, sealer } = await openTrail({
    ...{ config, clock: createFakeClock(), logger: silentLogger, cleanUp },
    telemetry: { recorded: nothing, lost: nothing, durable: nothing },
  })
  const last = Array.from({ length: 300 }, () => main.append({ kind: 'gap', time: NOW, lost: 1, reason: 'x' })).at(-1)
  await main.durable(last ?? 0)
  expect(await sealer.seal()).toEqual({ size: 300, added: 300 })
  threads.stop()
  const { dir } = config.audit
  const sums = listFiles(join(dir, 'tile')).map((tile) => hash('sha256', readFileSync(join(dir, 'tile', tile))))
  expect(sums).toHaveLength(5)
  expect(threads.sums.toSorted()).toEqual(sums.toSorted())
  expect([threads.started, threads.ended]).toEqual([1, 0])
  expect(await cleanUp.run()).toEqual([])
  expect(threads.ended).toBe(1)
  expect(await verifyTrail(dir)).toMatchObject({ ok: true, size: 300 })
})
