// The journal's thread over a disk whose syncs wait: the file `<journal>.hold` holds them for as long as it is there.
import { existsSync, writeFileSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { nodeDisk } from '../../src/adapters/file/journal-file.ts'

const { file } = workerData as { file: string }
const nap = new Int32Array(new SharedArrayBuffer(4))
const { datasync } = nodeDisk

Object.assign(nodeDisk, {
  datasync: (fd: number) => {
    if (existsSync(`${file}.hold`)) writeFileSync(`${file}.held`, '')
    while (existsSync(`${file}.hold`)) Atomics.wait(nap, 0, 0, 5)
    datasync(fd)
  },
})
await import('../../src/adapters/file/order-journal-thread.ts')
