import { describe, expect, test } from '@jest/globals'
import { createProofReader } from '../../src/audit/worker-proof.ts'
import { createProver, type Landed } from '../../src/control/prover.ts'
import type { Lock } from '../../src/core/lock.ts'
import type { LockScope } from '../../src/core/scope.ts'
import type { ThawRun } from '../../src/core/thaw.ts'
import {
  createFakeClock,
  createFakeDataPlane,
  createFakeTrail,
  createRoute,
  silentLogger,
  START,
} from '../support/control-ports.ts'
import { NO_RESIDUAL } from '../../src/core/residual.ts'

const routes = Array.from({ length: 30 }, (_, index) =>
  createRoute(`route-${index}`, { tags: index < 3 ? ['pii'] : [] }),
)
const read = createProofReader()
const lockOf = (scope: LockScope, more: Partial<Lock> = {}): Lock => ({
  id: 'a',
  scope,
  mode: 'deny',
  source: 'order',
  since: START,
  reason: 'x',
  incident: 'x',
  onExpiry: 'stay',
  status: 503,
  message: {},
  ...more,
})

const THAW: ThawRun = {
  release: 'r',
  startedAt: START,
  plan: { stages: [{ passes: 'read-only', forMs: 1000 }], owner: 'lead', deadlineMs: 5000, refreezeOn: [] },
}

async function createShown() {
  const dataPlane = createFakeDataPlane([])
  const trail = createFakeTrail([])
  const prover = createProver({ dataPlane, trail, clock: createFakeClock(), logger: silentLogger })
  const land = async (epoch: number, locks: readonly Lock[]) => {
    await dataPlane.enforce({ epoch, locks, revocations: [] })
    const landed: Landed = { epoch, locks, routes, startedMs: 0, orders: ['a'] }
    return prover.prove(landed)
  }
  return { dataPlane, trail, prover, land }
}

test('a lock is proven on the routes that it covers, twenty at most, and the proof is recorded', async () => {
  const { dataPlane, trail, land } = await createShown()
  expect(await land(1, [lockOf({ all: true })])).toEqual({
    proven: ['worker-1', 'worker-2'],
    missing: [],
    elapsedMs: 0,
    residual: NO_RESIDUAL,
  })
  await land(2, [lockOf({ tags: ['pii'] })])
  expect(dataPlane.proven.map(({ length }) => length)).toEqual([20, 3])
  expect(trail.records[0]).toMatchObject({
    kind: 'proof',
    epoch: 1,
    order: 'a',
    proofs: expect.arrayContaining([{ worker: 'worker-1', route: 'route-0', status: 503, refused: true }]),
  })
})

test('a lock is proven by canaries again once its exemption is over, or its thaw was ended', async () => {
  for (const more of [
    { exemptions: [{ id: 'e', scope: {}, until: START }] },
    { thaw: { ...THAW, refrozen: { at: START, why: 'errors' } } },
  ]) {
    const { dataPlane, land } = await createShown()
    await land(1, [lockOf({ tags: ['pii'] }, more)])
    expect(dataPlane.proven.map(({ length }) => length)).toEqual([3])
  }
})

describe('a worker has not proven a lock', () => {
  test.each([
    ['that it shows no refusal of', { refused: false }],
    ['of a later epoch than it shows', { epoch: 0 }],
  ])('%s', async (_, more) => {
    const { dataPlane, land } = await createShown()
    dataPlane.shows = (proof) =>
      proof.worker === 'worker-2' && proof.route === 'route-2' ? { ...proof, ...more } : proof
    expect(await land(1, [lockOf({ tags: ['pii'] })])).toMatchObject({ proven: ['worker-1'], missing: ['worker-2'] })
  })

  test('on which it is silent', async () => {
    const { dataPlane, land } = await createShown()
    dataPlane.silent.add('worker-1')
    expect(await land(1, [lockOf({ all: true })])).toMatchObject({ proven: ['worker-2'], missing: ['worker-1'] })
  })
})

describe('a lock that no canary can show is proven by the table that each worker signs', () => {
  test.each([
    ['of a person', lockOf({ principals: ['k1.AAAAAAAAAAAAAAAAAAAAAA'] })],
    ['of a network', lockOf({ routes: ['route-1'], cidrs: ['10.0.0.0/8'] })],
    ['that only writes meet', lockOf({ all: true }, { mode: 'read-only' })],
    [
      'that an exemption goes through',
      lockOf({ all: true }, { exemptions: [{ id: 'e', scope: {}, until: START + 1 }] }),
    ],
    ['that is thawing', lockOf({ all: true }, { thaw: THAW })],
    ['that has opened by itself', lockOf({ all: true }, { until: START - 1, onExpiry: 'open' })],
  ])('%s', async (_, lock) => {
    const { dataPlane, prover, land } = await createShown()
    dataPlane.silent.add('worker-2')
    expect(await land(1, [lock])).toMatchObject({ proven: ['worker-1'], missing: ['worker-2'] })
    expect(dataPlane.proven).toEqual([])
    // The worker's own signature under the table that it enforces is what there is.
    expect(prover.certificate(1)?.texts.map((text) => read(text)?.statement)).toMatchObject([
      { worker: 'worker-1', orders: ['a'], epoch: 1, proof: 'table', canaries: [] },
    ])
  })
})

