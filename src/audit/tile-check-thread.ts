// A thread that checks tiles for a verification.
import { parentPort } from 'node:worker_threads'
import { checkAll, type TileJob } from './tile-checker.ts'

parentPort?.on('message', (job: TileJob) => {
  parentPort?.postMessage(checkAll(job))
})
