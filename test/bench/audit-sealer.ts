// The main thread's part of the trail in the bench: seals what the writer's thread has made durable, as app/watches does.
import { parentPort, workerData } from 'node:worker_threads'
import { openSealer } from '../../src/audit/sealer.ts'
import type { DurableBatch } from '../../src/audit/write-ahead.ts'
import { createSigner } from '../audit/trail.ts'

const { dir, stateFile } = workerData as { dir: string; stateFile: string }
const sealer = await openSealer({ dir, stateFile, signer: createSigner(), now: Date.now })
/** When the oldest entry that is not sealed came. */
let oldest: number | undefined
let slowestMs = 0
let isEnding = false

parentPort?.on('message', (message: { batch: DurableBatch; since: number } | 'end') => {
  if (message === 'end') {
    isEnding = true
    return
  }
  oldest ??= message.since
  sealer.add(message.batch)
})
parentPort?.postMessage('ready')

while (!isEnding) {
  const since = oldest
  oldest = undefined
  const { problem } = await sealer.seal()
  if (problem !== undefined) throw new Error(problem)
  if (since !== undefined) slowestMs = Math.max(slowestMs, Date.now() - since)
  await new Promise((resolve) => setTimeout(resolve, 500))
}
await sealer.seal()
parentPort?.postMessage({ size: sealer.size, slowestMs })
parentPort?.close()