test('one route of each class is shown, however many there are, and says for how many it stands', async () => {
  const many = [
    ...Array.from({ length: 40 }, (_, index) => createRoute(`alike-${index}`)),
    ...Array.from({ length: 25 }, (_, index) => createRoute(`other-${index}`, { upstream: `upstream-${index}` })),
    createRoute('anonymous', { session: 'none' }),
  ]
  const { dataPlane, prover } = await createShown()
  await prover.prove({ epoch: 1, locks: [lockOf({ all: true })], routes: many, startedMs: 0, orders: ['a'] })
  const [asked] = dataPlane.asked
  expect(asked?.routes[0]).toEqual({ route: 'alike-0', stands: 40 })
  expect(asked?.routes).toHaveLength(27)
  expect(asked?.routes.map(({ route }) => route)).toContain('anonymous')
})

test("what a worker has shown is signed by its own key, with table, time and what is known of the gateway's clock", async () => {
  const dataPlane = createFakeDataPlane([])
  const clockReading = () => ({ store: { offsetMs: -40, withinMs: 2 } })
  const prover = createProver({
    dataPlane,
    trail: createFakeTrail([]),
    clock: createFakeClock(),
    logger: silentLogger,
    clockReading,
  })
  await dataPlane.enforce({ epoch: 7, hash: 'the-table', locks: [], revocations: [] })
  await prover.prove({ epoch: 7, locks: [lockOf({ tags: ['pii'] })], routes, startedMs: 0, orders: ['order-1'] })
  const opened = prover.certificate(7)?.texts.map(read) ?? []
  expect(opened.map((each) => each?.statement)).toMatchObject(
    ['worker-1', 'worker-2'].map((worker) => ({
      ...{ worker, workers: ['worker-1', 'worker-2'], orders: ['order-1'], epoch: 7, table: 'the-table', at: START },
      ...{ clock: { store: { offsetMs: -40, withinMs: 2 } }, proof: 'canary' },
      canaries: [0, 1, 2].map((at) => ({ route: `route-${at}`, status: 503, refused: true })),
    })),
  )
})

test('what was shown is kept for the last 256 epochs', async () => {
  const { prover, land } = await createShown()
  for (let epoch = 1; epoch <= 257; epoch++) await land(epoch, [lockOf({ routes: ['route-1'] })])
  expect(prover.certificate(1)).toBeUndefined()
  expect(prover.certificate(2)).toMatchObject({
    epoch: 2,
    time: START,
    proofs: [{ worker: 'worker-1', route: 'route-1' }, { worker: 'worker-2' }],
  })
  expect(prover.certificate(257)).toBeDefined()
})

test('many workers are recorded in parts, since an audit entry has at most 32 KiB', async () => {
  const trail = createFakeTrail([])
  const dataPlane = createFakeDataPlane(
    [],
    Array.from({ length: 64 }, (_, index) => `worker-${index}`),
  )
  const prover = createProver({ dataPlane, trail, clock: createFakeClock(), logger: silentLogger })
  await prover.prove({ epoch: 1, locks: [lockOf({ all: true })], routes, orders: [], startedMs: 0 })
  expect(trail.records.flatMap((record) => (record.kind === 'proof' ? record.proofs : []))).toHaveLength(64 * 20)
  for (const record of trail.records) expect(JSON.stringify(record).length).toBeLessThan(32_000)
})

describe('a worker that is late', () => {
  test('is asked again, and what the others have shown stands', async () => {
    const { dataPlane, prover, land, trail } = await createShown()
    dataPlane.silent.add('worker-2')
    const landing = land(1, [lockOf({ tags: ['pii'] })])
    while (dataPlane.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    dataPlane.silent.delete('worker-2')
    expect(await landing).toMatchObject({ proven: ['worker-1', 'worker-2'], missing: [] })
    // One text of each, and one record of all.
    const texts = prover.certificate(1)?.texts ?? []
    expect(texts.map((text) => read(text)?.statement.worker)).toEqual(['worker-1', 'worker-2'])
    expect(trail.records.filter(({ kind }) => kind === 'proof').length).toBe(1)
  })

  test('and does not come is missing in the end', async () => {
    const { dataPlane, land } = await createShown()
    dataPlane.silent.add('worker-2')
    expect(await land(1, [lockOf({ tags: ['pii'] })])).toMatchObject({ proven: ['worker-1'], missing: ['worker-2'] })
    expect(dataPlane.asked.length).toBe(3)
  })

  test('and then refuses tells what it cut in the text before: both are kept', async () => {
    const { dataPlane, prover, land } = await createShown()
    dataPlane.shows = (proof) => ({ ...proof, refused: dataPlane.asked.length > 1 })
    expect(await land(1, [lockOf({ tags: ['pii'] })])).toMatchObject({ missing: [] })
    const statements = (prover.certificate(1)?.texts ?? []).map((text) => read(text)?.statement)
    expect(statements.map((each) => [each?.worker, each?.canaries[0]?.refused])).toEqual([
      ['worker-1', false],
      ['worker-2', false],
      ['worker-1', true],
      ['worker-2', true],
    ])
  })
})
