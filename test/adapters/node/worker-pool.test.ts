// The pool over real threads: tables before epochs, reports, a lease that ends by itself, and a worker that dies.
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { createClock } from '../../../src/adapters/node/clock.ts'
import { WorkerPool } from '../../../src/adapters/node/worker-pool.ts'
import { EMPTY_TABLE, type LockTable } from '../../../src/core/lock-table.ts'
import { LOCK_MEMORY_BYTES, lockMemory } from '../../../src/gateway/lock-view.ts'

type Pool = WorkerPool<{ bad?: boolean }, unknown, unknown>

const pools: Pool[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.stop(0)
})

const tableAt = (epoch: number): LockTable => ({ ...EMPTY_TABLE, epoch })

function openPool(options: { count?: number; port?: number; diesAt?: number; leaseMs?: number } = {}) {
  const memory = lockMemory(new SharedArrayBuffer(LOCK_MEMORY_BYTES))
  const errors: string[] = []
  const clock = createClock()
  let monotonicMs = 1_000
  const pool: Pool = new WorkerPool({
    script: new URL('../../support/pool-thread.ts', import.meta.url),
    count: options.count ?? 2,
    memory,
    leaseMs: options.leaseMs ?? 2_000,
    workerData: () => ({ port: options.port ?? 7, diesAt: options.diesAt ?? -1 }),
    vouch: (worker, key) => `${worker} ${key}`,
    clock: { now: () => clock.now(), monotonicMs: () => monotonicMs },
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (message) => errors.push(message),
    },
    onBatch: () => undefined,
    onSeries: () => undefined,
  })
  pools.push(pool)
  return { pool, memory, errors, advance: (ms: number) => (monotonicMs += ms) }
}

test('a table is enforced by every worker, its epoch stored, and each has said what it cut', async () => {
  const { pool, memory } = openPool()
  expect(await pool.start(tableAt(3))).toBe(7)
  expect(Atomics.load(memory.epoch, 0)).toBe(3)
  expect(await pool.enforce(tableAt(4))).toEqual([
    { worker: 'w1', epoch: 4, severed: 0 },
    { worker: 'w2', epoch: 4, severed: 1 },
  ])
  expect(Atomics.load(memory.epoch, 0)).toBe(4)
})

test('the epoch is in shared memory in the turn of the call, before any worker has answered', async () => {
  const { pool, memory } = openPool()
  await pool.start(tableAt(0))
  const enforced = pool.enforce(tableAt(1))
  expect(Atomics.load(memory.epoch, 0)).toBe(1)
  await enforced
})

test('a worker that cannot listen fails the start with its own words', async () => {
  const { pool } = openPool({ port: -1 })
  await expect(pool.start(tableAt(0))).rejects.toThrow('cannot listen')
})

test('a worker that dies is not counted, is replaced, and its replacement gets the table in force', async () => {
  const { pool, errors } = openPool({ diesAt: 2 })
  await pool.start(tableAt(1))
  const reports = await pool.enforce(tableAt(2))
  expect(reports.map(({ worker }) => worker)).toEqual(['w2'])
  // The replacement says by itself that it enforces what it was started with.
  let again = await pool.enforce(tableAt(3))
  while (again.length < 2) {
    await setImmediate()
    again = await pool.enforce(tableAt(3))
  }
  expect(again.map(({ worker, epoch }) => [worker, epoch])).toEqual([
    ['w1', 3],
    ['w2', 3],
  ])
  expect(errors).toEqual(['a data-plane worker died and is being replaced'])
})

test('targets that are down are told to every worker, and to one that is started later', async () => {
  const { pool } = openPool({ diesAt: 2 })
  pool.setDown(['registry http://10.0.0.1:9000'])
  await pool.start(tableAt(1))
  const told = (targets: string): readonly string[] => ['w1', 'w2'].map((name) => `${name}: no good${targets}`)
  expect(await pool.reload({ bad: true })).toEqual(told(', registry http://10.0.0.1:9000'))
  pool.setDown(['a', 'b'])
  expect(await pool.reload({ bad: true })).toEqual(told(', a, b'))
  await pool.enforce(tableAt(2))
  let workers = pool.workers
  while (!workers.every(({ alive, epoch }) => alive && epoch === 2)) {
    await setImmediate()
    workers = pool.workers
  }
  expect(await pool.reload({ bad: true })).toEqual(told(', a, b'))
  pool.setDown([])
  expect(await pool.reload({ bad: true })).toEqual(told(''))
})

test('the lease ends by itself where nobody renews it', async () => {
  const { pool, advance } = openPool({ leaseMs: 2_000 })
  await pool.start(tableAt(0))
  expect(pool.leaseRemainingMs).toBe(2_000)
  advance(1_999)
  expect(pool.leaseRemainingMs).toBe(1)
  advance(5)
  expect(pool.leaseRemainingMs).toBe(0)
  pool.renewLease()
  expect(pool.leaseRemainingMs).toBe(2_000)
})

test('each worker shows its own refusal of each route', async () => {
  const { pool } = openPool()
  await pool.start(tableAt(0))
  const routes = ['a', 'b'].map((route) => ({ route, stands: 1 }))
  // Two at once: neither takes the other's away.
  const [one, two] = await Promise.all([
    pool.prove({ orders: ['one'], routes }),
    pool.prove({ orders: ['two'], routes: [] }),
  ])
  expect(one.flatMap(({ canaries }) => canaries.map(({ worker, route }) => `${worker} ${route}`)).sort()).toEqual([
    ...['w1 a', 'w1 b', 'w2 a', 'w2 b'],
  ])
  // The gateway vouches for the key that the thread has named, and the thread signs for all workers.
  expect(one.map(({ text }) => text)).toEqual(['w1 key-w1.one by w1,w2', 'w2 key-w2.one by w1,w2'])
  expect(two.map(({ text }) => text)).toEqual(['w1 key-w1.two by w1,w2', 'w2 key-w2.two by w1,w2'])
})

test('a reload tells which workers could not take it', async () => {
  const { pool } = openPool()
  await pool.start(tableAt(0))
  expect(await pool.reload({})).toEqual([])
  expect(await pool.reload({ bad: true })).toEqual(['w1: no good', 'w2: no good'])
})
