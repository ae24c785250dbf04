// The gateway's own detectors behind a log: each line is judged as it would have been, with the log's time for a clock.
import { createEngine, createEngineMemory, type EngineMemory, type EngineSize } from '../engine.ts'
import { factsOf, personOf } from '../facts-of.ts'
import type { Budget, Facts } from '../facts.ts'
import type { Limit } from '../../core/time.ts'
import { graver, isRefusal, type Finding } from '../finding.ts'
import type { LearnedLimit } from '../learned-limits.ts'
import { BUILT_IN } from '../new-subjects.ts'
import { createRateMemory, createRateSlab, type RateSlab } from '../rate-slab.ts'
import { countRequest } from '../request-rate.ts'
import { clientOf, isAttack, type LogEvent } from './event.ts'
import { createLearner } from './learner.ts'

export interface Verdict {
  readonly passed: boolean
  readonly steppedUp: boolean
  readonly findings: readonly Finding[]
}

/** A way to throttle, ours or another, that sees a log line by line in order of time. */
export interface Arm {
  readonly name: string
  judge(event: LogEvent): Verdict
  /** What has been learned by now. */
  readonly limits?: readonly LearnedLimit[]
}

export interface GuardOptions {
  readonly name?: string
  readonly budgets?: readonly Budget[]
  /** Undefined: those that are built in, or learned. */
  readonly budgetsOf?: (event: LogEvent) => readonly Budget[] | undefined
  readonly partners?: Readonly<Record<string, readonly Budget[]>>
  readonly honey?: ReadonlySet<string>
  /** Whether a route enforces; absent: all do. */
  readonly enforces?: (event: LogEvent) => boolean
  /** Requests of one session or address that the route takes; absent: any number. */
  readonly requestsOf?: (event: LogEvent) => Limit | undefined
  /** Limits are learned each hour of the log; `enforce`: they take the place of those that are built in. Absent: nothing is learned. */
  readonly learn?: 'shadow' | 'enforce'
  readonly withoutCohorts?: boolean
  readonly size?: EngineSize
  readonly memory?: EngineMemory
  readonly seed?: number
}

const RATE_CELLS = 1 << 18
const PASSED: Verdict = { passed: true, steppedUp: false, findings: [] }
const SIZE: EngineSize = { sessions: 100_000, addresses: 50_000 }

/** A try fails where the answer says so. */
const FAILED: ReadonlySet<number> = new Set([400, 401, 403, 422, 429])

export function createGuard(options: GuardOptions = {}): Arm {
  const seed = options.seed ?? 1
  const memory = options.memory ?? createEngineMemory(options.size ?? SIZE)
  const engine = createEngine(memory, 0)
  const rates = createRateSlab(createRateMemory(RATE_CELLS, seed), 0)
  const learner = options.learn === undefined ? undefined : createLearner(memory, options.learn === 'enforce')
  const routes = new Map<string, number>()
  /** Who has answered a step-up with an OTP, and when: people do, tools do not. */
  const verifiedAt = new Map<string, number>()

  const routeOf = (id: string): Facts['route'] => {
    const index = routes.get(id) ?? routes.size
    routes.set(id, index)
    return { index, id }
  }

  const toFacts = (event: LogEvent): Facts => {
    const { time, session, account, address, stack, partner, attempt, target } = event
    const partnerBudgets = partner === undefined ? undefined : options.partners?.[partner]
    const verified = verifiedAt.get(clientOf(event))
    return factsOf(
      {
        second: Math.floor(time / 1000),
        wallMs: time,
        route: routeOf(event.route ?? 'all'),
        ...{ session, account, address, attempt, target },
        stack: options.withoutCohorts ? undefined : stack,
        verifiedAtMs: verified ?? (event.verified === true ? time : undefined),
        people: [...new Set(event.subjects)].map((each) => personOf(each, each, false, seed)),
        budgets: options.budgetsOf?.(event) ?? options.budgets ?? learner?.budgetsOf(session, time) ?? BUILT_IN,
        partner:
          partner === undefined || partnerBudgets === undefined
            ? undefined
            : { name: partner, budgets: partnerBudgets },
      },
      seed,
    )
  }

  return {
    name: options.name ?? 'portcullis',
    get limits() {
      return learner?.limits ?? []
    },
    judge(event) {
      const { subjects, attempt, session } = event
      const fast = tooFast(event, rates, options)
      if (fast !== undefined) return { passed: false, steppedUp: false, findings: [fast] }
      if (subjects.length === 0 && attempt === undefined && session === undefined) return PASSED
      const facts = toFacts(event)
      if (event.notOwner === true) return { passed: false, steppedUp: false, findings: engine.notOwner(facts) }
      const isHoney = options.honey !== undefined && subjects.some((each) => options.honey?.has(each))
      const judged = { enforce: options.enforces?.(event) ?? true, isHoney }
      const findings = engine.judge(facts, judged)
      const verdict = findings.length === 0 ? PASSED : answer(event, facts, findings, judged.enforce)
      if (!verdict.passed || attempt === undefined) return verdict
      const settled = engine.settle(facts, { status: event.status, failed: FAILED.has(event.status) })
      return settled.length === 0 ? verdict : { ...verdict, findings: [...findings, ...settled] }
    },
  }

  /** Tools do not answer a step-up; people do, once. */
  function answer(event: LogEvent, facts: Facts, findings: readonly Finding[], enforce: boolean): Verdict {
    const gravest = findings.reduce<Finding | undefined>(graver, undefined)
    if (!enforce || gravest === undefined) return { passed: true, steppedUp: false, findings }
    const isAsked = gravest.answer === 'step-up' && (facts.verifiedAtMs ?? 0) <= (gravest.sinceMs ?? 0)
    if (isAsked && !isAttack(event)) verifiedAt.set(clientOf(event), event.time)
    return { passed: !isRefusal(gravest.answer) && !(isAsked && isAttack(event)), steppedUp: isAsked, findings }
  }
}

/** As the live gateway counts before all else, whatever a route does about people. */
function tooFast(event: LogEvent, rates: RateSlab, { requestsOf }: GuardOptions): Finding | undefined {
  const limit = requestsOf?.(event)
  if (limit === undefined) return undefined
  const { session, address, route, time } = event
  const sample = { key: session ?? address, hasSession: session !== undefined, monotonicMs: time }
  return countRequest(rates, route ?? 'all', limit, sample).finding
}
