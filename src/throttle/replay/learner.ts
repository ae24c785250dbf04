// Limits as a gateway that had served the log would have learned them: each hour of the log's time, from what was let through.
import type { EngineMemory } from '../engine.ts'
import type { Budget } from '../facts.ts'
import { budgetsOf, LEARN_RULES, learnLimits, type LearnedLimit } from '../learned-limits.ts'
import { createMaxima, ROLES } from '../maxima.ts'

const HOUR_MS = 3_600_000

export interface Learner {
  /** In place of those that are built in; undefined where what is learned is only shown. */
  budgetsOf(session: string | undefined, time: number): readonly Budget[] | undefined
  readonly limits: readonly LearnedLimit[]
}

export function createLearner(memory: Pick<EngineMemory, 'maxima'>, isEnforced: boolean): Learner {
  const maxima = createMaxima(memory.maxima)
  let limits: readonly LearnedLimit[] = []
  let hour: number | undefined
  let budgets: { readonly session: readonly Budget[]; readonly address: readonly Budget[] } | undefined
  return {
    get limits() {
      return limits
    },
    budgetsOf(session, time) {
      const now = Math.floor(time / HOUR_MS)
      if (now !== hour) {
        hour = now
        limits = ROLES.flatMap((role) => learnLimits(maxima, role, LEARN_RULES, limits, time))
        budgets = { session: budgetsOf(limits, 'session', time), address: budgetsOf(limits, 'address', time) }
      }
      return isEnforced ? budgets?.[session === undefined ? 'address' : 'session'] : undefined
    },
  }
}
