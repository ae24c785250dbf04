// A data-plane thread without a data plane: it takes tables, says so, and does what its main thread's test asks of it.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import type { LockTable } from '../../src/core/lock-table.ts'
import type { ToWorker } from '../../src/ports/worker-protocol.ts'

interface Start {
  readonly name: string
  readonly thread: number
  readonly tables: MessagePort
  readonly port: number
  /** Epoch at which the thread that was started first throws. */
  readonly diesAt: number
}

let down: readonly string[] = []
const { name, thread, tables, port, diesAt } = workerData as Start

tables.on('message', (table: LockTable) => {
  if (table.epoch === diesAt && thread === 0) throw new Error('the test wants it dead')
  parentPort?.postMessage({ type: 'enforcing', epoch: table.epoch, severed: thread })
})
parentPort?.on('message', (message: ToWorker<{ bad?: boolean }>) => {
  if (message.type === 'prove') {
    const { id, request, workers } = message
    const proofs = request.routes.map(({ route, stands }) => ({
      ...{ epoch: 1, route, status: 503, refused: true, at: 0, stands },
    }))
    const signed = `${request.orders.join()} by ${workers.join()}`
    parentPort?.postMessage({ type: 'proof', id, epoch: 1, proofs, signed })
  }
  if (message.type === 'reload')
    parentPort?.postMessage({
      type: 'reloaded',
      ...(message.config.bad === true ? { problem: ['no good', ...down].join(', ') } : {}),
    })
  // What it was told is shown by what it could not do.
  if (message.type === 'down') down = message.targets
  if (message.type === 'drain') parentPort?.postMessage({ type: 'drained', clean: true })
})
parentPort?.postMessage({ type: 'key', key: `key-${name}` })
parentPort?.postMessage(port < 0 ? { type: 'failed', message: `${name} cannot listen` } : { type: 'listening', port })
