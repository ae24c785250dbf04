// Row 14: somebody reads a little more each day with many accounts, never over the limit, to teach it to grow; then reads at once.
import { createEngine, createEngineMemory } from '../../src/throttle/engine.ts'
import { factsOf, personOf } from '../../src/throttle/facts-of.ts'
import type { Budget } from '../../src/throttle/facts.ts'
import { budgetsOf, LEARN_RULES, learnLimits, type LearnedLimit } from '../../src/throttle/learned-limits.ts'
import { createMaxima } from '../../src/throttle/maxima.ts'
import { BUILT_IN } from '../../src/throttle/new-subjects.ts'
import { below, createRandom } from '../../src/throttle/replay/random.ts'

export interface Poisoned {
  readonly growth: number
  readonly leakedAfter: number
}

const DAY = 86_400
const RULES = { ...LEARN_RULES, floors: BUILT_IN, ceilings: BUILT_IN.map(({ count }) => 2 * count) }

export function poison(seed: number): Poisoned {
  const memory = createEngineMemory({ sessions: 20_000, addresses: 10_000 })
  const engine = createEngine(memory, 0)
  const maxima = createMaxima(memory.maxima)
  const random = createRandom(seed)
  let limits: readonly LearnedLimit[] = []
  let budgets: readonly Budget[] = BUILT_IN
  const begin = 20_000 * DAY

  const read = (second: number, account: string, count: number): number => {
    let passed = 0
    for (let index = 0; index < count; index++) {
      const who = `X${String(below(random, 2 ** 48))}`
      const facts = factsOf(
        {
          ...{ second: second + index, wallMs: (second + index) * 1000, route: { index: 0, id: 'record' } },
          ...{
            session: account,
            account,
            address: account,
            stack: 'browser',
            verifiedAtMs: 1,
            people: [personOf(who, who, false, 1)],
          },
          ...{ budgets, partner: undefined, attempt: undefined, target: undefined },
        },
        1,
      )
      const isRefused = engine.judge(facts, { enforce: true, isHoney: false }).some(({ answer }) => answer === 'refuse')
      if (!isRefused) passed += 1
    }
    return passed
  }

  for (let day = 0; day < 14; day++) {
    const morning = begin + day * DAY
    for (let person = 0; person < 200; person++)
      read(morning + 600 + person * 100, `d${String(day)}-p${String(person)}`, 1 + below(random, 3))
    for (let tool = 0; tool < 60; tool++)
      read(morning + 30_000 + tool * 100, `d${String(day)}-t${String(tool)}`, budgets[0]?.count ?? 0)
    const now = (morning + DAY - 60) * 1000
    limits = learnLimits(maxima, 'session', RULES, limits, now)
    budgets = budgetsOf(limits, 'session', now)
  }
  const growth = Math.max(...BUILT_IN.map(({ count }, window) => (budgets[window]?.count ?? 0) / count))
  return { growth, leakedAfter: read(begin + 15 * DAY, 'burst', 1_000) }
}
