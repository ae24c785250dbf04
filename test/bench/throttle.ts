// npm run bench:throttle: what the detectors of people cost a request, a key and a machine. Exits 1 where a promise is not kept:
// 4 microseconds a request at the median, 512 bytes a session key, 100,000 sessions and 50,000 addresses in 80 MB, and a flood of
// new keys that evicts none that is flagged.
import { createEngine, createEngineMemory, type EngineMemory } from '../../src/throttle/engine.ts'
import { factsOf, personOf } from '../../src/throttle/facts-of.ts'
import type { Facts } from '../../src/throttle/facts.ts'
import { BUILT_IN } from '../../src/throttle/new-subjects.ts'
import { createRandom, below } from '../../src/throttle/replay/random.ts'

const SESSIONS = 100_000
const ADDRESSES = 50_000
const BATCH = 64
const ROUNDS = 40_000
const OPTIONS = { enforce: true, isHoney: false }

const random = createRandom(7)

function aRead(second: number, session: number | undefined, address: number, person: number): Facts {
  const name = session === undefined ? undefined : `session-${String(session)}`
  return factsOf(
    {
      ...{ second, wallMs: second * 1000, route: { index: address % 20, id: 'record' }, session: name, account: name },
      ...{
        address: `10.${String(address >> 16)}.${String((address >> 8) & 255)}.${String(address & 255)}`,
        stack: `stack-${String(address % 40)}`,
      },
      ...{
        verifiedAtMs: 1,
        people: [personOf(`person-${String(person)}`, String(person), false, 1)],
        budgets: BUILT_IN,
      },
      ...{ partner: undefined, attempt: undefined, target: undefined },
    },
    1,
  )
}

/** People who read one to three records, mostly again: facts are made before, since the gateway makes them anyway. */
function cost(memory: EngineMemory): { median: number; p99: number; newMedian: number } {
  const engine = createEngine(memory, 0)
  const facts = Array.from({ length: 200_000 }, (_none, index) => {
    const session = below(random, SESSIONS)
    return aRead(1_000_000 + Math.floor(index / 2_000), session, session % ADDRESSES, session * 3 + below(random, 3))
  })
  const times = new Float64Array(ROUNDS)
  const fresh = new Float64Array(facts.length / BATCH)
  // All sessions are known before it is measured; that first time is told on its own.
  for (let batch = 0; batch < fresh.length; batch++) fresh[batch] = time(engine, facts, batch * BATCH)
  for (let round = 0; round < ROUNDS; round++)
    times[round] = time(engine, facts, (round * BATCH) % (facts.length - BATCH))
  return { median: quantile(times, 0.5), p99: quantile(times, 0.99), newMedian: quantile(fresh, 0.5) }
}

function time(engine: ReturnType<typeof createEngine>, facts: readonly Facts[], from: number): number {
  const start = process.hrtime.bigint()
  for (let index = from; index < from + BATCH; index++) engine.judge(facts[index] as Facts, OPTIONS)
  return Number(process.hrtime.bigint() - start) / BATCH / 1000
}

function quantile(values: Float64Array, share: number): number {
  return values.toSorted()[Math.floor(share * (values.length - 1))] ?? 0
}

function bytesOf(memory: unknown): number {
  if (memory instanceof SharedArrayBuffer) return memory.byteLength
  return typeof memory === 'object' && memory !== null
    ? Object.values(memory).reduce((sum: number, each) => sum + bytesOf(each), 0)
    : 0
}

/** Of a thousand that are over their limit, how many a flood of three times as many new keys as there are cells sets free. */
function freedByFlood(memory: EngineMemory): number {
  const engine = createEngine(memory, 0)
  const guilty = Array.from({ length: 1_000 }, (_none, index) => 10_000_000 + index)
  for (const each of guilty)
    for (let person = 0; person < 13; person++)
      engine.judge(aRead(2_000_000, each, each, each * 100_003 + person * 977), OPTIONS)
  for (let index = 0; index < 3 * (SESSIONS + ADDRESSES); index++)
    engine.judge(
      aRead(2_000_010 + Math.floor(index / 20_000), 20_000_000 + index, index % ADDRESSES, 90_000_000 + index),
      OPTIONS,
    )
  return guilty.filter((each) => {
    const found = engine.judge(aRead(2_000_040, each, each, 77_000_000 + each), OPTIONS)
    return !found.some(({ answer, detector }) => detector === 'new-subjects' && answer === 'refuse')
  }).length
}

const memory = createEngineMemory({ sessions: SESSIONS, addresses: ADDRESSES })
/** S1 keeps 24 bytes of a key beside them. */
const total = bytesOf(memory) + 24 * (SESSIONS + ADDRESSES)
const perSession = (['subjects', 'failures', 'sequence', 'spread'] as const).reduce(
  (sum, name) => sum + 4 * (4 + memory[name].words),
  24,
)
const { median, p99, newMedian } = cost(memory)
const freed = freedByFlood(createEngineMemory({ sessions: SESSIONS, addresses: ADDRESSES }))

const checks: readonly (readonly [string, string, boolean])[] = [
  [
    'a request, median',
    `${median.toFixed(2)} us (p99 of 64 at once ${p99.toFixed(2)}; a session's first ${newMedian.toFixed(2)})`,
    median < 4,
  ],
  ['bytes a session key', String(perSession), perSession <= 512],
  ['memory in all', `${(total / 1e6).toFixed(1)} MB`, total <= 80e6],
  ['flagged keys freed by a flood', String(freed), freed === 0],
]
for (const [what, found, isKept] of checks) console.log(`${isKept ? 'ok  ' : 'MISS'} ${what.padEnd(32)} ${found}`)
if (checks.some(([, , isKept]) => !isKept)) process.exitCode = 1
