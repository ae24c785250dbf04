// The lease as a worker reads it: two clocks, of which the first to end counts.
import { MessageChannel } from 'node:worker_threads'
import { afterEach, expect, test } from '@jest/globals'
import { WorkerPool } from '../../src/adapters/node/worker-pool.ts'
import { compileTable } from '../../src/core/lock-table.ts'
import { LOCK_MEMORY_BYTES, lockMemory, LockView } from '../../src/gateway/lock-view.ts'
import { silentLogger } from '../support/control-ports.ts'
import { createFakeClock } from '../support/fake-clock.ts'

const ports: MessageChannel[] = []
afterEach(() => {
  for (const { port1, port2 } of ports.splice(0)) {
    port1.close()
    port2.close()
  }
})

/** The main thread's side and a worker's, over one memory. */
function join(leaseMs?: number) {
  const memory = lockMemory(new SharedArrayBuffer(LOCK_MEMORY_BYTES))
  const channel = new MessageChannel()
  ports.push(channel)
  const clock = createFakeClock()
  const view = new LockView(
    memory,
    channel.port2,
    (table) => compileTable(table, [], () => () => false),
    () => undefined,
  )
  const pool = new WorkerPool({
    ...{ script: new URL('file:///none'), count: 0, memory, clock, logger: silentLogger },
    ...(leaseMs === undefined ? {} : { leaseMs }),
    workerData: () => ({}),
    vouch: () => '',
    onBatch: () => undefined,
    onSeries: () => undefined,
  })
  return { clock, view, pool }
}

test('in a fleet nothing is fresh until a lease was given, and renewing it alone gives none', async () => {
  const { clock, view, pool } = join()
  await pool.start({ epoch: 1, locks: [], revocations: [] })
  pool.renewLease()
  expect([view.isFresh(clock), pool.leaseRemainingMs]).toEqual([false, 0])
})

test('a lease in a fleet ends on the monotonic clock', () => {
  const { clock, view, pool } = join()
  pool.setLease({ monotonicMs: clock.monotonicMs() + 2000, wallMs: clock.now() + 2000 })
  clock.advance(1999)
  expect([view.isFresh(clock), pool.leaseRemainingMs]).toEqual([true, 1])
  clock.advance(1)
  expect([view.isFresh(clock), pool.leaseRemainingMs]).toEqual([false, 0])
})

test('a wall clock that was stepped forward ends it, one that was stepped back does not lengthen it', () => {
  const { clock, view, pool } = join()
  pool.setLease({ monotonicMs: clock.monotonicMs() + 2000, wallMs: clock.now() + 2000 })
  const stepped = (ms: number) => ({ monotonicMs: () => clock.monotonicMs(), now: () => clock.now() + ms })
  expect(view.isFresh(stepped(3_600_000))).toBe(false)
  expect(view.isFresh(stepped(-3_600_000))).toBe(true)
  clock.advance(2000)
  expect(view.isFresh(stepped(-3_600_000))).toBe(false)
})

test('a lease that was ended is ended at once', () => {
  const { clock, view, pool } = join()
  pool.setLease({ monotonicMs: clock.monotonicMs() + 2000, wallMs: clock.now() + 2000 })
  pool.setLease(undefined)
  expect([view.isFresh(clock), pool.leaseRemainingMs]).toEqual([false, 0])
})

test('a gateway with a store of its own goes by the monotonic clock alone: a stepped clock closes nothing', () => {
  const { clock, view, pool } = join(2000)
  pool.renewLease()
  expect(view.isFresh({ monotonicMs: () => clock.monotonicMs(), now: () => clock.now() + 3_600_000 })).toBe(true)
})
