// The gateway's own detectors behind a log: each line is judged as it would have been, with the log's time for a clock.
import { createEngine, createEngineMemory, type EngineMemory, type EngineSize } from '../engine.ts'
import { factsOf, personOf } from '../facts-of.ts'
import type { Budget, Facts } from '../facts.ts'
import { graver, isRefusal, type Finding } from '../finding.ts'
import { BUILT_IN } from '../new-subjects.ts'
import { clientOf, isAttack, type LogEvent } from './event.ts'

export interface Verdict {
  readonly passed: boolean
  readonly steppedUp: boolean
  readonly findings: readonly Finding[]
}

/** A way to throttle, ours or another, that sees a log line by line in order of time. */
export interface Arm {
  readonly name: string
  judge(event: LogEvent): Verdict
}

export interface GuardOptions {
  readonly name?: string
  readonly budgets?: readonly Budget[]
  readonly budgetsOf?: (event: LogEvent) => readonly Budget[]
  readonly partners?: Readonly<Record<string, readonly Budget[]>>
  readonly honey?: ReadonlySet<string>
  /** Whether a route enforces; absent: all do. */
  readonly enforces?: (event: LogEvent) => boolean
  readonly withoutCohorts?: boolean
  readonly size?: EngineSize
  readonly memory?: EngineMemory
  readonly seed?: number
}

const PASSED: Verdict = { passed: true, steppedUp: false, findings: [] }
const SIZE: EngineSize = { sessions: 100_000, addresses: 50_000 }

/** A try fails where the answer says so. */
const FAILED: ReadonlySet<number> = new Set([400, 401, 403, 422, 429])

export function createGuard(options: GuardOptions = {}): Arm {
  const seed = options.seed ?? 1
  const engine = createEngine(options.memory ?? createEngineMemory(options.size ?? SIZE), 0)
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
        budgets: options.budgetsOf?.(event) ?? options.budgets ?? BUILT_IN,
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
    judge(event) {
      const { subjects, attempt, session } = event
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
